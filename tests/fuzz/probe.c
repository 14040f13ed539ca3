/* Fuzzes what the prober takes from people and from peers: URLs, an answer's
 * beginning, and an intermediary's load. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probe/load.h"
#include "probe/query.h"
#include "probe/url.h"
#include "tests/fuzz/fuzz.h"

/* What is taken is written so that it is taken again, as the same. */
static void
fuzz_hop(const char *text)
{
	char why[URL_WHY_MAX], once[URL_HOP_STRLEN], twice[URL_HOP_STRLEN];
	struct url_hop h, again;

	if (url_hop_parse(text, &h, why) != 0) {
		assert(strnlen(why, sizeof(why)) < sizeof(why) && *why != '\0');
		return;
	}
	assert(h.direct || (h.host.port != 0 && h.host.kind != WIRE_HOST_NONE));
	assert(strlen(h.user) <= URL_LOGIN_MAX);
	url_hop_format(&h, once);
	assert(url_hop_parse(once, &again, why) == 0);
	assert(again.type == h.type && again.direct == h.direct);
	assert(strcmp(again.user, h.user) == 0 && !again.has_password);
	assert(strcmp(url_hop_format(&again, twice), once) == 0);
}

static void
fuzz_target(const char *text)
{
	char why[URL_WHY_MAX], once[URL_TARGET_STRLEN];
	char twice[URL_TARGET_STRLEN];
	uint8_t out[QUERY_OUT_MAX];
	struct query q, again;
	int len;

	if (url_target_parse(text, &q, why) != 0) {
		assert(*why != '\0');
		return;
	}
	/* A path cannot smuggle a line into the request. */
	len = query_encode(&q, out, sizeof(out));
	assert(len >= 0 && (len == 0) == (q.kind == QUERY_TCP));
	if (q.kind == QUERY_HTTP)
		assert(memmem(out, (size_t)len, "\r\nHost: ", 8) ==
		       out + 4 + strlen(q.path) + 9);
	url_target_format(&q, once);
	assert(url_target_parse(once, &again, why) == 0);
	assert(again.kind == q.kind);
	assert(strcmp(url_target_format(&again, twice), once) == 0);
}

/* Cut anywhere, the answer is the same. */
static void
fuzz_answer(enum query_kind kind, const uint8_t *data, size_t len)
{
	uint32_t seed = fuzz_seed(data, len);
	size_t scanned = 0, n = 0;
	int status, whole_status, used = WIRE_MORE, whole;

	if (len > QUERY_ANSWER_MAX)
		len = QUERY_ANSWER_MAX;
	whole = query_decode(kind, data, len, &scanned, &whole_status);
	assert(whole == WIRE_MORE || whole == WIRE_BAD ||
	       (whole > 0 && (size_t)whole <= len));
	scanned = 0;
	while (n < len && used == WIRE_MORE) {
		n += fuzz_chunk(&seed, len - n);
		used = query_decode(kind, data, n, &scanned, &status);
	}
	assert(used == whole);
	assert(used <= 0 || status == whole_status);
}

static void
fuzz_load(const char *text, size_t len)
{
	struct load_agent a;
	const char *selector = "load{is=\"1m\"}", *end;
	double value = 0;
	int rc;

	if (load_agent_parse(text, len, &a) == 0)
		assert(a.percent >= -1 && a.percent <= LOAD_PERCENT_MAX &&
		       a.maxconn >= -1 &&
		       strnlen(a.why, LOAD_WHY_MAX) < LOAD_WHY_MAX);
	rc = load_sample_parse(text, len, selector, &value);
	assert(rc == 0 || rc == 1 || rc == -EINVAL || rc == -ERANGE);
	assert(rc != 1 || isfinite(value));
	/* The first line chooses, the second is chosen from. */
	end = memchr(text, '\0', len);
	if (end == NULL)
		return;
	if (load_selector_check(text) == 0)
		load_sample_parse(
		    end + 1, len - (size_t)(end + 1 - text), text, &value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	assert(text != NULL);
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	fuzz_hop(text);
	fuzz_target(text);
	fuzz_answer(QUERY_HTTP, data, len);
	fuzz_answer(QUERY_TLS, data, len);
	free(text);
	/* Nothing here needs an end: from an allocation without one. */
	text = malloc(len > 0 ? len : 1);
	assert(text != NULL);
	if (len > 0)
		memcpy(text, data, len);
	fuzz_load(text, len);
	free(text);
	return 0;
}
