/* Reading a client's handshake over a connection, however it is cut. */
#include "cagentd/worker/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/fake.h"
#include "tests/unit/unit.h"

struct rig {
	struct loop *loop;
	struct request request;
	int client, fd; /* the client's end, the request's */
	int n;
	enum request_end end;
	int fds;
};

static void
done(struct request *q, enum request_end end)
{
	struct rig *rig = container_of(q, struct rig, request);

	rig->n++;
	rig->end = end;
}

static struct rig *
rig_new(int64_t limit_us)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int fds[2];

	rig->fds = fake_open_fds();
	rig->loop = rig_loop();
	rig_tcp_pair(fds);
	rig->client = fds[0];
	fake_nodelay(rig->client);
	rig->fd = fds[1];
	CHECK_INT(request_start(&rig->request, rig->loop, rig->fd, false,
		      mono_us() + limit_us, done),
	    0);
	CHECK_INT(rig->n, 0);
	return rig;
}

static void
rig_free(struct rig *rig)
{
	request_cancel(&rig->request);
	request_cancel(&rig->request);
	rig_settle(rig->loop);
	CHECK(rig->n <= 1, "one callback");
	loop_close(rig->loop, rig->client);
	loop_close(rig->loop, rig->fd);
	loop_free(rig->loop);
	CHECK_INT(fake_open_fds(), rig->fds);
	free(rig);
}

static void
say(struct rig *rig, const void *data, size_t len)
{
	CHECK_INT(send(rig->client, data, len, MSG_NOSIGNAL), len);
	rig_settle(rig->loop);
}

#define LIT(s) (s), sizeof(s) - 1

/* Handshakes up to the request, each for www.example.com:443. */
static const struct {
	const char *name;
	const char *text;
	size_t len, before; /* bytes before the request itself */
	enum wire_protocol protocol;
} shakes[] = {
    {"socks4a", LIT("\4\1\1\273\0\0\0\1me\0www.example.com\0"), 0,
	PROTOCOL_SOCKS4A},
    {"socks5", LIT("\5\2\0\2\5\1\0\3\17www.example.com\1\273"), 4,
	PROTOCOL_SOCKS5},
    {"http",
	LIT("CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\n\r\n"),
	0, PROTOCOL_HTTP},
};
static const char payload[] = "\x16\x03 payload \r\n\r\n\0 of the tunnel";
#define PAYLOAD_LEN (sizeof(payload) - 1)
#define SHAKES	    (sizeof(shakes) / sizeof(*shakes))

/* What is behind the request, and with the kernel or the loop. */
struct rest {
	struct op op;
	size_t len;
	char text[65536];
};

static void
on_rest(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct rest *r = container_of(op, struct rest, op);

	(void)loop;
	if (res->res <= 0 || (size_t)res->res > sizeof(r->text) - r->len)
		return;
	memcpy(r->text + r->len, res->data, (size_t)res->res);
	r->len += (size_t)res->res;
}

/* Valid until the next call. */
static const struct rest *
read_rest(struct rig *rig)
{
	static struct rest r;

	memset(&r, 0, sizeof(r));
	rig_must(loop_recv(rig->loop, &r.op, rig->fd, on_rest), "loop_recv");
	rig_settle(rig->loop);
	loop_cancel(rig->loop, &r.op);
	return &r;
}

/* The request is ready, and whatever is left of the payload is either early
 * or still to be received. */
static void
check_ready(struct rig *rig, size_t i, size_t cut)
{
	const struct intake *in = &rig->request.intake;
	char got[256], host[WIRE_HOST_STRLEN];
	struct buf *early;
	const struct rest *rest;
	size_t len = 0;

	CHECK(rig->n == 1 && rig->end == REQUEST_READY, "%s cut at %zu: %d",
	    shakes[i].name, cut, (int)rig->end);
	CHECK_INT(in->protocol, shakes[i].protocol);
	CHECK_STR(wire_host_format(&in->host, host), "www.example.com:443");
	early = request_take_early(&rig->request);
	CHECK(request_take_early(&rig->request) == NULL, "taken once");
	if (early != NULL) {
		len = early->len;
		memcpy(got, buf_bytes(early), len);
	}
	buf_free(early);
	rest = read_rest(rig);
	CHECK(rest->len <= sizeof(got) - len, "%zu bytes more", rest->len);
	memcpy(got + len, rest->text, rest->len);
	len += rest->len;
	CHECK(len == PAYLOAD_LEN && memcmp(got, payload, len) == 0,
	    "%s cut at %zu: the payload, %zu bytes", shakes[i].name, cut, len);
}

