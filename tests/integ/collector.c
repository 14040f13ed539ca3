/* The policy server's collector as the network sees it: agents that say things
 * twice, in halves, too often, in another's name or not at all. */
#include <sys/socket.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "tests/integ/rig_net.h"
#include "tests/integ/rig_policyd.h"
#include "trust/keyfile.h"
#include "wire/envelope.h"
#include "wire/manage.h"
#include "wire/sealed.h"

#define ANSWER_MS 10000
#define IN_MAX	  65536
#define OUT_MAX	  2048
#define IDLE_N	  1000

static struct rig_policyd server;
static uint8_t server_key[SEALED_KEY_LEN];

struct peer {
	struct sealed_keys keys;
	const char *name;
	uint64_t sequence;
	int fd;
	uint8_t in[IN_MAX];
	size_t in_len;
	bool nack;
	struct manage_answer said;
	/* What it said last, as it stood on the wire. */
	uint8_t out[OUT_MAX];
	size_t out_len;
};

static void
start(const char *quota)
{
	struct keyfile_public key;
	char path[RIG_PATH_MAX + 16], why[KEYFILE_WHY_MAX];

	rig_policyd_init(&server, "server");
	rig_policyd_key(&server, "page = none");
	if (quota != NULL)
		rig_policyd_add(&server, "[quota]\n%s\n", quota);
	rig_policyd_start(&server);
	snprintf(path, sizeof(path), "%s/seal.pub", server.keys);
	REQUIRE(keyfile_read_public(path, &key, why) == 0, "%s", why);
	memcpy(server_key, key.key, sizeof(server_key));
}

static void
new_token(char out[MANAGE_TOKEN_MAX + 1])
{
	struct rig_output o;

	rig_policyd_ask(&server, &o,
	    (const char *const[]){"token", "new", "--group", "ny", NULL});
	REQUIRE(o.code == 0, "token new: %s", o.err);
	snprintf(out, MANAGE_TOKEN_MAX + 1, "%.*s", (int)strcspn(o.out, " \n"),
	    o.out);
	rig_output_free(&o);
}

static void
peer_connect(struct peer *p)
{
	p->fd = rig_net_connect("127.0.0.1", server.port, ANSWER_MS);
	REQUIRE(p->fd >= 0, "connect: %s", strerror(-p->fd));
	p->in_len = 0;
}

static void
peer_init(struct peer *p, const char *name)
{
	memset(p, 0, sizeof(*p));
	p->name = name;
	randombytes_buf(p->keys.secret_key, sizeof(p->keys.secret_key));
	crypto_scalarmult_base(p->keys.public_key, p->keys.secret_key);
	p->sequence = 1000;
	peer_connect(p);
}

static void
peer_close(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
}

