/* What one step costs among few and among many: a rule found, an intermediary
 * chosen, a timer moved, bytes taken in while others are idle. */
#include <sys/resource.h>
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/loop_timer.h"
#include "cagentd/decide/draw.h"
#include "cagentd/decide/path.h"
#include "conf/bundle.h"
#include "tests/bench/bench.h"
#include "tests/bench/board.h"
#include "tests/integ/rig.h"

#define TEXT_LEN (2u << 20)
#define TALKERS	 4

/* One of few and many: the sample's context, and ns a step. */
struct side {
	char name[BOARD_NAME_MAX];
	void *ctx;
	double ns;
};

static unsigned int
rounds(void)
{
	return bench_is_short() ? 1 : 5;
}

/* By turns, so that what else happens here happens to both. */
static void
compare(const char *figure, struct side side[2],
    void (*step)(void *ctx, unsigned int n), unsigned int n)
{
	struct board_spread few, many;
	char text[2 * BOARD_NAME_MAX];
	unsigned int i, k;
	double began_s;

	if (bench_is_short())
		n /= 10;
	for (i = 0; i < rounds(); i++) {
		for (k = 0; k < 2; k++) {
			step(side[k].ctx, n / 10); /* to warm up */
			began_s = bench_cpu_s();
			step(side[k].ctx, n);
			side[k].ns = (bench_cpu_s() - began_s) * 1e9 / n;
			board_sample(figure, "ns", side[k].name, side[k].ns);
		}
	}
	REQUIRE(board_spread(figure, side[0].name, &few) &&
		    board_spread(figure, side[1].name, &many),
	    "%s", figure);
	for (k = 0; k < 2; k++) {
		snprintf(text, sizeof(text), "%s, %s", figure, side[k].name);
		bench_row(text, k == 0 ? few.median : many.median, "ns",
		    k == 0 ? 0 : many.median / few.median, side[0].name);
	}
}

/* --- rules --- */

struct rules {
	struct settings *settings;
	unsigned int n;
	uint64_t seed;
};

static void
classify_some(void *ctx, unsigned int n)
{
	const struct client client = {.protocol = PROTOCOL_SOCKS5};
	struct rules *r = ctx;
	struct wire_host host = {.port = 443};
	struct verdict v;
	char name[64];
	int len;

	while (n-- > 0) {
		len = snprintf(name, sizeof(name), "www.d%u.corp.example",
		    draw_below(&r->seed, r->n));
		REQUIRE(
		    wire_host_set(&host, name, (size_t)len) == 0, "%s", name);
		classify(r->settings, &host, &client, NULL, &v);
		REQUIRE(v.rule >= 0, "%s has no rule", name);
	}
}

/* Each rule has a domain and a network. */
static struct settings *
settings_of(unsigned int rules_n)
{
	char *text = malloc(TEXT_LEN);
	struct bundle *b = bundle_new();
	struct settings *s = NULL;
	struct conf_errors e = {0};
	size_t len;
	unsigned int i;

	REQUIRE(text != NULL && b != NULL, "memory");
	len = (size_t)snprintf(text, TEXT_LEN,
	    "[agent]\ncontrol-user = 901\nworker-user = 902\n"
	    "resolver-user = 903\nverifier-user = 904\n");
	for (i = 0; i < rules_n; i++)
		len += (size_t)snprintf(text + len, TEXT_LEN - len,
		    "[rule \"r%u\"]\ndomain = d%u.corp.example\n"
		    "network = 10.%u.%u.0/24\nvia = direct\n",
		    i, i, i / 256, i % 256);
	REQUIRE(bundle_put(b, SETTINGS_MAIN, "f", 1) == 0 &&
		    bundle_put(b, "conf:f", text, len) == 0 &&
		    settings_parse(b, &s, &e) == 0,
	    "settings: %s", e.text);
	bundle_free(b);
	free(text);
	return s;
}

static void
compare_rules(void)
{
	struct rules few = {settings_of(10), 10, 1};
	struct rules many = {settings_of(10000), 10000, 1};
	struct side side[2] = {
	    {"10 rules", &few, 0}, {"10000 rules", &many, 0}};

	compare("a request classified", side, classify_some, 500000);
	settings_unref(few.settings);
	settings_unref(many.settings);
}

