/* Names to addresses, against a name server inside the test. */
#include "names/names.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mono.h"
#include "tests/unit/names_stub.h"

#define TYPE_A	  1
#define TYPE_AAAA 28
#define IP_1	  0xc0000201u /* 192.0.2.1 */

/* An answer, as it came. */
struct got {
	struct names_answer m;
	int n;
	int64_t at_us;
};

struct scene {
	struct loop *loop;
	struct stub stub;
	struct names *names;
	struct got got[STUB_NAMES];
};

static void
teardown(struct scene *sc)
{
	names_free(sc->names);
	stub_fini(&sc->stub);
	loop_free(sc->loop);
}

static void
on_answer(void *arg, uint64_t id, const struct names_answer *m)
{
	struct scene *sc = arg;

	sc->got[id].m = *m;
	sc->got[id].n++;
	sc->got[id].at_us = mono_us();
}

static void
ask(struct scene *sc, const char *name, uint64_t id)
{
	names_ask(sc->names, name, on_answer, sc, id);
}

/* Until the first n have their answer. */
static void
run(struct scene *sc, size_t n, int64_t limit_us)
{
	int64_t end = mono_us() + limit_us;
	size_t i;

	for (;;) {
		for (i = 0; i < n && sc->got[i].n > 0; i++)
			continue;
		if (i == n)
			return;
		if (mono_us() >= end)
			break;
		CHECK_INT(loop_turn(sc->loop, end - mono_us()), 0);
	}
	for (i = 0; i < n; i++)
		CHECK(sc->got[i].n == 1, "question %zu: %d answers", i,
		    sc->got[i].n);
}

static int
asked(struct scene *sc, const char *name)
{
	return *stub_count(&sc->stub, name, TYPE_A);
}

static bool
starts(const char *name, const char *label)
{
	size_t len = strlen(label);

	return strncmp(name, label, len) == 0 && name[len] == '.';
}

/* Answers that are none, or try to be more than they are. */
static bool
answer_hostile(struct stub_msg *m, const char *name)
{
	static const char x63[] =
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	uint8_t at = (uint8_t)m->len;
	int i;

	if (starts(name, "pointer-to-itself")) {
		m->bytes[7] = 1;
		stub_put(m, (uint8_t[]){0xc0, at}, 2);
		stub_put(m, "\0\1\0\1\0\0\0\1\0\4\1\2\3\4", 14);
	} else if (starts(name, "pointers-in-a-ring")) {
		m->bytes[7] = 1;
		stub_put(m, (uint8_t[]){0xc0, (uint8_t)(at + 2), 0xc0, at}, 4);
		stub_put(m, "\0\1\0\1\0\0\0\1\0\4\1\2\3\4", 14);
	} else if (starts(name, "pointer-beyond")) {
		m->bytes[7] = 1;
		stub_put(m, "\xff\xff\0\1\0\1\0\0\0\1\0\4\1\2\3\4", 16);
	} else if (starts(name, "pointer-ahead")) {
		/* To the text behind the pointer's record. */
		m->bytes[7] = 1;
		stub_put(m, (uint8_t[]){0xc0, (uint8_t)(at + 16)}, 2);
		stub_put(m, "\0\1\0\1\0\0\0\1\0\4\1\2\3\4", 14);
		stub_put(m, "\5other\4test\0", 12);
	} else if (starts(name, "half-a-record")) {
		stub_a(m, NULL, 60, IP_1);
		m->len -= 3;
	} else if (starts(name, "count-lies")) {
		stub_a(m, NULL, 60, IP_1);
		m->bytes[7] = 200;
	} else if (starts(name, "length-lies")) {
		stub_a(m, NULL, 60, IP_1);
		m->bytes[m->len - 5] = 255;
	} else if (starts(name, "long-address")) {
		stub_record(m, NULL, TYPE_A, 60, "12345678", 8);
	} else if (starts(name, "no-head")) {
		m->len = 7;
	} else if (starts(name, "long-alias")) {
		/* Over 255 bytes in all. */
		m->bytes[7] = 1;
		stub_put(m, "\xc0\x0c\0\5\0\1\0\0\0\1\1\101", 12);
		for (i = 0; i < 5; i++) {
			stub_put(m, "\x3f", 1);
			stub_put(m, x63, 63);
		}
		stub_put(m, "", 1);
	} else if (starts(name, "nul-in-alias")) {
		stub_record(m, NULL, 5, 60, "\3a\0b\4test\0", 10);
		stub_a(m, "other.test", 60, IP_1);
	} else {
		return false;
	}
	return true;
}

