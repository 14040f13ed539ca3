/* Sealed messages: their layout, and who can open them. */
#include "wire/sealed.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct sealed_keys
keys_of(uint8_t n)
{
	struct sealed_keys k;

	memset(k.secret_key, n, sizeof(k.secret_key));
	crypto_scalarmult_base(k.public_key, k.secret_key);
	return k;
}

/* A report from key 1 to key 2. */
static size_t
report(uint8_t *out, size_t cap, const char *body)
{
	struct sealed_keys from = keys_of(1), to = keys_of(2);
	struct sealed s = {
	    .type = SEALED_REPORT, .sequence = 7, .issued_s = 1700000000};
	int len;

	memcpy(s.receiver, to.public_key, sizeof(s.receiver));
	memset(s.nonce, 0x33, sizeof(s.nonce));
	len = sealed_encode(
	    &s, (const uint8_t *)body, strlen(body), &from, out, cap);
	CHECK_INT(len, SEALED_HEADER_LEN + SEALED_TAG_LEN + strlen(body));
	return (size_t)len;
}

static void
goes_there_and_back(void)
{
	struct sealed_keys from = keys_of(1), to = keys_of(2);
	uint8_t message[512], body[64];
	struct sealed got;
	size_t len = report(message, sizeof(message), "hello");

	CHECK_INT(sealed_peek(message, len, &got), len);
	CHECK_INT(got.body_len, 5);
	CHECK(sealed_open(message, len, &to, &got, body), "opens");
	CHECK(memcmp(body, "hello", 5) == 0, "body");
	CHECK_INT(got.type, SEALED_REPORT);
	CHECK_INT(got.sequence, 7);
	CHECK_INT(got.issued_s, 1700000000);
	CHECK(memcmp(got.sender, from.public_key, SEALED_KEY_LEN) == 0, "who");
	/* Not by a third, and not by its sender. */
	to = keys_of(3);
	CHECK(!sealed_open(message, len, &to, &got, body), "a third");
	CHECK(sodium_is_zero(body, 5), "nothing is left of it");
	CHECK(!sealed_open(message, len, &from, &got, body), "turned round");
	report(message, sizeof(message), "");
}

/* For whoever writes another implementation: secret keys of bytes 01 and 02,
 * a nonce of bytes 33. */
static void
has_a_layout(void)
{
	static const char vector[] =
	    "43414753 01 11 0000 00000005 00000000 0000000000000007"
	    "000000006553f100"
	    "a4e09292b651c278b9772c569f5fa9bb13d906b46ab68c9df9dc2b4409f8a209"
	    "ce8d3ad1ccb633ec7b70c17814a5c76ecd029685050d344745ba05870e587d59"
	    "333333333333333333333333333333333333333333333333"
	    "92bfafe0915a687fe6d66250e01dc326953d809876";
	uint8_t message[512], want[141];
	size_t len = report(message, sizeof(message), "hello"), n;

	CHECK_INT(len, sizeof(want));
	CHECK_INT(sodium_hex2bin(want, sizeof(want), vector, strlen(vector),
		      " ", &n, NULL),
	    0);
	CHECK(n == len && memcmp(want, message, len) == 0, "the vector");
}

