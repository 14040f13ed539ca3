/* What a dial learns from others and from paths that broke. */
#include "cagentd/worker/dial/dial.h"

#include <string.h>

#include "tests/unit/dial_call.h"
#include "tests/unit/unit.h"

/* A path that broke before its first byte: the next one, and blame only once
 * that has proved itself. */
static void
goes_on_with_a_broken_path(void)
{
	struct agent *a = agent_new();
	struct fake *f[2];
	struct call *c = call_new(a);

	f[0] = agent_fake(a, FAKE_LIAR);
	f[1] = agent_fake(a, FAKE_ECHO);
	agent_settings(a, "");
	call_run(c);
	CHECK_STR(c->via, "hop-0");
	loop_close(a->loop, c->fd);
	record_leave(&a->record, c->dial.tries[0].hop);
	c->n = 0;
	dial_again(&c->dial, REASON_HOP_HUNG_UP, true, call_done);
	CHECK_INT(c->n, 0);
	RIG_UNTIL(a->loop, c->n > 0);
	CHECK_STR(c->via, "hop-1");
	AGENT_CHECK(a, 0, 1, 0, 0, 0);
	AGENT_CHECK(a, 1, 1, 0, 0, 1);
	call_leave_proved(c);
	AGENT_CHECK(a, 0, 1, 0, 1, 0);
	AGENT_CHECK(a, 1, 1, 1, 0, 0);
	fake_free(f[0]);
	fake_free(f[1]);
	agent_free(a);
}

/* Two that break alike: so does the destination. */
static void
believes_two_that_broke(void)
{
	struct agent *a = agent_new();
	struct fake *f[3];
	struct call *c = call_new(a);
	int i;

	for (i = 0; i < 3; i++)
		f[i] = agent_fake(a, FAKE_LIAR);
	agent_settings(a, "");
	call_run(c);
	for (i = 0; i < 2; i++) {
		CHECK_INT(c->reason, REASON_OK);
		loop_close(a->loop, c->fd);
		record_leave(&a->record, c->dial.tries[i].hop);
		c->n = 0;
		dial_again(&c->dial, REASON_HOP_HUNG_UP, true, call_done);
		CHECK_INT(c->n, 0);
		RIG_UNTIL(a->loop, c->n > 0);
	}
	CHECK_INT(c->reason, REASON_HOP_HUNG_UP);
	call_leave(c);
	AGENT_CHECK(a, 0, 1, 0, 0, 0);
	AGENT_CHECK(a, 1, 1, 0, 0, 0);
	AGENT_CHECK(a, 2, 0, 0, 0, 0);
	for (i = 0; i < 3; i++)
		fake_free(f[i]);
	agent_free(a);
}

/* One that was silent and one that closed are not alike. */
static void
goes_on_after_a_silence_and_an_end(void)
{
	static const enum wire_reason broke[] = {
	    REASON_HOP_MUTE, REASON_HOP_HUNG_UP};
	struct agent *a = agent_new();
	struct fake *f[3];
	struct call *c = call_new(a);
	int i;

	f[0] = agent_fake(a, FAKE_MUTE);
	f[1] = agent_fake(a, FAKE_LIAR);
	f[2] = agent_fake(a, FAKE_ECHO);
	agent_settings(a, "");
	call_run(c);
	for (i = 0; i < 2; i++) {
		CHECK_INT(c->reason, REASON_OK);
		loop_close(a->loop, c->fd);
		record_leave(&a->record, c->dial.tries[i].hop);
		c->n = 0;
		dial_again(&c->dial, broke[i], true, call_done);
		RIG_UNTIL(a->loop, c->n > 0);
	}
	CHECK_STR(c->via, "hop-2");
	call_leave_proved(c);
	AGENT_CHECK(a, 0, 1, 0, 1, 0);
	AGENT_CHECK(a, 1, 1, 0, 1, 0);
	AGENT_CHECK(a, 2, 1, 1, 0, 0);
	for (i = 0; i < 3; i++)
		fake_free(f[i]);
	agent_free(a);
}

/* As often as the settings can allow, and then once more: the tries of all
 * dials of a request share one array. */
