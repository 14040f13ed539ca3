/* Fuzzes what an agent reads from a manager: however the bytes come the
 * messages are the same, and nothing is kept that is not needed. */
#include "cagentd/control/link_in.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "tests/fuzz/fuzz.h"

struct seen {
	uint32_t messages, hash;
	size_t bytes;
	bool bad;
};

/* All that is whole; false: it is at its end. */
static bool
take(struct link_in *in, struct seen *s)
{
	struct link_in_fault f;
	struct link_in_msg m;
	int rc;

	while ((rc = link_in_next(in, &m, &f)) == 1) {
		assert(m.len <= ENVELOPE_MAX);
		assert(m.kind == LINK_IN_SIGNED ||
		       m.len <= SEALED_HEADER_LEN + LINK_IN_ANSWER_MAX +
				    SEALED_TAG_LEN);
		s->messages++;
		s->bytes += m.len;
		s->hash = s->hash * 31 + fuzz_seed(m.bytes, m.len);
		link_in_done(in, &m);
	}
	s->bad = rc < 0;
	assert(rc == 0 || f.text[0] != '\0');
	return rc == 0;
}

static void
whole(const uint8_t *data, size_t len, bool sealed, struct seen *s)
{
	struct link_in in = {.sealed_alone = sealed};

	assert(link_in_add(&in, data, len) == 0);
	take(&in, s);
	assert(link_in_waits(&in) == (s->bytes < len));
	link_in_reset(&in);
}

static void
cut(const uint8_t *data, size_t len, bool sealed, struct seen *s)
{
	struct link_in in = {.sealed_alone = sealed};
	uint32_t seed = fuzz_seed(data, len);
	size_t n, at;

	for (at = 0; at < len; at += n) {
		n = fuzz_chunk(&seed, len - at);
		assert(link_in_add(&in, data + at, n) == 0);
		if (!take(&in, s))
			break;
		assert(in.held == NULL || in.held->cap <= 4 * len + 2048);
	}
	link_in_reset(&in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct seen a, b;
	int sealed;

	for (sealed = 0; sealed < 2; sealed++) {
		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		whole(data, len, sealed == 1, &a);
		cut(data, len, sealed == 1, &b);
		assert(memcmp(&a, &b, sizeof(a)) == 0);
	}
	return 0;
}
