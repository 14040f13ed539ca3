/* Starts those that are compared: HAProxy, and the agent in its variants. */
#include "tests/bench/rival.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_net.h"

#define HAPROXY	 "/usr/sbin/haproxy"
#define START_MS 10000
#define STOP_MS	 5000

static const struct {
	const char *name;
	const char *key, *loop; /* of the agent */
} kinds[RIVAL_KINDS] = {
    [RIVAL_NOBODY] = {"the client itself", NULL, NULL},
    [RIVAL_HAPROXY] = {"HAProxy", NULL, NULL},
    [RIVAL_COLD] = {"agent, epoll, nothing warm", "cold", "epoll"},
    [RIVAL_FAST] = {"agent, epoll, nothing warm, fast open", "fast", "epoll"},
    [RIVAL_EPOLL] = {"agent, epoll", "epoll", "epoll"},
    [RIVAL_URING] = {"agent, io_uring", "uring", "io_uring"},
};

const char *
rival_name(enum rival_kind kind)
{
	return kinds[kind].name;
}

/* One thread, as the agent has one worker; all else is its default. */
static bool
start_haproxy(struct rival *r, const char *address, uint16_t port)
{
	char path[RIG_PATH_MAX], text[640];
	const char *const argv[] = {HAPROXY, "-db", "-f", path, NULL};
	const struct rig_spawn s = {.name = "haproxy", .argv = argv};

	if (access(HAPROXY, X_OK) != 0)
		return false;
	r->proxy.port = rig_port("127.0.0.1");
	rig_path(path, "haproxy.cfg");
	snprintf(text, sizeof(text),
	    "global\n nbthread 1\n maxconn 8000\n"
	    "defaults\n mode tcp\n timeout connect 10s\n timeout client 1h\n"
	    " timeout server 1h\n"
	    "listen socks\n bind 127.0.0.1:%u\n server one %s:%u\n",
	    r->proxy.port, address, port);
	rig_write(path, text, 0644);
	rig_proc_start(&r->proc, &s);
	REQUIRE(rig_proc_wait_port(
		    &r->proc, "127.0.0.1", r->proxy.port, START_MS) == 0,
	    "HAProxy does not listen");
	return true;
}

/* Does the agent take this key? */
static bool
takes(const char *key, const char *value)
{
	static struct rig_agent a;
	struct rig_output o;
	bool ok;

	rig_agent_init(&a, "takes");
	rig_agent_direct(&a);
	rig_agent_key(&a, "%s = %s", key, value);
	rig_agent_test(&a, &o);
	ok = o.code == 0;
	rig_output_free(&o);
	return ok;
}

/* It warns, and goes on with epoll, where there is no io_uring to be had. */
static bool
has_ring(pid_t pid)
{
	char path[320], link[64];
	struct dirent *e;
	bool found = false;
	ssize_t len;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	while (d != NULL && !found && (e = readdir(d)) != NULL) {
		snprintf(
		    path, sizeof(path), "/proc/%d/fd/%s", (int)pid, e->d_name);
		len = readlink(path, link, sizeof(link) - 1);
		link[len > 0 ? len : 0] = '\0';
		found = strstr(link, "io_uring") != NULL;
	}
	if (d != NULL)
		closedir(d);
	return found;
}

static bool
start_agent(struct rival *r, const char *address, uint16_t port)
{
	bool ring = r->kind == RIVAL_URING;
	const char *loop = kinds[r->kind].loop;
	struct rig_agent *a = &r->agent;

	rig_agent_init(a, kinds[r->kind].key);
	a->workers = 1;
	a->log_level = "info";
	if (takes("event-loop", loop))
		rig_agent_key(a, "event-loop = %s", loop);
	else if (ring)
		return false;
	if (r->kind == RIVAL_COLD || r->kind == RIVAL_FAST)
		rig_agent_key(a, "warm-connections = 0");
	rig_agent_intermediary(a, "one", "socks5", address, port);
	if (r->kind == RIVAL_FAST)
		rig_agent_add(a, "fast-open = yes\n");
	rig_agent_start(a);
	if (has_ring(rig_agent_child(a, "worker 0")) != ring) {
		rig_note("%s: the worker uses another loop", a->name);
		rig_agent_stop(a);
		return false;
	}
	r->proxy.port = a->port;
	return true;
}

bool
rival_start(
    struct rival *r, enum rival_kind kind, const char *address, uint16_t port)
{
	memset(r, 0, sizeof(*r));
	r->kind = kind;
	r->proxy = (struct rig_proxy){
	    .proto = RIG_SOCKS5, .host = "127.0.0.1", .port = port};
	switch (kind) {
	case RIVAL_NOBODY:
		r->proxy.host = address;
		return true;
	case RIVAL_HAPROXY:
		return start_haproxy(r, address, port);
	case RIVAL_COLD:
	case RIVAL_FAST:
	case RIVAL_EPOLL:
	case RIVAL_URING:
		return start_agent(r, address, port);
	case RIVAL_KINDS:
		break;
	}
	return false;
}

void
rival_stop(struct rival *r)
{
	if (r->kind == RIVAL_HAPROXY)
		rig_proc_stop(&r->proc, STOP_MS);
	else if (r->kind != RIVAL_NOBODY)
		rig_agent_stop(&r->agent);
}

size_t
rival_pids(const struct rival *r, pid_t pids[static RIVAL_PIDS_MAX])
{
	pid_t first =
	    r->kind == RIVAL_HAPROXY ? r->proc.pid : r->agent.proc.pid;

	if (r->kind == RIVAL_NOBODY)
		return 0;
	pids[0] = first;
	return 1 + rig_descendants(first, pids + 1, RIVAL_PIDS_MAX - 1);
}