/* In two pieces, at every place. */
static void
survives_every_cut(void)
{
	uint8_t text[512];
	struct rig *rig;
	size_t i, cut, len;

	for (i = 0; i < SHAKES; i++) {
		len = shakes[i].len + PAYLOAD_LEN;
		memcpy(text, shakes[i].text, shakes[i].len);
		memcpy(text + shakes[i].len, payload, PAYLOAD_LEN);
		for (cut = 1; cut <= len; cut++) {
			rig = rig_new(RIG_DEADLINE_US);
			say(rig, text, cut);
			CHECK_INT(rig->n, cut >= shakes[i].len);
			if (cut < len)
				say(rig, text + cut, len - cut);
			check_ready(rig, i, cut);
			rig_free(rig);
		}
	}
}

static void
survives_single_bytes(void)
{
	struct rig *rig;
	size_t i, k;

	for (i = 0; i < SHAKES; i++) {
		rig = rig_new(RIG_DEADLINE_US);
		for (k = 0; k < shakes[i].len; k++) {
			CHECK_INT(rig->n, 0);
			say(rig, shakes[i].text + k, 1);
		}
		say(rig, payload, PAYLOAD_LEN);
		check_ready(rig, i, 0);
		rig_free(rig);
	}
}

/* Far more payload than a handshake may be long. */
static void
keeps_a_long_payload(void)
{
	static char text[40000];
	struct rig *rig;
	struct buf *early;
	size_t i, n;

	for (i = 0; i < SHAKES; i++) {
		memset(text, 'x', sizeof(text));
		memcpy(text, shakes[i].text, shakes[i].len);
		rig = rig_new(RIG_DEADLINE_US);
		say(rig, text, sizeof(text));
		CHECK_INT(rig->n, 1);
		CHECK_INT(rig->end, REQUEST_READY);
		early = request_take_early(&rig->request);
		n = early != NULL ? early->len : 0;
		buf_free(early);
		n += read_rest(rig)->len;
		CHECK_INT(n, sizeof(text) - shakes[i].len);
		rig_free(rig);
	}
}

/* What comes behind stays with the kernel: nothing is read past the end. */
static void
reads_nothing_more(void)
{
	struct rig *rig = rig_new(RIG_DEADLINE_US);

	say(rig, shakes[2].text, shakes[2].len);
	CHECK_INT(rig->end, REQUEST_READY);
	CHECK(request_take_early(&rig->request) == NULL, "nothing early");
	say(rig, payload, PAYLOAD_LEN);
	check_ready(rig, 2, 0);
	rig_free(rig);
}

static void
answers_a_greeting(void)
{
	struct rig *rig = rig_new(RIG_DEADLINE_US);
	char got[16];

	say(rig, shakes[1].text, shakes[1].before);
	CHECK_INT(recv(rig->client, got, sizeof(got), MSG_DONTWAIT), 2);
	CHECK(memcmp(got, "\5\0", 2) == 0, "no login");
	CHECK_INT(rig->n, 0);
	rig_free(rig);
}