static void
send_raw(struct peer *p, const uint8_t *data, size_t len)
{
	struct pollfd pfd = {.fd = p->fd, .events = POLLOUT};
	ssize_t n;

	while (len > 0) {
		n = send(p->fd, data, len, MSG_NOSIGNAL);
		if (n == -1 && errno != EAGAIN)
			return; /* closed at the other end */
		if (n == -1 && poll(&pfd, 1, ANSWER_MS) <= 0)
			return;
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
}

/* Make it the last message; it is not sent yet. */
static void
seal(struct peer *p, enum sealed_type type, const uint8_t *body, size_t len)
{
	struct sealed s = {
	    .type = type, .sequence = ++p->sequence, .issued_s = time(NULL)};
	int n;

	memcpy(s.receiver, server_key, sizeof(s.receiver));
	randombytes_buf(s.nonce, sizeof(s.nonce));
	n = sealed_encode(&s, body, len, &p->keys, p->out, sizeof(p->out));
	REQUIRE(n > 0, "seal");
	p->out_len = (size_t)n;
}

static void
make_register(struct peer *p, const char *token)
{
	struct manage_register r = {.group = "ny", .software = "test"};
	uint8_t body[512];
	int n;

	snprintf(r.name, sizeof(r.name), "%s", p->name);
	snprintf(r.token, sizeof(r.token), "%s", token);
	r.root_epoch = 1;
	n = manage_register_encode(&r, body, sizeof(body));
	REQUIRE(n > 0, "register");
	seal(p, SEALED_REGISTER, body, (size_t)n);
}

static void
make_report(struct peer *p)
{
	struct manage_report r = {.instance = 1};
	uint8_t body[512];
	int n = manage_report_encode(&r, body, sizeof(body));

	seal(p, SEALED_REPORT, body, (size_t)n);
}

static void
say(struct peer *p)
{
	send_raw(p, p->out, p->out_len);
}

/* One message of what is there; signed ones are passed over. */
static size_t
take_one(struct peer *p, bool *answered)
{
	enum envelope_fault fault;
	uint8_t body[1024];
	struct envelope e;
	struct sealed s;
	int n = sealed_peek(p->in, p->in_len, &s);

	if (n == WIRE_BAD) {
		n = envelope_decode(p->in, p->in_len, &e, &fault);
		return n > 0 ? (size_t)n : 0;
	}
	if (n <= 0 || (size_t)n > p->in_len)
		return 0;
	REQUIRE(sealed_open(p->in, (size_t)n, &p->keys, &s, body), "open");
	p->nack = s.type == SEALED_NACK;
	REQUIRE(manage_answer_decode(body, s.body_len, p->nack, &p->said) > 0,
	    "an answer");
	*answered = true;
	return (size_t)n;
}

/* 1: an answer; 0: none in time; -1: it has been closed. */
static int
answer(struct peer *p, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;
	struct pollfd pfd = {.fd = p->fd, .events = POLLIN};
	bool answered = false;
	size_t used;
	ssize_t n;

	for (;;) {
		while (!answered && (used = take_one(p, &answered)) > 0) {
			p->in_len -= used;
			memmove(p->in, p->in + used, p->in_len);
		}
		if (answered)
			return 1;
		if (poll(&pfd, 1, rig_left_ms(deadline)) <= 0)
			return 0;
		n = recv(p->fd, p->in + p->in_len, IN_MAX - p->in_len, 0);
		if (n == 0 || (n == -1 && errno != EAGAIN))
			return -1;
		p->in_len += n > 0 ? (size_t)n : 0;
	}
}

/* code: of a nack, or "" for an ack. */
static void
expect(struct peer *p, const char *code, const char *when)
{
	int rc = answer(p, ANSWER_MS);

	CHECK(rc == 1, "%s: %s: %s", p->name, when,
	    rc == 0 ? "no answer" : "closed");
	CHECK(rc != 1 || strcmp(p->nack ? p->said.code : "", code) == 0,
	    "%s: %s: \"%s\" (%s), not \"%s\"", p->name, when,
	    p->nack ? p->said.code : "", p->said.text, code);
}

static void
expect_closed(struct peer *p, const char *when)
{
	int rc = answer(p, ANSWER_MS);

	CHECK(rc == -1, "%s: %s: %s", p->name, when,
	    rc == 0 ? "left open" : p->said.code);
	peer_close(p);
}

static void
peer_join(struct peer *p, const char *name)
{
	char token[MANAGE_TOKEN_MAX + 1];

	peer_init(p, name);
	new_token(token);
	make_register(p, token);
	say(p);
	expect(p, "", "it registers");
}

static void
come_again(struct peer *p)
{
	peer_connect(p);
	make_register(p, "");
	say(p);
	expect(p, "", "it comes again");
}

static void
report(struct peer *p, const char *code, const char *when)
{
	make_report(p);
	say(p);
	expect(p, code, when);
}

/* Somebody on the way says again what was said. */
static void
t_replay(void)
{
	static struct peer p, evil;
	uint8_t hello[OUT_MAX], old[OUT_MAX];
	size_t hello_len, old_len;

	start(NULL);
	peer_join(&p, "box");
	memcpy(hello, p.out, hello_len = p.out_len);
	report(&p, "", "a report");
	memcpy(old, p.out, old_len = p.out_len);
	send_raw(&p, old, old_len);
	expect(&p, "old-sequence", "the same again");
	CHECK_INT(p.said.sequence_floor, p.sequence);
	report(&p, "", "the next one");
	send_raw(&p, old, old_len);
	expect(&p, "old-sequence", "an older one");
	/* With a connection of its own, beside the agent's and after it. */
	evil = p;
	peer_connect(&evil);
	send_raw(&evil, hello, hello_len);
	expect(&evil, "old-sequence", "its register, while it is there");
	peer_close(&evil);
	peer_connect(&evil);
	send_raw(&evil, old, old_len);
	expect_closed(&evil, "its report, alone");
	report(&p, "", "it does not notice");
	peer_close(&p);
	peer_connect(&evil);
	send_raw(&evil, hello, hello_len);
	expect(&evil, "old-sequence", "its register, when it has gone");
	CHECK_INT(evil.said.sequence_floor, p.sequence);
	peer_close(&evil);
	come_again(&p);
	peer_close(&p);
	/* And when nobody has anything in memory any more. */
	rig_policyd_stop(&server);
	rig_policyd_start(&server);
	peer_connect(&evil);
	send_raw(&evil, hello, hello_len);
	expect(&evil, "old-sequence", "its register, after a restart");
	peer_close(&evil);
	come_again(&p);
	report(&p, "", "a report after a restart");
	rig_policyd_stop(&server);
}

static void
t_who(void)
{
	static struct peer a, b;
	char token[MANAGE_TOKEN_MAX + 1];

	start(NULL);
	peer_join(&a, "box");
	peer_init(&b, "box");
	new_token(token);
	make_register(&b, token);
	say(&b);
	expect(&b, "name-taken", "another's name");
	expect_closed(&b, "another's name");
	peer_init(&b, "other");
	make_register(&b, "");
	say(&b);
	expect(&b, "unknown-agent", "no token");
	peer_close(&b);
	peer_init(&b, "other");
	make_register(&b, "no-such-token");
	say(&b);
	expect(&b, "bad-token", "a token that is none");
	peer_close(&b);
	/* The one of before was not used up by being refused. */
	peer_init(&b, "other");
	make_register(&b, token);
	say(&b);
	expect(&b, "", "a name of its own");
	peer_close(&b);
	peer_init(&b, "third");
	make_register(&b, token);
	say(&b);
	expect(&b, "bad-token", "a token that was used");
	peer_close(&b);
	report(&a, "", "the first one is unharmed");
	/* Its newer connection is the one that counts. */
	b = a;
	come_again(&b);
	expect_closed(&a, "the older connection");
	report(&b, "", "the newer one");
	rig_policyd_stop(&server);
}

static void
t_garbage(void)
{
	static const char *const rubbish[] = {"GET / HTTP/1.1\r\n\r\n",
	    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "CAGE\x01\x02",
	    "CAGS\x02", "\x05\x01\x78\x78\x78\x78\x78"};
	static struct peer p, good;
	size_t i;

	start(NULL);
	peer_join(&good, "good");
	for (i = 0; i < sizeof(rubbish) / sizeof(*rubbish); i++) {
		peer_init(&p, "rubbish");
		send_raw(&p, (const uint8_t *)rubbish[i], strlen(rubbish[i]));
		expect_closed(&p, rubbish[i]);
	}
	/* A body of a gigabyte is refused by the header alone. */
	peer_init(&p, "long");
	make_register(&p, "");
	memset(p.out + 8, 0x40, 1);
	send_raw(&p, p.out, SEALED_HEADER_LEN);
	expect_closed(&p, "a gigabyte");
	peer_init(&p, "flipped");
	make_register(&p, "");
	p.out[p.out_len - 1] ^= 1;
	say(&p);
	expect_closed(&p, "a bit");
	peer_init(&p, "more");
	make_register(&p, "");
	p.out[p.out_len] = 'x';
	send_raw(&p, p.out, p.out_len + 1);
	expect_closed(&p, "trailing bytes");
	report(&good, "", "another is unharmed");
	/* It is let in, and then goes wrong. */
	make_report(&good);
	say(&good);
	send_raw(&good, (const uint8_t *)"rubbish", 7);
	while (answer(&good, ANSWER_MS) == 1)
		continue;
	peer_close(&good);
	come_again(&good);
	seal(&good, SEALED_REPORT, (const uint8_t *)"\xff\xff", 2);
	say(&good);
	expect(&good, "malformed", "a report that is none");
	report(&good, "", "one that is");
	rig_policyd_stop(&server);
}

static void
t_bytewise(void)
{
	static struct peer p;
	char token[MANAGE_TOKEN_MAX + 1];
	size_t i;

	start(NULL);
	new_token(token);
	peer_init(&p, "slow");
	make_register(&p, token);
	for (i = 0; i < p.out_len; i++)
		send_raw(&p, p.out + i, 1);
	expect(&p, "", "bytes of a register");
	make_report(&p);
	for (i = 0; i < p.out_len; i++)
		send_raw(&p, p.out + i, 1);
	expect(&p, "", "bytes of a report");
	/* Half a message, and the end. */
	make_report(&p);
	send_raw(&p, p.out, p.out_len / 2);
	peer_close(&p);
	come_again(&p);
	report(&p, "", "after half a message");
	rig_policyd_stop(&server);
}

static void
t_flood(void)
{
	static struct peer flood, other;
	int i, acks = 0, nacks = 0;
	int64_t began, worst = 0;

	start("messages = 30");
	peer_join(&flood, "flood");
	peer_join(&other, "other");
	for (i = 0; i < 500; i++) {
		make_report(&flood);
		if (send(flood.fd, flood.out, flood.out_len, MSG_NOSIGNAL) ==
		    -1)
			break;
	}
	CHECK(i > 100, "only %d reports were sent", i);
	for (i = 0; i < 25; i++) {
		began = rig_now_ms();
		report(&other, "", "while another one floods");
		began = rig_now_ms() - began;
		worst = began > worst ? began : worst;
	}
	CHECK(worst < 2000, "an answer took %lld ms", (long long)worst);
	while (answer(&flood, 500) == 1) {
		acks += !flood.nack;
		nacks += flood.nack && strcmp(flood.said.code, "quota") == 0;
	}
	/* 30 at once less its register, then one in two seconds. */
	CHECK(acks >= 29 && acks < 45, "%d reports were taken", acks);
	CHECK(nacks >= 1 && nacks < 15, "%d were refused", nacks);
	rig_policyd_stop(&server);
}

static unsigned int
fds_of(pid_t pid)
{
	unsigned int n = 0;
	char path[64];
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	REQUIRE(d != NULL, "%s: %s", path, strerror(errno));
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* They are in nobody's way, and do not stay. */
static void
t_idle(void)
{
	static struct peer p;
	static int fds[IDLE_N];
	struct pollfd pfd;
	unsigned int before, i, left = 0;
	int64_t deadline;
	pid_t pid;

	start(NULL);
	pid = rig_policyd_child(&server, "collector");
	before = fds_of(pid);
	for (i = 0; i < IDLE_N; i++) {
		fds[i] = rig_net_connect("127.0.0.1", server.port, ANSWER_MS);
		REQUIRE(fds[i] >= 0, "connection %u", i);
	}
	peer_join(&p, "box");
	report(&p, "", "a thousand say nothing");
	deadline = rig_now_ms() + 20000;
	for (i = 0; i < IDLE_N; i++) {
		pfd = (struct pollfd){.fd = fds[i], .events = POLLIN};
		left += poll(&pfd, 1, rig_left_ms(deadline)) != 1;
		close(fds[i]);
	}
	CHECK_INT(left, 0);
	while (fds_of(pid) > before + 1 && rig_pause(deadline))
		continue;
	CHECK_INT(fds_of(pid), before + 1);
	report(&p, "", "they have gone");
	rig_policyd_stop(&server);
}

/* Agents stay, and may go on with the next one. */
static void
t_ranker_away(void)
{
	static struct peer p, late;
	char token[MANAGE_TOKEN_MAX + 1];
	pid_t ranker;
	int i;

	start(NULL);
	peer_join(&p, "box");
	new_token(token);
	for (i = 0; i < 3; i++) {
		report(&p, "", "before");
		ranker = rig_policyd_child(&server, "ranker");
		kill(ranker, SIGKILL);
		make_report(&p);
		say(&p);
		if (i == 0) {
			peer_init(&late, "late");
			make_register(&late, token);
			say(&late);
			expect(&late, "", "it registers meanwhile");
		}
		CHECK_INT(answer(&p, ANSWER_MS), 1);
		CHECK(!p.nack || strcmp(p.said.code, "busy") == 0,
		    "it is refused: %s", p.said.code);
		rig_policyd_await_child(&server, "ranker", ranker, ANSWER_MS);
		report(&p, "", "after");
	}
	report(&late, "", "the other one");
	rig_policyd_stop(&server);
}

static void
t_collector_killed(void)
{
	static struct peer p;
	pid_t collector;

	start(NULL);
	peer_join(&p, "box");
	report(&p, "", "before");
	collector = rig_policyd_child(&server, "collector");
	kill(collector, SIGKILL);
	expect_closed(&p, "it was killed");
	rig_policyd_await_child(&server, "collector", collector, ANSWER_MS);
	come_again(&p);
	report(&p, "", "after");
	rig_policyd_stop(&server);
}

static const struct rig_case cases[] = {
    {"replay", t_replay, 0, 0},
    {"who", t_who, 0, 0},
    {"garbage", t_garbage, 0, 0},
    {"bytewise", t_bytewise, 0, 0},
    {"flood", t_flood, 0, 0},
    {"idle", t_idle, 0, 0},
    {"ranker_away", t_ranker_away, 0, 0},
    {"collector_killed", t_collector_killed, 0, 0},
};

RIG_MAIN("collector", cases, NULL)
