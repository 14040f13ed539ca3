/* Has what the applications of the matrix fetch: a web server without and with
 * TLS, a repository, an ssh server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integ/rig_apps.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"
#include "tests/integ/rig_pattern.h"
#include "tests/integ/rig_peers.h"

#define MAKE_MS 30000

static void
run_ok(const char *what, const struct rig_spawn *s)
{
	struct rig_output o;

	rig_run(&o, s, MAKE_MS);
	REQUIRE(o.code == 0, "%s: exit %d: %s%s", what, o.code, o.out, o.err);
	rig_output_free(&o);
}

/* A repository to clone, as files for the dumb HTTP protocol. */
static void
make_repository(const struct rig_places *p)
{
	static const char script[] =
	    "set -e; export HOME=\"$PWD\" GIT_CONFIG_NOSYSTEM=1\n"
	    "git init -q -b main work; cd work\n"
	    "git config user.email rig@example.com; git config user.name rig\n"
	    "seq 1 5000 >numbers; git add numbers; git commit -q -m one\n"
	    "seq 1 6000 >numbers; git commit -q -a -m two; cd ..\n"
	    "git clone -q --bare work repo.git\n"
	    "git -C repo.git update-server-info\n"
	    "git -C repo.git rev-parse HEAD >head\n";
	const char *const argv[] = {"sh", "-c", script, NULL};
	const struct rig_spawn spawn = {
	    .name = "repository", .argv = argv, .dir = p->dir};

	run_ok("git init", &spawn);
}

/* A web server with TLS, for what only CONNECT carries. */
static void
start_tls(struct rig_places *p)
{
	const char *const key[] = {"openssl", "req", "-x509", "-newkey", "ec",
	    "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
	    "tls.key", "-out", "tls.crt", "-days", "2", "-subj",
	    "/CN=origin.test", NULL};
	struct rig_spawn spawn = {
	    .name = "openssl", .argv = key, .dir = p->dir};
	char accept[32];
	const char *const server[] = {"openssl", "s_server", "-accept", accept,
	    "-key", "tls.key", "-cert", "tls.crt", "-WWW", "-quiet", NULL};

	run_ok("openssl req", &spawn);
	p->tls_port = rig_port("127.0.0.1");
	snprintf(accept, sizeof(accept), "127.0.0.1:%u", p->tls_port);
	spawn.name = "tls";
	spawn.argv = server;
	rig_proc_start(&p->tls, &spawn);
	REQUIRE(
	    rig_proc_wait_port(&p->tls, "127.0.0.1", p->tls_port, 10000) == 0,
	    "openssl s_server does not accept");
}

/* A file of the origin's bytes, in a folder of its own. */
static void
make_files(const struct rig_places *p)
{
	char path[2 * RIG_PATH_MAX];
	uint8_t bytes[RIG_APP_BYTES];
	FILE *f;

	snprintf(path, sizeof(path), "mkdir %s", p->dir);
	REQUIRE(system(path) == 0, "%s", path);
	snprintf(path, sizeof(path), "%s/file", p->dir);
	f = fopen(path, "we");
	rig_pattern_fill(RIG_SEED_HTTP, 0, bytes, sizeof(bytes));
	REQUIRE(f != NULL && fwrite(bytes, sizeof(bytes), 1, f) == 1 &&
		    fclose(f) == 0,
	    "%s", path);
}

void
rig_places_start(struct rig_places *p)
{
	memset(p, 0, sizeof(*p));
	p->host = rig_isolated() ? RIG_NAME : "localhost";
	rig_path(p->dir, "www");
	make_files(p);
	make_repository(p);
	start_tls(p);
	if (rig_isolated())
		rig_dns_start();
	rig_origin_start(&p->origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, p->dir);
	p->sshd_port = rig_port("127.0.0.1");
	rig_sshd_start(&p->sshd, p->sshd_port);
}

void
rig_places_stop(struct rig_places *p)
{
	rig_server_stop(&p->origin);
}