/* --- intermediaries --- */

struct choice {
	struct table table;
	struct path_index index;
	struct path_load loads[TABLE_ROWS_MAX];
	struct settings settings;
	struct table_writer *writer;
	struct table_reader *reader;
	uint64_t seed;
};

/* In shared memory, as the control process has it. */
static void
publish(struct choice *c)
{
	char path[RIG_PATH_MAX];
	int fd;

	rig_path(path, "table");
	unlink(path);
	fd = table_create(path, 0600);
	REQUIRE(fd >= 0 && table_writer_open(&c->writer, fd) == 0 &&
		    table_reader_open(&c->reader, fd) == 0,
	    "a table");
	close(fd);
	table_publish(c->writer, &c->table);
}

static void
choice_free(struct choice *c)
{
	table_writer_close(c->writer);
	table_reader_close(c->reader);
	free(c);
}

static struct choice *
choice_of(uint32_t n)
{
	struct choice *c = calloc(1, sizeof(*c));
	struct table_row *row;
	uint32_t i;

	REQUIRE(c != NULL, "memory");
	c->table.rows_n = n;
	for (i = 0; i < n; i++) {
		row = &c->table.rows[i];
		row->slot = i;
		row->incarnation = c->loads[i].incarnation = 1;
		row->tier = row->tier_conf = 1;
		row->weight = 10;
		row->observed = TABLE_UP;
		c->loads[i].ewma_us = 1000 + i;
		snprintf(row->name, sizeof(row->name), "hop-%u", i);
	}
	path_index_build(&c->index, &c->table);
	publish(c);
	return c;
}

static void
pick_some(void *ctx, unsigned int n)
{
	static const struct wire_host host = {
	    .kind = WIRE_HOST_V4, .port = 443};
	static const struct verdict verdict = {.rule = -1, .service = -1};
	struct choice *c = ctx;
	const struct path_query q = {.table = &c->table,
	    .index = &c->index,
	    .loads = c->loads,
	    .settings = &c->settings,
	    .verdict = &verdict,
	    .host = &host,
	    .times_max = 2,
	    .now_us = 1000,
	    .memo = &c->index.memo};
	struct path_pick pick;

	while (n-- > 0)
		REQUIRE(path_pick(&q, &c->seed, &pick) == 0, "a pick");
}

static void
index_some(void *ctx, unsigned int n)
{
	struct choice *c = ctx;

	while (n-- > 0) {
		REQUIRE(table_read(c->reader, &c->table) == 1, "a table");
		path_table_clean(&c->table);
		path_index_build(&c->index, &c->table);
		path_load_hear(c->loads, &c->table, 2000);
	}
}

/* Until the table says that they are ejected. */
static void
fail_all_but_one(struct choice *c)
{
	uint32_t i;

	for (i = 1; i < c->table.rows_n; i++)
		c->loads[i].avoid_until_us = 1000000;
}

static void
compare_intermediaries(void)
{
	struct choice *few = choice_of(4), *many = choice_of(1000);
	struct side side[2] = {
	    {"4 intermediaries", few, 0}, {"1000 intermediaries", many, 0}};

	compare("an intermediary chosen", side, pick_some, 1000000);
	fail_all_but_one(few);
	fail_all_but_one(many);
	compare("one that has not just failed", side, pick_some, 200000);
	/* Not for each, but for each change of the table. */
	compare("a table taken in", side, index_some, 2000);
	choice_free(few);
	choice_free(many);
}

/* --- timers --- */

struct timers {
	struct loop_timers heap;
	struct op *ops;
	uint32_t n;
	int64_t now_us;
	uint64_t seed;
};

static void
timers_make(struct timers *t, uint32_t n)
{
	uint32_t i;

	memset(t, 0, sizeof(*t));
	t->n = n;
	t->ops = calloc(n, sizeof(*t->ops));
	REQUIRE(t->ops != NULL, "memory");
	for (i = 0; i < n; i++)
		REQUIRE(loop_timers_set(&t->heap, &t->ops[i],
			    draw_below(&t->seed, 3600000)) == 0,
		    "a timer");
}

