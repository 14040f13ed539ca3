/* Fuzzes the hop with an intermediary's bytes, cut anywhere: the end is the
 * same, and nothing but what follows the answer is ever the tunnel's. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "wire/hop.h"

static const struct wire_host destination = {.kind = WIRE_HOST_NAME,
    .port = 443,
    .name = "www.example"};

struct run {
	struct hop hop;
	enum hop_step step;
	size_t used; /* of the whole input: the tunnel begins here */
};

/*
 * One step with what has arrived, up to the input's first len bytes, and is
 * not used: from an allocation of exactly that.
 */
static void
run_step(struct run *r, const uint8_t *data, size_t len)
{
	size_t used, left = len - r->used;
	uint8_t *copy;

	if (left > HOP_IN_MAX)
		left = HOP_IN_MAX;
	copy = malloc(left > 0 ? left : 1);
	assert(copy != NULL);
	if (left > 0)
		memcpy(copy, data + r->used, left);
	r->step = hop_feed(&r->hop, copy, left, &used);
	free(copy);
	assert(used <= left);
	r->used += used;
	switch (r->step) {
	case HOP_MORE:
		assert(used == 0 || r->hop.eager);
		assert(left < HOP_IN_MAX);
		break;
	case HOP_SEND:
		assert(used > 0 && used == left && r->hop.code == -1);
		assert(r->hop.out_len > 0 && r->hop.out_len <= HOP_OUT_MAX);
		break;
	case HOP_DONE:
		assert(r->hop.reason == REASON_OK && r->hop.code >= 0);
		assert(r->hop.out_len == 0 && r->hop.state == HOP_END);
		break;
	case HOP_FAIL:
		assert(r->hop.reason != REASON_OK);
		assert(r->hop.out_len == 0 && r->hop.state == HOP_END);
		break;
	}
}

static bool
run_is_over(const struct run *r)
{
	return r->step == HOP_DONE || r->step == HOP_FAIL;
}

/* A polite peer says no more than it is asked for: two bytes of a choice or
 * of a login's answer, and then what it likes. */
static size_t
polite(const struct run *r, size_t n)
{
	bool asked = r->hop.state == HOP_ANSWER;

	return asked || n < r->used + 2 ? n : r->used + 2;
}

static void
run_start(struct run *r, enum hop_type type, const char *user)
{
	r->used = 0;
	r->step = hop_start(&r->hop, type, &destination, user, "secret");
	assert(r->step == HOP_SEND);
}

static void
run_polite(struct run *r, const uint8_t *data, size_t len, bool cut)
{
	uint32_t seed = fuzz_seed(data, len);
	size_t n = 0, more;

	while (n < len && !run_is_over(r)) {
		more = cut ? fuzz_chunk(&seed, len - n) : len - n;
		n = polite(r, n + more);
		run_step(r, data, n);
	}
}

static void
run_rude(struct run *r, const uint8_t *data, size_t len)
{
	uint32_t seed = ~fuzz_seed(data, len);
	size_t n = 0;

	while (n < len && !run_is_over(r)) {
		n += fuzz_chunk(&seed, len - n);
		run_step(r, data, n);
	}
}

/* All at once: how the answers are cut makes no difference at all. */
static void
fuzz_eager(const char *user, const uint8_t *data, size_t len)
{
	uint32_t seed = fuzz_seed(data, len);
	struct run whole = {0}, cut = {0};
	size_t n = 0;

	whole.step = hop_start_eager(&whole.hop, &destination, user, "secret");
	cut.step = hop_start_eager(&cut.hop, &destination, user, "secret");
	assert(whole.step == HOP_SEND && cut.step == HOP_SEND);
	run_step(&whole, data, len);
	assert(whole.step != HOP_SEND);
	while (n < len && !run_is_over(&cut)) {
		n += fuzz_chunk(&seed, len - n);
		run_step(&cut, data, n);
	}
	if (whole.step == HOP_DONE || cut.step == HOP_DONE)
		assert(whole.step == cut.step && whole.used == cut.used);
	assert(whole.hop.reason == cut.hop.reason);
	assert(whole.hop.code == cut.hop.code);
}

static void
check_same(const struct run *a, const struct run *b)
{
	assert(a->step == b->step || !run_is_over(a));
	assert(a->used == b->used);
	assert(a->hop.state == b->hop.state);
	assert(a->hop.reason == b->hop.reason);
	assert(a->hop.code == b->hop.code);
	assert(hop_closed(&a->hop) == hop_closed(&b->hop));
	assert(hop_timeout(&a->hop) == hop_timeout(&b->hop));
}

static void
fuzz(enum hop_type type, const char *user, const uint8_t *data, size_t len)
{
	struct run whole, cut, rude;

	run_start(&whole, type, user);
	run_start(&cut, type, user);
	run_start(&rude, type, user);
	run_polite(&whole, data, len, false);
	run_polite(&cut, data, len, true);
	run_rude(&rude, data, len);
	check_same(&whole, &cut);
	/* Speaking too early is found out, or makes no difference. */
	if (rude.hop.reason != REASON_HOP_BAD)
		check_same(&whole, &rude);
	assert(type != HOP_SOCKS5 || user != NULL || len < 2 ||
	       whole.step != HOP_DONE || data[1] == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz(HOP_SOCKS5, NULL, data, len);
	fuzz(HOP_SOCKS5, "fred", data, len);
	fuzz_eager(NULL, data, len);
	fuzz_eager("fred", data, len);
	fuzz(HOP_SOCKS4A, "fred", data, len);
	fuzz(HOP_HTTP, "fred", data, len);
	return 0;
}
