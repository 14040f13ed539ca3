/* Fuzzes the body of a root: whatever it says, it is taken whole or refused
 * with an error that names a line, and what is taken keeps the rules. */
#include <string.h>

#include "base/conf.h"
#include "tests/fuzz/fuzz.h"
#include "trust/root.h"

static void
check_keys(const struct root *root)
{
	const struct root_key *k, *other;

	for (k = root->keys; k < root->keys + root->keys_n; k++) {
		assert(k->name[0] != '\0' && k->roles != 0);
		assert(root_find(root, k->id, k->roles) == k);
		assert(!root_revokes(root, k->id));
		assert(!(k->roles & (ROOT_ROLE_RANK | ROOT_ROLE_SEAL)) ||
		       !(k->roles & (k->roles - 1)));
		for (other = root->keys; other < k; other++)
			assert(memcmp(k->key, other->key, sizeof(k->key)) != 0);
	}
}

/* What was taken can be written, and is the same. */
static void
again(const struct root *root)
{
	static char text[ROOT_TEXT_MAX];
	static struct conf_errors errors;
	struct root copy;
	size_t n = root_format(root, text);
	int rc;

	assert(n > 0);
	rc = root_parse("f", text, n, &copy, &errors);
	assert(rc == 0);
	assert(copy.version == root->version && copy.keys_n == root->keys_n);
	assert(memcmp(copy.keys, root->keys,
		   root->keys_n * sizeof(*root->keys)) == 0);
	assert(copy.revoked_n == root->revoked_n);
	assert(memcmp(copy.revoked, root->revoked,
		   root->revoked_n * sizeof(*root->revoked)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct conf_errors errors;
	struct root root;

	if (root_parse("f", (const char *)data, len, &root, &errors) != 0) {
		assert(errors.n > 0 && strncmp(errors.text, "f:", 2) == 0);
		return 0;
	}
	assert(errors.n == 0 && root.version > 0);
	assert(root.root_threshold > 0 &&
	       root.root_threshold <= root_count(&root, ROOT_ROLE_ROOT));
	assert(root.policy_threshold > 0 &&
	       root.policy_threshold <= root_count(&root, ROOT_ROLE_POLICY));
	check_keys(&root);
	again(&root);
	return 0;
}
