/* Owns the checks under way and their budget; decides neither which are made
 * nor what they say. */
#include "cagentd/control/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "cagentd/common/attempt.h"
#include "cagentd/control/ranking_check.h"
#include "cagentd/decide/path.h"

#define CHECK_GAP_US (1000000 / CHECK_RATE)

struct check_one {
	struct check *check;
	struct attempt attempt;
	struct settings *settings; /* a reference; NULL: free */
	uint32_t slot, incarnation;
	enum due_question question;
	struct wire_host dest;
	char host[TABLE_HOST_MAX + 1];
};

struct check {
	struct check_owner own;
	struct settings *settings; /* borrowed */
	struct op due;
	/* The budget is a clock: each check moves it on by a gap, and it may
	 * be a burst ahead of ours. */
	int64_t spent_us;
	struct check_one one[CHECK_PARALLEL];
};

static void on_due(struct loop *, struct op *, const struct op_result *);

int
check_new(struct check **out, const struct check_owner *own)
{
	struct check *c = calloc(1, sizeof(*c));
	uint32_t i;

	if (c == NULL)
		return -ENOMEM;
	c->own = *own;
	for (i = 0; i < CHECK_PARALLEL; i++)
		c->one[i].check = c;
	*out = c;
	return 0;
}

static void
release(struct check_one *one)
{
	settings_unref(one->settings);
	one->settings = NULL;
}

static void
end_all(struct check *c)
{
	struct check_one *one;
	uint32_t i;

	for (i = 0; i < CHECK_PARALLEL; i++) {
		one = &c->one[i];
		if (one->settings == NULL)
			continue;
		attempt_cancel(&one->attempt);
		ranking_check_drop(c->own.ranking, one->slot);
		release(one);
	}
}

void
check_free(struct check *c)
{
	if (c == NULL)
		return;
	end_all(c);
	loop_cancel(c->own.loop, &c->due);
	free(c);
}

void
check_settings(struct check *c, struct settings *s)
{
	c->settings = s;
	if (s->check_interval_ms == 0)
		end_all(c);
}

static struct check_one *
free_one(struct check *c)
{
	uint32_t i;

	for (i = 0; i < CHECK_PARALLEL; i++) {
		if (c->one[i].settings == NULL)
			return &c->one[i];
	}
	return NULL;
}

/* When the budget allows one more. */
static int64_t
allowed_us(const struct check *c)
{
	return c->spent_us - (CHECK_BURST - 1) * CHECK_GAP_US;
}

static void
spend(struct check *c, int64_t now_us)
{
	if (c->spent_us < now_us)
		c->spent_us = now_us;
	c->spent_us += CHECK_GAP_US;
}

static void
set_loopback(struct wire_host *dest)
{
	*dest = (struct wire_host){
	    .kind = WIRE_HOST_V4, .port = dest->port, .ip = {127, 0, 0, 1}};
}

/* What it is asked for.  Not all can carry all: SOCKS4a knows no v6. */
static void
ask(struct check_one *one, const struct table_row *row)
{
	const struct wire_host *target = &one->settings->check_target;
	enum hop_type type = path_hop_type(row);
	bool has = target->kind != WIRE_HOST_NONE &&
		   hop_carries(type, target) && ranking_check_targets(row);

	one->question = ranking_check_begin(
	    one->check->own.ranking, row, has ? target : NULL);
	if (one->question == DUE_FOR_TARGET) {
		one->dest = *target;
		return;
	}
	one->dest = (struct wire_host){.port = row->port};
	if (one->question == DUE_FOR_LOOPBACK ||
	    wire_host_set(&one->dest, row->host, strlen(row->host)) != 0 ||
	    !hop_carries(type, &one->dest))
		set_loopback(&one->dest);
}

static void
on_done(struct attempt *a, struct attempt_result *r)
{
	struct check_one *one = container_of(a, struct check_one, attempt);
	struct check *c = one->check;
	const struct due_result result = {r->reason, r->code, one->question};

	stream_close(c->own.loop, r->stream, false);
	buf_free(r->early);
	log_debug("check of %s: %s", one->host, wire_reason_word(r->reason));
	release(one);
	ranking_check_end(c->own.ranking, one->slot, one->incarnation, &result);
	c->own.look(c->own.arg);
}

static void
start(struct check *c, struct check_one *one, const struct table_row *row)
{
	int64_t now = loop_now_us(c->own.loop);
	int index = settings_intermediary(c->settings, row->name);
	const struct settings_intermediary *si;
	struct attempt_target target = {.host = one->host,
	    .port = row->port,
	    .type = path_hop_type(row),
	    .dest = &one->dest};

	one->settings = settings_ref(c->settings);
	one->slot = row->slot;
	one->incarnation = row->incarnation;
	memcpy(one->host, row->host, sizeof(one->host));
	ask(one, row);
	si = index >= 0 ? &c->settings->intermediaries[index] : NULL;
	target.secure =
	    row->type == TABLE_HTTPS || (si != NULL && si->tls != NULL);
	if (si != NULL && si->tls != NULL)
		target.tls = si->tls->client;
	if (si != NULL && si->username[0] != '\0') {
		target.user = si->username;
		target.password = si->password != NULL ? si->password : "";
	}
	attempt_start(&one->attempt, c->own.loop, c->own.resolve, &target,
	    now + c->settings->check_timeout_ms * 1000, on_done);
}

static void
arm(struct check *c, int64_t at_us)
{
	/* The next ranking_step() tries again. */
	if (loop_timer(c->own.loop, &c->due, at_us, on_due) != 0)
		log_errx("out of memory for a check");
}

void
check_step(struct check *c)
{
	int64_t at_us, now = loop_now_us(c->own.loop);
	struct table_row *row;

	loop_cancel(c->own.loop, &c->due);
	/* Whichever ends makes room, and has us look again. */
	if (free_one(c) == NULL)
		return;
	row = ranking_check_due(c->own.ranking, now, &at_us);
	if (row != NULL)
		at_us = now;
	if (at_us == INT64_MAX)
		return;
	if (at_us < allowed_us(c))
		at_us = allowed_us(c);
	arm(c, at_us);
}

/* One at a time: the timer that was due leaves its place to the attempt's. */
static void
on_due(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct check *c = container_of(op, struct check, due);
	struct check_one *one = free_one(c);
	int64_t at_us, now = loop_now_us(loop);
	struct table_row *row;

	(void)r; /* time is the only news */
	/* What traffic has shown meanwhile may have put it off. */
	c->own.look(c->own.arg);
	loop_cancel(loop, &c->due);
	row = ranking_check_due(c->own.ranking, now, &at_us);
	if (one != NULL && row != NULL && allowed_us(c) <= now) {
		spend(c, now);
		start(c, one, row);
	}
	check_step(c);
}
