/* Messages out of bytes that come as they come. */
#include "cagentd/control/link_in.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/buf.h"
#include "tests/unit/manager_fake.h"
#include "tests/unit/unit.h"

static uint8_t stream[8192];
static size_t ends[8]; /* of the messages in it */

static size_t
put_signed(uint8_t *out, size_t cap, size_t body_len)
{
	static uint8_t body[4096];
	struct envelope e = {.type = ENVELOPE_RANK,
	    .epoch = 1,
	    .serial = 1,
	    .issued_s = 1,
	    .expires_s = 2,
	    .audience = "ours",
	    .body = body,
	    .body_len = body_len};
	uint8_t pk[32], sk[64], seed[32] = {1};
	int n = envelope_encode(&e, out, cap);

	crypto_sign_seed_keypair(pk, sk, seed);
	n = envelope_sign(out, (size_t)n, cap, pk, sk);
	CHECK(n > 0, "signed");
	return (size_t)n;
}

static size_t
put_answer(uint8_t *out, size_t cap, bool nack)
{
	static struct manager_fake m;
	struct manage_answer a = {.of = SEALED_REPORT, .code = "quota"};

	manager_fake_init(&m, 3);
	memcpy(m.agent, m.keys.public_key, sizeof(m.agent));
	if (!nack)
		a.code[0] = '\0';
	return manager_fake_answer(&m, &a, nack, out, cap);
}

/* An ack, a rank, a nack, a rank without a body. */
static size_t
fill(void)
{
	size_t n = put_answer(stream, sizeof(stream), false);

	ends[0] = n;
	n += put_signed(stream + n, sizeof(stream) - n, 300);
	ends[1] = n;
	n += put_answer(stream + n, sizeof(stream) - n, true);
	ends[2] = n;
	n += put_signed(stream + n, sizeof(stream) - n, 0);
	ends[3] = n;
	return n;
}

/* In two parts: all of them, at the right place, and no sooner. */
static void
splits(void)
{
	struct link_in in = {.held = NULL};
	struct link_in_fault f;
	struct link_in_msg m;
	size_t len = fill(), at, part, done, i;

	for (at = 0; at <= len; at++) {
		for (part = 0, i = 0, done = 0; part < 2; part++) {
			CHECK_INT(link_in_add(&in, stream + (part ? at : 0),
				      part ? len - at : at),
			    0);
			while (link_in_next(&in, &m, &f) == 1) {
				CHECK_INT(m.kind, i % 2 == 0 ? LINK_IN_SEALED
							     : LINK_IN_SIGNED);
				CHECK_INT(done + m.len, ends[i]);
				CHECK(
				    memcmp(m.bytes, stream + done, m.len) == 0,
				    "bytes of %zu", i);
				done += m.len;
				i++;
				link_in_done(&in, &m);
			}
			CHECK(part == 1 || i == 0 || ends[i - 1] <= at,
			    "message %zu before it was there", i);
		}
		CHECK_INT(i, 4);
		CHECK(!link_in_waits(&in), "memory is kept at %zu", at);
	}
}

static void
one_by_one(void)
{
	struct link_in in = {.held = NULL};
	struct link_in_fault f;
	struct link_in_msg m;
	size_t len = fill(), n = 0, i;

	for (i = 0; i < len; i++) {
		CHECK_INT(link_in_add(&in, stream + i, 1), 0);
		if (link_in_next(&in, &m, &f) == 1) {
			CHECK_INT(i + 1, ends[n]);
			n++;
			link_in_done(&in, &m);
		}
	}
	CHECK_INT(n, 4);
}

/* What is changed of the rank, and why it is refused; as soon as that can be
 * told. */
static const struct {
	size_t at;
	uint8_t is;
	size_t soon; /* so many bytes are enough */
	const char *why;
} bads[] = {
    {0, 'X', 1, "what it sends is no message of ours"},
    {3, 'X', 4, "what it sends is no message of ours"},
    {4, 9, 5, "not a signed message: "},
    {5, 77, 104, "not a signed message: "},
    {8, 0xff, 104, "not a signed message: "},
    {8, 0x01, 104, "not a signed message: "},
};

static void
is_bad(const uint8_t *data, size_t soon, const char *why, bool sealed)
{
	struct link_in in = {.sealed_alone = sealed};
	struct link_in_fault f;
	struct link_in_msg m;
	size_t i;

	for (i = 0; i + 1 < soon; i++) {
		link_in_add(&in, data + i, 1);
		CHECK_INT(link_in_next(&in, &m, &f), 0);
	}
	link_in_add(&in, data + i, 1);
	CHECK_INT(link_in_next(&in, &m, &f), -1);
	CHECK(
	    strncmp(f.text, why, strlen(why)) == 0, "%s, not %s", f.text, why);
	CHECK(in.held->cap <= 1024, "%zu bytes for it", in.held->cap);
	link_in_reset(&in);
}

static void
refuses(void)
{
	uint8_t data[1024];
	size_t i;

	for (i = 0; i < sizeof(bads) / sizeof(*bads); i++) {
		put_signed(data, sizeof(data), 100);
		data[bads[i].at] = bads[i].is;
		is_bad(data, bads[i].soon, bads[i].why, false);
	}
	put_signed(data, sizeof(data), 100);
	is_bad(data, 4, "it sends what only the policy server may", true);
	put_answer(data, sizeof(data), false);
	data[5] = SEALED_REPORT;
	is_bad(data, SEALED_HEADER_LEN, "expected an answer, found", false);
	put_answer(data, sizeof(data), false);
	data[10] = 2;
	data[11] = 1;
	is_bad(data, SEALED_HEADER_LEN, "expected an answer of at most 512",
	    false);
	put_answer(data, sizeof(data), false);
	data[12] = 1;
	is_bad(data, SEALED_HEADER_LEN, "not a sealed message", false);
}

/* The longest message, byte by byte, is not copied each time. */
static void
grows(void)
{
	static uint8_t longest[ENVELOPE_MAX], body[ENVELOPE_BODY_MAX];
	struct envelope e = {.type = ENVELOPE_POLICY,
	    .issued_s = 1,
	    .expires_s = 2,
	    .audience = "*",
	    .body = body,
	    .body_len = sizeof(body)};
	struct link_in in = {.held = NULL};
	struct link_in_fault f;
	struct link_in_msg m;
	uint8_t pk[32], sk[64], seed[32] = {1};
	const struct buf *last = NULL;
	int moves = 0, i, n;

	crypto_sign_seed_keypair(pk, sk, seed);
	n = envelope_encode(&e, longest, sizeof(longest));
	n = envelope_sign(longest, (size_t)n, sizeof(longest), pk, sk);
	for (i = 0; i < n; i++) {
		CHECK(link_in_next(&in, &m, &f) == 0, "too soon");
		if (link_in_add(&in, longest + i, 1) != 0)
			abort();
		moves += in.held != last;
		last = in.held;
	}
	CHECK_INT(link_in_next(&in, &m, &f), 1);
	CHECK_INT(m.len, n);
	CHECK(moves < 16, "moved %d times", moves);
	CHECK(in.held->cap <= 2u << 20, "%zu bytes", in.held->cap);
	link_in_done(&in, &m);
}

static const struct unit_case cases[] = {
    {"splits", splits},
    {"one by one", one_by_one},
    {"refuses", refuses},
    {"grows", grows},
};

UNIT_MAIN("link_in", cases)
