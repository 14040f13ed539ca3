/* Who is asking, of the real kernel: TCP of both families, unix sockets,
 * clients that are gone; and how a service's name is waited for. */
#include "cagentd/worker/who/who.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/loop_rig.h"
#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

struct rig {
	struct loop *loop;
	struct who who;
	struct settings *settings;
	uint64_t asked[8];
	int asked_n;
};

static void
ask(void *arg, uint64_t cgroup)
{
	struct rig *rig = arg;

	rig->asked[rig->asked_n++ % 8] = cgroup;
}

/* False, with the case skipped: this kernel does not tell. */
static bool
rig_start(struct rig *rig, const char *conf)
{
	struct conf_errors e = {0};
	int error;

	memset(rig, 0, sizeof(*rig));
	CHECK_INT(loop_new(&rig->loop), 0);
	CHECK_INT(sample_parse(conf, &rig->settings, &e), 0);
	error = who_init(&rig->who, rig->loop);
	rig->who.ask = ask;
	rig->who.arg = rig;
	who_use(&rig->who, rig->settings);
	if (error != 0)
		unit_skip("no sock_diag");
	return error == 0;
}

static void
rig_end(struct rig *rig)
{
	who_fini(&rig->who);
	loop_free(rig->loop);
	settings_unref(rig->settings);
}

static const char by_user[] = "[rule \"r\"]\nuser = 0\nvia = deny\n";
static const char by_service[] = "[rule \"r\"]\nservice = a\nvia = deny\n";

/* What connects to l, whose accept(2) waits for nobody. */
static int
await_client(int l)
{
	struct pollfd p = {.fd = l, .events = POLLIN};

	CHECK_INT(poll(&p, 1, RIG_DEADLINE_US / 1000), 1);
	return accept4(l, NULL, NULL, SOCK_CLOEXEC);
}

/* A connection from `from` to `to` (or where that maps to): the client's
 * end, and what was accepted. */
static bool
connect_pair(const char *from, const char *to, int *client, int *accepted)
{
	const int on = 1;
	union net_addr addr;
	struct net_ip ip;
	socklen_t len;
	int l;

	net_ip_parse(to, &ip);
	len = net_addr_make(&ip, 0, &addr);
	l = socket(addr.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l == -1 || bind(l, &addr.sa, len) != 0 || listen(l, 1) != 0) {
		close(l);
		return false;
	}
	CHECK_INT(getsockname(l, &addr.sa, &len), 0);
	*client = socket(addr.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(*client, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (from != NULL) {
		union net_addr own;

		net_ip_parse(from, &ip);
		len = net_addr_make(&ip, 0, &own);
		CHECK_INT(bind(*client, &own.sa, len), 0);
		len = net_addr_len(&addr);
	}
	CHECK_INT(connect(*client, &addr.sa, len), 0);
	*accepted = accept4(l, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CHECK(*accepted != -1, "accept");
	close(l);
	return true;
}

/* What accepting has told is not asked for again. */
static void
takes_the_address_it_is_told(void)
{
	const union net_addr peer = {
	    .in = {.sin_family = AF_INET, .sin_addr = {htonl(0xc0000207)}}};
	struct client client = {0};
	struct who_wait wait = {.client = &client, .peer = &peer};

	CHECK(who_start(NULL, -1, false, NULL, &wait), "at once");
	CHECK_INT(client.source.family, 4);
	CHECK_INT(client.source.bytes[3], 7);
	CHECK(!client.has_uid, "nobody could know");
}

static void
finds_our_own_uid(void)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
	    {NULL, "127.0.0.1"}, {"127.0.0.5", "127.0.0.9"}, {NULL, "::1"}};
	struct rig rig;
	size_t i;
	int c, a;

	for (i = 0; i < 3 && rig_start(&rig, by_user); i++) {
		struct client client = {0};
		struct who_wait wait = {.client = &client};

		if (!connect_pair(rows[i].from, rows[i].to, &c, &a)) {
			rig_end(&rig);
			continue; /* no v6 here */
		}
		CHECK(who_start(&rig.who, a, false, NULL, &wait), "at once");
		CHECK(client.has_uid && client.uid == geteuid(), "%s: uid %u",
		    rows[i].to, client.uid);
		CHECK_STR(client.service, "");
		CHECK_INT(client.source.family, i == 2 ? 6 : 4);
		close(c);
		close(a);
		rig_end(&rig);
	}
}

/* A socket of v6 that talks v4. */
static void
finds_who_maps(void)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6,
	    .sin6_addr.s6_addr = {[10] = 0xff, 0xff, 127, 0, 0, 1}};
	struct client client = {0};
	struct who_wait wait = {.client = &client};
	struct sockaddr_in sin;
	int l = rig_listen(&sin), c, a;
	struct rig rig;

	c = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c == -1) {
		unit_skip("no v6");
		close(l);
		return;
	}
	to.sin6_port = sin.sin_port;
	CHECK_INT(connect(c, (struct sockaddr *)&to, sizeof(to)), 0);
	a = await_client(l);
	if (rig_start(&rig, by_user)) {
		CHECK(who_start(&rig.who, a, false, NULL, &wait), "at once");
		CHECK(client.has_uid && client.uid == geteuid(), "found");
	}
	rig_end(&rig);
	close(l);
	close(c);
	close(a);
}

