/* A handshake that waits for the verdict on its login, however it is cut and
 * whatever comes meanwhile. */
#include "cagentd/worker/request.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/fake.h"
#include "tests/unit/unit.h"

#define LIT(s)	    (s), sizeof(s) - 1
#define PAYLOAD	    "hello"
#define PAYLOAD_LEN 5
#define NAME	    "\5\1\0\3\17www.example.com\1\273"

static const struct {
	const char *name, *text;
	size_t len;
	size_t at; /* where the login is whole */
	const char *refused;
	size_t refused_len;
} shakes[] = {
    {"socks5", LIT("\5\1\2\1\5alice\6secret" NAME), 17, LIT("\1\1")},
    {"http",
	LIT("CONNECT www.example.com:443 HTTP/1.1\r\n"
	    "Host: www.example.com:443\r\n"
	    "Proxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n"),
	112, LIT("HTTP/1.1 407 ")},
};
#define SHAKES (sizeof(shakes) / sizeof(*shakes))

struct rig {
	struct loop *loop;
	struct request request;
	int client, fd;
	int logins, ends;
	bool at_once; /* the verdict is known when it is asked for */
	enum intake_verdict verdict;
	enum request_end end;
	int fds;
};

static void
done(struct request *q, enum request_end end)
{
	struct rig *rig = container_of(q, struct rig, request);

	if (end != REQUEST_LOGIN) {
		rig->ends++;
		rig->end = end;
		return;
	}
	rig->logins++;
	CHECK_STR(q->intake.user, "alice");
	CHECK_STR(q->intake.password, "secret");
	if (rig->at_once)
		request_login(q, rig->verdict);
}

static struct rig *
rig_new(int64_t limit_us)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int fds[2];

	rig->fds = fake_open_fds();
	rig->verdict = INTAKE_RIGHT;
	rig->loop = rig_loop();
	rig_tcp_pair(fds);
	rig->client = fds[0];
	rig->fd = fds[1];
	fake_nodelay(rig->client);
	CHECK_INT(request_start(&rig->request, rig->loop, rig->fd,
		      INTAKE_MUST_LOGIN, mono_us() + limit_us, done),
	    0);
	return rig;
}

