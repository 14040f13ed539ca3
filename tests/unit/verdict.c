/* What probes add up to. */
#include "probe/verdict.h"

#include <string.h>

#include "tests/unit/unit.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static struct probe_result
ok(int64_t total_us)
{
	return (struct probe_result){.reason = REASON_OK,
	    .phase = PROBE_READING,
	    .connect_us = total_us / 4,
	    .handshake_us = total_us / 4,
	    .first_us = total_us / 2,
	    .total_us = total_us};
}

static struct probe_result
failed(enum wire_reason reason, enum probe_phase phase)
{
	return (struct probe_result){.reason = reason,
	    .phase = phase,
	    .code = -1,
	    .connect_us = -1,
	    .handshake_us = -1,
	    .first_us = -1,
	    .total_us = -1};
}

static void
names_failures(void)
{
	static const struct {
		enum wire_reason reason;
		enum probe_phase phase;
		const char *word;
	} all[] = {
	    {REASON_OK, PROBE_READING, "ok"},
	    {REASON_HOP_REFUSED, PROBE_CONNECTING, "dead"},
	    {REASON_HOP_UNREACHABLE, PROBE_CONNECTING, "dead"},
	    {REASON_HOP_TIMEOUT, PROBE_CONNECTING, "dead"},
	    {REASON_HOP_TIMEOUT, PROBE_SHAKING, "mute"},
	    {REASON_HOP_SILENT, PROBE_SHAKING, "mute"},
	    {REASON_HOP_CLOSED, PROBE_SHAKING, "hangs-up"},
	    {REASON_HOP_HUNG_UP, PROBE_SHAKING, "hangs-up"},
	    {REASON_HOP_BAD, PROBE_SHAKING, "rubbish"},
	    {REASON_HOP_BAD, PROBE_WAITING, "rubbish"},
	    {REASON_HOP_BAD, PROBE_READING, "wrong"},
	    {REASON_HOP_FAILED, PROBE_SHAKING, "unreached"},
	    {REASON_HOP_FAILED, PROBE_READING, "wrong"},
	    {REASON_HOP_AUTH, PROBE_SHAKING, "refuses"},
	    {REASON_HOP_DENIED, PROBE_SHAKING, "refuses"},
	    {REASON_HOP_MUTE, PROBE_WAITING, "lies"},
	    {REASON_REFUSED, PROBE_SHAKING, "unreached"},
	    {REASON_REFUSED, PROBE_WAITING, "hangs-up"},
	    {REASON_TIMEOUT, PROBE_WAITING, "mute"},
	    {REASON_NAME_UNKNOWN, PROBE_IDLE, "unreached"},
	    {REASON_OVERLOAD, PROBE_CONNECTING, "local"},
	};
	struct probe_result r;
	size_t i;

	for (i = 0; i < N(all); i++) {
		r = failed(all[i].reason, all[i].phase);
		CHECK_STR(verdict_word(verdict_of(&r)), all[i].word);
	}
}

static void
sums_up(void)
{
	struct probe_result r[20];
	struct verdict_sum s;
	int i;

	for (i = 0; i < 20; i++)
		r[i] = ok(1000 * (20 - i));
	CHECK_INT(verdict_sum(r, 20, &s), 0);
	CHECK_INT(s.verdict, VERDICT_OK);
	CHECK_INT(s.ok_n, 20);
	CHECK_INT(s.total_us, 10000);
	CHECK_INT(s.first_us, 5000);
	CHECK_INT(s.connect_us, 2500);
	CHECK_INT(s.p95_us, 19000);
	CHECK_INT(s.min_us, 1000);
	CHECK_INT(s.max_us, 20000);
	CHECK_INT(s.rate, -1);
	CHECK_INT(s.example, 20);
	CHECK_INT(verdict_sum(r, 1, &s), 0);
	CHECK_INT(s.p95_us, 20000);
	CHECK_INT(verdict_sum(r, 0, &s), 0);
	CHECK_INT(s.verdict, VERDICT_NONE);
	CHECK_INT(s.total_us, -1);
}

static void
weighs_failures(void)
{
	struct probe_result r[5] = {
	    failed(REASON_HOP_REFUSED, PROBE_CONNECTING),
	    failed(REASON_HOP_MUTE, PROBE_WAITING),
	    failed(REASON_HOP_MUTE, PROBE_WAITING),
	    failed(REASON_HOP_REFUSED, PROBE_CONNECTING),
	    failed(REASON_HOP_REFUSED, PROBE_CONNECTING)};
	struct verdict_sum s;

	verdict_sum(r, 5, &s);
	CHECK_INT(s.verdict, VERDICT_DEAD);
	CHECK_INT(s.example, 4);
	CHECK_INT(s.p95_us, -1);
	verdict_sum(r, 3, &s);
	CHECK_INT(s.verdict, VERDICT_LIES);
	r[0] = ok(77);
	verdict_sum(r, 5, &s);
	CHECK_INT(s.verdict, VERDICT_FLAKY);
	CHECK_INT(s.ok_n, 1);
	/* Times are of those that succeeded. */
	CHECK_INT(s.max_us, 77);
}