/* Put off, as a tunnel's is when it moves; now and then one comes due. */
static void
move_some(void *ctx, unsigned int n)
{
	struct timers *t = ctx;
	struct op *op;

	while (n-- > 0) {
		t->now_us++;
		op = n % 8 == 0 ? loop_timers_first(&t->heap)
				: &t->ops[draw_below(&t->seed, t->n)];
		loop_timers_set(&t->heap, op, t->now_us + 3600000);
	}
}

static void
compare_timers(void)
{
	struct timers few, many;
	struct side side[2] = {
	    {"10 timers", &few, 0}, {"30000 timers", &many, 0}};

	timers_make(&few, 10);
	timers_make(&many, 30000);
	compare("a timer moved", side, move_some, 1000000);
	loop_timers_fini(&few.heap);
	loop_timers_fini(&many.heap);
	free(few.ops);
	free(many.ops);
}

/* --- idle connections --- */

struct crowd {
	struct loop *loop;
	struct op *ops; /* of the near ends */
	int (*fds)[2];
	unsigned int n, left;
};

static void
on_bytes(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop, (void)op;
	REQUIRE(r->res > 0, "a byte: %d", r->res);
}

/* The first have somebody at the other end; from the others nothing ever
 * comes. */
static void
crowd_open(struct crowd *c, unsigned int i)
{
	c->fds[i][1] = -1;
	if (i >= TALKERS)
		c->fds[i][0] = socket(
		    AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		     0, c->fds[i]) == -1)
		c->fds[i][0] = -1;
	REQUIRE(c->fds[i][0] != -1, "connection %u", i);
	REQUIRE(loop_recv(c->loop, &c->ops[i], c->fds[i][0], on_bytes) == 0,
	    "loop_recv");
}

static void
crowd_make(struct crowd *c, unsigned int n)
{
	unsigned int i;

	c->n = n;
	c->ops = calloc(n, sizeof(*c->ops));
	c->fds = calloc(n, sizeof(*c->fds));
	REQUIRE(c->ops != NULL && c->fds != NULL && loop_new(&c->loop) == 0,
	    "memory");
	for (i = 0; i < n; i++)
		crowd_open(c, i);
}

static void
crowd_free(struct crowd *c)
{
	unsigned int i;

	for (i = 0; i < c->n; i++) {
		loop_close(c->loop, c->fds[i][0]);
		if (c->fds[i][1] != -1)
			close(c->fds[i][1]);
	}
	loop_free(c->loop);
	free(c->ops);
	free(c->fds);
}

/* A byte for one of them, from the first write to the callback. */
static void
move_bytes(void *ctx, unsigned int n)
{
	struct crowd *c = ctx;

	for (; n > 0; n--) {
		REQUIRE(write(c->fds[n % TALKERS][1], "x", 1) == 1, "write");
		REQUIRE(loop_turn(c->loop, 0) == 0, "loop_turn");
	}
}

static void
compare_crowds(void)
{
	unsigned int many_n = bench_is_short() ? 400 : 15000;
	struct crowd few, many;
	struct side side[2] = {
	    {"10 tunnels", &few, 0}, {"15000 tunnels", &many, 0}};
	struct rlimit rl;

	REQUIRE(getrlimit(RLIMIT_NOFILE, &rl) == 0, "getrlimit");
	rl.rlim_cur = 2 * many_n + 200;
	if (rl.rlim_max < rl.rlim_cur)
		rl.rlim_max = rl.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1) {
		REQUIRE(getrlimit(RLIMIT_NOFILE, &rl) == 0, "getrlimit");
		many_n = (unsigned int)(rl.rlim_max - 200) / 2;
		rl.rlim_cur = rl.rlim_max;
		REQUIRE(setrlimit(RLIMIT_NOFILE, &rl) == 0, "setrlimit");
	}
	snprintf(side[1].name, sizeof(side[1].name), "%u tunnels", many_n);
	crowd_make(&few, 2 * 10);
	crowd_make(&many, 2 * many_n); /* each has two connections */
	compare("bytes taken in", side, move_bytes, 30000);
	crowd_free(&few);
	crowd_free(&many);
}

void
bench_growth(void)
{
	compare_rules();
	compare_intermediaries();
	compare_timers();
	compare_crowds();
}
