/* Of which class a tunnel is, and why. */
#include "cagentd/worker/tunnel_class.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define SECOND 1000000ll
#define START  (1000 * SECOND)

struct rig {
	struct slab *slab;
	struct traffic *traffic;
	struct tunnel_class_env env;
	struct verdict verdict;
	struct client client;
	struct wire_host host;
	struct tunnel_class class;
	bool behaviour;
	int fds[4];
};

static void
setup(struct rig *r)
{
	static const uint8_t key[16];

	memset(r, 0, sizeof(*r));
	r->fds[0] = slab_create(0, key, &r->fds[1]);
	r->fds[2] = traffic_create(key, &r->fds[3]);
	if (slab_map(r->fds[0], true, &r->slab) != 0 ||
	    traffic_map(r->fds[2], true, &r->traffic) != 0)
		exit(1);
	r->env = (struct tunnel_class_env){r->slab, r->traffic};
	r->verdict.class = CLASS_NORMAL;
	r->client.has_uid = true;
	r->client.uid = 1000;
	wire_host_set(&r->host, "files.example", strlen("files.example"));
	r->host.port = 443;
	r->behaviour = true;
}

static void
teardown(struct rig *r)
{
	size_t i;

	slab_unmap(r->slab);
	traffic_unmap(r->traffic);
	for (i = 0; i < 4; i++)
		close(r->fds[i]);
}

static void
begin(struct rig *r, int64_t now_us)
{
	const struct tunnel_class_of of = {
	    &r->verdict, &r->client, &r->host, r->behaviour};

	tunnel_class_begin(&r->class, &r->env, &of, now_us);
	tunnel_class_stands(&r->class, &r->env, 20000);
	tunnel_class_stands(&r->class, &r->env, 20000);
}

/* One download, from its request on: did the class change? */
static bool
download(struct rig *r, int64_t now_us)
{
	bool changed = false;
	int i;

	tunnel_class_moved(&r->class, &r->env, true, 400, now_us);
	for (i = 0; i < 100; i++)
		changed |= tunnel_class_moved(
		    &r->class, &r->env, false, 10000, now_us + i * 1000);
	return changed;
}

static void
by_behaviour_and_then_by_history(void)
{
	struct rig r;
	int i;

	setup(&r);
	for (i = 0; i < 3; i++) {
		begin(&r, START + i * SECOND);
		CHECK_INT(r.class.class, i < 2 ? CLASS_NORMAL : CLASS_BULK);
		CHECK_INT(r.class.why,
		    i < 2 ? SLAB_CLASS_BY_DEFAULT : SLAB_CLASS_BY_HISTORY);
		CHECK_INT(download(&r, START + i * SECOND), i < 2);
		CHECK_INT(r.class.class, CLASS_BULK);
		CHECK_INT(r.slab->classes[CLASS_BULK].tunnels, 1);
		tunnel_class_end(&r.class, &r.env, START + i * SECOND);
		tunnel_class_end(&r.class, &r.env, START + i * SECOND);
	}
	CHECK_INT(r.slab->classes[CLASS_NORMAL].tunnels, 0);
	CHECK_INT(r.slab->classes[CLASS_BULK].tunnels, 0);
	CHECK_INT(
	    r.slab->classes[CLASS_NORMAL].began[SLAB_CLASS_BY_DEFAULT], 2);
	CHECK_INT(r.slab->classes[CLASS_BULK].began[SLAB_CLASS_BY_HISTORY], 1);
	CHECK_INT(r.slab->classes[CLASS_BULK].came, 2);
	/* Where they began, each once. */
	CHECK_INT(
	    r.slab->classes[CLASS_NORMAL].setup.count[hist_bucket(20000)], 2);
	CHECK_INT(
	    r.slab->classes[CLASS_BULK].setup.count[hist_bucket(20000)], 1);
	CHECK_INT(r.slab->classes[CLASS_NORMAL].bytes_up +
		      r.slab->classes[CLASS_BULK].bytes_up,
	    1200);
	CHECK_INT(r.slab->classes[CLASS_NORMAL].bytes_down +
		      r.slab->classes[CLASS_BULK].bytes_down,
	    3000000);
	/* Another user, another port: nothing is known. */
	r.client.uid++;
	begin(&r, START + 4 * SECOND);
	CHECK_INT(r.class.class, CLASS_NORMAL);
	tunnel_class_end(&r.class, &r.env, START);
	r.client.uid--;
	r.host.port = 80;
	begin(&r, START + 4 * SECOND);
	CHECK_INT(r.class.class, CLASS_NORMAL);
	tunnel_class_end(&r.class, &r.env, START);
	teardown(&r);
}

/* What a rule says holds whatever it does, and teaches nothing. */
static void
by_rule(void)
{
	struct rig r;
	int i;

	setup(&r);
	r.verdict.class = CLASS_CRITICAL;
	r.verdict.class_set = true;
	for (i = 0; i < 3; i++) {
		begin(&r, START);
		CHECK(!download(&r, START), "its class changed");
		CHECK_INT(r.class.class, CLASS_CRITICAL);
		CHECK_INT(r.class.why, SLAB_CLASS_BY_RULE);
		tunnel_class_end(&r.class, &r.env, START);
	}
	r.verdict.class = CLASS_NORMAL;
	r.verdict.class_set = false;
	begin(&r, START);
	CHECK_INT(r.class.class, CLASS_NORMAL);
	tunnel_class_end(&r.class, &r.env, START);
	teardown(&r);
}

/* behaviour = no: neither what it does nor what its like did counts. */
static void
not_by_behaviour(void)
{
	struct rig r;
	int i;

	setup(&r);
	for (i = 0; i < 4; i++) {
		r.behaviour = i < 3;
		begin(&r, START);
		CHECK_INT(download(&r, START), i < 2);
		CHECK_INT(r.class.class, i < 3 ? CLASS_BULK : CLASS_NORMAL);
		tunnel_class_end(&r.class, &r.env, START);
	}
	CHECK_INT(r.class.why, SLAB_CLASS_BY_DEFAULT);
	teardown(&r);
}

/* Without the memory that all share it is judged all the same. */
static void
without_history(void)
{
	struct rig r;
	int i;

	setup(&r);
	r.env.traffic = NULL;
	for (i = 0; i < 3; i++) {
		begin(&r, START);
		CHECK_INT(r.class.class, CLASS_NORMAL);
		CHECK(download(&r, START), "it is bulk");
		tunnel_class_end(&r.class, &r.env, START);
	}
	teardown(&r);
}

/* One that never stood is counted nowhere. */
static void
never_stood(void)
{
	const struct tunnel_class_of *of;
	struct rig r;

	setup(&r);
	of = &(struct tunnel_class_of){&r.verdict, &r.client, &r.host, true};
	tunnel_class_begin(&r.class, &r.env, of, START);
	tunnel_class_end(&r.class, &r.env, START);
	CHECK_INT(r.slab->classes[CLASS_NORMAL].tunnels, 0);
	CHECK_INT(
	    r.slab->classes[CLASS_NORMAL].began[SLAB_CLASS_BY_DEFAULT], 0);
	teardown(&r);
}

static const struct unit_case cases[] = {
    {"by behaviour, and then by history", by_behaviour_and_then_by_history},
    {"not by behaviour", not_by_behaviour},
    {"by rule", by_rule},
    {"without history", without_history},
    {"never stood", never_stood},
};

UNIT_MAIN("tunnel_class", cases)