static void
counts_tries_over_broken_paths(void)
{
	struct agent *a = agent_new();
	struct fake *f[DIAL_ATTEMPTS_MAX + 1];
	struct call *c = call_new(a);
	int i;

	for (i = 0; i <= DIAL_ATTEMPTS_MAX; i++)
		f[i] = agent_fake(
		    a, i == DIAL_ATTEMPTS_MAX - 1 ? FAKE_ECHO : FAKE_CLOSED);
	agent_settings(a, "[agent]\nattempts = 8\nattempts-each = 8\n");
	call_run(c);
	CHECK_INT(c->reason, REASON_OK);
	CHECK_INT(c->dial.tries_n, DIAL_ATTEMPTS_MAX);
	loop_close(a->loop, c->fd);
	record_leave(&a->record, c->dial.tries[DIAL_ATTEMPTS_MAX - 1].hop);
	c->n = 0;
	dial_again(&c->dial, REASON_HOP_HUNG_UP, true, call_done);
	CHECK_INT(c->n, 0);
	RIG_UNTIL(a->loop, c->n > 0);
	CHECK_INT(c->reason, REASON_HOP_HUNG_UP);
	CHECK_INT(c->dial.tries_n, DIAL_ATTEMPTS_MAX);
	CHECK_INT(f[DIAL_ATTEMPTS_MAX]->accepted, 0);
	call_leave(c);
	for (i = 0; i <= DIAL_ATTEMPTS_MAX; i++)
		fake_free(f[i]);
	agent_free(a);
}

/* Many requests, one after the other; the tries that they took in all. */
static uint32_t
run_many(struct agent *a, int n)
{
	uint32_t tries = 0;
	struct call *c;
	int i;

	for (i = 0; i < n; i++) {
		c = call_new(a);
		call_run(c);
		tries += c->dial.tries_n;
		if (c->reason == REASON_OK)
			call_leave_proved(c);
		else
			call_leave(c);
	}
	return tries;
}

static void
tries_less_when_all_is_down(void)
{
	struct agent *a = agent_new();
	struct fake *f[2];
	uint32_t tries;

	f[0] = agent_fake(a, FAKE_CLOSED);
	f[1] = agent_fake(a, FAKE_CLOSED);
	agent_settings(a, "");
	/* At first nobody knows. */
	CHECK_INT(run_many(a, 10), 40);
	tries = run_many(a, 990) + 40;
	CHECK(tries > 1000 && tries <= 1210, "%u tries", tries);
	/* One that comes back is found, and then all is as before. */
	f[1]->script = FAKE_ECHO;
	run_many(a, 10);
	f[1]->script = FAKE_CLOSED;
	CHECK_INT(run_many(a, 5), 20);
	fake_free(f[0]);
	fake_free(f[1]);
	agent_free(a);
}

/* What is reached without them says nothing of intermediaries. */
static void
tries_no_more_for_a_direct_path(void)
{
	struct agent *a = agent_new();
	struct fake *f = agent_fake(a, FAKE_CLOSED);
	struct fake *dest = fake_new(a->loop, FAKE_STALLED);
	struct call *c = call_new(a);
	uint32_t tries;

	agent_settings(a, "[direct]\nnetwork = 127.0.0.0/8\n"
			  "[agent]\nattempts-each = 4\n");
	run_many(a, 20);
	CHECK(a->budget.failures >= BUDGET_DOWN_FAILURES, "all is down");
	CHECK_INT(wire_host_set(&c->host, "127.0.0.1", 9), 0);
	c->host.port = dest->port;
	c->verdict.direct_first = true;
	call_run(c);
	CHECK_INT(c->reason, REASON_OK);
	tries = run_many(a, 20);
	CHECK(tries <= 30, "%u tries", tries);
	call_leave(c);
	fake_free(dest);
	fake_free(f);
	agent_free(a);
}

/* While some path is proved now and then, nobody goes without its tries. */
static void
tries_on_while_something_serves(void)
{
	struct agent *a = agent_new();
	struct fake *f[2];
	int i;

	f[0] = agent_fake(a, FAKE_CLOSED);
	f[1] = agent_fake(a, FAKE_CLOSED);
	agent_settings(a, "");
	a->budget.proved_us = mono_us();
	CHECK(run_many(a, 100) == 400 ||
		  mono_us() - a->budget.proved_us >= BUDGET_DOWN_US,
	    "a proof a moment ago");
	for (i = 0; i < 20; i++) {
		f[1]->script = FAKE_ECHO;
		run_many(a, 1);
		f[1]->script = FAKE_CLOSED;
		a->budget.proved_us = 0;
		CHECK_INT(run_many(a, 5), 20);
	}
	fake_free(f[0]);
	fake_free(f[1]);
	agent_free(a);
}

/* Rows move between picks. */
static void
swap_rows(void *arg)
{
	struct agent *a = arg;
	struct table_row first = a->table.rows[0];

	a->table.rows[0] = a->table.rows[1];
	a->table.rows[1] = first;
	path_index_build(&a->index, &a->table);
}

