/* Signed messages: their layout, and that nothing but what was signed is
 * ever taken for it. */
#include "wire/envelope.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define MUTANTS 100000

struct key {
	uint8_t public_key[ENVELOPE_PUBLIC_LEN];
	uint8_t secret_key[ENVELOPE_SECRET_LEN];
};

static struct key
key_of(uint8_t n)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	struct key k;

	memset(seed, n, sizeof(seed));
	crypto_sign_seed_keypair(k.public_key, k.secret_key, seed);
	return k;
}

static int
sign(uint8_t *message, int len, size_t cap, uint8_t n)
{
	struct key k = key_of(n);

	return envelope_sign(
	    message, (size_t)len, cap, k.public_key, k.secret_key);
}

/* By these keys, 1 to n, and by nothing else, and whole? */
static bool
accepted(const uint8_t *message, size_t len, uint32_t n)
{
	enum envelope_fault fault;
	struct envelope e;
	struct key k;
	uint32_t i;

	if (envelope_decode(message, len, &e, &fault) != (int)len ||
	    e.signatures_n != n)
		return false;
	for (i = 0; i < n; i++) {
		k = key_of((uint8_t)(i + 1));
		if (!envelope_verify(&e, &e.signatures[i], k.public_key))
			return false;
	}
	return true;
}

static struct envelope
policy_of(const char *body, size_t len)
{
	return (struct envelope){.type = ENVELOPE_POLICY,
	    .epoch = 2,
	    .serial = 0x0102030405060708,
	    .issued_s = 1700000000,
	    .expires_s = 1700086400,
	    .audience = "new-york",
	    .body = (const uint8_t *)body,
	    .body_len = len};
}

static void
from_hex(const char *text, uint8_t *out, size_t len)
{
	size_t n;

	CHECK_INT(
	    sodium_hex2bin(out, len, text, strlen(text), " ", &n, NULL), 0);
	CHECK_INT(n, len);
}

/* The layout, for whoever writes another implementation.  Key: seed of 32
 * bytes 01. */
static void
has_a_layout(void)
{
	static const char vector[] =
	    "43414745 01 02 0000 00000005 00000002 0102030405060708"
	    "000000006553f100 0000000065554280"
	    "6e65772d796f726b 0000000000000000 0000000000000000 0000000000000000"
	    "0000000000000000 0000000000000000 0000000000000000 0000000000000000"
	    "68656c6c6f 01 c5e21ab1c9f6022d81c3b25e3436cb7f"
	    "3f01449caa500b4fb6b2143bbebca7739d1e1e4ef79e115d9c5c6c32ae414346"
	    "85c5885992e9a7364fd380ad672a0856afbc2ade74e35e7d588adda5f89fd10e";
	struct envelope e = policy_of("hello", 5), got;
	uint8_t want[190], message[256];
	enum envelope_fault fault;
	int len;

	len = envelope_encode(&e, message, sizeof(message));
	CHECK_INT(len, 109);
	len = sign(message, len, sizeof(message), 1);
	CHECK_INT(len, 190);
	from_hex(vector, want, sizeof(want));
	CHECK(memcmp(message, want, sizeof(want)) == 0, "the vector");
	CHECK(accepted(want, sizeof(want), 1), "is accepted");
	CHECK_INT(envelope_decode(want, sizeof(want), &got, &fault), 190);
	CHECK_INT(got.type, ENVELOPE_POLICY);
	CHECK_INT(got.epoch, 2);
	CHECK_INT(got.serial, 0x0102030405060708);
	CHECK_INT(got.issued_s, 1700000000);
	CHECK_INT(got.expires_s, 1700086400);
	CHECK_STR(got.audience, "new-york");
	CHECK_INT(got.body_len, 5);
	CHECK(memcmp(got.body, "hello", 5) == 0, "body");
}

static size_t
make(uint8_t *message, size_t cap, size_t body_len, uint8_t signatures)
{
	char *body = malloc(body_len + 1);
	struct envelope e;
	uint8_t i;
	int len;

	memset(body, 'x', body_len);
	e = policy_of(body, body_len);
	len = envelope_encode(&e, message, cap);
	for (i = 1; i <= signatures; i++)
		len = sign(message, len, cap, i);
	free(body);
	CHECK(len > 0, "made");
	return (size_t)len;
}

