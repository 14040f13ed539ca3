/* How long a tunnel takes to stand when the SOCKS server is far away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/bench/board.h"
#include "tests/bench/hop.h"
#include "tests/bench/rival.h"
#include "tests/integ/rig_delay.h"
#include "tests/integ/rig_ns.h"

#define SETUP	 "set-up, 25 ms each way"
#define DELAY_US 25000
#define DIAL_MS	 20000
#define FIRST_N	 3 /* that are not counted: what is to be learned is learned */

/* What listens in this network takes TCP Fast Open, asked for or not. */
static void
take_fast(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_fastopen", "we");

	REQUIRE(f != NULL && fputs("0x403", f) >= 0 && fclose(f) == 0,
	    "tcp_fastopen");
}

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* From the client's connect until it is told that the tunnel stands, and the
 * tunnel is used once. */
static int64_t
setup_us(const struct rival *r, unsigned int number)
{
	static struct rig_conn c;
	int64_t us = rig_now_us();

	REQUIRE(rig_dial(&c, &r->proxy, "127.0.0.1", BENCH_HOP_ECHO, DIAL_MS) ==
		    RIG_OK,
	    "%s: %s", rival_name(r->kind), c.text);
	us = rig_now_us() - us;
	CHECK(rig_echo(&c, 3, number, 100) == RIG_OK, "%s: %s",
	    rival_name(r->kind), c.text);
	rig_conn_close(&c);
	return us;
}

static void
contest(enum rival_kind kind, const struct rig_delay *line, uint16_t port,
    unsigned int n)
{
	int64_t *us = calloc(n, sizeof(*us));
	static struct rival r;
	unsigned int i;

	if (rival_start(&r, kind, RIG_DELAY_THERE, port)) {
		for (i = 0; i < FIRST_N; i++)
			setup_us(&r, i);
		for (i = 0; i < n; i++)
			us[i] = setup_us(&r, i);
		qsort(us, n, sizeof(*us), compare);
		board_sample(
		    SETUP, "ms", rival_name(kind), (double)us[n / 2] / 1e3);
		/* Not a matter of speed: nobody hears from there earlier. */
		if (kind == RIVAL_NOBODY)
			CHECK(us[0] >= 6 * line->delay_us,
			    "stood after %lld us", (long long)us[0]);
		rival_stop(&r);
	}
	free(us);
}

void
bench_far(void)
{
	unsigned int round, rounds = bench_count(1, 1, 3);
	struct rig_delay line = {
	    .delay_us = bench_count(5000, DELAY_US, DELAY_US)};
	unsigned int n = bench_count(2, 10, 40);
	static struct rig_server hop;
	enum rival_kind kind;

	line.there = rig_ns_peer();
	rig_delay_start(&line);
	rig_delay_cross(&line, true);
	take_fast();
	bench_hop_start(&hop, RIG_DELAY_THERE);
	rig_delay_cross(&line, false);
	for (round = 0; round < rounds; round++) {
		for (kind = 0; kind < RIVAL_KINDS; kind++)
			contest(kind, &line, hop.port, n);
	}
	board_target(SETUP, rival_name(RIVAL_EPOLL), rival_name(RIVAL_NOBODY),
	    0.4, true);
	board_target(SETUP, rival_name(RIVAL_URING), rival_name(RIVAL_NOBODY),
	    0.4, true);
	rig_server_stop(&hop);
	CHECK_INT(atomic_load(&line.count->lost), 0);
}
