/* When managers are told: their intervals, an ejection, the end.  Two of them
 * listen on loopback, and the clock is ours. */
#include "cagentd/control/links.h"

#include <sys/socket.h>

#include <poll.h>
#include <sodium.h>

#include "base/log.h"
#include "tests/unit/manager_fake.h"
#include "tests/unit/ranking_rig.h"

#define S  1000000ll
#define MS 1000ll

/* A subscriber. */
struct peer {
	struct manager_fake fake;
	int listener, fd;
	uint16_t port;
	char key[64];
};

static struct peer one, two;
static struct resolve *resolve;
static struct links *ls;
static bool done;

static void
peer_open(struct peer *p, uint8_t seed)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);

	manager_fake_init(&p->fake, seed);
	sodium_bin2base64(p->key, sizeof(p->key), p->fake.keys.public_key, 32,
	    sodium_base64_VARIANT_ORIGINAL);
	p->fd = -1;
	p->listener =
	    socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	rig_ok(bind(p->listener, (struct sockaddr *)&in, len), "bind");
	rig_ok(listen(p->listener, 8), "listen");
	rig_ok(getsockname(p->listener, (struct sockaddr *)&in, &len), "name");
	p->port = ntohs(in.sin_port);
}

static void
peer_close(struct peer *p)
{
	if (p->fd != -1)
		close(p->fd);
	close(p->listener);
}

static void
turn(void)
{
	int i;

	for (i = 0; i < 20; i++)
		loop_turn(rig_control.loop, 0);
}

static void
pass(int64_t us)
{
	skew_us += us;
	step();
	links_look(ls);
	turn();
}