static void
takes_up_to_16_signatures(void)
{
	uint8_t message[2048];
	uint8_t n;
	size_t len;

	for (n = 1; n <= ENVELOPE_SIGNATURES_MAX; n++) {
		len = make(message, sizeof(message), 10, n);
		CHECK(accepted(message, len, n), "%u signatures", n);
		/* Nobody twice. */
		CHECK_INT(
		    sign(message, (int)len, sizeof(message), n), WIRE_BAD);
	}
	CHECK_INT(sign(message, (int)len, sizeof(message), 17), WIRE_BAD);
	/* One copied in by hand. */
	len = make(message, sizeof(message), 10, 2);
	memcpy(message + len - 80, message + len - 160, 80);
	CHECK(!accepted(message, len, 2), "one key counted twice");
}

/* Every bit of a message of 4 KiB. */
static void
survives_no_flip(void)
{
	static uint8_t message[4096];
	size_t len, i, bad = 0;

	len = make(message, sizeof(message), 4096 - 104 - 1 - 2 * 80, 2);
	CHECK_INT(len, 4096);
	CHECK(accepted(message, len, 2), "as it was signed");
	for (i = 0; i < len * 8; i++) {
		message[i / 8] ^= (uint8_t)(1u << i % 8);
		bad += accepted(message, len, 2);
		message[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	CHECK_INT(bad, 0);
	CHECK(accepted(message, len, 2), "as it was signed");
}

static void
survives_no_cut(void)
{
	static uint8_t message[1024];
	enum envelope_fault fault;
	size_t len = make(message, sizeof(message) - 1, 300, 3), i;
	struct envelope e;

	for (i = 0; i < len; i++)
		CHECK_INT(envelope_decode(message, i, &e, &fault), WIRE_MORE);
	/* What follows is not of this message; the caller counts. */
	message[len] = 0;
	CHECK_INT(envelope_decode(message, len + 1, &e, &fault), len);
	CHECK(!accepted(message, len + 1, 3), "trailing");
}

/* A few edits of the kinds that a forger tries. */
static size_t
mutate(uint8_t *m, size_t len, size_t cap, const uint8_t *other)
{
	uint32_t n = 1 + randombytes_uniform(4), at, run;

	while (n-- > 0) {
		at = randombytes_uniform((uint32_t)len);
		run = 1 + randombytes_uniform(64);
		if (run > len - at)
			run = (uint32_t)len - at;
		switch (randombytes_uniform(6)) {
		case 0:
			m[at] = (uint8_t)randombytes_uniform(256);
			break;
		case 1: /* a field of the header: extremes */
			memset(m + randombytes_uniform(104),
			    randombytes_uniform(2) ? 0xff : 0, 1);
			break;
		case 2: /* a piece of another valid message */
			memcpy(m + at, other + at, run);
			break;
		case 3: /* cut out */
			memmove(m + at, m + at + run, len - at - run);
			len -= run;
			break;
		case 4: /* said twice */
			if (len + run <= cap) {
				memmove(m + at + run, m + at, len - at);
				len += run;
			}
			break;
		default: /* moved */
			memmove(
			    m + randombytes_uniform((uint32_t)(len - run + 1)),
			    m + at, run);
			break;
		}
		if (len < 200)
			return len;
	}
	return len;
}

static void
survives_no_mutant(void)
{
	static uint8_t first[1024], second[1024], m[2048];
	size_t len = make(first, sizeof(first), 600, 2), n;
	uint32_t i, taken = 0;

	make(second, sizeof(second), 599, 2);
	for (i = 0; i < MUTANTS; i++) {
		memcpy(m, first, len);
		n = mutate(m, len, sizeof(m), second);
		if (n == len && memcmp(m, first, len) == 0)
			continue;
		taken += accepted(m, n, 2);
	}
	CHECK_INT(taken, 0);
}

/* What is wrong is said, by the header alone where that is enough. */
static void
names_faults(void)
{
	static const struct {
		size_t at;
		const char *hex;
		enum envelope_fault fault;
	} rows[] = {
	    {0, "00", ENVELOPE_NOT_OURS},
	    {4, "02", ENVELOPE_NOT_OURS},
	    {5, "00", ENVELOPE_TYPE},
	    {5, "04", ENVELOPE_TYPE},
	    {5, "10", ENVELOPE_TYPE},
	    {6, "01", ENVELOPE_PADDING},
	    {7, "01", ENVELOPE_PADDING},
	    {8, "00100001", ENVELOPE_SIZE},
	    {8, "ffffffff", ENVELOPE_SIZE}, /* 4 GiB; a field holds no more */
	    {24, "ffffffffffffffff", ENVELOPE_TIMES},
	    {32, "000000006553f100", ENVELOPE_TIMES}, /* the same second */
	    {32, "0000000000000000", ENVELOPE_TIMES},
	    {40, "00", ENVELOPE_PADDING},
	    {40, "41", ENVELOPE_AUDIENCE}, /* A */
	    {40, "0a", ENVELOPE_AUDIENCE},
	    {40, "2a", ENVELOPE_AUDIENCE}, /* "*ew-york" */
	    {103, "61", ENVELOPE_PADDING},
	};
	uint8_t message[512], cut[512];
	enum envelope_fault fault;
	struct envelope e;
	size_t i, len, n;

	len = make(message, sizeof(message), 20, 1);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		memcpy(cut, message, len);
		sodium_hex2bin(cut + rows[i].at, 8, rows[i].hex,
		    strlen(rows[i].hex), NULL, &n, NULL);
		CHECK_INT(envelope_decode(cut, ENVELOPE_HEADER_LEN, &e, &fault),
		    WIRE_BAD);
		CHECK(fault == rows[i].fault, "row %zu: %s", i,
		    envelope_fault_text(fault));
	}
	for (i = 0; i < 256; i++) {
		memcpy(cut, message, len);
		cut[ENVELOPE_HEADER_LEN + 20] = (uint8_t)i;
		if (i == 0 || i > ENVELOPE_SIGNATURES_MAX) {
			CHECK_INT(
			    envelope_decode(cut, len, &e, &fault), WIRE_BAD);
			CHECK_INT(fault, ENVELOPE_SIGNATURES);
		}
	}
}

static void
makes_nothing_it_would_refuse(void)
{
	struct envelope e = policy_of("x", 1);
	uint8_t out[512];

	CHECK(envelope_encode(&e, out, sizeof(out)) > 0, "a good one");
	CHECK_INT(envelope_encode(&e, out, 104), WIRE_BAD);
	e.expires_s = e.issued_s;
	CHECK_INT(envelope_encode(&e, out, sizeof(out)), WIRE_BAD);
	e = policy_of("x", 1);
	memcpy(e.audience, "New York", 9);
	CHECK_INT(envelope_encode(&e, out, sizeof(out)), WIRE_BAD);
	e = policy_of("x", 1);
	e.type = (enum envelope_type)7;
	CHECK_INT(envelope_encode(&e, out, sizeof(out)), WIRE_BAD);
	e = policy_of("x", ENVELOPE_BODY_MAX + 1);
	CHECK_INT(envelope_encode(&e, out, sizeof(out)), WIRE_BAD);
	/* Nor does it sign what is no message, or has no room. */
	memset(out, 0, sizeof(out));
	CHECK_INT(sign(out, 200, sizeof(out), 1), WIRE_BAD);
	e = policy_of("x", 1);
	CHECK_INT(envelope_encode(&e, out, sizeof(out)), 105);
	CHECK_INT(sign(out, 105, 105 + 80, 1), WIRE_BAD);
	CHECK_INT(sign(out, 105, 105, 1), WIRE_BAD);
	CHECK_INT(sign(out, 105, 105 + 81, 1), 186);
}

static void
knows_its_audience(void)
{
	char name[80];

	CHECK(envelope_audience_ok("*"), "all");
	CHECK(envelope_audience_ok("a"), "one letter");
	CHECK(!envelope_audience_ok(""), "none");
	CHECK(!envelope_audience_ok("*a"), "no patterns");
	CHECK(!envelope_audience_ok("a b"), "no blanks");
	memset(name, 'a', sizeof(name));
	name[63] = '\0';
	CHECK(envelope_audience_ok(name), "63");
	name[63] = 'a';
	name[64] = '\0';
	CHECK(!envelope_audience_ok(name), "64");
}

static const struct unit_case cases[] = {
    {"has a layout", has_a_layout},
    {"takes up to 16 signatures", takes_up_to_16_signatures},
    {"survives no flip", survives_no_flip},
    {"survives no cut", survives_no_cut},
    {"survives no mutant", survives_no_mutant},
    {"names faults", names_faults},
    {"makes nothing it would refuse", makes_nothing_it_would_refuse},
    {"knows its audience", knows_its_audience},
};

UNIT_MAIN("envelope", cases)
