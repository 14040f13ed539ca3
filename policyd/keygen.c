/* Makes keys and their files. */
#include "policyd/keygen.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policyd/message.h"
#include "policyd/say.h"
#include "policyd/verb.h"

static bool
write_pair(const char *secret_path, const char *public_path,
    struct keyfile_secret *key)
{
	char why[KEYFILE_WHY_MAX];

	if (keyfile_write_secret(secret_path, key, why) != 0) {
		say("%s", why);
		return false;
	}
	if (keyfile_write_public(public_path, &key->public, why) == 0)
		return true;
	say("%s", why);
	unlink(secret_path);
	return false;
}

bool
keygen_make(
    const char *name, enum keyfile_kind kind, struct keyfile_public *out)
{
	char secret_path[PATH_MAX], public_path[PATH_MAX], why[KEYFILE_WHY_MAX];
	struct keyfile_secret *key;
	size_t len = strlen(name);
	bool ok;

	if (len == 0 || name[len - 1] == '/') {
		say("%s: expected the name of a key", name);
		return false;
	}
	if (len > PATH_MAX - 8) {
		say("%.40s...: too long a name", name);
		return false;
	}
	snprintf(secret_path, sizeof(secret_path), "%s.key", name);
	snprintf(public_path, sizeof(public_path), "%s.pub", name);
	if (message_exists(secret_path) || message_exists(public_path))
		return false;
	if (keyfile_generate(kind, &key, why) != 0) {
		say("%s", why);
		return false;
	}
	ok = write_pair(secret_path, public_path, key);
	*out = key->public;
	keyfile_free(key);
	return ok;
}

int
keygen_run(const struct call *c)
{
	struct keyfile_public public;

	if (c->seal && c->sign)
		return say_usage("expected --sign or --seal, found both");
	if (!keygen_make(
		c->args[0], c->seal ? KEYFILE_SEAL : KEYFILE_SIGN, &public))
		return VERB_FAILED;
	printf("%s.key  the secret, for its owner alone\n%s.pub  for others\n",
	    c->args[0], c->args[0]);
	return VERB_OK;
}
