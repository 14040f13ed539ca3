/* Starts those who take part in a contest, and reads their clocks. */
#include "tests/bench/entrant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/integ/rig_net.h"

#define START_MS      10000
#define STOP_MS	      5000
#define STREAM_MODULE "/usr/lib/nginx/modules/ngx_stream_module.so"

static const struct {
	const char *name, *program, *conf;
} kinds[ENTRANT_KINDS] = {
    [ENTRANT_NOBODY] = {"upstream alone", NULL, NULL},
    [ENTRANT_HAPROXY] = {"HAProxy", NULL, NULL},
    [ENTRANT_HAPROXY_SPLICE] = {"HAProxy, splice", "/usr/sbin/haproxy",
	"global\n nbthread 1\n maxconn 8000\n maxpipes 1000\n"
	" tune.pipesize 1048576\n"
	"defaults\n mode tcp\n option splice-request\n"
	" option splice-response\n timeout connect 10s\n timeout client 1h\n"
	" timeout server 1h\n"
	"listen socks\n bind 127.0.0.1:@\n server one 127.0.0.1:^\n"},
    [ENTRANT_NGINX] = {"nginx stream", "/usr/sbin/nginx",
	"load_module " STREAM_MODULE ";\n"
	"daemon off;\nworker_processes 1;\npid nginx.pid;\n"
	"error_log stderr error;\n"
	"events { worker_connections 8000; }\n"
	"stream { server { listen 127.0.0.1:@; proxy_pass 127.0.0.1:^;\n"
	" proxy_timeout 1h; } }\n"},
    [ENTRANT_DANTED] = {"Dante", "/usr/sbin/danted",
	"logoutput: /dev/null\n"
	"internal: 127.0.0.1 port = @\nexternal: lo\n"
	"socksmethod: none\nclientmethod: none\n"
	"user.privileged: root\nuser.unprivileged: nobody\n"
	"client pass {\n from: 127.0.0.0/8 to: 0.0.0.0/0\n}\n"
	"socks pass {\n from: 127.0.0.0/8 to: 0.0.0.0/0\n}\n"
	"route {\n from: 0.0.0.0/0 to: 0.0.0.0/0 via: 127.0.0.1 port = ^\n"
	" proxyprotocol: socks_v5\n method: none\n}\n"},
    [ENTRANT_MICROSOCKS] = {"microsocks, no chain", "/usr/bin/microsocks", ""},
    [ENTRANT_EPOLL] = {"agent, epoll", NULL, NULL},
    [ENTRANT_URING] = {"agent, io_uring", NULL, NULL},
};

const char *
entrant_name(enum entrant_kind kind)
{
	return kinds[kind].name;
}

/* In a configuration, @ is the port to listen at and ^ that of the SOCKS5
 * server. */
static void
fill(char *out, size_t cap, const char *conf, const uint16_t ports[2])
{
	size_t n = 0;

	for (; *conf != '\0' && n < cap; conf++) {
		if (*conf == '@' || *conf == '^')
			n += (size_t)snprintf(
			    out + n, cap - n, "%u", ports[*conf == '^']);
		else
			out[n++] = *conf;
	}
	REQUIRE(n < cap, "no room for a configuration");
	out[n] = '\0';
}

static bool
start_program(struct entrant *e, uint16_t upstream)
{
	char path[RIG_PATH_MAX], port[8], text[1024];
	const char *const argv[ENTRANT_KINDS][9] = {
	    [ENTRANT_HAPROXY_SPLICE] = {kinds[e->kind].program, "-db", "-f",
		path},
	    [ENTRANT_NGINX] = {kinds[e->kind].program, "-p", rig_dir(), "-c",
		path},
	    [ENTRANT_DANTED] = {kinds[e->kind].program, "-f", path, "-p",
		"/dev/null"},
	    [ENTRANT_MICROSOCKS] = {kinds[e->kind].program, "-i", "127.0.0.1",
		"-p", port},
	};
	const struct rig_spawn s = {.name = kinds[e->kind].program + 9,
	    .argv = argv[e->kind],
	    .dir = rig_dir()};

	if (access(kinds[e->kind].program, X_OK) != 0 ||
	    (e->kind == ENTRANT_NGINX && access(STREAM_MODULE, R_OK) != 0))
		return false;
	e->port = rig_port("127.0.0.1");
	snprintf(port, sizeof(port), "%u", e->port);
	rig_path(path, "entrant-%d.conf", (int)e->kind);
	fill(text, sizeof(text), kinds[e->kind].conf,
	    (const uint16_t[]){e->port, upstream});
	rig_write(path, text, 0644);
	rig_port_release(e->port);
	rig_proc_start(&e->proc, &s);
	REQUIRE(
	    rig_proc_wait_port(&e->proc, "127.0.0.1", e->port, START_MS) == 0,
	    "%s does not listen", kinds[e->kind].name);
	return true;
}

static bool
start_rival(struct entrant *e, enum rival_kind kind, uint16_t upstream)
{
	bool here = rival_start(&e->rival, kind, "127.0.0.1", upstream);

	e->port = e->rival.proxy.port;
	return here;
}

void
entrant_start(struct entrant *e, enum entrant_kind kind, uint16_t upstream)
{
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	switch (kind) {
	case ENTRANT_NOBODY:
		e->here = start_rival(e, RIVAL_NOBODY, upstream);
		break;
	case ENTRANT_HAPROXY:
		e->here = start_rival(e, RIVAL_HAPROXY, upstream);
		break;
	case ENTRANT_EPOLL:
		e->here = start_rival(e, RIVAL_EPOLL, upstream);
		break;
	case ENTRANT_URING:
		e->here = start_rival(e, RIVAL_URING, upstream);
		break;
	case ENTRANT_HAPROXY_SPLICE:
	case ENTRANT_NGINX:
	case ENTRANT_DANTED:
	case ENTRANT_MICROSOCKS:
		e->here = start_program(e, upstream);
		break;
	case ENTRANT_KINDS:
		break;
	}
	if (!e->here)
		rig_note("%s: not here", kinds[kind].name);
}

/* Of one process with all threads that it has had, and, in ticks, of its
 * children that are gone. */
static double
process_cpu_s(pid_t pid)
{
	char path[64], text[512];
	long children, waited;
	const char *at;
	struct timespec ts = {0};
	clockid_t id;
	double sum = 0;

	if (clock_getcpuclockid(pid, &id) == 0 && clock_gettime(id, &ts) == 0)
		sum = (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!bench_slurp(path, text, sizeof(text)))
		return sum;
	at = strrchr(text, ')'); /* behind it the third field comes */
	if (at != NULL && sscanf(at + 1,
			      " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
			      "%*u %*u %ld %ld",
			      &children, &waited) == 2)
		sum +=
		    (double)(children + waited) / (double)sysconf(_SC_CLK_TCK);
	return sum;
}

double
entrant_cpu_s(const struct entrant *e)
{
	pid_t pids[RIG_DESCENDANTS_MAX + 1] = {e->proc.pid};
	size_t n, i;
	double sum = 0;

	if (e->proc.pid != 0)
		n = 1 +
		    rig_descendants(e->proc.pid, pids + 1, RIG_DESCENDANTS_MAX);
	else
		n = rival_pids(&e->rival, pids);
	for (i = 0; i < n; i++)
		sum += process_cpu_s(pids[i]);
	return sum;
}

void
entrant_stop(struct entrant *e)
{
	if (!e->here)
		return;
	if (e->proc.pid != 0)
		rig_proc_stop(&e->proc, STOP_MS);
	else
		rival_stop(&e->rival);
}
