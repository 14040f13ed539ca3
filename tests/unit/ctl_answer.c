/* What the verbs of the control socket answer, and what they refuse. */
#include "cagentd/control/ctl_answer.h"

#include <signal.h>

#include "tests/unit/ctl_socket.h"

static void
expect_message(const char *line, const char *message)
{
	json_t *lines = ask(line);

	CHECK_STR(rig_str(rig_first(lines, true), "message"), message);
	json_decref(lines);
}

static void
status(void)
{
	const json_t *o;
	json_t *lines;

	start(CONFIG);
	rig_control.children[PROCS_AT_CONTROL] = (struct proc_child){
	    .role = ROLE_CONTROL, .pid = 11, .state = PROC_READY};
	rig_control.children[PROCS_AT_RESOLVER] = (struct proc_child){
	    .role = ROLE_RESOLVER, .pid = 12, .state = PROC_READY};
	rig_control.children[PROCS_AT_WORKERS] =
	    (struct proc_child){.role = ROLE_WORKER,
		.pid = 13,
		.state = PROC_READY,
		.restarts = 1,
		.sandbox = SANDBOX_UID | SANDBOX_SECCOMP,
		.exit_status = SIGKILL};
	rig_control.children[PROCS_AT_WORKERS + 1] =
	    (struct proc_child){.role = ROLE_WORKER,
		.index = 1,
		.state = PROC_WAITING,
		.restarts = 2,
		.exit_status = 3 << 8};
	atomic_store(&rig_slabs[0]->accepted, 7);
	atomic_store(&rig_slabs[1]->accepted, 8);
	atomic_store(&rig_slabs[1]->refused[REASON_NO_PATH], 2);
	rig_row("hq-2")->admin = TABLE_DRAIN;
	lines = ask("status\n");
	o = rig_first(lines, true);
	CHECK_INT(json_array_size(lines), 1);
	CHECK_STR(rig_str(o, "version"), CAGENT_VERSION);
	CHECK_INT(rig_int(o, "control_pid"), getpid());
	CHECK_INT(rig_int(o, "started_us"), 1700000000000000);
	CHECK_INT(rig_int(o, "config_serial"), 1);
	CHECK_INT(rig_int(o, "generation"), 1);
	CHECK_INT(rig_int(o, "workers_configured"), 2);
	CHECK_STR(rig_str(o, "no_path"), "refuse");
	CHECK_INT(rig_int(o, "accepted"), 15);
	CHECK_INT(rig_int(o, "intermediaries"), 2);
	CHECK_INT(rig_int(o, "usable"), 1);
	CHECK_INT(json_object_size(json_object_get(o, "refused")), 1);
	CHECK_INT(rig_int(json_object_get(o, "refused"), "no-path"), 2);
	CHECK_INT(json_array_size(json_object_get(o, "children")), 4);
	CHECK_INT(json_array_size(json_object_get(o, "degraded")), 1);
	CHECK_STR(json_string_value(
		      json_array_get(json_object_get(o, "degraded"), 0)),
	    "worker 1 is not running");
	o = json_array_get(json_object_get(o, "children"), 2);
	CHECK_STR(rig_str(o, "role"), "worker");
	CHECK_STR(rig_str(o, "state"), "ready");
	CHECK_STR(rig_str(o, "last_exit"), "signal 9 (Killed)");
	CHECK_INT(json_array_size(json_object_get(o, "sandbox")), 2);
	o = json_array_get(
	    json_object_get(rig_first(lines, true), "children"), 3);
	CHECK_STR(rig_str(o, "last_exit"), "exit 3");
	json_decref(lines);
	stop();
}

/* A worker may write anything into its slab. */
static void
hostile_slab(void)
{
	const json_t *o;
	json_t *lines;

	start(CONFIG);
	memset(&rig_slabs[0]->pid, 0xff,
	    sizeof(*rig_slabs[0]) - offsetof(struct slab, pid));
	memset(&rig_slabs[1]->pid, 0xff,
	    sizeof(*rig_slabs[1]) - offsetof(struct slab, pid));
	atomic_store(&rig_slabs[0]->rows[0].incarnation, 1);
	atomic_store(&rig_slabs[1]->rows[0].incarnation, 1);
	lines = ask("status\n");
	o = rig_first(lines, true);
	CHECK_INT(rig_int(o, "accepted"), 1ll << 49);
	CHECK_INT(rig_int(o, "clients"), 1 << 21);
	json_decref(lines);
	lines = ask("show hq-1\n");
	o = json_object_get(rig_first(lines, true), "intermediary");
	CHECK_INT(rig_int(o, "attempts"), 1ll << 49);
	CHECK(rig_int(json_object_get(o, "connect"), "p95_us") >= 0, "p95");
	json_decref(lines);
	lines = ask("route example.com 80\n");
	rig_first(lines, true);
	json_decref(lines);
	stop();
}

