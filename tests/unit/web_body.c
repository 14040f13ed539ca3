/* What HTTP messages carry, both ways, and how their connections end. */
#include <string.h>

#include "cagentd/worker/session_impl.h"
#include "cagentd/worker/web/web_impl.h"
#include "shm/traffic.h"
#include "tests/unit/unit.h"
#include "tests/unit/web_rig.h"

/* An origin, reached directly, and a client. */
struct scene {
	struct rig *rig;
	struct peer *o;
	int fd;
};

static struct scene
scene_new(const char *reply)
{
	struct scene s = {.rig = rig_new()};

	s.o = peer_new(s.rig, reply);
	configure_web(s.rig, DIRECT);
	s.fd = connect_client(s.rig);
	return s;
}

/* What the origin got behind its first head. */
static const char *
content(const struct scene *s)
{
	const char *end = strstr(s->o->conns[0].got, "\r\n\r\n");

	return end != NULL ? end + 4 : "";
}

/* However it is cut, the content arrives as it was, and the next request is
 * the next one. */
static void
sends_contents(void)
{
	static const struct {
		const char *ask, *got;
	} rows[] = {
	    {"Content-Length: 5\r\n\r\nhello", "hello"},
	    {"Content-Length: 0\r\n\r\n", ""},
	    {"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "0\r\n\r\n"},
	    {"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n"
	     "00a\r\n0123456789\r\n000\r\n\r\n",
		NULL},
	    {"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
	     "5\r\nhello\r\n0\r\nX-Sum: 1\r\nContent-Length: 3\r\n\r\n",
		NULL},
	};
	struct scene s;
	char text[512];
	size_t i, cut, len;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		s = scene_new(NULL);
		len = (size_t)snprintf(text, sizeof(text), "POST %s/" HOST "%s",
		    url(s.o), rows[i].ask);
		for (cut = 0; cut < len; cut++) {
			say(s.fd, text + cut, 1);
			if (cut % 7 == 0)
				loop_turn(s.rig->agent->loop, 0);
		}
		peer_await(s.o, 0, "\r\n\r\n");
		ask_for(s.fd, s.o, "GET", "/2" HOST "\r\n");
		if (i == 3)
			peer_await(s.o, 0, "0\r\n\r\n");
		if (i == 4)
			peer_await(s.o, 0, "0\r\nX-Sum: 1\r\n\r\n");
		RIG_UNTIL(s.rig->agent->loop,
		    rows[i].got == NULL ||
			strcmp(content(&s), rows[i].got) == 0);
		CHECK(strstr(content(&s), "Content-Length") == NULL,
		    "a length in the trailer: %s", content(&s));
		peer_say(&s.o->conns[0], OK_HI);
		get(s.rig, s.fd, GOT_HI);
		peer_await(s.o, 0, "GET /2");
		peer_say(&s.o->conns[0], OK_HI);
		get(s.rig, s.fd, GOT_HI);
		web_rig_free(s.rig);
	}
}

/* As it is got: whole, and when each byte came alone. */
struct answer {
	const char *method, *reply, *whole, *cut;
	bool ends; /* with the connection */
};

#define CHUNKED_HEAD                    \
	"HTTP/1.1 200 OK\r\nVia: *\r\n" \
	"Transfer-Encoding: chunked\r\n\r\n"
