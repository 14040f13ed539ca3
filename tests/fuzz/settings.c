/* Fuzzes the agent's configuration: whatever it says, it is taken whole or
 * refused with an error that names a line, and reads no file. */
#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "conf/bundle.h"
#include "conf/settings.h"
#include "tests/fuzz/fuzz.h"

/* A sealed bundle, or "password-file" would open what the input names. */
static struct bundle *
sealed(const uint8_t *data, size_t len)
{
	struct bundle *live = bundle_new(), *b = NULL;
	int fd, error;

	error = bundle_put(live, SETTINGS_MAIN, "f", 1);
	assert(error == 0);
	error = bundle_put(live, "conf:f", (const char *)data, len);
	assert(error == 0);
	error = bundle_put(live, "cores", "2", 1);
	assert(error == 0);
	error = bundle_put(live, "user:backup", "34:34", 5);
	assert(error == 0);
	error = bundle_put(live, "secret:/s", "s3cret", 6);
	assert(error == 0);
	fd = bundle_seal(live, true);
	error = bundle_open(&b, fd);
	assert(error == 0);
	close(fd);
	bundle_free(live);
	return b;
}

static bool
names_every_line(const struct conf_errors *e)
{
	const char *s = e->text;
	int lines = 0;

	for (; *s != '\0'; lines++) {
		if (strncmp(s, "f:", 2) != 0 || s[2] < '1' || s[2] > '9')
			return false;
		s = strchr(s, '\n');
		if (s++ == NULL)
			return false;
	}
	return lines == (e->n < CONF_ERRORS_MAX ? e->n : CONF_ERRORS_MAX);
}

static void
check_settings(const struct settings *s)
{
	uint32_t i;

	assert(s->refs == 1);
	assert(s->listeners_n >= 1 && s->listeners_n <= SETTINGS_LISTENERS_MAX);
	assert(s->workers >= 1 && s->workers <= SETTINGS_WORKERS_MAX);
	assert(s->access_n >= 1);
	assert(s->attempt_timeout_ms <= s->dial_timeout_ms);
	for (i = 1; i < s->tiers_n; i++)
		assert(s->tiers[i - 1].rank < s->tiers[i].rank);
	for (i = 0; i < s->intermediaries_n; i++) {
		assert(s->intermediaries[i].port != 0);
		assert(settings_tier(s, s->intermediaries[i].tier) != NULL);
	}
	for (i = 0; i < s->rules_n; i++) {
		assert(s->rules[i].via != VIA_INTERMEDIARY ||
		       s->rules[i].via_intermediary < s->intermediaries_n);
		assert(s->rules[i].via != VIA_TIER ||
		       settings_tier(s, s->rules[i].via_tier) != NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bundle *b = sealed(data, len);
	struct conf_errors e;
	struct settings *s;

	if (settings_parse(b, &s, &e) == 0) {
		assert(e.n == 0);
		check_settings(s);
	} else {
		assert(s == NULL && e.n > 0);
		assert(names_every_line(&e));
	}
	settings_unref(s);
	bundle_free(b);
	return 0;
}
