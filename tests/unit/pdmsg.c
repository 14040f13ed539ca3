/* Messages between the policy server's processes: round trips at their limits,
 * every truncation, and what is refused. */
#include "policyd/common/pdmsg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/chan.h"
#include "policyd/common/pdproc.h"
#include "tests/unit/unit.h"

static uint8_t wire[CHAN_DATA_MAX];

static void
fill(char *out, size_t cap, char c)
{
	memset(out, c, cap - 1);
	out[cap - 1] = '\0';
}

/* From an allocation of exactly len bytes, for the sanitizer. */
static uint8_t *
copy_of(size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	memcpy(copy, wire, len);
	return copy;
}

typedef int decode_fn(const uint8_t *in, size_t len, void *out);

/* All that is shorter, and one byte more, is refused. */
static void
only_whole(decode_fn *decode, size_t len, void *out)
{
	uint8_t *copy;
	size_t i;

	for (i = 0; i < len; i++) {
		copy = copy_of(i);
		CHECK(decode(copy, i, out) == -EPROTO, "%zu of %zu bytes", i,
		    len);
		free(copy);
	}
	wire[len] = 0;
	CHECK_INT(decode(wire, len + 1, out), -EPROTO);
	CHECK_INT(decode(wire, len, out), 0);
}

static void
fits(uint32_t type, size_t len)
{
	const struct chan_rule *r = &pdproc_rules.rows[type];

	CHECK(len >= r->len_min && len <= r->len_max, "%s: %zu bytes", r->name,
	    len);
}

static struct pdmsg_hello
long_hello(void)
{
	struct pdmsg_hello h = {
	    .agent = UINT64_MAX, .sequence = UINT64_MAX - 1, .issued_s = -5};

	memset(h.key, 0xa5, sizeof(h.key));
	fill(h.said.name, sizeof(h.said.name), 'n');
	fill(h.said.group, sizeof(h.said.group), 'g');
	fill(h.said.token, sizeof(h.said.token), 't');
	fill(h.said.software, sizeof(h.said.software), 's');
	h.said.root_epoch = UINT32_MAX;
	h.said.policy = (struct manage_mark){7, 1ull << 60};
	h.said.rank = (struct manage_mark){8, 2};
	return h;
}

static int
decode_hello(const uint8_t *in, size_t len, void *out)
{
	return pdmsg_hello_decode(in, len, out);
}

static void
hello(void)
{
	const struct pdmsg_hello h = long_hello();
	struct pdmsg_hello back;
	size_t len = pdmsg_hello_encode(&h, wire);

	fits(PDMSG_HELLO, len);
	memset(&back, 0, sizeof(back));
	CHECK_INT(pdmsg_hello_decode(wire, len, &back), 0);
	CHECK_INT(back.agent == h.agent && back.sequence == h.sequence, 1);
	CHECK_INT(back.issued_s, -5);
	CHECK(memcmp(back.key, h.key, sizeof(h.key)) == 0, "the key");
	CHECK_STR(back.said.name, h.said.name);
	CHECK_STR(back.said.group, h.said.group);
	CHECK_STR(back.said.token, h.said.token);
	CHECK_STR(back.said.software, h.said.software);
	CHECK_INT(back.said.root_epoch, UINT32_MAX);
	CHECK_INT(back.said.policy.epoch, 7);
	CHECK_INT(back.said.policy.serial, 1ll << 60);
	CHECK_INT(back.said.rank.epoch, 8);
	CHECK_INT(back.said.rank.serial, 2);
	only_whole(decode_hello, len, &back);
}

static void
hello_refused(void)
{
	struct pdmsg_hello h = long_hello(), back;
	size_t len, name_at = 8 + SEALED_KEY_LEN + 16;

	strlcpy(h.said.name, "a'; drop table agents", sizeof(h.said.name));
	len = pdmsg_hello_encode(&h, wire);
	CHECK_INT(pdmsg_hello_decode(wire, len, &back), -EPROTO);
	strlcpy(h.said.name, "*", sizeof(h.said.name));
	len = pdmsg_hello_encode(&h, wire);
	CHECK_INT(pdmsg_hello_decode(wire, len, &back), -EPROTO);
	strlcpy(h.said.name, "a", sizeof(h.said.name));
	strlcpy(h.said.group, "", sizeof(h.said.group));
	len = pdmsg_hello_encode(&h, wire);
	CHECK_INT(pdmsg_hello_decode(wire, len, &back), -EPROTO);
	h = long_hello();
	len = pdmsg_hello_encode(&h, wire);
	wire[name_at + 3] = '\0';
	CHECK_INT(pdmsg_hello_decode(wire, len, &back), -EPROTO);
	wire[name_at + 3] = 'n';
	CHECK_INT(pdmsg_hello_decode(wire, len, &back), 0);
	wire[name_at] = MANAGE_NAME_MAX + 1; /* and the group is shifted */
	CHECK_INT(pdmsg_hello_decode(wire, len, &back), -EPROTO);
	wire[name_at] = 255;
	CHECK_INT(pdmsg_hello_decode(wire, len, &back), -EPROTO);
}