static const struct answer answers[] = {
    {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", GOT_HI, GOT_HI,
	false},
    {"GET",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	"2\r\nhi\r\n0\r\n\r\n",
	CHUNKED_HEAD "2\r\nhi\r\n0\r\n\r\n",
	CHUNKED_HEAD "1\r\nh\r\n1\r\ni\r\n0\r\n\r\n", false},
    {"GET",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	"2\r\nhi\r\n0\r\nX-Sum: 9\r\nTransfer-Encoding: x\r\n\r\n",
	CHUNKED_HEAD "2\r\nhi\r\n0\r\nX-Sum: 9\r\n\r\n",
	CHUNKED_HEAD "1\r\nh\r\n1\r\ni\r\n0\r\nX-Sum: 9\r\n\r\n", false},
    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 200\r\nVia: *\r\n\r\n", NULL,
	false},
    {"GET", "HTTP/1.1 204 No\r\n\r\n", "HTTP/1.1 204 No\r\nVia: *\r\n\r\n",
	NULL, false},
    {"GET", "HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n",
	"HTTP/1.1 304 Same\r\nContent-Length: 9\r\nVia: *\r\n\r\n", NULL,
	false},
    {"GET",
	"HTTP/1.1 103 Early\r\nLink: a\r\n\r\n"
	"HTTP/1.1 102 Processing\r\n\r\n" OK_HI,
	"HTTP/1.1 103 Early\r\nLink: a\r\nVia: *\r\n\r\n"
	"HTTP/1.1 102 Processing\r\nVia: *\r\n\r\n" GOT_HI,
	NULL, false},
    {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end",
	CHUNKED_HEAD "a\r\nto the end\r\n0\r\n\r\n",
	CHUNKED_HEAD "1\r\nt\r\n1\r\no\r\n", true},
    {"GET", "HTTP/1.0 200 OK\r\n\r\nto the end",
	CHUNKED_HEAD "a\r\nto the end\r\n0\r\n\r\n",
	CHUNKED_HEAD "1\r\nt\r\n1\r\no\r\n", true},
};

static void
say_bytewise(struct scene *s, const char *text)
{
	fake_nodelay(s->o->conns[0].fd);
	for (; *text != '\0'; text++) {
		peer_say_bytes(&s->o->conns[0], text, 1);
		loop_turn(s->rig->agent->loop, 100);
	}
}

/* The connection goes on behind it, or that to the origin cannot. */
static void
bring(const struct answer *a, bool whole)
{
	struct scene s = scene_new(NULL);

	ask_for(s.fd, s.o, a->method, "/" HOST "\r\n");
	peer_await(s.o, 0, "\r\n\r\n");
	if (whole)
		peer_say(&s.o->conns[0], a->reply);
	else
		say_bytewise(&s, a->reply);
	if (a->ends)
		peer_close(&s.o->conns[0], false);
	get(s.rig, s.fd, whole || a->cut == NULL ? a->whole : a->cut);
	if (!a->ends) {
		s.o->reply = OK_HI;
		s.o->reply_len = strlen(OK_HI);
		s.o->conns[0].looked = s.o->conns[0].got_len;
		ask_for(s.fd, s.o, "GET", "/2" HOST "\r\n");
		get(s.rig, s.fd, GOT_HI);
		CHECK(s.o->conns_n == 1, "%s: %d connections", a->reply,
		    s.o->conns_n);
	}
	web_rig_free(s.rig);
}

static void
brings_contents(void)
{
	size_t i;

	for (i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		bring(&answers[i], true);
		bring(&answers[i], false);
	}
}

/* HTTP/1.0 knows no chunks and no interim answers. */
static void
serves_the_old(void)
{
	struct scene s = scene_new("HTTP/1.1 102 Processing\r\n\r\n"
				   "HTTP/1.1 200 OK\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n"
				   "2\r\nhi\r\n3\r\n yo\r\n0\r\n\r\n");
	char got[512];
	int error;
	size_t n;

	ask_for(s.fd, s.o, "GET", "/ HTTP/1.0\r\n\r\n");
	n = take(s.rig, s.fd, got, sizeof(got) - 1, &error);
	got[n] = '\0';
	CHECK_INT(error, 0);
	CHECK(strstr(got, "102") == NULL && strstr(got, "chunked") == NULL &&
		  strstr(got, "\r\n\r\nhi yo") != NULL &&
		  strcmp(strstr(got, "\r\n\r\n"), "\r\n\r\nhi yo") == 0,
	    "%s", got);
	CHECK_INT(pool.n, 1);
	web_rig_free(s.rig);
}