static bool
answer_tcp(struct stub_msg *m, const char *name, int type, bool tcp)
{
	uint32_t i, n = starts(name, "thousand") ? 1000 : 1;

	if (!tcp) {
		m->bytes[2] |= 0x02; /* truncated */
		return true;
	}
	for (i = 0; i < n && type == TYPE_A; i++)
		stub_a(m, NULL, 60, 0xcb007101u + i % 250);
	return true;
}

static bool
answer_alias(struct stub_msg *m, const char *name, int type)
{
	if (starts(name, "alias-of-itself")) {
		stub_cname(m, NULL, 60, name);
		return true;
	}
	stub_cname(m, NULL, 300, "b.test");
	stub_cname(m, "b.test", 40, "c.test");
	stub_cname(m, "c.test", 300, "d.test");
	if (type == TYPE_A)
		stub_a(m, "d.test", 300, IP_1);
	return true;
}

/* Before the answer one that is not: with another id, or to another
 * question. */
static void
forge(struct stub_msg *m, const char *name, int type)
{
	if (type != TYPE_A)
		return;
	if (starts(name, "wrong-id"))
		m->bytes[0] ^= 0xff;
	if (starts(name, "wrong-question"))
		m->bytes[13] ^= 0x01;
	stub_a(m, NULL, 60, 0x06060606u);
}

static bool
stub_answer(struct stub_msg *m, const char *name, int type, bool tcp)
{
	static const uint8_t ip6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 6};
	uint32_t ttl = 60;

	if (starts(name, "silent"))
		return false;
	if (starts(name, "truncated") || starts(name, "thousand"))
		return answer_tcp(m, name, type, tcp);
	if (starts(name, "alias") || starts(name, "alias-of-itself"))
		return answer_alias(m, name, type);
	if (answer_hostile(m, name))
		return true;
	if (starts(name, "wrong-id") || starts(name, "wrong-question")) {
		forge(m, name, type);
		return true;
	}
	if (starts(name, "failure"))
		m->bytes[3] |= 2;
	else if (starts(name, "refused"))
		m->bytes[3] |= 5;
	else if (strstr(name, "known") == NULL)
		m->bytes[3] |= 3;
	if (starts(name, "ttl-0"))
		ttl = 0;
	if (starts(name, "ttl-2-31"))
		ttl = 0x80000000u;
	if (starts(name, "ttl-2-31-1"))
		ttl = 0x7fffffffu;
	if (m->bytes[3] != 0x80)
		return true;
	if (type == TYPE_A && !starts(name, "six"))
		stub_a(m, NULL, ttl, IP_1);
	if (type == TYPE_AAAA && (starts(name, "six") || starts(name, "both")))
		stub_record(m, NULL, TYPE_AAAA, ttl, ip6, 16);
	return true;
}

static void
setup(struct scene *sc)
{
	memset(sc, 0, sizeof(*sc));
	CHECK_INT(loop_new(&sc->loop), 0);
	stub_init(&sc->stub, sc->loop, stub_answer);
	CHECK_INT(names_new(&sc->names, sc->loop, sc->stub.servers), 0);
}