/* The uid of the socket is that of its maker. */
static void
finds_another_uid(void)
{
	struct client client = {0};
	struct who_wait wait = {.client = &client};
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int l, a, status;
	struct rig rig;
	pid_t pid;

	if (geteuid() != 0) {
		unit_skip("needs root");
		return;
	}
	if (!rig_start(&rig, by_user))
		return;
	l = rig_listen(&sin);
	pid = fork();
	if (pid == 0) {
		int fd;

		close(l);
		if (setuid(4242) != 0)
			_exit(1);
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&sin, len) != 0)
			_exit(1);
		(void)!read(fd, &status, 1); /* until it is closed */
		_exit(0);
	}
	a = await_client(l);
	CHECK(who_start(&rig.who, a, false, NULL, &wait), "at once");
	CHECK(client.has_uid && client.uid == 4242, "uid %u", client.uid);
	close(a);
	close(l); /* a child that nobody has accepted ends by that */
	waitpid(pid, &status, 0);
	CHECK_INT(status, 0);
	rig_end(&rig);
}

static void
who_is_gone_is_unknown(void)
{
	struct client client = {0};
	struct who_wait wait = {.client = &client};
	struct rig rig;
	int c, a;

	if (!rig_start(&rig, by_user))
		return;
	connect_pair(NULL, "127.0.0.1", &c, &a);
	close(c);
	CHECK(who_start(&rig.who, a, false, NULL, &wait), "at once");
	CHECK(!client.has_uid, "uid %u of nobody", client.uid);
	CHECK_INT(client.source.family, 4);
	close(a);
	rig_end(&rig);
}

/* A listener where the client on *c was, which closes; -1: somebody else has
 * its port for another connection. */
static int
listen_instead(int c, int a)
{
	const int on = 1;
	union net_addr peer;
	socklen_t len = sizeof(peer);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK_INT(getpeername(a, &peer.sa, &len), 0);
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	close(c);
	if (bind(l, &peer.sa, len) == 0 && listen(l, 1) == 0)
		return l;
	close(l);
	return -1;
}

/* Another process listens where the client was: it is not the client. */
static void
a_listener_at_its_port_is_not_it(void)
{
	struct client client = {0};
	struct who_wait wait = {.client = &client};
	struct rig rig;
	int c, a, l = -1, tries;

	if (!rig_start(&rig, by_user))
		return;
	for (tries = 0; tries < 100; tries++) {
		connect_pair(NULL, "127.0.0.1", &c, &a);
		l = listen_instead(c, a);
		if (l != -1)
			break;
		close(a);
	}
	CHECK(l != -1, "no port of %d", tries);
	CHECK(who_start(&rig.who, a, false, NULL, &wait), "at once");
	CHECK(!client.has_uid, "uid %u of a listener", client.uid);
	close(a);
	close(l);
	rig_end(&rig);
}

static void
unix_sockets_tell_by_themselves(void)
{
	struct client client = {0};
	struct who_wait wait = {.client = &client};
	int fds[2];

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	CHECK(who_start(NULL, fds[0], true, NULL, &wait), "at once");
	CHECK(client.has_uid && client.uid == geteuid(), "uid %u", client.uid);
	CHECK_INT(client.source.family, 0);
	close(fds[0]);
	close(fds[1]);
}

static void
nothing_is_asked_without_need(void)
{
	struct client client = {0};
	struct who_wait wait = {.client = &client};
	struct rig rig;
	int c, a;

	if (!rig_start(&rig, "[rule \"r\"]\nsource = ::/0\nvia = deny\n"))
		return;
	connect_pair(NULL, "127.0.0.1", &c, &a);
	CHECK(who_start(&rig.who, a, false, NULL, &wait), "at once");
	CHECK(!client.has_uid && rig.who.seq <= 1, "asked");
	CHECK_INT(client.source.family, 4);
	/* As the client sees it, it went elsewhere. */
	rig.who.ask_uid = true;
	{
		union net_addr seen;

		net_addr_parse("127.0.0.1:9", &seen);
		CHECK(who_start(&rig.who, a, false, &seen, &wait), "at once");
		CHECK(!client.has_uid, "found by another address");
	}
	close(c);
	close(a);
	rig_end(&rig);
}

/* --- names of services --- */

static int done_n;

static void
done(struct who_wait *wait)
{
	(void)wait;
	done_n++;
}