static void
rig_free(struct rig *rig)
{
	request_cancel(&rig->request);
	rig_settle(rig->loop);
	CHECK(rig->ends <= 1, "it ends once");
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

static size_t
early_len(struct rig *rig)
{
	struct buf *early = request_take_early(&rig->request);
	size_t len = early != NULL ? early->len : 0;

	buf_free(early);
	return len;
}

/* Is the password anywhere in what is kept? */
static bool
keeps_secret(const struct request *q)
{
	return (q->in != NULL &&
		   (memmem(q->in->data, q->in->cap, "secret", 6) != NULL ||
		       memmem(q->in->data, q->in->cap, "YWxpY2U6c2Vj", 12) !=
			   NULL)) ||
	       q->intake.password[0] != '\0';
}

/* The login is whole after `at` bytes, in two pieces cut anywhere, and what
 * follows waits for the verdict. */
static void
cut_at(size_t i, size_t cut, bool at_once)
{
	struct rig *rig = rig_new(RIG_DEADLINE_US);
	char text[512];
	size_t len = shakes[i].len + PAYLOAD_LEN;

	rig->at_once = at_once;
	memcpy(text, shakes[i].text, shakes[i].len);
	memcpy(text + shakes[i].len, PAYLOAD, PAYLOAD_LEN);
	say(rig, text, cut);
	CHECK_INT(rig->logins, cut >= shakes[i].at);
	if (cut < len)
		say(rig, text + cut, len - cut);
	CHECK(rig->logins == 1, "%s cut at %zu", shakes[i].name, cut);
	CHECK_INT(rig->ends, at_once);
	if (!at_once)
		request_login(&rig->request, INTAKE_RIGHT);
	CHECK(rig->ends == 1 && rig->end == REQUEST_READY, "%s cut at %zu: %d",
	    shakes[i].name, cut, (int)rig->end);
	CHECK(!keeps_secret(&rig->request), "%s cut at %zu: a secret is kept",
	    shakes[i].name, cut);
	CHECK(early_len(rig) <= PAYLOAD_LEN, "the payload");
	rig_free(rig);
}

static void
survives_every_cut(void)
{
	size_t i, cut;

	for (i = 0; i < SHAKES; i++) {
		for (cut = 1; cut <= shakes[i].len + PAYLOAD_LEN; cut++) {
			cut_at(i, cut, false);
			cut_at(i, cut, true);
		}
	}
}

static void
refused(enum intake_verdict verdict, size_t i, const char *want, size_t len)
{
	struct rig *rig = rig_new(RIG_DEADLINE_US);

	say(rig, shakes[i].text, shakes[i].len);
	request_login(&rig->request, verdict);
	CHECK_INT(rig->ends, 1);
	CHECK_INT(rig->end, REQUEST_REJECTED);
	CHECK(rig->request.intake.out_len >= len &&
		  memcmp(rig->request.intake.out, want, len) == 0,
	    "%s", shakes[i].name);
	CHECK_STR(rig->request.intake.password, "");
	rig_free(rig);
}

static void
refuses(void)
{
	size_t i;

	for (i = 0; i < SHAKES; i++)
		refused(
		    INTAKE_WRONG, i, shakes[i].refused, shakes[i].refused_len);
	refused(INTAKE_BUSY, 0, LIT("\1\1"));
	refused(INTAKE_BUSY, 1, LIT("HTTP/1.1 503 "));
}

/* Who sends on and on before the verdict is read no further. */
static void
reads_no_flood(void)
{
	static char flood[16 * 1024];
	struct rig *rig = rig_new(RIG_DEADLINE_US);
	ssize_t n;
	int i;

	memset(flood, 'x', sizeof(flood));
	say(rig, shakes[0].text, shakes[0].len);
	CHECK_INT(rig->logins, 1);
	for (i = 0; i < 400; i++) {
		n = send(rig->client, flood, sizeof(flood),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n <= 0)
			break;
		rig_settle(rig->loop);
	}
	CHECK(rig->request.in->len < INTAKE_IN_MAX + LOOP_RECV_MAX, "%zu kept",
	    rig->request.in->len);
	CHECK_INT(rig->ends, 0);
	request_login(&rig->request, INTAKE_RIGHT);
	CHECK_INT(rig->end, REQUEST_READY);
	CHECK(early_len(rig) > INTAKE_IN_MAX - 64, "what was read is kept");
	rig_free(rig);
}

/* And goes on reading where the request has yet to come. */
static void
reads_on_after_it(void)
{
	struct rig *rig = rig_new(RIG_DEADLINE_US);

	say(rig, shakes[0].text, shakes[0].at);
	request_login(&rig->request, INTAKE_RIGHT);
	CHECK_INT(rig->ends, 0);
	say(rig, shakes[0].text + shakes[0].at, shakes[0].len - shakes[0].at);
	CHECK_INT(rig->ends, 1);
	CHECK_INT(rig->end, REQUEST_READY);
	rig_free(rig);
}

static void
notices_who_leaves(void)
{
	struct rig *rig = rig_new(RIG_DEADLINE_US);

	say(rig, shakes[0].text, shakes[0].len);
	loop_close(rig->loop, rig->client);
	rig->client = -1;
	rig_settle(rig->loop);
	CHECK_INT(rig->ends, 1);
	CHECK_INT(rig->end, REQUEST_GONE);
	rig_free(rig);
}

static void
keeps_its_deadline(void)
{
	struct rig *rig = rig_new(20000);

	say(rig, shakes[0].text, shakes[0].len);
	RIG_UNTIL(rig->loop, rig->ends > 0);
	CHECK_INT(rig->end, REQUEST_TIMEOUT);
	rig_free(rig);
}

static const struct unit_case cases[] = {
    {"survives every cut", survives_every_cut},
    {"refuses", refuses},
    {"reads no flood", reads_no_flood},
    {"reads on after it", reads_on_after_it},
    {"notices who leaves", notices_who_leaves},
    {"keeps its deadline", keeps_its_deadline},
};

UNIT_MAIN("request_login", cases)