/* No bit of it can be another, header and all. */
static void
survives_no_flip(void)
{
	struct sealed_keys to = keys_of(2);
	uint8_t message[512], body[64];
	size_t len = report(message, sizeof(message), "hello"), i, bad = 0;
	struct sealed got;

	for (i = 0; i < len * 8; i++) {
		message[i / 8] ^= (uint8_t)(1u << i % 8);
		/* A longer body has no room here: peek before opening. */
		if (sealed_peek(message, len, &got) == (int)len)
			bad += sealed_open(message, len, &to, &got, body);
		message[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	CHECK_INT(bad, 0);
	CHECK(sealed_open(message, len, &to, &got, body), "as it was");
}

static void
survives_no_cut(void)
{
	struct sealed_keys to = keys_of(2);
	uint8_t message[512], body[64];
	size_t len = report(message, sizeof(message) - 1, "hello"), i;
	struct sealed got;

	for (i = 0; i < len; i++) {
		CHECK_INT(sealed_peek(message, i, &got),
		    i < SEALED_HEADER_LEN ? WIRE_MORE : (int)len);
		CHECK(!sealed_open(message, i, &to, &got, body), "%zu", i);
	}
	CHECK(!sealed_open(message, len + 1, &to, &got, body), "trailing");
}

static void
refuses_by_the_header(void)
{
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {{0, 'X'}, {4, 2}, {5, 15}, {5, 20}, {5, 1}, {6, 1}, {7, 1},
	    {8, 1}, {9, 0x11}, {12, 1}, {15, 1}, {24, 0x80}};
	uint8_t message[512], cut[512];
	size_t len = report(message, sizeof(message), "hello"), i;
	struct sealed got;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		memcpy(cut, message, len);
		cut[rows[i].at] = rows[i].value;
		CHECK(sealed_peek(cut, SEALED_HEADER_LEN, &got) == WIRE_BAD,
		    "row %zu", i);
	}
}

static void
makes_nothing_it_would_refuse(void)
{
	struct sealed_keys from = keys_of(1), to = keys_of(2);
	struct sealed s = {.type = SEALED_ACK};
	uint8_t *out = malloc(SEALED_MAX + 1);
	uint8_t *body = calloc(1, SEALED_BODY_MAX + 1);

	memcpy(s.receiver, to.public_key, sizeof(s.receiver));
	CHECK_INT(
	    sealed_encode(&s, body, SEALED_BODY_MAX, &from, out, SEALED_MAX),
	    SEALED_MAX);
	CHECK_INT(sealed_encode(&s, body, SEALED_BODY_MAX + 1, &from, out,
		      SEALED_MAX + 1),
	    WIRE_BAD);
	CHECK_INT(sealed_encode(&s, body, 10, &from, out, 145), WIRE_BAD);
	s.type = (enum sealed_type)3;
	CHECK_INT(sealed_encode(&s, body, 1, &from, out, 512), WIRE_BAD);
	/* A key of small order agrees with everybody. */
	s.type = SEALED_ACK;
	memset(s.receiver, 0, sizeof(s.receiver));
	CHECK_INT(sealed_encode(&s, body, 1, &from, out, 512), WIRE_BAD);
	free(out);
	free(body);
}

/* What is worked out once makes and opens the same messages, and no others. */
static void
pairs_are_the_same(void)
{
	struct sealed_keys from = keys_of(1), to = keys_of(2),
			   other = keys_of(3);
	struct sealed s = {
	    .type = SEALED_REPORT, .sequence = 7, .issued_s = 1700000000};
	struct sealed_pair here, there, third;
	uint8_t message[512], again[512], body[64];
	size_t len = report(message, sizeof(message), "hello");
	struct sealed got;

	CHECK(sealed_pair_init(&here, &from, to.public_key), "here");
	CHECK(sealed_pair_init(&there, &to, from.public_key), "there");
	CHECK(sealed_pair_init(&third, &to, other.public_key), "a third");
	memset(s.nonce, 0x33, sizeof(s.nonce));
	CHECK_INT(sealed_pair_encode(&here, &s, (const uint8_t *)"hello", 5,
		      again, sizeof(again)),
	    len);
	CHECK(memcmp(message, again, len) == 0, "the same message");
	CHECK(sealed_pair_open(&there, message, len, &got, body), "opens");
	CHECK(memcmp(body, "hello", 5) == 0, "body");
	CHECK(!sealed_pair_open(&here, message, len, &got, body), "turned");
	CHECK(!sealed_pair_open(&third, message, len, &got, body), "other's");
	message[len - 1] ^= 1;
	CHECK(!sealed_pair_open(&there, message, len, &got, body), "a flip");
	CHECK_INT(sealed_pair_encode(
		      &here, &s, (const uint8_t *)"hello", 5, again, len - 1),
	    WIRE_BAD);
	memset(s.receiver, 0, sizeof(s.receiver));
	CHECK(!sealed_pair_init(&here, &from, s.receiver), "small order");
}

static const struct unit_case cases[] = {
    {"goes there and back", goes_there_and_back},
    {"has a layout", has_a_layout},
    {"survives no flip", survives_no_flip},
    {"survives no cut", survives_no_cut},
    {"refuses by the header", refuses_by_the_header},
    {"makes nothing it would refuse", makes_nothing_it_would_refuse},
    {"pairs are the same", pairs_are_the_same},
};

UNIT_MAIN("sealed", cases)