static void
rejects(void)
{
	static const struct {
		const char *text;
		size_t len, answer;
	} rows[] = {
	    {LIT("\x16\x03\x01"), 0}, /* TLS */
	    {LIT("\5\1\2"), 2},	      /* only a login offered */
	    {LIT("\5\1\0\5\4\0\1\1\2\3\4\0\120"), 10}, /* no command */
	    {LIT("\4\3\0\120\1\2\3\4\0"), 8},
	    {LIT("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 1},
	    {LIT("CONNECT a HTTP/1.1\r\n\r\n"), 1},
	};
	struct rig *rig;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rig = rig_new(RIG_DEADLINE_US);
		say(rig, rows[i].text, rows[i].len);
		CHECK(rig->n == 1 && rig->end == REQUEST_REJECTED,
		    "row %zu: %d", i, (int)rig->end);
		CHECK(rows[i].answer == 1
			  ? rig->request.intake.out_len > 100
			  : rig->request.intake.out_len == rows[i].answer,
		    "row %zu: an answer of %zu", i,
		    rig->request.intake.out_len);
		rig_free(rig);
	}
}

static void
rejects_what_never_ends(void)
{
	char line[] = "X-Filler: 0123456789012345678901234567890123456789\r\n";
	struct rig *rig = rig_new(RIG_DEADLINE_US);
	int i;

	say(rig, LIT("CONNECT a.example:1 HTTP/1.1\r\n"));
	for (i = 0; i < 1000 && rig->n == 0; i++)
		say(rig, line, sizeof(line) - 1);
	CHECK_INT(rig->end, REQUEST_REJECTED);
	CHECK(i < 200, "after %d lines", i);
	rig_free(rig);
}

static void
notices_a_client_that_leaves(void)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};
	struct rig *rig;
	int k;

	for (k = 0; k < 4; k++) {
		rig = rig_new(RIG_DEADLINE_US);
		if (k >= 2)
			say(rig, shakes[1].text, 9);
		if (k % 2 == 1)
			setsockopt(rig->client, SOL_SOCKET, SO_LINGER, &now,
			    sizeof(now));
		loop_close(rig->loop, rig->client);
		rig->client = -1;
		RIG_UNTIL(rig->loop, rig->n > 0);
		CHECK_INT(rig->end, REQUEST_GONE);
		rig_free(rig);
	}
}

/* One deadline for all of it, however busy the client is. */
static void
keeps_its_deadline(void)
{
	struct rig *rig = rig_new(30000);
	int i;

	say(rig, shakes[1].text, shakes[1].before);
	say(rig, LIT("\5\1\0\3\377"));
	for (i = 0; i < 100 && rig->n == 0; i++)
		say(rig, "a", 1);
	RIG_UNTIL(rig->loop, rig->n > 0);
	CHECK_INT(rig->n, 1);
	CHECK_INT(rig->end, REQUEST_TIMEOUT);
	rig_free(rig);

	rig = rig_new(10000);
	RIG_UNTIL(rig->loop, rig->n > 0);
	CHECK_INT(rig->end, REQUEST_TIMEOUT);
	rig_free(rig);
}

static void
can_be_cancelled(void)
{
	struct rig *rig = rig_new(20000);

	say(rig, shakes[0].text, 5);
	request_cancel(&rig->request);
	say(rig, shakes[0].text + 5, 3);
	CHECK_INT(rig->n, 0);
	rig_free(rig);
}

static void
tells_of_a_failed_start(void)
{
	struct request q;
	struct loop *l;

	l = rig_loop();
	CHECK_INT(request_start(&q, l, -1, false, mono_us(), done), -EBADF);
	CHECK_INT(loop_turn(l, 0), 0);
	loop_free(l);
}

static const struct unit_case cases[] = {
    {"survives every cut", survives_every_cut},
    {"survives single bytes", survives_single_bytes},
    {"keeps a long payload", keeps_a_long_payload},
    {"reads nothing more", reads_nothing_more},
    {"answers a greeting", answers_a_greeting},
    {"rejects", rejects},
    {"rejects what never ends", rejects_what_never_ends},
    {"notices a client that leaves", notices_a_client_that_leaves},
    {"keeps its deadline", keeps_its_deadline},
    {"can be cancelled", can_be_cancelled},
    {"tells of a failed start", tells_of_a_failed_start},
};

UNIT_MAIN("request", cases)