/* Each sentence about what is not as it should be. */
static void
degraded(void)
{
	static const char *const want[] = {"no usable intermediary",
	    "the resolver is not running yet", "worker 0 is not running",
	    "worker 1 is not running"};
	const json_t *list;
	json_t *lines;
	size_t i;

	start(CONFIG);
	rig_control.children[PROCS_AT_RESOLVER] =
	    (struct proc_child){.role = ROLE_RESOLVER, .state = PROC_STARTING};
	rig_control.children[PROCS_AT_WORKERS] = (struct proc_child){
	    .role = ROLE_WORKER, .state = PROC_WAITING, .restarts = 1};
	rig_row("hq-1")->admin = TABLE_DRAIN;
	rig_row("hq-2")->observed = TABLE_EJECTED;
	lines = ask("status\n");
	list = json_object_get(rig_first(lines, true), "degraded");
	CHECK_INT(json_array_size(list), 4);
	for (i = 0; i < json_array_size(list); i++)
		CHECK_STR(json_string_value(json_array_get(list, i)), want[i]);
	json_decref(lines);
	stop();
	start(RIG_HEAD);
	lines = ask("status\n");
	list = json_object_get(rig_first(lines, true), "degraded");
	CHECK_STR(json_string_value(json_array_get(list, 0)),
	    "no intermediary is configured");
	json_decref(lines);
	stop();
}

static void
uplink(void)
{
	static const char *const want[] = {
	    "our own uplink is suspected since 22:13:12Z: no intermediary "
	    "answers, ranks are held",
	    "our own uplink is suspected since 22:13:12Z: no intermediary "
	    "answers, ranks are held; direct connections work"};
	struct table *t;
	const json_t *o;
	json_t *lines;
	int i;

	start(CONFIG);
	t = rig_control.ranking.table;
	t->uplink_us = mono_wall_us() - 8000000;
	for (i = 0; i < 2; i++) {
		lines = ask("status\n");
		o = rig_first(lines, true);
		CHECK_INT(rig_int(o, "uplink_us"), t->uplink_us);
		CHECK_STR(json_string_value(json_array_get(
			      json_object_get(o, "degraded"), 0)),
		    want[i]);
		json_decref(lines);
		slab_add(&rig_slabs[0]->direct, 1);
	}
	lines = ask("why hq-1\n");
	CHECK(
	    strstr(rig_str(rig_first(lines, true), "sentence"),
		"held since 22:13:12Z, as our own uplink is suspected") != NULL,
	    "why does not tell");
	json_decref(lines);
	stop();
}

static void
show_and_tiers(void)
{
	struct slab_row *counts;
	const json_t *o;
	json_t *lines;

	start(CONFIG);
	counts = rig_counts(1, "hq-2");
	atomic_store(&counts->attempts, 9);
	atomic_store(&counts->successes, 5);
	atomic_store(&counts->charged, 3);
	atomic_store(&counts->failures[REASON_HOP_REFUSED], 4);
	hist_add(&counts->first_byte, 5000);
	atomic_store(&counts->warm, 3);
	atomic_store(&counts->eager, SLAB_EAGER_YES);
	/* What a slot's tenant before had done is not this one's. */
	atomic_store(
	    &slab_row(rig_slabs[0], rig_row("hq-2")->slot, 77)->attempts, 1000);
	rig_row("hq-2")->checked_us = 5;
	rig_row("hq-2")->check_reason = REASON_HOP_TIMEOUT;
	lines = ask("show hq-2\n");
	o = json_object_get(rig_first(lines, true), "intermediary");
	CHECK_STR(rig_str(o, "name"), "hq-2");
	CHECK_STR(rig_str(o, "type"), "http");
	CHECK_STR(rig_str(o, "address"), "[2001:db8::1]:3128");
	CHECK_STR(rig_str(o, "last_failure"), "");
	CHECK_STR(rig_str(o, "check"), "hop-timeout");
	CHECK_INT(rig_int(o, "checked_us"), 5);
	CHECK_INT(rig_int(o, "attempts"), 9);
	CHECK_INT(rig_int(o, "charged"), 3);
	CHECK_INT(rig_int(o, "warm"), 3);
	CHECK_STR(rig_str(o, "at_once"), "yes");
	CHECK_INT(rig_int(json_object_get(o, "failures"), "hop-refused"), 4);
	CHECK(rig_int(json_object_get(o, "first_byte"), "p50_us") > 4000,
	    "first byte");
	o = json_object_get(o, "workers");
	CHECK_INT(json_array_size(o), 2);
	CHECK_INT(rig_int(json_array_get(o, 0), "attempts"), 0);
	CHECK_INT(rig_int(json_array_get(o, 1), "worker"), 1);
	CHECK_INT(rig_int(json_array_get(o, 1), "successes"), 5);
	json_decref(lines);
	lines = ask("tiers\n");
	o = rig_first(lines, true);
	CHECK_INT(json_array_size(json_object_get(o, "rows")), 2);
	CHECK_INT(json_array_size(json_object_get(o, "tiers")), 3);
	json_decref(lines);
	expect_code(ask("show nobody\n"), "not-found");
	expect_code(ask("why nobody\n"), "not-found");
	lines = ask("why hq-1\n");
	o = rig_first(lines, true);
	CHECK(
	    strncmp(rig_str(o, "sentence"), "hq-1: in tier 1 since ", 22) == 0,
	    "%s", rig_str(o, "sentence"));
	CHECK_STR(rig_str(o, "check"), "");
	json_decref(lines);
	stop();
}

