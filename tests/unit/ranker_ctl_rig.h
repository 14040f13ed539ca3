#ifndef TESTS_UNIT_RANKER_CTL_RIG_H
#define TESTS_UNIT_RANKER_CTL_RIG_H

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "base/mono.h"
#include "base/net.h"
#include "policyd/common/pdctl.h"
#include "policyd/ranker/ranker.h"
#include "policyd/ranker/ranker_ctl.h"
#include "tests/unit/trust_sample.h"
#include "tests/unit/unit.h"

/*
 * A ranker without the other processes: a real store in a directory of its
 * own, the usual root, and a control socket with peers that talk to it from the
 * same thread.
 */
#define RIG_CONFIG                       \
	"[policyd]\n"                    \
	"listen = 127.0.0.1:0\n"         \
	"root = /root.1\n"               \
	"rank-key = /rank.key\n"         \
	"seal-key = /seal.key\n"         \
	"collector-user = 65531:65531\n" \
	"prober-user = 65532:65532\n"    \
	"ranker-user = 65533:65533\n"    \
	"signer-user = 65534:65534\n"    \
	"page-user = 65530:65530\n"
#define RIG_POLICY                                              \
	"[tier \"gold\"]\nrank = 1\n"                           \
	"[tier \"spare\"]\nrank = 2\n"                          \
	"[tier \"kept\"]\nrank = 3\nreserved-for = critical\n"  \
	"[intermediary \"s1\"]\ntype = socks5\n"                \
	"address = 127.0.0.1:1001\ntier = gold\n"               \
	"[intermediary \"s2\"]\ntype = socks5\n"                \
	"address = 127.0.0.1:1002\ntier = gold\n"               \
	"[intermediary \"s3\"]\ntype = socks5\n"                \
	"address = 127.0.0.1:1003\ntier = spare\nweight = 20\n" \
	"[intermediary \"k1\"]\ntype = socks5\n"                \
	"address = 127.0.0.1:1004\ntier = kept\n"

#define RIG_UID_PAGE 65530
#define RIG_UID_OWN  65533

/* The clock is ours: it stands, and a deadline passes when a case says so. */
static int64_t skew_us;

int64_t
mono_us(void)
{
	return 1000000000 + skew_us;
}

int64_t
mono_wall_us(void)
{
	return SAMPLE_NOW * 1000000 + skew_us;
}

#define PATIENCE_US 20000000

static struct ranker rig;
static char rig_dir[64];

static inline int
rig_ok(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what,
		    strerror(result == -1 ? errno : -result));
		abort();
	}
	return result;
}

static inline const char *
rig_path(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", rig_dir, name);
	return path;
}

static inline void
rig_store(void)
{
	char why[STORE_WHY_MAX];
	struct root root = sample_root(1);
	struct ranker_why wrong;
	struct sample s;

	if (store_open(rig_path("db"), &rig.store, why) != 0) {
		fprintf(stderr, "store: %s\n", why);
		abort();
	}
	sample_sign_root(&s, &root, "12");
	if (!ranker_messages_load(&rig, s.data, s.len, &wrong)) {
		fprintf(stderr, "root: %s\n", wrong.text);
		abort();
	}
}

static inline void
start(void)
{
	struct conf_errors errors;
	union net_addr addr;
	char text[160];
	int fd;

	skew_us = 0;
	memset(&rig, 0, sizeof(rig));
	snprintf(rig_dir, sizeof(rig_dir), "/tmp/cagent-unit-XXXXXX");
	if (mkdtemp(rig_dir) == NULL || chmod(rig_dir, 0755) == -1)
		rig_ok(-1, rig_dir);
	if (pdconf_parse("rig", RIG_CONFIG, sizeof(RIG_CONFIG) - 1, &rig.conf,
		&errors) != 0) {
		fprintf(stderr, "%s", errors.text);
		abort();
	}
	rig_ok(sodium_init(), "sodium");
	rig_ok(loop_new(&rig.loop), "loop");
	LIST_INIT(&rig.policies);
	TAILQ_INIT(&rig.groups);
	STAILQ_INIT(&rig.items);
	rig_store();
	snprintf(text, sizeof(text), "unix:%s", rig_path("control"));
	rig_ok(net_addr_parse(text, &addr) > 0 ? 0 : -EINVAL, "address");
	fd = rig_ok(net_listen(&addr, 128, 0666), "listen");
	rig_ok(ranker_ctl_start(&rig.ctl, &rig, fd), "ranker_ctl_start");
}

static inline void
stop(void)
{
	static const char *const files[] = {
	    "control", "db", "db-wal", "db-shm"};
	size_t i;

	ranker_ctl_stop(rig.ctl);
	ranker_agents_free(&rig);
	ranker_groups_free(&rig);
	ranker_messages_free(&rig);
	free(rig.overrides);
	store_close(rig.store);
	loop_free(rig.loop);
	pdconf_unref(rig.conf);
	for (i = 0; i < sizeof(files) / sizeof(*files); i++)
		unlink(rig_path(files[i]));
	rmdir(rig_dir);
}

static inline void
settle(void)
{
	int i;

	for (i = 0; i < 40; i++)
		CHECK_INT(loop_turn(rig.loop, 0), 0);
}

static inline void
pass(int64_t us)
{
	settle();
	skew_us += us;
	settle();
}