static const struct row {
	const char *name;
	enum names_outcome want;
	uint32_t ips_n;
	uint32_t ttl_s;
	const char *first; /* NULL: either family */
} rows[] = {
    {"four.known", NAMES_OK, 1, 60, "192.0.2.1"},
    {"six.known", NAMES_OK, 1, 60, "2001:db8::6"},
    {"both.known", NAMES_OK, 2, 60, NULL},
    {"alias.test", NAMES_OK, 1, 40, "192.0.2.1"},
    {"truncated.test", NAMES_OK, 1, 60, "203.0.113.1"},
    {"thousand.test", NAMES_OK, NAMES_ADDRESSES_MAX, 60, NULL},
    {"ttl-0.known", NAMES_OK, 1, 0, "192.0.2.1"},
    {"ttl-2-31.known", NAMES_OK, 1, 0, "192.0.2.1"},
    {"ttl-2-31-1.known", NAMES_OK, 1, 0x7fffffff, "192.0.2.1"},
    {"nobody.test", NAMES_UNKNOWN, 0, 0, NULL},
    {"alias-of-itself.test", NAMES_UNKNOWN, 0, 0, NULL},
    {"failure.test", NAMES_FAILED, 0, 0, NULL},
    {"refused.test", NAMES_FAILED, 0, 0, NULL},
    {"silent.test", NAMES_TIMEOUT, 0, 0, NULL},
    {"wrong-id.test", NAMES_TIMEOUT, 0, 0, NULL},
    {"wrong-question.test", NAMES_TIMEOUT, 0, 0, NULL},
};

static const char *const hostile[] = {"pointer-to-itself.test",
    "pointers-in-a-ring.test", "pointer-beyond.test", "pointer-ahead.test",
    "half-a-record.test", "count-lies.test", "length-lies.test",
    "long-address.test", "no-head.test", "long-alias.test",
    "nul-in-alias.test"};

#define ROWS_N	  (sizeof(rows) / sizeof(*rows))
#define HOSTILE_N (sizeof(hostile) / sizeof(*hostile))

static void
check_row(const struct row *row, const struct names_answer *m)
{
	char text[NET_IP_STRLEN];

	CHECK(m->outcome == row->want, "%s: outcome %d, not %d", row->name,
	    m->outcome, row->want);
	CHECK(m->ips_n == row->ips_n, "%s: %u addresses, not %u", row->name,
	    m->ips_n, row->ips_n);
	if (row->want != NAMES_OK || m->ips_n == 0)
		return;
	CHECK(m->ttl_s == row->ttl_s, "%s: TTL %u, not %u", row->name, m->ttl_s,
	    row->ttl_s);
	if (row->first != NULL)
		CHECK_STR(net_ip_format(&m->ips[0], text), row->first);
}

/* What is known, unknown, failed or late is asked again when its time is
 * over, and not before.  now: the time since all were asked. */
static void
check_cache(struct scene *sc)
{
	static const struct {
		const char *name;
		int more;
	} again[] = {
	    {"four.known", 0},
	    {"ttl-0.known", 1}, /* after NAMES_TTL_MIN_S */
	    {"ttl-2-31.known", 1},
	    {"ttl-2-31-1.known", 0},
	    {"nobody.test", 0},
	    {"failure.test", 1},
	};
	size_t i, n = sizeof(again) / sizeof(*again);
	int before[8], more;

	memset(sc->got, 0, sizeof(sc->got));
	for (i = 0; i < n; i++) {
		before[i] = asked(sc, again[i].name);
		ask(sc, again[i].name, i);
		CHECK(sc->got[i].n == (again[i].more == 0), "%s: %d answers",
		    again[i].name, sc->got[i].n);
	}
	run(sc, n, 5000000);
	for (i = 0; i < n; i++) {
		more = asked(sc, again[i].name) - before[i];
		CHECK((more > 0) == (again[i].more > 0), "%s: asked %d more",
		    again[i].name, more);
	}
}

