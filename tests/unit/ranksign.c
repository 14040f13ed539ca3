/* What the rank key signs, and all else, which it does not. */
#include "policyd/signer/ranksign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "tests/unit/unit.h"

#define BODY "[rank]\npolicy-serial = 1\n"

static uint8_t public_key[ENVELOPE_PUBLIC_LEN], secret_key[ENVELOPE_SECRET_LEN];
static uint8_t message[4096];

static void
make_keys(void)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = {7};

	crypto_sign_seed_keypair(public_key, secret_key, seed);
}

static size_t
make(enum envelope_type type, uint32_t epoch, uint64_t serial, const char *body)
{
	const struct envelope e = {.type = type,
	    .epoch = epoch,
	    .serial = serial,
	    .issued_s = 1000,
	    .expires_s = 2000,
	    .audience = "york",
	    .body = (const uint8_t *)body,
	    .body_len = strlen(body)};
	int n = envelope_encode(&e, message, sizeof(message));

	CHECK(n > 0, "no message");
	return n > 0 ? (size_t)n : 0;
}

static size_t
sign(struct ranksign *s, size_t len)
{
	const char *why;
	size_t n = ranksign(s, secret_key, message, len, sizeof(message), &why);

	CHECK((n == 0) == (why != NULL), "a reason, or a signature");
	return n;
}

static size_t
sign_rank(struct ranksign *s, uint32_t epoch, uint64_t serial)
{
	return sign(s, make(ENVELOPE_RANK, epoch, serial, BODY));
}

static void
a_rank(void)
{
	struct ranksign s = {0};
	enum envelope_fault fault;
	struct envelope e;
	size_t n;

	n = sign_rank(&s, 1, 5);
	CHECK(n > 0, "a rank is refused");
	CHECK_INT(envelope_decode(message, n, &e, &fault), n);
	CHECK_INT(e.signatures_n, 1);
	CHECK(envelope_verify(&e, &e.signatures[0], public_key),
	    "its signature is wrong");
	CHECK_INT(e.serial, 5);
	CHECK(memcmp(e.body, BODY, e.body_len) == 0, "its body is another");
}

static void
nothing_else(void)
{
	struct ranksign s = {0};
	size_t n;

	CHECK_INT(sign(&s, make(ENVELOPE_ROOT, 1, 1, BODY)), 0);
	CHECK_INT(sign(&s, make(ENVELOPE_POLICY, 1, 1, BODY)), 0);
	CHECK_INT(sign(&s, make(ENVELOPE_RANK, 1, 1, "[policy]\n")), 0);
	CHECK_INT(sign(&s, make(ENVELOPE_RANK, 1, 1, " [rank]\n")), 0);
	CHECK_INT(sign(&s, make(ENVELOPE_RANK, 1, 1, "[rank]")), 0);
	CHECK_INT(sign(&s, make(ENVELOPE_RANK, 1, 1, "[rank] \n")), 0);
	CHECK_INT(sign(&s, make(ENVELOPE_RANK, 1, 1, "")), 0);
	CHECK_INT(s.epoch, 0);
	/* A signature makes it another message. */
	n = sign_rank(&s, 1, 1);
	CHECK_INT(sign(&s, n), 0);
	n = make(ENVELOPE_RANK, 1, 2, BODY);
	CHECK_INT(sign(&s, n - 1), 0);
	n = make(ENVELOPE_RANK, 1, 2, BODY);
	message[n] = 0;
	CHECK_INT(sign(&s, n + 1), 0);
	CHECK_INT(sign(&s, 0), 0);
	memset(message, 0, sizeof(message));
	CHECK_INT(sign(&s, 200), 0);
}

static void
no_room(void)
{
	struct ranksign s = {0};
	const char *why = NULL;
	size_t len = make(ENVELOPE_RANK, 1, 1, BODY);

	CHECK_INT(ranksign(&s, secret_key, message, len,
		      len + RANKSIGN_ROOM - 1, &why),
	    0);
	CHECK(why != NULL, "no reason");
	CHECK_INT(ranksign(&s, secret_key, message, len + 1, len, &why), 0);
	CHECK_INT(
	    ranksign(&s, secret_key, message, len, len + RANKSIGN_ROOM, &why),
	    len + RANKSIGN_ROOM);
}

static void
only_higher(void)
{
	struct ranksign s = {0};

	CHECK(sign_rank(&s, 2, 10) > 0, "the first");
	CHECK_INT(sign(&s, make(ENVELOPE_RANK, 2, 10, BODY "x = 1\n")), 0);
	CHECK_INT(sign_rank(&s, 2, 9), 0);
	CHECK_INT(sign_rank(&s, 1, 11), 0);
	CHECK(sign_rank(&s, 2, 11) > 0, "the next");
	/* A new root begins anew. */
	CHECK(sign_rank(&s, 3, 1) > 0, "of the next root");
	CHECK_INT(sign_rank(&s, 2, 12), 0);
	CHECK(sign_rank(&s, 3, UINT64_MAX) > 0, "the last");
	CHECK(sign_rank(&s, 3, UINT64_MAX) > 0, "the last again");
	CHECK_INT(
	    sign(&s, make(ENVELOPE_RANK, 3, UINT64_MAX, BODY "y = 1\n")), 0);
}

/* Who asks twice gets the same, as long as it is remembered. */
static void
the_same_again(void)
{
	struct ranksign s = {0};
	uint8_t first[sizeof(message)];
	uint64_t serial;
	size_t n;

	n = sign_rank(&s, 1, 1);
	memcpy(first, message, n);
	for (serial = 2; serial <= RANKSIGN_KEPT; serial++)
		CHECK(sign_rank(&s, 1, serial) > 0, "serial %d", (int)serial);
	CHECK_INT(sign_rank(&s, 1, 1), n);
	CHECK(memcmp(first, message, n) == 0, "another signature");
	CHECK_INT(s.serial, RANKSIGN_KEPT);
	CHECK(sign_rank(&s, 1, serial) > 0, "one more");
	CHECK_INT(sign_rank(&s, 1, 1), 0);
	CHECK(sign_rank(&s, 1, 2) > 0, "the second is still known");
}

static const struct unit_case cases[] = {
    {"a rank is signed", a_rank},
    {"nothing else is", nothing_else},
    {"no room", no_room},
    {"only what is above all", only_higher},
    {"the same again", the_same_again},
};

int
main(void)
{
	if (sodium_init() == -1)
		return 1;
	make_keys();
	return unit_main("ranksign", cases, sizeof(cases) / sizeof(*cases));
}