static inline int
dial(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd;

	fd = rig_ok(
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
	    "socket");
	strlcpy(sun.sun_path, rig_path("control"), sizeof(sun.sun_path));
	rig_ok(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), "connect");
	return fd;
}

static inline void
put(int fd, const char *text)
{
	size_t len = strlen(text);

	CHECK_INT(send(fd, text, len, MSG_NOSIGNAL), len);
}

static inline json_t *
parse_lines(const char *data, size_t len)
{
	json_t *one, *lines = json_array();
	const char *end = data + len, *nl;

	for (; data < end; data = nl + 1) {
		nl = memchr(data, '\n', (size_t)(end - data));
		if (nl == NULL) {
			CHECK(0, "an answer without a last newline");
			break;
		}
		one = json_loadb(
		    data, (size_t)(nl - data), JSON_REJECT_DUPLICATES, NULL);
		CHECK(json_is_object(one), "no object: %.*s", (int)(nl - data),
		    data);
		json_array_append_new(lines, one);
	}
	return lines;
}

static inline int64_t
real_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ll + ts.tv_nsec / 1000;
}

/* The whole answer; the connection must have come to a clean end. */
static inline json_t *
finish(int fd)
{
	int64_t until = real_us() + PATIENCE_US;
	static char data[4 << 20];
	size_t len = 0;
	ssize_t n = -1;

	while (n != 0 && real_us() < until) {
		loop_turn(rig.loop, 0);
		n = recv(fd, data + len, sizeof(data) - len, MSG_DONTWAIT);
		if (n > 0)
			len += (size_t)n;
		else if (n == -1 && errno != EAGAIN)
			break;
	}
	CHECK(n == 0, "no clean end");
	close(fd);
	settle();
	return parse_lines(data, len);
}

static inline json_t *
ask(const char *line)
{
	int fd = dial();

	put(fd, line);
	return finish(fd);
}

/* A line, and bytes after it. */
static inline json_t *
ask_with(const char *line, const uint8_t *data, size_t len)
{
	int fd = dial();

	put(fd, line);
	CHECK_INT(send(fd, data, len, MSG_NOSIGNAL), len);
	return finish(fd);
}

static inline const char *
str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static inline long long
num(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	CHECK(json_is_integer(v), "%s is no integer", key);
	return json_integer_value(v);
}

/* The first object, checked for its head; kept until the lines go. */
static inline json_t *
head(json_t *lines, bool ok)
{
	json_t *o = json_array_get(lines, 0);

	CHECK_INT(num(o, "schema"), PDCTL_SCHEMA);
	CHECK(json_is_boolean(json_object_get(o, "ok")) &&
		  json_is_true(json_object_get(o, "ok")) == ok,
	    "ok is not %d: %s", ok, str(o, "error"));
	return o;
}

/* It is refused so, with these words among others. */
static inline void
expect_refusal(json_t *lines, const char *code, const char *words)
{
	const json_t *o = head(lines, false);

	CHECK_STR(str(o, "code"), code);
	CHECK(strstr(str(o, "error"), words) != NULL, "no '%s' in: %s", words,
	    str(o, "error"));
	CHECK_INT(json_array_size(lines), 1);
	json_decref(lines);
}

static inline void
expect_code(json_t *lines, const char *code)
{
	expect_refusal(lines, code, "");
}

/* It is done, and said so. */
static inline void
expect_done(json_t *lines, const char *words)
{
	const json_t *o = head(lines, true);

	CHECK(strstr(str(o, "message"), words) != NULL, "no '%s' in: %s", words,
	    str(o, "message"));
	json_decref(lines);
}

/* The server still answers. */
static inline void
alive(void)
{
	json_t *lines = ask("status\n");

	head(lines, true);
	json_decref(lines);
}

/* A policy of that serial for a group, into s. */
static inline void
sign_policy(
    struct sample *s, const char *audience, uint64_t serial, const char *body)
{
	struct envelope e = sample_header(ENVELOPE_POLICY, 1, serial);

	snprintf(e.audience, sizeof(e.audience), "%s", audience);
	sample_sign(s, e, body, "4");
}

static inline json_t *
publish(const struct sample *s, const char *more)
{
	char line[64];

	snprintf(line, sizeof(line), "publish %zu%s\n", s->len, more);
	return ask_with(line, s->data, s->len);
}

static inline void
published(const char *audience, uint64_t serial, const char *body)
{
	struct sample s;

	sign_policy(&s, audience, serial, body);
	expect_done(publish(&s, ""), "is published");
}

/* One that is connected and has said that it has that policy. */
static inline void
rig_agent(const char *name, const char *group, uint64_t policy)
{
	struct store_agent a = {.added_s = 1, .seen_s = 2};
	static uint64_t conn;

	snprintf(a.name, sizeof(a.name), "%s", name);
	snprintf(a.group, sizeof(a.group), "%s", group);
	randombytes_buf(a.key, sizeof(a.key));
	a.policy = (struct manage_mark){policy != 0, policy};
	rig_ok(ranker_begin(&rig), "begin");
	rig_ok(store_agent_add(rig.store, &a), "agent");
	rig_ok(ranker_end(&rig, 0), "end");
	CHECK(ranker_agent_come(&rig, &a, ++conn) != NULL, "%s", name);
	ranker_groups_refresh(&rig);
}

#endif
