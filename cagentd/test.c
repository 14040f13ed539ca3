/* Checks a configuration as the daemon would read it; starts nothing. */
#include "cagentd/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mono.h"
#include "base/tls.h"
#include "conf/bundle.h"
#include "conf/settings.h"
#include "trust/verify.h"
#include "trust/when.h"

/* Is it whole, and its own keys have signed it?  One that has expired can
 * still be followed by another. */
static int
test_root(struct bundle *b, const struct settings *s)
{
	char key[sizeof(s->policy_root) + 8], when[WHEN_STRLEN];
	const struct envelope *e;
	struct trust_why why;
	struct verified *root;
	const char *data;
	size_t len;
	int error;

	if (s->policy_root[0] == '\0')
		return 0;
	snprintf(key, sizeof(key), "file:%s", s->policy_root);
	data = bundle_get(b, key, &len, &error);
	if (data == NULL) {
		fprintf(stderr, "%s: %s\n", s->policy_root, strerror(-error));
		return 1;
	}
	root = verify_root_first((const uint8_t *)data, len, &why);
	if (root == NULL) {
		fprintf(stderr, "%s: not a root to go by: %s\n", s->policy_root,
		    why.text);
		return 1;
	}
	e = verified_envelope(root);
	if (e->expires_s <= mono_wall_us() / 1000000)
		fprintf(stderr,
		    "%s: warning: root %" PRIu32 " has expired at %s: no "
		    "policy is taken before a newer one\n",
		    s->policy_root, e->epoch, when_format(e->expires_s, when));
	verified_free(root);
	return 0;
}

/* Whoever asks for it will say so, and the others go on without. */
static void
test_expiry(const struct settings *s)
{
	const struct settings_intermediary *si;
	char when[WHEN_STRLEN];
	int64_t at;
	uint32_t i;

	for (i = 0; i < s->intermediaries_n; i++) {
		si = &s->intermediaries[i];
		if (si->tls == NULL || si->tls->cert == NULL)
			continue;
		at = tls_cert_expires(si->tls->cert);
		if (at >= 0 && at <= mono_wall_us() / 1000000)
			fprintf(stderr,
			    "%s: warning: the certificate in its cert-file "
			    "has expired at %s\n",
			    si->name, when_format(at, when));
	}
}

int
test_configuration(const char *path)
{
	struct conf_errors errors = {0};
	struct settings *s = NULL;
	struct bundle *b = NULL;
	int rc = 1;

	if (settings_load(path, &b, &s, &errors) != 0)
		fputs(errors.text, stderr);
	else {
		rc = test_root(b, s);
		test_expiry(s);
	}
	settings_unref(s);
	bundle_free(b);
	return rc;
}
