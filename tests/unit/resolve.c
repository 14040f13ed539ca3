/* Many questions at once: each gets its own answer, in whatever order they
 * come, and a resolver that died takes none along. */
#include "cagentd/common/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/chan.h"
#include "base/loop.h"
#include "cagentd/decide/draw.h"
#include "tests/unit/unit.h"

#define MANY 1000

struct asker {
	struct resolve_query query;
	uint32_t answers;
	uint32_t got; /* the address, which is its number */
};

struct question {
	uint64_t id;
	uint32_t asker;
};

static struct {
	struct loop *loop;
	struct resolve *resolve;
	struct chan *resolver; /* the far end */
	struct asker askers[MANY];
	struct question asked[MANY];
	uint32_t asked_n;
} rig;

static void
question(void *arg, struct chan *c, const struct chan_msg *m)
{
	struct msg_resolve q;

	(void)arg, (void)c;
	CHECK_INT(msg_resolve_decode(m->data, m->len, &q), 0);
	if (rig.asked_n == MANY)
		return;
	rig.asked[rig.asked_n].id = q.id;
	rig.asked[rig.asked_n].asker = (uint32_t)strtoul(q.name + 1, NULL, 10);
	rig.asked_n++;
}

static void
gone(void *arg, struct chan *c, const char *why)
{
	(void)arg, (void)c;
	CHECK(why == NULL, "the resolver's channel: %s", why);
}

static void
answered(struct resolve_query *q, const struct msg_resolved *m)
{
	struct asker *a = container_of(q, struct asker, query);

	a->answers++;
	memcpy(&a->got, m->ips[0].bytes, sizeof(a->got));
}

static void
turn_until_quiet(uint32_t asked)
{
	int i;

	for (i = 0; i < 10 * MANY && rig.asked_n < asked; i++)
		CHECK_INT(loop_turn(rig.loop, 0), 0);
	CHECK_INT(rig.asked_n, asked);
}

static void
attach(void)
{
	const struct chan_owner owner = {question, gone, NULL};
	int fds[2] = {-1, -1};

	chan_free(rig.resolver);
	rig.asked_n = 0;
	CHECK_INT(chan_pair(fds), 0);
	CHECK_INT(chan_new(&rig.resolver, rig.loop, fds[0], &procs_rules,
		      ROLE_RESOLVER, ROLE_WORKER, &owner),
	    0);
	chan_queue_max(rig.resolver, MANY);
	CHECK_INT(resolve_attach(rig.resolve, ROLE_WORKER, fds[1]), 0);
}

static void
answer(uint32_t i)
{
	struct msg_resolved m = {.id = rig.asked[i].id, .ips_n = 1};
	uint8_t buf[CHAN_DATA_MAX];
	size_t len;

	m.ips[0].family = 4;
	memcpy(m.ips[0].bytes, &rig.asked[i].asker, sizeof(uint32_t));
	len = msg_resolved_encode(&m, buf);
	CHECK_INT(chan_send(rig.resolver, MSG_RESOLVED, buf, len, NULL, 0), 0);
}

static void
shuffle(uint64_t seed)
{
	struct question swap;
	uint32_t i, k;

	for (i = rig.asked_n - 1; i > 0; i--) {
		k = draw_below(&seed, i + 1);
		swap = rig.asked[i];
		rig.asked[i] = rig.asked[k];
		rig.asked[k] = swap;
	}
}

static void
start(void)
{
	char name[32];
	uint32_t i;

	memset(&rig, 0, sizeof(rig));
	CHECK_INT(loop_new(&rig.loop), 0);
	CHECK_INT(resolve_new(&rig.resolve, rig.loop), 0);
	attach();
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "h%u.example", i);
		CHECK_INT(resolve_start(rig.resolve, &rig.askers[i].query, name,
			      answered),
		    0);
	}
	turn_until_quiet(MANY);
}

static void
finish(void)
{
	resolve_free(rig.resolve);
	chan_free(rig.resolver);
	loop_free(rig.loop);
}

static void
each_gets_its_own(void)
{
	uint32_t i, turns;

	start();
	shuffle(7);
	/* Who has lost interest hears nothing. */
	resolve_cancel(rig.resolve, &rig.askers[5].query);
	for (i = 0; i < MANY; i++)
		answer(i);
	for (turns = 0; turns < 10 * MANY; turns++)
		CHECK_INT(loop_turn(rig.loop, 0), 0);
	for (i = 0; i < MANY; i++) {
		CHECK_INT(rig.askers[i].answers, i != 5);
		CHECK(i == 5 || rig.askers[i].got == i, "%u got %u", i,
		    rig.askers[i].got);
	}
	finish();
}

static void
the_next_resolver_is_asked_again(void)
{
	bool seen[MANY] = {false};
	uint32_t i;

	start();
	resolve_cancel(rig.resolve, &rig.askers[5].query);
	attach();
	turn_until_quiet(MANY - 1);
	for (i = 0; i < rig.asked_n; i++) {
		CHECK(
		    !seen[rig.asked[i].asker], "%u, twice", rig.asked[i].asker);
		seen[rig.asked[i].asker] = true;
	}
	CHECK(!seen[5], "what was cancelled");
	for (i = 0; i < MANY; i++)
		resolve_cancel(rig.resolve, &rig.askers[i].query);
	finish();
}

static const struct unit_case cases[] = {
    {"each gets its own", each_gets_its_own},
    {"the next resolver is asked again", the_next_resolver_is_asked_again},
};

UNIT_MAIN("resolve", cases)