static void
orders(void)
{
	start(CONFIG);
	atomic_store(&rig_counts(0, "hq-1")->in_flight, 3);
	ranking_step(&rig_control.ranking);
	expect_message(
	    "drain hq-1\n", "hq-1 gets no new requests; 3 in flight go on");
	CHECK_INT(rig_row("hq-1")->admin, TABLE_DRAIN);
	expect_code(ask("drain hq-1\n"), "already");
	expect_message("drain hq-2\n",
	    "hq-2 gets no new requests; 0 in flight go on; no usable "
	    "intermediary is left");
	expect_message("enable hq-1\n", "hq-1 is enabled, in tier 1");
	CHECK_INT(rig_row("hq-1")->admin, TABLE_ENABLED);
	expect_code(ask("enable hq-1\n"), "already");
	expect_message("pin hq-1 7\n", "hq-1 is pinned to tier 7");
	CHECK_INT(rig_row("hq-1")->tier, 7);
	expect_code(ask("pin hq-1 spare\n"), "already");
	expect_message("unpin hq-1\n", "hq-1 is not pinned any more");
	expect_message("pin hq-1 spare\n", "hq-1 is pinned to tier 7");
	expect_message("unpin hq-1\n", "hq-1 is not pinned any more");
	expect_code(ask("unpin hq-1\n"), "already");
	CHECK_INT(rig_row("hq-1")->tier, 1);
	expect_code(ask("drain nobody\n"), "not-found");
	expect_code(ask("pin nobody 1\n"), "not-found");
	expect_code(ask("pin hq-1 gold\n"), "usage");
	expect_code(ask("pin hq-1 0\n"), "usage");
	expect_code(ask("pin hq-1 1001\n"), "usage");
	rig_row("hq-1")->observed = TABLE_EJECTED;
	rank_settle(rig_row("hq-1"));
	expect_message("drain hq-1\n",
	    "hq-1 gets no new requests; 3 in flight go on; no usable "
	    "intermediary is left");
	expect_message(
	    "enable hq-1\n", "hq-1 is enabled, but ejected: unpinned by uid 0");
	expect_message("pin hq-1 2\n",
	    "hq-1 is pinned to tier 2; it is not used now: unpinned by uid 0");
	/* Each order is an event, with who gave it. */
	CHECK_STR(events_get(&rig_control.events, 1)->text,
	    getuid() == 0 ? "drained by uid 0"
			  : events_get(&rig_control.events, 1)->text);
	CHECK_INT(rig_control.events.last_id, 10);
	stop();
}

static const struct {
	const char *line;
	const char *code;
} bad_lines[] = {
    {"\n", "usage"},
    {" \n", "usage"},
    {" status\n", "usage"},
    {"status \n", "usage"},
    {"show  hq-1\n", "usage"},
    {"status\r\n", "usage"},
    {"status\t\n", "usage"},
    {"show \x7f\n", "usage"},
    {"show \xff\n", "usage"},
    {"show \xc3\n", "usage"},
    {"show \xed\xa0\x80\n", "usage"},
    {"a b c d e f g h i j k l m n o p q\n", "usage"},
    {"a b c d e f g h i j k l m n o p\n", "unknown-verb"},
    {"STATUS\n", "unknown-verb"},
    {"statu\n", "unknown-verb"},
    {"statuss\n", "unknown-verb"},
    {"\xc3\xa9t\xc3\xa9\n", "unknown-verb"},
    {"{\"verb\":\"status\"}\n", "unknown-verb"},
    {"GET / HTTP/1.1\n", "unknown-verb"},
    {"status now\n", "usage"},
    {"show\n", "usage"},
    {"show a b\n", "usage"},
    {"why\n", "usage"},
    {"drain\n", "usage"},
    {"pin hq-1\n", "usage"},
    {"unpin hq-1 2\n", "usage"},
    {"tiers all\n", "usage"},
    {"events x\n", "usage"},
    {"events -1\n", "usage"},
    {"events -f -1\n", "usage"},
    {"events 1 2\n", "usage"},
    {"events 5 -f\n", "usage"},
    {"events -f 1 2\n", "usage"},
};

static void
errors(void)
{
	static const char nul[] = "status\0\n";
	size_t i;
	int fd;

	start(CONFIG);
	for (i = 0; i < sizeof(bad_lines) / sizeof(*bad_lines); i++)
		expect_code(ask(bad_lines[i].line), bad_lines[i].code);
	fd = dial();
	CHECK_INT(send(fd, nul, sizeof(nul) - 1, 0), sizeof(nul) - 1);
	expect_code(finish(fd), "usage");
	alive();
	stop();
}

static const struct unit_case cases[] = {
    {"status", status},
    {"degraded", degraded},
    {"a suspected uplink", uplink},
    {"a hostile slab", hostile_slab},
    {"show, why, tiers", show_and_tiers},
    {"orders", orders},
    {"errors", errors},
};

UNIT_MAIN("ctl_answer", cases)