static int
decode_welcome(const uint8_t *in, size_t len, void *out)
{
	return pdmsg_welcome_decode(in, len, out);
}

static void
welcome(void)
{
	struct pdmsg_welcome w = {.agent = 3,
	    .sequence = 4,
	    .welcome = true,
	    .interval_ms = UINT32_MAX,
	    .sequence_floor = UINT64_MAX};
	struct pdmsg_welcome back = {0};
	size_t len;

	fill(w.group, sizeof(w.group), 'g');
	fill(w.code, sizeof(w.code), 'c');
	fill(w.text, sizeof(w.text), 'x');
	len = pdmsg_welcome_encode(&w, wire);
	fits(PDMSG_WELCOME, len);
	CHECK_INT(pdmsg_welcome_decode(wire, len, &back), 0);
	CHECK_INT(back.agent, 3);
	CHECK_INT(back.sequence, 4);
	CHECK(back.welcome && back.sequence_floor == UINT64_MAX, "the answer");
	CHECK_INT(back.interval_ms, UINT32_MAX);
	CHECK_STR(back.group, w.group);
	CHECK_STR(back.code, w.code);
	CHECK_STR(back.text, w.text);
	only_whole(decode_welcome, len, &back);
	wire[16] = 2; /* neither yes nor no */
	CHECK_INT(pdmsg_welcome_decode(wire, len, &back), -EPROTO);
	/* Who is not welcome has no group. */
	w.group[0] = '\0';
	len = pdmsg_welcome_encode(&w, wire);
	CHECK_INT(pdmsg_welcome_decode(wire, len, &back), -EPROTO);
	w.welcome = false;
	len = pdmsg_welcome_encode(&w, wire);
	CHECK_INT(pdmsg_welcome_decode(wire, len, &back), 0);
}

static int
decode_probed(const uint8_t *in, size_t len, void *out)
{
	return pdmsg_probed_decode(in, len, out);
}

static void
probed(void)
{
	struct pdmsg_probed p = {.list = 9,
	    .ok = true,
	    .reason = REASON_COUNT - 1,
	    .blames_target = true,
	    .connect_us = 1,
	    .handshake_us = UINT32_MAX,
	    .first_byte_us = 3,
	    .bytes_s = UINT64_MAX,
	    .load = PDMSG_LOAD_DOWN,
	    .load_percent = 100};
	struct pdmsg_probed back = {0};
	size_t len, tail;

	fill(p.name, sizeof(p.name), 'i');
	len = pdmsg_probed_encode(&p, wire);
	fits(PDMSG_PROBED, len);
	CHECK_INT(pdmsg_probed_decode(wire, len, &back), 0);
	CHECK_INT(back.list, 9);
	CHECK_STR(back.name, p.name);
	CHECK(back.ok && back.blames_target, "the flags");
	CHECK_INT(back.reason, REASON_COUNT - 1);
	CHECK_INT(back.connect_us, 1);
	CHECK_INT(back.handshake_us, UINT32_MAX);
	CHECK_INT(back.first_byte_us, 3);
	CHECK(back.bytes_s == UINT64_MAX, "the rate");
	CHECK_INT(back.load, PDMSG_LOAD_DOWN);
	CHECK_INT(back.load_percent, 100);
	only_whole(decode_probed, len, &back);
	tail = len - 3;
	wire[tail] = PDMSG_LOAD_DOWN + 1;
	CHECK_INT(pdmsg_probed_decode(wire, len, &back), -EPROTO);
	p.load_percent = 101;
	len = pdmsg_probed_encode(&p, wire);
	CHECK_INT(pdmsg_probed_decode(wire, len, &back), -EPROTO);
	p.load_percent = 0;
	p.reason = REASON_COUNT;
	len = pdmsg_probed_encode(&p, wire);
	CHECK_INT(pdmsg_probed_decode(wire, len, &back), -EPROTO);
}

static const struct unit_case cases[] = {
    {"hello", hello},
    {"a hello that is refused", hello_refused},
    {"welcome", welcome},
    {"probed", probed},
};

UNIT_MAIN("pdmsg", cases)