/* All at once, since some of them take their time. */
static void
answers(void)
{
	static struct scene sc;
	int64_t start;
	size_t i;

	setup(&sc);
	start = mono_us();
	for (i = 0; i < ROWS_N; i++)
		ask(&sc, rows[i].name, i);
	for (i = 0; i < HOSTILE_N; i++)
		ask(&sc, hostile[i], ROWS_N + i);
	run(&sc, ROWS_N + HOSTILE_N, 20000000);
	for (i = 0; i < ROWS_N; i++)
		check_row(&rows[i], &sc.got[i].m);
	for (i = 0; i < HOSTILE_N; i++)
		CHECK(sc.got[ROWS_N + i].m.ips_n <= 1,
		    "%s: %u addresses, outcome %d", hostile[i],
		    sc.got[ROWS_N + i].m.ips_n, sc.got[ROWS_N + i].m.outcome);
	CHECK(sc.stub.tcp_n > 0, "never asked over TCP");
	CHECK(mono_us() - start >= NAMES_TTL_MIN_S * 1000000,
	    "too quick for what follows");
	check_cache(&sc);
	teardown(&sc);
}

/* A TCP socket that is watched for more than it waits for wakes at once and
 * for ever. */
static void
no_spinning(void)
{
	static struct scene sc;
	int turns = 0;

	setup(&sc);
	ask(&sc, "truncated.test", 0);
	while (sc.got[0].n == 0 && turns < 1000) {
		CHECK_INT(loop_turn(sc.loop, 1000000), 0);
		turns++;
	}
	CHECK(turns < 30, "%d turns for one name", turns);
	CHECK_INT(sc.got[0].m.outcome, NAMES_OK);
	teardown(&sc);
}

static void
coalescing(void)
{
	static struct scene sc;
	uint64_t id;

	setup(&sc);
	for (id = 0; id < 10; id++)
		ask(&sc, "four.known", id);
	run(&sc, 10, 5000000);
	CHECK_INT(asked(&sc, "four.known"), 1);
	for (id = 0; id < 10; id++)
		CHECK_INT(sc.got[id].m.outcome, NAMES_OK);
	/* Now at once, and without a question. */
	ask(&sc, "four.known", 10);
	CHECK_INT(sc.got[10].n, 1);
	CHECK_INT(asked(&sc, "four.known"), 1);
	teardown(&sc);
}

static void
not_called(void *arg, uint64_t id, const struct names_answer *m)
{
	(void)m;
	CHECK(arg == NULL, "question %u was answered", (unsigned int)id);
}

static void
forgetting(void)
{
	static struct scene sc;
	int gone = 0;

	setup(&sc);
	names_ask(sc.names, "four.known", not_called, &gone, 1);
	ask(&sc, "four.known", 0);
	names_ask(sc.names, "four.known", not_called, &gone, 2);
	names_ask(sc.names, "both.known", not_called, &gone, 3);
	names_forget(sc.names, &gone);
	ask(&sc, "both.known", 1);
	run(&sc, 2, 5000000);
	/* Questions under way at the end are not answered. */
	names_ask(sc.names, "silent.test", not_called, &gone, 4);
	teardown(&sc);
}

static void
too_many(void)
{
	static struct scene sc;
	char name[64];
	int i;

	setup(&sc);
	for (i = 0; i < NAMES_QUESTIONS_MAX; i++) {
		snprintf(name, sizeof(name), "silent.n%d", i);
		ask(&sc, name, 0);
	}
	CHECK_INT(sc.got[0].n, 0);
	/* Not one name more, but who waits for the same may be more. */
	ask(&sc, "silent.more", 1);
	CHECK_INT(sc.got[1].n, 1);
	CHECK_INT(sc.got[1].m.outcome, NAMES_FAILED);
	ask(&sc, "silent.n7", 2);
	CHECK_INT(sc.got[2].n, 0);
	ask(&sc, "localhost", 3);
	CHECK_INT(sc.got[3].m.outcome, NAMES_OK);
	teardown(&sc);
}

static void
bad_servers(void)
{
	struct names *n = NULL;
	struct loop *loop;

	CHECK_INT(loop_new(&loop), 0);
	CHECK_INT(names_new(&n, loop, "not a server"), -EINVAL);
	CHECK(n == NULL, "one was made");
	names_free(NULL);
	loop_free(loop);
}

static const struct unit_case cases[] = {
    {"answers", answers},
    {"no spinning", no_spinning},
    {"coalescing", coalescing},
    {"forgetting", forgetting},
    {"too many", too_many},
    {"bad servers", bad_servers},
};

UNIT_MAIN("names", cases)
