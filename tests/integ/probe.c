/* cagent-probe against real intermediaries, and against those that lie, are
 * slow, mute or dead: what it says of each, in words and in JSON. */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/integ/rig_bad.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_origin.h"
#include "tests/integ/rig_peers.h"

#define N(a)	 (sizeof(a) / sizeof(*(a)))
#define RUN_MS	 50000
#define URL_LEN	 96
#define SLOW_MS	 600
#define WAIT_MS	 10000
#define HUGE_LEN 4000000

static void
program_path(char out[static PATH_MAX])
{
	const char *set = getenv("CAGENT_PROBE");
	ssize_t len;
	int up;

	if (set != NULL) {
		snprintf(out, PATH_MAX, "%s", set);
		return;
	}
	/* build/tests/integ/PROGRAM: three up, then bin. */
	len = readlink("/proc/self/exe", out, PATH_MAX - 64);
	REQUIRE(len > 0, "/proc/self/exe: %s", strerror(errno));
	out[len] = '\0';
	for (up = 0; up < 3; up++)
		*strrchr(out, '/') = '\0';
	snprintf(out + strlen(out), 64, "/bin/cagent-probe");
}

static void
run(struct rig_output *o, const char *const *args)
{
	char program[PATH_MAX];
	const char *argv[RIG_ARGS_MAX] = {program};
	const struct rig_spawn s = {.name = "cagent-probe", .argv = argv};
	size_t i;

	program_path(program);
	for (i = 0; args[i] != NULL && i + 2 < RIG_ARGS_MAX; i++)
		argv[i + 1] = args[i];
	rig_run(o, &s, RUN_MS);
}

/* The exit status and a text somewhere in the output are as wanted. */
static void
expect(int code, const char *said, const char *const *args)
{
	struct rig_output o;

	run(&o, args);
	CHECK(o.code == code &&
		  (strstr(o.out, said) != NULL || strstr(o.err, said) != NULL),
	    "exit %d, wanted %d and \"%s\":\n%s%s", o.code, code, said, o.out,
	    o.err);
	rig_output_free(&o);
}

#define EXPECT(code, said, ...) \
	expect(code, said, (const char *const[]){__VA_ARGS__, NULL})

/* Its JSON; the caller frees it. */
static json_t *
ask_json(int code, const char *const *args)
{
	const char *all[RIG_ARGS_MAX] = {"--json"};
	struct rig_output o;
	json_t *doc;
	size_t i;

	for (i = 0; args[i] != NULL && i + 2 < RIG_ARGS_MAX; i++)
		all[i + 1] = args[i];
	run(&o, all);
	doc = json_loads(o.out, JSON_REJECT_DUPLICATES, NULL);
	CHECK(o.code == code && doc != NULL, "exit %d: %s%s", o.code, o.out,
	    o.err);
	CHECK(
	    json_integer_value(json_object_get(doc, "schema")) == 1, "schema");
	CHECK(json_is_true(json_object_get(doc, "ok")) == (code == 0),
	    "\"ok\" and exit status %d differ", code);
	rig_output_free(&o);
	return doc;
}

#define ASK(code, ...) ask_json(code, (const char *const[]){__VA_ARGS__, NULL})

static const json_t *
result(const json_t *doc, size_t i)
{
	const json_t *r = json_array_get(json_object_get(doc, "results"), i);

	CHECK(r != NULL, "there is no result %zu", i);
	return r;
}

static const char *
word(const json_t *obj, const char *name)
{
	const char *s = json_string_value(json_object_get(obj, name));

	return s != NULL ? s : "";
}

static long long
number(const json_t *obj, const char *name)
{
	const json_t *n = json_object_get(obj, name);

	return json_is_integer(n) ? (long long)json_integer_value(n) : -1;
}

/* Every probe has succeeded; on a busy machine one may be slow. */
static void
check_works(const json_t *doc, size_t i)
{
	const json_t *r = result(doc, i);
	const char *verdict = word(r, "verdict");

	CHECK(strcmp(verdict, "ok") == 0 || strcmp(verdict, "slow") == 0,
	    "%s: %s: %s", word(r, "intermediary"), verdict, word(r, "text"));
	CHECK(number(r, "sent") > 0 &&
		  number(r, "sent") == number(r, "succeeded"),
	    "%s: %lld of %lld", word(r, "intermediary"), number(r, "succeeded"),
	    number(r, "sent"));
	CHECK(number(r, "total_us") > 0 && number(r, "p95_us") > 0,
	    "%s: no times", word(r, "intermediary"));
}