/* It waits until it is told to go on. */
static void
waits_for_100(void)
{
	struct scene s = scene_new(NULL);

	ask_for(s.fd, s.o, "PUT",
	    "/" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	peer_await(s.o, 0, "\r\n\r\n");
	CHECK(strstr(s.o->conns[0].got, "Expect: 100-continue\r\n") != NULL,
	    "%s", s.o->conns[0].got);
	peer_say(&s.o->conns[0], "HTTP/1.1 100 Continue\r\n\r\n");
	get(s.rig, s.fd, "HTTP/1.1 100 Continue\r\nVia: *\r\n\r\n");
	ask(s.fd, "hi");
	peer_await(s.o, 0, "\r\n\r\nhi");
	peer_say(&s.o->conns[0], OK_HI);
	get(s.rig, s.fd, GOT_HI);
	/* And an answer that comes instead. */
	ask_for(s.fd, s.o, "PUT",
	    "/2" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	RIG_UNTIL(
	    s.rig->agent->loop, s.o->conns_n == 2 && s.o->conns[1].got_len > 0);
	peer_say(
	    &s.o->conns[1], "HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n");
	get(s.rig, s.fd,
	    "HTTP/1.1 413 Large\r\nContent-Length: 0\r\nVia: *\r\n"
	    "Connection: close\r\n\r\n");
	CHECK_INT(end_of(s.rig, s.fd), 0);
	web_rig_free(s.rig);
}

/* A content of which the client reads nothing stays with who sends it. */
static void
holds_back(void)
{
	enum {
		TOTAL = 30 * 1000 * 1000
	};
	struct scene s = scene_new(NULL);
	static char block[65536], got[65536];
	size_t sent = 0, stuck = 0, n = 0;
	int error;
	ssize_t k;

	ask_for(s.fd, s.o, "GET", "/" HOST "\r\n");
	peer_await(s.o, 0, "\r\n\r\n");
	peer_say(&s.o->conns[0],
	    "HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n");
	while (sent < TOTAL && stuck < 50) {
		n = TOTAL - sent < sizeof(block) ? TOTAL - sent : sizeof(block);
		memset(block, 'a' + (int)(sent / 1000000), n);
		k = loop_send_now(
		    s.rig->agent->loop, s.o->conns[0].fd, block, n);
		stuck = k > 0 ? 0 : stuck + 1;
		sent += k > 0 ? (size_t)k : 0;
		loop_turn(s.rig->agent->loop, 1000);
	}
	CHECK(sent < TOTAL, "all was taken");
	get(s.rig, s.fd,
	    "HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\nVia: *\r\n\r\n");
	for (n = 0; n < TOTAL;) {
		k = (ssize_t)take(s.rig, s.fd, got, 30000, &error);
		if (k <= 0)
			break;
		n += (size_t)k;
		while (sent < TOTAL) {
			size_t m = TOTAL - sent < sizeof(block) ? TOTAL - sent
								: sizeof(block);
			ssize_t j = loop_send_now(
			    s.rig->agent->loop, s.o->conns[0].fd, block, m);
			if (j <= 0)
				break;
			sent += (size_t)j;
		}
	}
	CHECK_INT(n, TOTAL);
	web_rig_free(s.rig);
}

/* What the origin does not read stays with the client. */
static void
holds_back_what_is_sent(void)
{
	static char block[65536];
	struct scene s = scene_new(NULL);
	size_t sent = 0, stuck = 0;
	ssize_t k;

	ask_for(s.fd, s.o, "PUT", "/" HOST "Content-Length: 30000000\r\n\r\n");
	peer_await(s.o, 0, "\r\n\r\n");
	loop_cancel(s.rig->agent->loop, &s.o->conns[0].recv);
	while (sent < 30000000 && stuck < 50) {
		k = send(
		    s.fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT);
		stuck = k > 0 ? 0 : stuck + 1;
		sent += k > 0 ? (size_t)k : 0;
		loop_turn(s.rig->agent->loop, 1000);
	}
	CHECK(sent < 30000000, "all was taken");
	/* An answer comes through all the same, and ends it. */
	peer_say(
	    &s.o->conns[0], "HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n");
	get(s.rig, s.fd,
	    "HTTP/1.1 413 Large\r\nContent-Length: 0\r\nVia: *\r\n"
	    "Connection: close\r\n\r\n");
	web_rig_free(s.rig);
}

/* What is cut short does not look whole. */
static void
shows_what_is_cut(void)
{
	struct scene s = scene_new("HTTP/1.1 200 OK\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n2\r\nhi");
	char got[512];
	int error;

	s.o->closes = true;
	ask_for(s.fd, s.o, "GET", "/" HOST "\r\n");
	get(s.rig, s.fd,
	    "HTTP/1.1 200 OK\r\nVia: *\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
	CHECK_INT(take(s.rig, s.fd, got, 1, &error), 0);
	web_rig_free(s.rig);

	/* To an old client only a reset tells. */
	s = scene_new("HTTP/1.1 200 OK\r\n"
		      "Transfer-Encoding: chunked\r\n\r\n2\r\nhi");
	s.o->closes = true;
	ask_for(s.fd, s.o, "GET", "/ HTTP/1.0\r\n\r\n");
	take(s.rig, s.fd, got, sizeof(got), &error);
	CHECK_INT(error, ECONNRESET);
	web_rig_free(s.rig);
}

/* Who has said all may still want to hear. */
static void
answers_the_half_closed(void)
{
	struct scene s = scene_new(NULL);

	ask_for(s.fd, s.o, "GET", "/" HOST "\r\n");
	shutdown(s.fd, SHUT_WR);
	peer_await(s.o, 0, "\r\n\r\n");
	rig_settle(s.rig->agent->loop);
	peer_say(&s.o->conns[0], OK_HI);
	get(s.rig, s.fd, GOT_HI);
	CHECK_INT(end_of(s.rig, s.fd), 0);
	web_rig_free(s.rig);
}

/* Nobody is asked for a client that is gone. */
static void
leaves_with_the_client(void)
{
	struct scene s = scene_new(NULL);

	ask_for(s.fd, s.o, "GET", "/" HOST "\r\n");
	peer_await(s.o, 0, "\r\n\r\n");
	close_client(s.rig, 0, true);
	RIG_UNTIL(s.rig->agent->loop, s.o->conns[0].fd == -1);
	web_rig_free(s.rig);

	/* Nor is half a content a content. */
	s = scene_new(NULL);
	ask_for(s.fd, s.o, "POST", "/" HOST "Content-Length: 9\r\n\r\nhalf");
	peer_await(s.o, 0, "half");
	shutdown(s.fd, SHUT_WR);
	RIG_UNTIL(s.rig->agent->loop, s.o->conns[0].fd == -1);
	web_rig_free(s.rig);
}

static void
check_row(const struct tunnels *live, uint16_t port)
{
	struct tunnels_about row;
	char want[32];

	CHECK(tunnels_at(live, 0, mono_us(), &row), "no row");
	snprintf(want, sizeof(want), "127.0.0.1:%u", port);
	CHECK_STR(row.dest, want);
	CHECK_INT(row.class, CLASS_NORMAL);
	CHECK_INT(row.slot, TUNNELS_DIRECT);
	CHECK_INT(row.up, 8);
	CHECK_INT(row.down, 12);
}

/* Another protocol, by the same connections. */
static void
upgrades(void)
{
	struct scene s = scene_new(NULL);

	ask_for(s.fd, s.o, "GET",
	    "/" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	peer_await(s.o, 0, "\r\n\r\n");
	CHECK(strstr(s.o->conns[0].got, "Upgrade: websocket\r\n") != NULL, "%s",
	    s.o->conns[0].got);
	peer_say(&s.o->conns[0],
	    "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\n"
	    "Upgrade: websocket\r\n\r\nserver's");
	get(s.rig, s.fd, "HTTP/1.1 101 Switching\r\n");
	skip_head(s.rig, s.fd);
	get(s.rig, s.fd, "server's");
	CHECK_INT(gauge(&s.rig->agent->slab.tunnels), 1);
	CHECK_INT(gauge(&s.rig->agent->slab.classes[CLASS_NORMAL].tunnels), 1);
	CHECK_INT(
	    gauge(&s.rig->agent->slab.classes[CLASS_CRITICAL].tunnels), 0);
	ask(s.fd, "client's");
	peer_await(s.o, 0, "client's");
	peer_say(&s.o->conns[0], "more");
	get(s.rig, s.fd, "more");
	check_row(&s.rig->agent->slab.live, s.o->port);
	peer_close(&s.o->conns[0], false);
	CHECK_INT(end_of(s.rig, s.fd), 0);
	close_client(s.rig, 0, false);
	RIG_UNTIL(s.rig->agent->loop, s.rig->ended == 1);
	CHECK_INT(tunnels_next(&s.rig->agent->slab.live, 0), TUNNELS_ROWS);
	web_rig_free(s.rig);
}

/* A long answer: bytes of it by class, down. */
static void
long_answer(const char *rules, uint64_t *normal, uint64_t *bulk)
{
	static char block[65536];
	const unsigned int pieces = 2 * WEB_BULK_LEN / sizeof(block);
	struct scene s = {.rig = rig_new()};
	struct slab_class *classes = s.rig->agent->slab.classes;
	char head[64];
	unsigned int i;
	int error;

	s.o = peer_new(s.rig, NULL);
	configure_web(s.rig, rules);
	s.fd = connect_client(s.rig);
	ask_for(s.fd, s.o, "GET", "/" HOST "\r\n");
	peer_await(s.o, 0, "\r\n\r\n");
	snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
	    pieces * sizeof(block));
	peer_say(&s.o->conns[0], head);
	skip_head(s.rig, s.fd);
	for (i = 0; i < pieces; i++) {
		peer_say_bytes(&s.o->conns[0], block, sizeof(block));
		CHECK_INT(take(s.rig, s.fd, block, sizeof(block), &error),
		    sizeof(block));
	}
	*normal = AGENT_GET(&classes[CLASS_NORMAL].bytes_down);
	*bulk = AGENT_GET(&classes[CLASS_BULK].bytes_down);
	CHECK_INT(AGENT_GET(&classes[CLASS_BULK].came), *bulk > 0);
	web_rig_free(s.rig);
}

/* What is long is bulk from some point on; if no rule says what it is. */
static void
becomes_bulk(void)
{
	uint64_t normal, bulk;

	long_answer(DIRECT, &normal, &bulk);
	CHECK(normal >= WEB_BULK_LEN - 1024 && normal < WEB_BULK_LEN + 131072,
	    "%llu bytes are normal", (unsigned long long)normal);
	CHECK(bulk > WEB_BULK_LEN - 131072, "%llu bytes are bulk",
	    (unsigned long long)bulk);
	long_answer(DIRECT "[rule \"all\"]\nport = 1-65535\nclass = normal\n",
	    &normal, &bulk);
	CHECK_INT(bulk, 0);
	CHECK(normal > 2 * WEB_BULK_LEN, "%llu bytes are normal",
	    (unsigned long long)normal);
}

static int
upgraded_mark(struct scene *s)
{
	struct session *session;
	int had = s->o->conns_n;
	socklen_t len = sizeof(int);
	int mark = -1;

	ask_for(s->fd, s->o, "GET",
	    "/" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	RIG_UNTIL(s->rig->agent->loop, s->o->conns_n > had);
	peer_await(s->o, had, "\r\n\r\n");
	peer_say(&s->o->conns[had],
	    "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\n"
	    "Upgrade: websocket\r\n\r\n");
	get(s->rig, s->fd, "HTTP/1.1 101 Switching\r\n");
	skip_head(s->rig, s->fd);
	session = LIST_FIRST(&s->rig->sessions);
	getsockopt(session->relay.side[RELAY_UPSTREAM].stream.fd, IPPROTO_IP,
	    IP_TOS, &mark, &len);
	return mark;
}

/* One that begins in another class than its request was of, as its like were
 * before, bears that class's mark. */
static void
marks_what_its_like_were(void)
{
	static char block[65536];
	struct scene s = {.rig = rig_new()};
	struct traffic *traffic = calloc(1, sizeof(*traffic));
	struct slab *slab = &s.rig->agent->slab;
	const struct slab_class *bulk = &slab->classes[CLASS_BULK];
	int i, error;

	s.o = peer_new(s.rig, NULL);
	configure_web(s.rig, "[class \"bulk\"]\ndscp = cs1\n" DIRECT);
	s.rig->env.traffic = traffic;
	for (i = 0; i < HISTORY_ENOUGH; i++) {
		s.fd = connect_client(s.rig);
		CHECK_INT(upgraded_mark(&s), 0);
		peer_say_bytes(&s.o->conns[i], block, sizeof(block));
		CHECK_INT(take(s.rig, s.fd, block, sizeof(block), &error),
		    sizeof(block));
		CHECK_INT(gauge(&bulk->tunnels), 1);
		close_client(s.rig, i, false);
		RIG_UNTIL(s.rig->agent->loop, s.rig->ended == i + 1);
	}
	s.fd = connect_client(s.rig);
	CHECK_INT(upgraded_mark(&s), 8 << 2);
	CHECK_INT(AGENT_GET(&bulk->began[SLAB_CLASS_BY_HISTORY]), 1);
	web_rig_free(s.rig);
	free(traffic);
}

/* Through an intermediary, which is in flight as long as that. */
static void
upgrades_by_a_proxy(void)
{
	struct rig *rig = rig_new();
	struct peer *p = add_http(rig, NULL);
	int fd;

	configure_web(rig, "");
	fd = connect_client(rig);
	ask(fd, "GET http://a.example/ HTTP/1.1\r\nHost: x\r\n"
		"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly");
	peer_await(p, 0, "\r\n\r\n");
	peer_say(&p->conns[0],
	    "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\n"
	    "Upgrade: websocket\r\n\r\n");
	get(rig, fd, "HTTP/1.1 101 Switching\r\n");
	skip_head(rig, fd);
	peer_await(p, 0, "\r\n\r\nearly");
	AGENT_CHECK(rig->agent, 0, 1, 1, 0, 1);
	web_rig_free(rig);
}

/* A worker that is to leave keeps nobody waiting. */
static void
drains(void)
{
	struct scene s = scene_new(OK_HI);
	int busy;

	busy = connect_client(s.rig);
	ask_for(s.fd, s.o, "GET", "/" HOST "\r\n");
	get(s.rig, s.fd, GOT_HI);
	s.o->reply = NULL;
	ask_for(busy, s.o, "GET", "/2" HOST "\r\n");
	peer_await(s.o, 0, "/2");
	s.rig->env.draining = true;
	session_drain(&s.rig->sessions);
	CHECK_INT(end_of(s.rig, s.fd), 0);
	peer_say(&s.o->conns[0], OK_HI);
	get(s.rig, busy,
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nVia: *\r\n"
	    "Connection: close\r\n\r\nhi");
	CHECK_INT(end_of(s.rig, busy), 0);
	web_rig_free(s.rig);
}

/* Between requests there is a time for the next one. */
static void
does_not_wait_for_ever(void)
{
	struct scene s = scene_new(OK_HI);
	int slow = connect_client(s.rig);

	s.rig->agent->settings->http_idle_timeout_ms = 50;
	s.rig->agent->settings->handshake_timeout_ms = 60;
	ask_for(s.fd, s.o, "GET", "/" HOST "\r\n");
	ask_for(slow, s.o, "GET", "/" HOST "\r\nGET http:");
	get(s.rig, s.fd, GOT_HI);
	get(s.rig, slow, GOT_HI);
	CHECK_INT(end_of(s.rig, s.fd), 0);
	CHECK_INT(end_of(s.rig, slow), 0);
	web_rig_free(s.rig);
}

static const struct unit_case cases[] = {
    {"sends contents", sends_contents},
    {"brings contents", brings_contents},
    {"serves the old", serves_the_old},
    {"waits for 100", waits_for_100},
    {"holds back", holds_back},
    {"holds back what is sent", holds_back_what_is_sent},
    {"shows what is cut", shows_what_is_cut},
    {"answers the half-closed", answers_the_half_closed},
    {"leaves with the client", leaves_with_the_client},
    {"upgrades", upgrades},
    {"becomes bulk", becomes_bulk},
    {"marks what its like were", marks_what_its_like_were},
    {"upgrades by a proxy", upgrades_by_a_proxy},
    {"drains", drains},
    {"does not wait for ever", does_not_wait_for_ever},
};

UNIT_MAIN("web_body", cases)
