/* A policy server under load: its start with many agents that it knows, and
 * what its processes use. */
#include "tests/bench/serve.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "policyd/common/pdconf.h"
#include "policyd/store/store.h"
#include "trust/keyfile.h"

#define START_MS  120000
#define SETTLE_MS 60000
#define LOOK_MS	  300
#define PROC_LEN  1024
#define PAD	  "# a line of a policy that says nothing, of sixty-four bytes.....\n"

/* As if an administrator had listed them all. */
static void
list_agents(struct serve *s)
{
	char path[RIG_PATH_MAX + 32], why[STORE_WHY_MAX];
	struct store_agent a = {.group = "bench", .added_s = 1};
	struct sealed_keys keys;
	struct store *store;
	struct stat st;
	uint32_t i;

	snprintf(path, sizeof(path), "%s/%s", s->server.state_dir,
	    PDCONF_STORE_NAME);
	REQUIRE(stat(path, &st) == 0, "%s: no store", path);
	REQUIRE(store_open(path, &store, why) == 0, "%s", why);
	REQUIRE(store_begin(store) == 0, "begin");
	for (i = 0; i < s->sim.n; i++) {
		sim_keys(i, &keys);
		sim_name(i, a.name);
		memcpy(a.key, keys.public_key, sizeof(a.key));
		REQUIRE(store_agent_add(store, &a) == 0, "agent %u", i);
	}
	REQUIRE(store_commit(store) == 0, "commit");
	store_close(store);
	REQUIRE(chown(path, st.st_uid, st.st_gid) == 0, "chown");
}

static void
read_key(struct serve *s)
{
	char path[RIG_PATH_MAX + 32], why[KEYFILE_WHY_MAX];
	struct keyfile_public key;

	snprintf(path, sizeof(path), "%s/seal.pub", s->server.keys);
	REQUIRE(keyfile_read_public(path, &key, why) == 0, "%s", why);
	memcpy(s->sim.server, key.key, sizeof(s->sim.server));
}

void
serve_start(struct serve *s, uint32_t n, uint32_t processes_n)
{
	struct rig_policyd *p = &s->server;
	int64_t began_us;

	rig_policyd_init(p, "server");
	rig_policyd_key(p, "page = none");
	rig_policyd_key(p, "report-interval = 10m");
	rig_policyd_key(p, "heartbeat = 30m");
	rig_policyd_key(p, "max-agents = 15000");
	rig_policyd_add(p, "[quota]\nmessages = 100000\nbytes = 1g\n");
	s->sim.n = n;
	s->sim.processes_n = processes_n;
	s->sim.shared = mmap(NULL, sizeof(*s->sim.shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(s->sim.shared != MAP_FAILED, "mmap");
	rig_policyd_start(p);
	rig_policyd_stop(p);
	list_agents(s);
	rig_policyd_start(p);
	read_key(s);
	s->sim.port = p->port;
	serve_policy(s, "first", 1024);
	serve_publish(s, "first");
	s->collector_bytes = serve_bytes(s, "collector");
	s->ranker_bytes = serve_bytes(s, "ranker");
	began_us = rig_now_us();
	sim_start(&s->sim);
	REQUIRE(sim_await_registered(&s->sim, START_MS),
	    "only %u of %u agents are registered, %u were lost",
	    atomic_load(&s->sim.shared->registered), n,
	    atomic_load(&s->sim.shared->lost));
	s->register_s = (double)(rig_now_us() - began_us) / 1e6;
	CHECK(sim_await_got(&s->sim, ENVELOPE_POLICY, START_MS),
	    "only %u of %u agents got the first policy",
	    atomic_load(&s->sim.shared->got[ENVELOPE_POLICY]), n);
}

void
serve_policy(struct serve *s, const char *file, size_t len)
{
	size_t cap = len + 4096, used = 0;
	char *body = malloc(cap), name[32], path[RIG_PATH_MAX];
	uint32_t i;

	for (i = 0; i < SIM_ROWS; i++) {
		sim_hop_name(i, name);
		used += (size_t)snprintf(body + used, cap - used,
		    "[intermediary \"%s\"]\ntype = socks5\n"
		    "address = 192.0.2.%u:1080\ntier = 1\n",
		    name, i + 1);
	}
	while (used + sizeof(PAD) - 1 <= len)
		used += (size_t)snprintf(body + used, cap - used, "%s", PAD);
	/* A serial is a time in seconds. */
	while (time(NULL) <= s->signed_s)
		(void)rig_pause(rig_now_ms() + 1000); /* not an event of ours */
	rig_path(path, "%s", file);
	rig_policyd_sign(&s->server, path, "*", body);
	s->signed_s = time(NULL);
	free(body);
}

void
serve_publish(struct serve *s, const char *file)
{
	char path[RIG_PATH_MAX];
	struct rig_output o;

	rig_path(path, "%s", file);
	rig_policyd_ask(
	    &s->server, &o, (const char *const[]){"publish", path, NULL});
	CHECK(o.code == 0, "publish: exit %d: %s", o.code, o.err);
	rig_output_free(&o);
}

/* A file of the kernel's about one of its processes; ends the case when there
 * is none. */
static void
read_proc(const struct serve *s, const char *role, const char *file,
    char out[PROC_LEN])
{
	pid_t pid = rig_policyd_child(&s->server, role);
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "re");
	REQUIRE(f != NULL, "%s: %s", path, strerror(errno));
	out[fread(out, 1, PROC_LEN - 1, f)] = '\0';
	fclose(f);
}

double
serve_cpu_s(const struct serve *s, const char *role)
{
	unsigned long user = 0, sys = 0;
	char text[PROC_LEN], *end;

	read_proc(s, role, "stat", text);
	end = strrchr(text, ')');
	REQUIRE(end != NULL && sscanf(end + 2,
				   "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u "
				   "%*u %lu %lu",
				   &user, &sys) == 2,
	    "%s: no times in \"%s\"", role, text);
	return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

double
serve_bytes(const struct serve *s, const char *role)
{
	unsigned long resident = 0, shared = 0;
	char text[PROC_LEN];

	read_proc(s, role, "statm", text);
	REQUIRE(sscanf(text, "%*u %lu %lu", &resident, &shared) == 2,
	    "%s: no memory in \"%s\"", role, text);
	return (double)(resident - shared) * (double)sysconf(_SC_PAGESIZE);
}

void
serve_settle(const struct serve *s)
{
	int64_t until_ms = rig_now_ms() + SETTLE_MS, look_ms;
	double before, now = -1;

	do {
		before = now;
		look_ms = rig_now_ms() + LOOK_MS;
		while (rig_pause(look_ms))
			continue;
		now = serve_cpu_s(s, "ranker") + serve_cpu_s(s, "collector");
	} while (now > before && rig_now_ms() < until_ms);
	CHECK(now <= before, "the server does not come to rest");
}