static void
check_fails(const json_t *doc, size_t i, const char *verdict,
    const char *reason, const char *phase)
{
	const json_t *r = result(doc, i);
	const json_t *p = json_array_get(json_object_get(r, "probes"), 0);

	CHECK(strcmp(word(r, "verdict"), verdict) == 0, "%s: %s, not %s: %s",
	    word(r, "intermediary"), word(r, "verdict"), verdict,
	    word(r, "text"));
	CHECK(number(r, "succeeded") == 0 && *word(r, "text") != '\0',
	    "%s: %lld succeeded: \"%s\"", word(r, "intermediary"),
	    number(r, "succeeded"), word(r, "text"));
	CHECK(strcmp(word(p, "reason"), reason) == 0 &&
		  strcmp(word(p, "phase"), phase) == 0,
	    "%s: %s in %s, not %s in %s", word(r, "intermediary"),
	    word(p, "reason"), word(p, "phase"), reason, phase);
	CHECK(json_is_null(json_object_get(r, "total_us")), "has a time");
}

/* --- real intermediaries --- */

static const enum rig_peer_kind peer_kinds[] = {
    RIG_PEER_DANTED, RIG_PEER_MICROSOCKS, RIG_PEER_SQUID, RIG_PEER_TINYPROXY};

static void
start_peers(struct rig_peer *peers, char urls[][URL_LEN])
{
	char name[32];
	size_t i;

	for (i = 0; i < N(peer_kinds); i++) {
		memset(&peers[i], 0, sizeof(peers[i]));
		snprintf(name, sizeof(name), "peer%zu", i);
		rig_peer_start(&peers[i], peer_kinds[i], name);
		snprintf(urls[i], URL_LEN, "%s://127.0.0.1:%u", peers[i].type,
		    peers[i].port);
	}
}

static void
start_tls(struct rig_proc *p, const char *version, uint16_t port)
{
	char cert[RIG_PATH_MAX], key[RIG_PATH_MAX], at[32];
	const char *const make[] = {"openssl", "req", "-x509", "-newkey", "ec",
	    "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
	    "/CN=localhost", "-keyout", key, "-out", cert, NULL};
	const char *const serve[] = {"openssl", "s_server", "-accept", at,
	    "-cert", cert, "-key", key, "-www", "-msg", version, NULL};
	struct rig_spawn s = {.name = "make-cert", .argv = make};
	struct rig_output o;

	rig_path(cert, "cert.pem");
	rig_path(key, "key.pem");
	rig_run(&o, &s, RUN_MS);
	REQUIRE(o.code == 0, "openssl req: %s", o.err);
	rig_output_free(&o);
	snprintf(at, sizeof(at), "127.0.0.1:%u", port);
	rig_port_release(port);
	s = (struct rig_spawn){.name = version + 1, .argv = serve};
	rig_proc_start(p, &s);
	REQUIRE(rig_proc_wait_port(p, "127.0.0.1", port, WAIT_MS) == 0,
	    "s_server does not start");
}

