/* Fuzzes the intake as a client of unknown protocol whose bytes come cut
 * anywhere: the end is the same, and no step breaks its contract. */
#include <stdbool.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "wire/intake.h"

struct run {
	struct intake intake;
	enum intake_step step;
	size_t used; /* of the whole input */
	size_t out_n;
	uint32_t out_sum; /* of all that was sent */
};

static void
run_sent(struct run *r)
{
	assert(r->intake.out_len <= sizeof(r->intake.out));
	if (r->intake.out_len == 0)
		return;
	r->out_n += r->intake.out_len;
	r->out_sum = r->out_sum * 31 % 1000003 +
		     fuzz_seed(r->intake.out, r->intake.out_len) % 1000003;
}

static void
run_step(struct run *r, const uint8_t *data, size_t len)
{
	size_t used, left = len - r->used;

	/* The owner's buffer holds no more. */
	if (left > INTAKE_IN_MAX)
		left = INTAKE_IN_MAX;
	r->step = intake_feed(&r->intake, data + r->used, left, &used);
	assert(used <= left);
	assert(r->step != INTAKE_MORE || used == 0);
	assert(r->step != INTAKE_MORE || left < INTAKE_IN_MAX);
	assert(r->step != INTAKE_SEND || used > 0);
	r->used += used;
	if (r->step == INTAKE_LOGIN) {
		assert(r->intake.wants != INTAKE_NO_LOGIN);
		assert(r->intake.out_len == 0);
		r->step = intake_login(&r->intake,
		    strcmp(r->intake.password, "secret") == 0 ? INTAKE_RIGHT
							      : INTAKE_WRONG);
	}
	assert((r->step == INTAKE_SEND || r->step == INTAKE_REJECT) ||
	       r->intake.out_len == 0);
	assert(r->step != INTAKE_SEND || r->intake.out_len > 0);
	run_sent(r);
}

static bool
run_is_over(const struct run *r)
{
	return r->step == INTAKE_REQUEST || r->step == INTAKE_REJECT;
}

static void
check_host(const struct wire_host *h)
{
	size_t i, len = strnlen(h->name, sizeof(h->name));

	assert(h->port != 0);
	assert(h->kind != WIRE_HOST_NONE);
	if (h->kind != WIRE_HOST_NAME)
		return;
	assert(len > 0 && len <= WIRE_NAME_MAX && h->name[len - 1] != '.');
	for (i = 0; i < len; i++)
		assert(strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.",
			   h->name[i]) != NULL);
}

static void
check_request(struct run *r, const uint8_t *data, size_t len)
{
	char tried[8192] = "";
	int reason;

	assert(r->intake.protocol != PROTOCOL_NONE);
	assert(memchr(r->intake.user, '\0', sizeof(r->intake.user)) != NULL);
	assert(r->intake.password[0] == '\0');
	/* A page of our own is of no host, and no answer to a tunnel. */
	if (r->intake.command == INTAKE_PAGE)
		return;
	/* A datagram's sender, or who is awaited, may be anybody. */
	if (r->intake.command == INTAKE_CONNECT ||
	    r->intake.command == INTAKE_WEB)
		check_host(&r->intake.host);
	memcpy(tried, data, len < sizeof(tried) ? len : sizeof(tried) - 1);
	for (reason = REASON_OK; reason <= REASON_COUNT; reason++) {
		intake_reply(&r->intake, (enum wire_reason)reason, tried);
		assert(r->intake.out_len > 0);
		assert(r->intake.out_len <= sizeof(r->intake.out));
	}
}

static void
run_whole(struct run *r, const uint8_t *data, size_t len)
{
	do
		run_step(r, data, len);
	while (!run_is_over(r) && r->step != INTAKE_MORE);
}

static void
run_cut(struct run *r, const uint8_t *data, size_t len)
{
	uint32_t seed = fuzz_seed(data, len);
	size_t n = 0;

	run_whole(r, data, n);
	while (n < len && !run_is_over(r)) {
		n += fuzz_chunk(&seed, len - n);
		run_whole(r, data, n);
	}
}

static void
fuzz(enum intake_wants wants, const uint8_t *data, size_t len)
{
	struct run whole = {.step = INTAKE_MORE}, cut = {.step = INTAKE_MORE};

	intake_init(&whole.intake, wants);
	intake_init(&cut.intake, wants);
	run_whole(&whole, data, len);
	run_cut(&cut, data, len);
	assert(whole.step == cut.step);
	assert(whole.used == cut.used);
	assert(whole.out_n == cut.out_n && whole.out_sum == cut.out_sum);
	assert(whole.intake.state == cut.intake.state);
	assert(whole.intake.protocol == cut.intake.protocol);
	if (whole.step == INTAKE_REQUEST)
		check_request(&whole, data, len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz(INTAKE_NO_LOGIN, data, len);
	fuzz(INTAKE_MUST_LOGIN, data, len);
	fuzz(INTAKE_MAY_LOGIN, data, len);
	return 0;
}
