/* No message but the one that was signed: every bit of it flipped, and a
 * hundred thousand that were made of valid ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/trust_sample.h"
#include "tests/unit/unit.h"

#define MESSAGE_LEN	4096
#define MUTANTS		100000
#define BODY_LEN	(MESSAGE_LEN - ENVELOPE_HEADER_LEN - 1 - SIGNATURE_LEN)
#define SIGNATURE_LEN	(ENVELOPE_KEY_ID_LEN + ENVELOPE_SIGNATURE_LEN)
#define SIGNATURE_AT(s) ((s)->len - SIGNATURE_LEN)
#define FAULTS		(TRUST_MEMORY + 1)

static struct verified *root;
/* Two that are valid, and one of a stranger. */
static struct sample first, second, strange;
static uint32_t faults[FAULTS], taken;
static uint64_t seed = 1;

/* splitmix64 */
static uint64_t
chance(uint64_t n)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % n;
}

static void
offer(const struct sample *s)
{
	const struct verify ctx = {.mode = VERIFY_NEW,
	    .root = root,
	    .group = "york",
	    .now_s = SAMPLE_NOW,
	    .policy = {3, 5}};
	struct trust_why why = {TRUST_FINE, ""};
	struct verified *v = verify_message(&ctx, s->data, s->len, &why);

	if (v == NULL && why.text[0] == '\0')
		CHECK(false, "refused without a reason");
	taken += v != NULL;
	faults[why.fault]++;
	verified_free(v);
}