static void
measures_rates(void)
{
	struct probe_result r[3] = {ok(1000), ok(1000), ok(1000)};
	struct verdict_sum s;
	int i;

	for (i = 0; i < 3; i++) {
		r[i].phase = PROBE_MEASURING;
		r[i].rate_bytes = 1000000 * (i + 1);
		r[i].rate_us = 500000;
	}
	verdict_sum(r, 3, &s);
	CHECK_INT(s.rate, 4000000);
	/* Too little, or at once, is no measure. */
	r[0].rate_bytes = VERDICT_RATE_MIN - 1;
	r[1].rate_us = 0;
	verdict_sum(r, 2, &s);
	CHECK_INT(s.rate, -1);
}

static void
finds_the_slow(void)
{
	struct verdict_sum s[4], *list[4] = {&s[0], &s[1], &s[2], &s[3]};
	const int64_t floor_us = VERDICT_SLOW_FLOOR_US;
	struct probe_result r[4];
	int i;

	for (i = 0; i < 4; i++)
		r[i] = ok(floor_us);
	r[3] = ok(3 * floor_us + VERDICT_SLOW_FACTOR);
	for (i = 0; i < 4; i++)
		verdict_sum(&r[i], 1, &s[i]);
	CHECK_INT(verdict_compare(list, 4), 0);
	for (i = 0; i < 4; i++)
		CHECK_INT(s[i].verdict, i == 3 ? VERDICT_SLOW : VERDICT_OK);
	CHECK_INT(s[3].others_us, floor_us);
	/* At the limit, it is not. */
	r[3] = ok(3 * floor_us);
	verdict_sum(&r[3], 1, &s[3]);
	verdict_compare(list, 4);
	CHECK_INT(s[3].verdict, VERDICT_OK);
	/* Ten times of very little is very little. */
	for (i = 0; i < 4; i++) {
		r[i] = ok(i == 3 ? 10000 : 1000);
		verdict_sum(&r[i], 1, &s[i]);
	}
	verdict_compare(list, 4);
	CHECK_INT(s[3].verdict, VERDICT_OK);
	r[3] = ok(floor_us + 1000);
	verdict_sum(&r[3], 1, &s[3]);
	verdict_compare(list, 4);
	CHECK_INT(s[3].verdict, VERDICT_OK);
	r[3] = ok(floor_us + 1001);
	verdict_sum(&r[3], 1, &s[3]);
	verdict_compare(list, 4);
	CHECK_INT(s[3].verdict, VERDICT_SLOW);
	/* Alone, or among the dead, nobody is slow. */
	r[3] = ok(1000 * floor_us);
	r[0] = failed(REASON_HOP_REFUSED, PROBE_CONNECTING);
	verdict_sum(&r[3], 1, &s[3]);
	verdict_sum(&r[0], 1, &s[0]);
	verdict_compare(&list[3], 1);
	CHECK_INT(s[3].verdict, VERDICT_OK);
	CHECK_INT(s[3].others_us, -1);
	list[1] = list[3];
	verdict_compare(list, 2);
	CHECK_INT(s[3].verdict, VERDICT_OK);
	CHECK_INT(s[0].verdict, VERDICT_DEAD);
}

static void
says_why(void)
{
	static const struct {
		enum wire_reason reason;
		enum probe_phase phase;
		enum query_kind kind;
		bool closed, direct;
		int code, status;
		const char *says;
	} all[] = {
	    {REASON_HOP_MUTE, PROBE_WAITING, QUERY_HTTP, true, false, 0, 0,
		"says yes, then closes"},
	    {REASON_HOP_MUTE, PROBE_WAITING, QUERY_HTTP, false, false, 0, 0,
		"says yes, and no byte"},
	    {REASON_TIMEOUT, PROBE_WAITING, QUERY_TLS, false, true, -1, 0,
		"it connects, and no byte"},
	    {REASON_HOP_BAD, PROBE_READING, QUERY_TLS, false, false, 0, 0,
		"not TLS"},
	    {REASON_HOP_FAILED, PROBE_READING, QUERY_HTTP, false, false, 0, 503,
		"status 503"},
	    {REASON_HOP_DENIED, PROBE_SHAKING, QUERY_HTTP, false, false, 2, 0,
		"(reply 2)"},
	    {REASON_OVERLOAD, PROBE_CONNECTING, QUERY_HTTP, false, false, -1, 0,
		"this host"},
	};
	char text[VERDICT_TEXT_MAX];
	struct probe_via via = {0};
	struct probe_result r;
	size_t i;

	for (i = 0; i < N(all); i++) {
		r = failed(all[i].reason, all[i].phase);
		r.closed = all[i].closed;
		r.code = all[i].code;
		r.status = all[i].status;
		via.direct = all[i].direct;
		CHECK(strstr(verdict_failure(&r, &via, all[i].kind, text),
			  all[i].says) != NULL,
		    "%zu: %s", i, text);
	}
}

static const struct unit_case cases[] = {
    {"names failures", names_failures},
    {"sums up", sums_up},
    {"weighs failures", weighs_failures},
    {"measures rates", measures_rates},
    {"finds the slow", finds_the_slow},
    {"says why", says_why},
};

UNIT_MAIN("verdict", cases)