struct waiting {
	struct client client;
	struct who_wait wait;
	int c, a;
};

static bool
wait_for(struct rig *rig, struct waiting *w)
{
	memset(w, 0, sizeof(*w));
	w->wait.client = &w->client;
	w->wait.done = done;
	connect_pair(NULL, "127.0.0.1", &w->c, &w->a);
	return who_start(&rig->who, w->a, false, NULL, &w->wait);
}

static void
waiting_end(struct waiting *w)
{
	who_cancel(&w->wait);
	close(w->c);
	close(w->a);
}

static void
services_are_asked_for_once(void)
{
	struct waiting w[4];
	struct rig rig;
	int i;

	done_n = 0;
	if (!rig_start(&rig, by_service))
		return;
	if (wait_for(&rig, &w[0])) {
		unit_skip("the kernel tells no control group");
		waiting_end(&w[0]);
		rig_end(&rig);
		return;
	}
	CHECK(!wait_for(&rig, &w[1]) && !wait_for(&rig, &w[2]), "they wait");
	CHECK_INT(rig.asked_n, 1);
	who_cancel(&w[1].wait);
	who_cancel(&w[1].wait);
	who_answer(&rig.who, rig.asked[0] + 1, "other.service");
	CHECK_INT(done_n, 0);
	who_answer(&rig.who, rig.asked[0], "a.service");
	CHECK_INT(done_n, 2);
	CHECK_STR(w[0].client.service, "a.service");
	CHECK_STR(w[1].client.service, "");
	CHECK_STR(w[2].client.service, "a.service");
	CHECK(wait_for(&rig, &w[3]), "it is known");
	CHECK_STR(w[3].client.service, "a.service");
	CHECK_INT(rig.asked_n, 1);
	for (i = 0; i < 4; i++)
		waiting_end(&w[i]);
	rig_end(&rig);
}

static void
nobody_waits_for_long(void)
{
	int64_t end = mono_us() + RIG_DEADLINE_US;
	struct waiting w;
	struct rig rig;

	done_n = 0;
	if (!rig_start(&rig, by_service))
		return;
	if (!wait_for(&rig, &w)) {
		while (done_n == 0 && mono_us() < end)
			loop_turn(rig.loop, 10000);
		CHECK_INT(done_n, 1);
		CHECK_STR(w.client.service, "");
		CHECK(w.client.has_uid, "the uid is known all the same");
	}
	waiting_end(&w);
	rig_end(&rig);
}

static void
what_has_no_name_may_get_one(void)
{
	struct waiting w[3];
	struct rig rig;
	int i;

	done_n = 0;
	if (!rig_start(&rig, by_service))
		return;
	if (!wait_for(&rig, &w[0])) {
		who_answer(&rig.who, rig.asked[0], "");
		CHECK_INT(done_n, 1);
		CHECK(wait_for(&rig, &w[1]), "not asked again at once");
		rig.who.known[0].again_us = 0; /* later */
		CHECK(!wait_for(&rig, &w[2]), "asked again");
		CHECK_INT(rig.asked_n, 2);
		who_answer(&rig.who, rig.asked[0], "b.service");
		CHECK_STR(w[2].client.service, "b.service");
		for (i = 1; i < 3; i++)
			waiting_end(&w[i]);
	}
	waiting_end(&w[0]);
	rig_end(&rig);
}

/* More services than there are places: each is found, if by asking again. */
static void
services_are_bounded(void)
{
	char name[32];
	struct rig rig;
	uint64_t i;

	if (!rig_start(&rig, by_service))
		return;
	for (i = 1; i <= 3 * WHO_SERVICES_MAX; i++) {
		snprintf(name, sizeof(name), "%u.service", (unsigned int)i);
		who_answer(&rig.who, i, name);
	}
	CHECK_INT(rig.who.known[0].cgroup, 2 * WHO_SERVICES_MAX + 1);
	CHECK_INT(
	    rig.who.known[WHO_SERVICES_MAX - 1].cgroup, 3 * WHO_SERVICES_MAX);
	rig_end(&rig);
}

static const struct unit_case cases[] = {
    {"takes the address it is told", takes_the_address_it_is_told},
    {"finds our own uid", finds_our_own_uid},
    {"finds who maps", finds_who_maps},
    {"finds another uid", finds_another_uid},
    {"who is gone is unknown", who_is_gone_is_unknown},
    {"a listener at its port is not it", a_listener_at_its_port_is_not_it},
    {"unix sockets tell by themselves", unix_sockets_tell_by_themselves},
    {"nothing is asked without need", nothing_is_asked_without_need},
    {"services are asked for once", services_are_asked_for_once},
    {"nobody waits for long", nobody_waits_for_long},
    {"what has no name may get one", what_has_no_name_may_get_one},
    {"services are bounded", services_are_bounded},
};

UNIT_MAIN("who", cases)
