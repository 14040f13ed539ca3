/* Fuzzes key files and the points in time of a root: one spelling each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "trust/keyfile.h"
#include "trust/when.h"

static void
check_public(const char *text, size_t len)
{
	char again[KEYFILE_TEXT_MAX], base64[KEYFILE_B64_LEN];
	struct keyfile_public p;

	if (!keyfile_parse(text, len, &p))
		return;
	snprintf(again, sizeof(again), "cagent public key 1 %s\n%s\n",
	    keyfile_kind_word(p.kind), keyfile_base64(p.key, base64));
	assert(strlen(again) == len && memcmp(again, text, len) == 0);
}

static void
check_secret(const char *text, size_t len)
{
	struct keyfile_secret *s = calloc(1, sizeof(*s));

	assert(s != NULL);
	if (len <= sizeof(s->text)) {
		memcpy(s->text, text, len);
		if (keyfile_parse_secret(s, len))
			assert(memcmp(text, "cagent secret key 1 ", 20) == 0);
	}
	free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1), when[WHEN_STRLEN];
	int64_t s;

	assert(text != NULL);
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	check_public(text, len);
	check_secret(text, len);
	if (when_parse(text, &s))
		assert(strcmp(when_format(s, when), text) == 0);
	free(text);
	return 0;
}