static void
t_peers(void)
{
	struct rig_peer peers[N(peer_kinds)];
	char urls[N(peer_kinds)][URL_LEN], http[URL_LEN], tls[URL_LEN];
	struct rig_server origin;
	struct rig_proc server;
	uint16_t port = rig_port("127.0.0.1");
	json_t *doc;
	size_t i;

	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	start_tls(&server, "-tls1_3", port);
	start_peers(peers, urls);
	snprintf(http, sizeof(http), "http://127.0.0.1:%u/ok", origin.port);
	snprintf(tls, sizeof(tls), "https://127.0.0.1:%u/", port);
	/* s_server serves one after the other. */
	doc = ASK(0, "--target", http, "--target", tls, "--timeout=20s",
	    "--parallel=2", urls[0], urls[1], urls[2], urls[3], "direct://");
	CHECK_INT(json_array_size(json_object_get(doc, "results")), 10);
	for (i = 0; i < 10; i++)
		check_works(doc, i);
	CHECK(strncmp(word(result(doc, 4), "target"), http, strlen(http)) == 0,
	    "the fifth is of %s", word(result(doc, 4), "target"));
	CHECK(strncmp(word(result(doc, 5), "target"), "https", 5) == 0,
	    "the sixth is of %s", word(result(doc, 5), "target"));
	json_decref(doc);
	/* Asked for themselves, they answer too, each in its own way. */
	doc = ASK(0, "--timeout=20s", urls[0], urls[1], urls[2], urls[3]);
	for (i = 0; i < N(peer_kinds); i++)
		check_works(doc, i);
	json_decref(doc);
	rig_server_stop(&origin);
	/* What they cannot reach is no fault of theirs; some say so. */
	doc = ASK(1, "--target", http, "-n1", urls[0], urls[1], urls[2],
	    urls[3], "direct://");
	check_fails(doc, 0, "unreached", "refused", "handshake");
	check_fails(doc, 1, "unreached", "refused", "handshake");
	check_fails(doc, 2, "unreached", "hop-failed", "handshake");
	check_fails(doc, 3, "unreached", "hop-failed", "handshake");
	check_fails(doc, 4, "unreached", "refused", "connect");
	json_decref(doc);
	EXPECT(1, "it may be to blame itself", "--target", http, "-n1", urls[0],
	    urls[1]);
}

/* A real server understands the hello: it goes on with the handshake, with
 * and without a second try. */
static void
t_hello(void)
{
	static const struct {
		const char *version, *says;
	} all[] = {{"-tls1_2", "ServerHello"}, {"-tls1_3", "ServerHello"}};
	struct rig_wait w = {.timeout_ms = WAIT_MS};
	struct rig_proc server;
	char url[URL_LEN];
	uint16_t port;
	size_t i;

	for (i = 0; i < N(all); i++) {
		port = rig_port("127.0.0.1");
		start_tls(&server, all[i].version, port);
		snprintf(url, sizeof(url), "https://localhost:%u", port);
		EXPECT(0, " ok", "direct://", "-n1", "--target", url);
		CHECK(rig_proc_wait_log(&server, all[i].says, &w) == 0,
		    "%s: no %s", all[i].version, all[i].says);
		rig_proc_kill(&server);
	}
}

/* --- those that are not well --- */

/* A SOCKS5 server that takes its time, and is the target as well. */
static unsigned int
step_slow(struct rig_link *l)
{
	static const uint8_t yes[] = {5, 0, 0, 1, 0, 0, 0, 0, 0, 0};
	static const char ok[] = "HTTP/1.1 200 OK\r\n\r\nok\n";
	uint8_t in[512];

	if (l->state == 1) {
		l->state = 2;
		l->due_ms = 0;
		return rig_link_write(l, yes, sizeof(yes)) < 0 ? RIG_CLOSE
							       : RIG_WANT_IN;
	}
	if (rig_link_read(l, in, sizeof(in)) <= 0)
		return l->fin ? RIG_CLOSE : RIG_WANT_IN;
	if (l->state == 2) {
		rig_link_write(l, (const uint8_t *)ok, sizeof(ok) - 1);
		return RIG_CLOSE;
	}
	/* The greeting has three bytes, the request more. */
	if (in[1] == 1 && in[2] == 0 && l->got == 0) {
		l->got = 3;
		rig_link_write(l, (const uint8_t *)"\5\0", 2);
		return RIG_WANT_IN;
	}
	l->state = 1;
	l->due_ms = rig_now_ms() + SLOW_MS;
	return 0;
}

struct ill {
	struct rig_server origin, liar, mute, rubbish, closing, slow;
	struct rig_peer good, other;
	char urls[8][URL_LEN], target[URL_LEN];
};

static void
socks(char url[URL_LEN], uint16_t port)
{
	snprintf(url, URL_LEN, "socks5://127.0.0.1:%u", port);
}

