#ifndef TESTS_UNIT_SETTINGS_SAMPLE_H
#define TESTS_UNIT_SETTINGS_SAMPLE_H

#include <stddef.h>
#include <string.h>

#include "conf/bundle.h"
#include "conf/settings.h"
#include "tests/unit/unit.h"

/* Users that a test's bundle knows whatever the machine does. */
static const struct {
	const char *key, *ids;
} sample_users[] = {
    {"user:someone", "1234:5678"},
    {"user:backup", "34:34"},
    {"user:_cagent", "901:901"},
    {"user:_cagentw", "902:902"},
    {"user:_cagentr", "903:903"},
    {"user:_cagentv", "904:904"},
    /* And files, which are not looked into. */
    {"file:/etc/cagent/ca.pem", "a certificate"},
    {"file:/etc/cagent/agent.pem", "a certificate"},
    {"key:/etc/cagent/agent.key", "a key"},
    {"file:/etc/ssl/certs/ca-certificates.crt", "certificates"},
};

/* Settings from a text that goes by the name "f"; no file is read. */
static int
sample_parse(const char *text, struct settings **s, struct conf_errors *e)
{
	struct bundle *b = bundle_new();
	size_t i;
	int error;

	error = bundle_put(b, SETTINGS_MAIN, "f", 1);
	if (error == 0)
		error = bundle_put(b, "conf:f", text, strlen(text));
	for (i = 0; i < sizeof(sample_users) / sizeof(*sample_users); i++) {
		if (error == 0)
			error = bundle_put(b, sample_users[i].key,
			    sample_users[i].ids, strlen(sample_users[i].ids));
	}
	CHECK(error == 0, "bundle_put: %s", strerror(-error));
	error = settings_parse(b, s, e);
	bundle_free(b);
	return error;
}

#endif