static void
follows_rows_that_move(void)
{
	struct agent *a = agent_new();
	struct fake *f[2];
	struct call *c = call_new(a);

	f[0] = agent_fake(a, FAKE_CLOSED);
	f[1] = agent_fake(a, FAKE_ECHO);
	agent_settings(a, "[agent]\nattempts-each = 1\n");
	a->env.refresh = swap_rows;
	a->env.arg = a;
	call_run(c);
	CHECK_STR(c->via, "hop-1");
	call_leave_proved(c);
	AGENT_CHECK(a, 0, 1, 0, 1, 0);
	AGENT_CHECK(a, 1, 1, 1, 0, 0);
	fake_free(f[0]);
	fake_free(f[1]);
	agent_free(a);
}

static void
counts_trials(void)
{
	struct agent *a = agent_new();
	struct fake *f = agent_fake(a, FAKE_SILENT);
	struct call *c[3];
	int i;

	a->table.rows[0].observed = TABLE_HALF_OPEN;
	a->table.rows[0].tier = 0;
	a->table.rows[0].trials = 2;
	path_index_build(&a->index, &a->table);
	agent_settings(a, "");
	for (i = 0; i < 2; i++) {
		c[i] = call_new(a);
		call_start(c[i]);
		CHECK_INT(a->loads[0].trials, i + 1);
		CHECK(a->loads[0].trial_us > loop_now_us(a->loop), "a gap");
		a->loads[0].trial_us = 0;
	}
	dial_cancel(&c[0]->dial);
	CHECK_INT(a->loads[0].trials, 1);
	f->script = FAKE_ECHO;
	RIG_UNTIL(a->loop, c[1]->n > 0);
	CHECK_INT(a->loads[0].trials, 0);
	call_leave(c[0]);
	call_leave_proved(c[1]);
	fake_free(f);
	agent_free(a);
}

/* A configuration that comes a moment before its table. */
static void
waits_for_its_table(void)
{
	struct agent *a = agent_new();
	struct fake *f = agent_fake(a, FAKE_ECHO);
	struct call *c = call_new(a);
	int64_t began;

	agent_settings(a, "");
	a->settings->serial = 2;
	a->table.conf_serial = 1;
	a->table.rows_n = 0;
	path_index_build(&a->index, &a->table);
	call_start(c);
	rig_settle(a->loop);
	CHECK_INT(c->n, 0);
	a->table.rows_n = 1;
	a->table.conf_serial = 2;
	path_index_build(&a->index, &a->table);
	RIG_UNTIL(a->loop, c->n > 0);
	CHECK_STR(c->via, "hop-0");
	call_leave_proved(c);
	/* Not for ever, and not for what is not to come. */
	c = call_new(a);
	a->table.rows_n = 0;
	path_index_build(&a->index, &a->table);
	call_run(c);
	CHECK_INT(c->reason, REASON_NO_PATH);
	call_leave(c);
	c = call_new(a);
	a->table.conf_serial = 1;
	began = loop_now_us(a->loop);
	call_run(c);
	CHECK_INT(c->reason, REASON_NO_PATH);
	CHECK(loop_now_us(a->loop) - began >= DIAL_TABLE_US, "not at once");
	call_leave(c);
	fake_free(f);
	agent_free(a);
}

/* Two silent paths, whatever kind they are of, tell of the destination. */
static void
is_patient_after_one_silence(void)
{
	struct agent *a = agent_new();
	struct call *c = call_new(a);
	struct dial *d = &c->dial;

	agent_settings(a, "");
	d->env = &a->env;
	d->tries_n = 2;
	d->standing = 1;
	d->tries[0].reason = REASON_REFUSED;
	CHECK_INT(dial_patience_us(d), PATH_STALL_UNKNOWN_US);
	d->tries[0].reason = REASON_HOP_MUTE;
	CHECK_INT(dial_patience_us(d), 0);
	d->tries[0].direct = true;
	d->tries[0].reason = REASON_TIMEOUT;
	CHECK_INT(dial_patience_us(d), PATH_STALL_UNKNOWN_US);
	d->tries[0].stood = true;
	CHECK_INT(dial_patience_us(d), 0);
	call_leave(c);
	agent_free(a);
}

static const struct unit_case cases[] = {
    {"goes on with a broken path", goes_on_with_a_broken_path},
    {"believes two that broke", believes_two_that_broke},
    {"goes on after a silence and an end", goes_on_after_a_silence_and_an_end},
    {"counts tries over broken paths", counts_tries_over_broken_paths},
    {"tries less when all is down", tries_less_when_all_is_down},
    {"tries no more for a direct path", tries_no_more_for_a_direct_path},
    {"tries on while something serves", tries_on_while_something_serves},
    {"follows rows that move", follows_rows_that_move},
    {"counts trials", counts_trials},
    {"is patient after one silence", is_patient_after_one_silence},
    {"waits for its table", waits_for_its_table},
};

UNIT_MAIN("dial_again", cases)