static bool
is_ready(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

/* The next message that is there; on loopback a moment is enough. */
static bool
hear(struct peer *p)
{
	ssize_t n;

	turn();
	while (!manager_fake_next(&p->fake)) {
		if (!is_ready(p->fd, 50))
			return false;
		n = read(p->fd, p->fake.in + p->fake.in_len,
		    sizeof(p->fake.in) - p->fake.in_len);
		if (n <= 0)
			return false;
		p->fake.in_len += (size_t)n;
	}
	return true;
}

static void
ack(struct peer *p)
{
	const struct manage_answer a = {.of = (uint8_t)p->fake.head.type,
	    .sequence = p->fake.head.sequence,
	    .interval_ms = p->fake.head.type == SEALED_REGISTER ? 7000 : 0};
	uint8_t out[1024];
	size_t n = manager_fake_answer(&p->fake, &a, false, out, sizeof(out));
	int i;

	CHECK_INT(write(p->fd, out, n), (ssize_t)n);
	for (i = 0; i < 20; i++)
		loop_turn(rig_control.loop, 1000);
}

static void
let_in(struct peer *p)
{
	int i;

	for (i = 0; i < 100 && !is_ready(p->listener, 0); i++)
		loop_turn(rig_control.loop, 10000);
	p->fd = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	for (i = 0; i < 20; i++)
		loop_turn(rig_control.loop, 1000);
	CHECK(hear(p) && p->fake.head.type == SEALED_REGISTER, "it comes");
	ack(p);
}

/* What it hears, as enum manage_why; -1: nothing. */
static int
told(struct peer *p)
{
	struct manage_report head;

	if (!hear(p) || p->fake.head.type != SEALED_REPORT)
		return -1;
	CHECK(manage_report_decode(p->fake.body, p->fake.head.body_len, &head) >
		  0,
	    "a report");
	ack(p);
	return (int)head.why;
}

static const struct link *
link_of(uint32_t i, int64_t *interval_ms, int64_t *due_us)
{
	const struct link *l = links_get(ls, i, interval_ms, due_us);

	if (l == NULL) {
		CHECK(0, "no link %u", i);
		abort();
	}
	return l;
}

static struct msg_identity *
identity(uint8_t seed)
{
	struct msg_identity *id = sodium_malloc(sizeof(*id));
	static struct manager_fake m;

	manager_fake_init(&m, seed);
	memset(id, 0, sizeof(*id));
	id->keys = m.keys;
	return id;
}

static void
settings_text(char *out, size_t cap, const char *more)
{
	snprintf(out, cap,
	    "%s%s[subscriber \"one\"]\naddress = 127.0.0.1:%u\nkey = %s\n%s"
	    "[subscriber \"two\"]\naddress = 127.0.0.1:%u\nkey = %s\n"
	    "interval = 100s\n",
	    ABC, "", one.port, one.key, more, two.port, two.key);
}

static void
begin(const char *more)
{
	char text[2048];

	clock_stop();
	skew_us = 0;
	peer_open(&one, 1);
	peer_open(&two, 2);
	settings_text(text, sizeof(text), more);
	rig_open(text);
	rig_ok(loop_new(&rig_control.loop), "loop_new");
	rig_ok(resolve_new(&resolve, rig_control.loop), "resolve_new");
	step();
	rig_ok(links_new(&ls, &rig_control, resolve), "links_new");
	links_identity(ls, identity(9));
	let_in(&one);
	let_in(&two);
}

static void
end(void)
{
	links_free(ls);
	resolve_free(resolve);
	loop_free(rig_control.loop);
	rig_close();
	peer_close(&one);
	peer_close(&two);
}

/* The first soon, the others give or take a tenth. */
static void
intervals(void)
{
	int64_t every = 0, due = 0, now, first, least = INT64_MAX, most = 0;
	int i;

	begin("interval = 50s\n");
	CHECK_INT(link_of(0, &every, &first)->state, LINK_UP);
	CHECK_INT(every, 50000);
	now = loop_now_us(rig_control.loop);
	CHECK(first - now <= LINKS_FIRST_US, "the first in %lld us",
	    (long long)(first - now));
	pass(LINKS_FIRST_US);
	CHECK_INT(told(&one), MANAGE_INTERVAL);
	for (i = 0; i < 30; i++) {
		link_of(0, &every, &due);
		now = loop_now_us(rig_control.loop);
		CHECK(due - now <= 55 * S, "%lld us", (long long)(due - now));
		if (i > 0 && due - now < least)
			least = due - now;
		if (due - now > most)
			most = due - now;
		pass(due - now - MS);
		CHECK_INT(told(&one), -1);
		pass(MS);
		CHECK_INT(told(&one), MANAGE_INTERVAL);
		while (told(&two) != -1)
			continue;
	}
	CHECK(least >= 44 * S && most >= 51 * S && least <= 49 * S,
	    "from %lld to %lld us", (long long)least, (long long)most);
	end();
}

/* Whoever says it: the host's own limit, the section, a minute. */
static void
how_often(void)
{
	char text[2048];
	int64_t every, due;

	begin("interval = 2s\n");
	link_of(0, &every, &due);
	CHECK_INT(every, 10000);
	link_of(1, &every, &due);
	CHECK_INT(every, 100000);
	settings_text(text, sizeof(text), "");
	settings_unref(rig_control.settings);
	rig_control.settings = rig_settings(text);
	links_refresh(ls);
	link_of(0, &every, &due);
	CHECK_INT(every, LINKS_INTERVAL_MS);
	strlcat(text, "[reports]\ninterval = 20s\n", sizeof(text));
	settings_unref(rig_control.settings);
	rig_control.settings = rig_settings(text);
	links_refresh(ls);
	CHECK_INT(link_of(0, &every, &due)->state, LINK_UP);
	CHECK_INT(every, 20000);
	CHECK(due - loop_now_us(rig_control.loop) <= 22 * S, "the new one");
	end();
}

/* At once, to all; but no more than one in two seconds. */
static void
ejections(void)
{
	int i, n = 0;

	begin("interval = 1000s\n");
	pass(LINKS_FIRST_US);
	CHECK_INT(told(&one), MANAGE_INTERVAL);
	CHECK_INT(told(&two), MANAGE_INTERVAL);
	works(0, "a", 10);
	works(0, "b", 10);
	pass(S);
	CHECK_INT(told(&one), -1);
	fails(0, "a", 3);
	pass(MS);
	CHECK_INT(rig_row("a")->observed, TABLE_EJECTED);
	pass(LINKS_URGENT_US);
	CHECK_INT(told(&one), MANAGE_EJECTED);
	CHECK_INT(told(&two), MANAGE_EJECTED);
	/* Another one, too soon. */
	fails(0, "b", 3);
	pass(MS);
	CHECK_INT(rig_row("b")->observed, TABLE_EJECTED);
	pass(LINKS_URGENT_US);
	CHECK_INT(told(&one), -1);
	for (i = 0; i < 30; i++) {
		pass(100 * MS);
		n += told(&one) == MANAGE_EJECTED;
	}
	CHECK_INT(n, 1);
	end();
}

static void
on_done(void *arg)
{
	(void)arg;
	done = true;
}

static void
last(void)
{
	begin("interval = 1000s\n");
	pass(LINKS_FIRST_US);
	CHECK_INT(told(&one), MANAGE_INTERVAL);
	CHECK_INT(told(&two), MANAGE_INTERVAL);
	done = false;
	links_last(ls, on_done, NULL);
	turn();
	CHECK(!done, "before it is told");
	CHECK_INT(told(&one), MANAGE_LAST);
	CHECK(!done, "before the other is told");
	CHECK_INT(told(&two), MANAGE_LAST);
	CHECK(done, "all are told");
	/* One that does not answer is not waited for. */
	done = false;
	links_last(ls, on_done, NULL);
	pass(LINKS_LAST_US);
	CHECK(done, "in time");
	end();
}

/* Who is not to be told any more is not, and the other one does not notice. */
static void
changes(void)
{
	char text[1024];
	int64_t every, due;

	begin("");
	snprintf(text, sizeof(text),
	    "%s[subscriber \"two\"]\naddress = 127.0.0.1:%u\nkey = %s\n", ABC,
	    two.port, two.key);
	settings_unref(rig_control.settings);
	rig_control.settings = rig_settings(text);
	links_refresh(ls);
	turn();
	CHECK(is_ready(one.fd, 1000) && read(one.fd, text, 1) == 0, "hung up");
	CHECK_STR(link_of(0, &every, &due)->peer.name, "two");
	CHECK_INT(link_of(0, &every, &due)->state, LINK_UP);
	CHECK(links_get(ls, 1, &every, &due) == NULL, "one is left");
	/* Another key of ours is another agent. */
	links_identity(ls, identity(8));
	CHECK(link_of(0, &every, &due)->state != LINK_UP, "begins anew");
	let_in(&two);
	CHECK(
	    memcmp(two.fake.agent, links_whoami(ls)->keys.public_key, 32) == 0,
	    "with the other key");
	end();
}

static const struct unit_case cases[] = {
    {"intervals", intervals},
    {"how often", how_often},
    {"ejections", ejections},
    {"the last", last},
    {"changes", changes},
};

int
main(void)
{
	log_level_set(LOG_LEVEL_ERROR);
	return unit_main("links", cases, sizeof(cases) / sizeof(*cases));
}