static void
start_ill(struct ill *s)
{
	memset(s, 0, sizeof(*s));
	rig_origin_start(&s->origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_peer_start(&s->good, RIG_PEER_MICROSOCKS, "good");
	rig_peer_start(&s->other, RIG_PEER_MICROSOCKS, "other");
	rig_bad_start(&s->liar, RIG_BAD_FALSE_SUCCESS, "socks5");
	rig_bad_start(&s->mute, RIG_BAD_SILENT, "socks5");
	rig_bad_start(&s->rubbish, RIG_BAD_RUBBISH, "socks5");
	rig_bad_start(&s->closing, RIG_BAD_CLOSE, "socks5");
	s->slow.address = "127.0.0.1";
	s->slow.step = step_slow;
	rig_server_start(&s->slow);
	socks(s->urls[0], s->good.port);
	socks(s->urls[1], s->other.port);
	socks(s->urls[2], s->liar.port);
	socks(s->urls[3], s->mute.port);
	socks(s->urls[4], s->rubbish.port);
	socks(s->urls[5], s->closing.port);
	socks(s->urls[6], s->slow.port);
	socks(s->urls[7], rig_port("127.0.0.1"));
	snprintf(s->target, URL_LEN, "http://127.0.0.1:%u/ok", s->origin.port);
}

static void
stop_ill(struct ill *s)
{
	rig_server_stop(&s->slow);
	rig_server_stop(&s->closing);
	rig_server_stop(&s->rubbish);
	rig_server_stop(&s->mute);
	rig_server_stop(&s->liar);
	rig_server_stop(&s->origin);
}

/* The line of the table for that intermediary has these words. */
static void
check_line(
    const char *table, const char *url, const char *ok, const char *verdict)
{
	const char *line = strstr(table, url);
	size_t len;
	char text[512];

	CHECK(line != NULL, "no line for %s:\n%s", url, table);
	if (line == NULL)
		return;
	len = strcspn(line, "\n");
	snprintf(text, sizeof(text), "%.*s ", (int)len, line);
	CHECK(strstr(text, ok) != NULL && strstr(text, verdict) != NULL,
	    "no %s and %s in: %s", ok, verdict, text);
}

static void
t_ill(void)
{
	struct ill s;
	struct rig_output o;
	json_t *doc;

	start_ill(&s);
	const char *const args[] = {"--target", s.target, "-n2", "--timeout=4s",
	    s.urls[0], s.urls[1], s.urls[2], s.urls[3], s.urls[4], s.urls[5],
	    s.urls[6], s.urls[7], NULL};

	doc = ask_json(1, args);
	check_works(doc, 0);
	check_works(doc, 1);
	check_fails(doc, 2, "lies", "hop-mute", "first-byte");
	check_fails(doc, 3, "mute", "hop-timeout", "handshake");
	check_fails(doc, 4, "rubbish", "hop-bad", "handshake");
	check_fails(doc, 5, "hangs-up", "hop-closed", "handshake");
	check_works(doc, 6);
	CHECK(strcmp(word(result(doc, 6), "verdict"), "slow") == 0, "%s is %s",
	    s.urls[6], word(result(doc, 6), "verdict"));
	CHECK(number(result(doc, 6), "handshake_us") >= SLOW_MS * 1000,
	    "%lld us", number(result(doc, 6), "handshake_us"));
	check_fails(doc, 7, "dead", "hop-refused", "connect");
	json_decref(doc);

	run(&o, args);
	CHECK_INT(o.code, 1);
	check_line(o.out, s.urls[0], " 2/2 ", "");
	check_line(o.out, s.urls[2], " 0/2 ", " lies  ");
	check_line(o.out, s.urls[3], " 0/2 ", " mute  ");
	check_line(o.out, s.urls[6], " 2/2 ", " slow  ");
	check_line(o.out, s.urls[7], " 0/2 ", " dead  ");
	CHECK(strchr(o.out, '\033') == NULL && o.err_len == 0,
	    "colours or notes in a file: %s%s", o.out, o.err);
	rig_output_free(&o);
	/* Slow is no failure. */
	EXPECT(
	    0, " slow ", "--target", s.target, s.urls[0], s.urls[1], s.urls[6]);
	stop_ill(&s);
}

static void
t_rate(void)
{
	struct rig_server origin;
	struct rig_peer peer = {0};
	char target[URL_LEN], url[URL_LEN];
	const json_t *r;
	json_t *doc;

	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	origin.lenient = true; /* it is cut off */
	rig_peer_start(&peer, RIG_PEER_MICROSOCKS, "peer");
	snprintf(target, sizeof(target), "http://127.0.0.1:%u/bytes/%d",
	    origin.port, HUGE_LEN);
	socks(url, peer.port);
	doc = ASK(0, "--target", target, "--rate=1m", url);
	r = result(doc, 0);
	CHECK(number(r, "bytes_per_s") > 0, "no rate");
	r = json_array_get(json_object_get(r, "probes"), 0);
	CHECK(number(r, "rate_bytes") >= 1 << 20 &&
		  number(r, "rate_bytes") < HUGE_LEN,
	    "%lld bytes", number(r, "rate_bytes"));
	json_decref(doc);
	EXPECT(0, "/s  ok", "--target", target, "--rate", url);
	doc = ASK(0, "--target", target, url);
	CHECK(json_is_null(json_object_get(result(doc, 0), "bytes_per_s")),
	    "a rate that nobody wanted");
	json_decref(doc);
	rig_server_stop(&origin);
}

/* --- passwords --- */

static void
t_login(void)
{
	static char login[] = "fred:se:c@ret";
	struct rig_peer peer = {.login = login};
	char url[URL_LEN], named[URL_LEN], option[RIG_PATH_MAX + 32];
	char path[RIG_PATH_MAX];
	struct rig_output o;

	rig_peer_start(&peer, RIG_PEER_MICROSOCKS, "peer");
	rig_path(path, "secret");
	rig_write(path, "se:c@ret\n", 0600);
	snprintf(option, sizeof(option), "--password-file=%s", path);
	socks(url, peer.port);
	EXPECT(1, " refuses ", url, "-n1");
	snprintf(named, sizeof(named), "socks5://fred@127.0.0.1:%u", peer.port);
	EXPECT(1, " refuses ", named, "-n1");
	EXPECT(0, " ok", named, "-n1", option);
	snprintf(url, sizeof(url), "socks5://fred:se:c%%40ret@127.0.0.1:%u",
	    peer.port);
	run(&o, (const char *const[]){url, "-n1", "--json", NULL});
	CHECK(o.code == 0 && strstr(o.out, named) != NULL &&
		  strstr(o.out, "ret") == NULL,
	    "exit %d: %s%s", o.code, o.out, o.err);
	rig_output_free(&o);
}

static void
start(struct rig_proc *p, const char *const *args)
{
	static char program[PATH_MAX];
	const char *argv[RIG_ARGS_MAX] = {program};
	const struct rig_spawn s = {.name = "probing", .argv = argv};
	size_t i;

	program_path(program);
	for (i = 0; args[i] != NULL && i + 2 < RIG_ARGS_MAX; i++)
		argv[i + 1] = args[i];
	rig_proc_start(p, &s);
}

static void
check_cmdline(pid_t pid)
{
	char path[64], args[1024];
	FILE *f;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	f = fopen(path, "re");
	REQUIRE(f != NULL, "%s: %s", path, strerror(errno));
	len = fread(args, 1, sizeof(args), f);
	fclose(f);
	CHECK(memmem(args, len, "socks5://u:xxxxxxx@", 19) != NULL,
	    "the command line is another");
	CHECK(memmem(args, len, "hunter2", 7) == NULL, "seen by others");
}

/* While it runs, others see no password; interrupted, it tells what it has
 * found out. */
static void
t_interrupted(void)
{
	struct rig_server mute, *m = &mute;
	char url[URL_LEN], dead[URL_LEN];
	struct rig_proc p;
	struct rig_wait w = {.timeout_ms = WAIT_MS};
	int64_t deadline_ms = rig_now_ms() + WAIT_MS;

	rig_bad_start(m, RIG_BAD_SILENT, "socks5");
	snprintf(url, sizeof(url), "socks5://u:hunter2@127.0.0.1:%u", m->port);
	socks(dead, rig_port("127.0.0.1"));
	start(&p,
	    (const char *const[]){dead, url, "--timeout=100s", "-n1", NULL});
	while (atomic_load(&m->accepted) == 0 && rig_pause(deadline_ms))
		continue;
	check_cmdline(p.pid);
	rig_proc_signal(&p, SIGINT);
	CHECK_INT(rig_proc_wait(&p, WAIT_MS), 0);
	CHECK(WIFEXITED(p.status) && WEXITSTATUS(p.status) == 1, "status %d",
	    p.status);
	CHECK_INT(rig_proc_wait_log(&p, " dead ", &w), 0);
	CHECK_INT(rig_proc_wait_log(&p, "interrupted after 1 of 2", &w), 0);
	rig_server_stop(m);
}

/* --- what else may go wrong --- */

static void
t_names(void)
{
	struct rig_server origin;
	struct rig_peer peer = {0};
	char url[URL_LEN], target[URL_LEN];
	json_t *doc;

	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_peer_start(&peer, RIG_PEER_MICROSOCKS, "peer");
	snprintf(url, sizeof(url), "socks5://localhost:%u", peer.port);
	snprintf(target, sizeof(target), "http://127.0.0.1:%u/ok", origin.port);
	doc = ASK(0, url, "--target", target);
	check_works(doc, 0);
	json_decref(doc);
	/* Which of its addresses serves is found out. */
	snprintf(target, sizeof(target), "http://localhost:%u/ok", origin.port);
	doc = ASK(0, "direct://", "--target", target);
	check_works(doc, 0);
	json_decref(doc);
	doc = ASK(1, "socks5://nosuch.invalid:1", "--target", target);
	check_fails(doc, 0, "dead", "hop-unreachable", "start");
	CHECK(strstr(word(result(doc, 0), "text"), "gives no address"), "%s",
	    word(result(doc, 0), "text"));
	json_decref(doc);
	rig_server_stop(&origin);
}

static void
t_mistakes(void)
{
	json_t *doc;

	EXPECT(2, "which intermediary?", "-n1");
	EXPECT(2, "did you mean socks5://?", "sock5://127.0.0.1:1");
	EXPECT(2, "did you mean --timeout?", "--timeuot=3");
	EXPECT(2, "http://h:8080 is usual", "http://h");
	EXPECT(0, "usage: cagent-probe", "--help");
	EXPECT(0, "cagent-probe ", "--version");
	doc = ASK(2, "socks5://h");
	CHECK(strcmp(word(doc, "code"), "usage") == 0, "code %s",
	    word(doc, "code"));
	json_decref(doc);
}

static void
shell(const char *script, int code, const char *said, const char *url)
{
	char program[PATH_MAX];
	const char *const argv[] = {"sh", "-c", script, program, url, NULL};
	static const char *const more[] = {"TERM=xterm", NULL};
	const struct rig_spawn spawn = {
	    .name = "output", .argv = argv, .env = more, .dir = rig_dir()};
	struct rig_output o;

	program_path(program);
	rig_run(&o, &spawn, RUN_MS);
	CHECK(o.code == code &&
		  (strstr(o.out, said) != NULL || strstr(o.err, said) != NULL),
	    "%s: exit %d: %s%s", script, o.code, o.out, o.err);
	rig_output_free(&o);
}

/* Standard files that are closed, full, or read by one who leaves; and a
 * terminal. */
static void
t_output(void)
{
	struct rig_peer peer = {0};
	char url[URL_LEN];

	rig_peer_start(&peer, RIG_PEER_MICROSOCKS, "peer");
	socks(url, peer.port);
	shell("\"$0\" \"$1\" >&-", 0, "", url);
	shell("\"$0\" \"$1\" <&- >&- 2>&-", 0, "", url);
	shell("\"$0\" \"$1\" | true", 0, "", url);
	shell("\"$0\" \"$1\" >/dev/full", 1, "No space left", url);
	shell("script -qec \"'$0' '$1'\" /dev/null </dev/null", 0,
	    "of 3 probes", url);
	shell("script -qec \"'$0' '$1'\" /dev/null </dev/null", 0, "\033[32mok",
	    url);
	shell("script -qec \"'$0' -q '$1'\" /dev/null </dev/null | "
	      "grep -c 'of 3 probes'",
	    1, "0", url);
	shell("NO_COLOR=1 script -qec \"'$0' -q '$1'\" /dev/null </dev/null | "
	      "grep -c '\033'",
	    1, "0", url);
}

static const struct rig_case cases[] = {
    {"peers", t_peers, 120, 0},
    {"hello", t_hello, 0, 0},
    {"ill", t_ill, 120, 0},
    {"rate", t_rate, 0, 0},
    {"login", t_login, 0, 0},
    {"interrupted", t_interrupted, 0, 0},
    {"names", t_names, 0, 0},
    {"mistakes", t_mistakes, 0, 0},
    {"output", t_output, 0, 0},
};

RIG_MAIN("probe", cases, NULL)