static bool
same(const struct sample *a, const struct sample *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static void
make(struct sample *s, uint64_t serial, char fill, const char *by)
{
	char body[BODY_LEN + 1];

	memset(body, fill, BODY_LEN);
	body[BODY_LEN] = '\0';
	sample_sign(s, sample_header(ENVELOPE_POLICY, 3, serial), body, by);
}

static void
every_bit(void)
{
	struct sample s = first;
	size_t i;

	taken = 0;
	memset(faults, 0, sizeof(faults));
	offer(&s);
	CHECK_INT(taken, 1);
	for (i = 0; i < s.len * 8; i++) {
		s.data[i / 8] ^= (uint8_t)(1 << i % 8);
		offer(&s);
		s.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	CHECK_INT(taken, 1);
	/* Most of it is the body, which nothing but the signature guards. */
	CHECK(faults[TRUST_SIGNATURE] >= BODY_LEN * 8, "only %u by signature",
	    faults[TRUST_SIGNATURE]);
}

static void
every_length(void)
{
	struct sample s = first;

	taken = 0;
	memset(faults, 0, sizeof(faults));
	for (s.len = 0; s.len < first.len; s.len++)
		offer(&s);
	for (s.len = first.len + 1; s.len < first.len + 300; s.len++)
		offer(&s);
	CHECK_INT(taken, 0);
	CHECK_INT(faults[TRUST_MALFORMED], first.len + 299);
}

/* --- mutants --- */

static void
flip_bits(struct sample *s)
{
	uint64_t i, n = 2 + chance(15);

	for (i = 0; i < n; i++)
		s->data[chance(s->len)] ^= (uint8_t)(1 << chance(8));
}

static void
put(uint8_t *at, size_t len, uint64_t v)
{
	while (len-- > 0) {
		at[len] = (uint8_t)v;
		v >>= 8;
	}
}

/* A number of the header, to the value that somebody would like to see. */
static void
set_field(struct sample *s)
{
	static const struct {
		size_t at, len;
	} fields[] = {
	    {4, 1}, {5, 1}, {6, 2}, {8, 4}, {12, 4}, {16, 8}, {24, 8}, {32, 8}};
	const uint64_t values[] = {0, 1, 2, 3, 4, 7, 9, 1000, UINT32_MAX,
	    INT64_MAX, UINT64_MAX, (uint64_t)SAMPLE_NOW,
	    (uint64_t)SAMPLE_NOW + 1, BODY_LEN - 1, BODY_LEN + 1, chance(1000)};
	size_t f = chance(sizeof(fields) / sizeof(*fields));

	put(s->data + fields[f].at, fields[f].len,
	    values[chance(sizeof(values) / sizeof(*values))]);
}

static void
set_audience(struct sample *s)
{
	static const char *const names[] = {
	    "york", "leeds", "", "york\0x", "*x", "YORK", "../york"};
	size_t i = chance(sizeof(names) / sizeof(*names));

	memset(s->data + 40, 0, 64);
	memcpy(s->data + 40, names[i], strlen(names[i]));
	if (chance(4) == 0)
		s->data[103] = 'x';
}

/* Bytes come or go, with or without the length that says so. */
static void
change_length(struct sample *s)
{
	size_t at = chance(s->len), n = 1 + chance(64);

	if (chance(2) == 0) {
		memmove(s->data + at + n, s->data + at, s->len - at);
		s->len += n;
		put(s->data + 8, 4, BODY_LEN + n);
	} else {
		n = n < s->len - at ? n : s->len - at;
		memmove(s->data + at, s->data + at + n, s->len - at - n);
		s->len -= n;
		put(s->data + 8, 4, BODY_LEN - n);
	}
	if (chance(4) == 0)
		put(s->data + 8, 4, BODY_LEN);
}

/* Parts of one message and parts of another. */
static void
splice(struct sample *s)
{
	const struct sample *other = chance(2) == 0 ? &second : &strange;
	size_t from = chance(s->len), to = from + chance(s->len - from) + 1;
	const size_t borders[] = {
	    0, 4, 16, 24, 40, ENVELOPE_HEADER_LEN, SIGNATURE_AT(s)};

	if (chance(2) == 0) {
		from = borders[chance(6)];
		to = chance(2) == 0 ? s->len : SIGNATURE_AT(s);
	}
	memcpy(s->data + from, other->data + from, to - from);
}

/* More signatures, the same one again, with other names. */
static void
change_signatures(struct sample *s)
{
	const struct sample *other = chance(2) == 0 ? &second : &strange;
	size_t at = SIGNATURE_AT(s), n = chance(4), i;
	uint8_t id[ENVELOPE_KEY_ID_LEN];

	for (i = 0; i < n; i++) {
		memcpy(s->data + s->len,
		    (chance(2) == 0 ? s : other)->data + at, SIGNATURE_LEN);
		s->len += SIGNATURE_LEN;
	}
	s->data[at - 1] = (uint8_t)(chance(8) == 0 ? chance(256) : n + 1);
	if (n == 0 || chance(2) == 0) {
		envelope_key_id(
		    sample_key((uint8_t)(1 + chance(9))).public_key, id);
		memcpy(s->data + at, id, sizeof(id));
	}
	if (n == 0)
		s->data[at + ENVELOPE_KEY_ID_LEN + chance(64)] ^=
		    (uint8_t)(1 + chance(255));
}

static void
set_body(struct sample *s)
{
	size_t at = chance(BODY_LEN), n = 1 + chance(BODY_LEN - at);

	memset(s->data + ENVELOPE_HEADER_LEN + at, (int)chance(256), n);
}

static void
mutants(void)
{
	static void (*const ways[])(struct sample *) = {flip_bits, set_field,
	    set_audience, change_length, splice, change_signatures, set_body};
	uint32_t made = 0;
	struct sample s;
	uint64_t i, n;

	taken = 0;
	memset(faults, 0, sizeof(faults));
	while (made < MUTANTS) {
		s = chance(4) == 0 ? second : first;
		n = chance(3) == 0 ? 2 : 1;
		for (i = 0; i < n; i++)
			ways[chance(sizeof(ways) / sizeof(*ways))](&s);
		/* Some ways lead back. */
		if (same(&s, &first) || same(&s, &second))
			continue;
		offer(&s);
		made++;
	}
	CHECK_INT(taken, 0);
	CHECK(faults[TRUST_SIGNATURE] > MUTANTS / 5, "%u by signature",
	    faults[TRUST_SIGNATURE]);
	CHECK(
	    faults[TRUST_KEY] > MUTANTS / 200, "%u by key", faults[TRUST_KEY]);
	CHECK(faults[TRUST_MALFORMED] > MUTANTS / 20, "%u malformed",
	    faults[TRUST_MALFORMED]);
	offer(&first);
	offer(&second);
	CHECK_INT(taken, 2);
}

static const struct unit_case cases[] = {
    {"every bit", every_bit},
    {"every length", every_length},
    {"mutants", mutants},
};

int
main(void)
{
	int failed;

	root = sample_verified_root(3);
	make(&first, 8, 'x', "4");
	make(&second, 6, 'y', "5");
	make(&strange, 9, 'z', "8");
	if (root == NULL || first.len != MESSAGE_LEN) {
		fputs("verify_mutants: no root or no message\n", stderr);
		return 1;
	}
	failed =
	    unit_main("verify_mutants", cases, sizeof(cases) / sizeof(*cases));
	verified_free(root);
	return failed;
}
