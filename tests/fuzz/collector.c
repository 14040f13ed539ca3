/* Fuzzes the collector: an agent that says anything, in any pieces, sealed by
 * its own key or not, to the real room with a ranker that plays along.  What
 * is read is never read twice or beyond, all that is taken is given back, and
 * the ranker hears of nothing but what a report, or an answer, looks like.
 *
 * The input is a script: a byte that says what is done, one or two of length,
 * and as many bytes. */
#include <sys/socket.h>

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/chan.h"
#include "base/log.h"
#include "policyd/collector/pdroom.h"
#include "policyd/common/pdfield.h"
#include "policyd/common/pdproc.h"
#include "tests/fuzz/fuzz.h"

#define STEPS_MAX 64
#define BODY_MAX  4096
#define TURNS	  8

struct world {
	struct loop *loop;
	struct pdconf conf;
	struct sealed_keys server, agent;
	struct pdroom room;
	struct chan *ranker;
	struct blob report;
	uint64_t agent_id, sequence;
	int fd;
	bool holds; /* the ranker answers no report */
};

static void
keys_make(struct sealed_keys *k, uint8_t n)
{
	memset(k->secret_key, n, sizeof(k->secret_key));
	crypto_scalarmult_base(k->public_key, k->secret_key);
}

static void
welcome(struct world *w, const struct chan_msg *m)
{
	struct pdmsg_welcome answer = {.welcome = true, .interval_ms = 1000};
	struct pdmsg_hello h;
	uint8_t buf[CHAN_DATA_MAX];

	assert(pdmsg_hello_decode(m->data, m->len, &h) == 0);
	assert(memcmp(h.key, w->agent.public_key, sizeof(h.key)) == 0);
	w->agent_id = answer.agent = h.agent;
	answer.sequence = h.sequence;
	memcpy(answer.group, h.said.group, sizeof(answer.group));
	(void)chan_send(w->ranker, PDMSG_WELCOME, buf,
	    pdmsg_welcome_encode(&answer, buf), NULL, 0);
}

static void
take_report(struct world *w, const struct chan_msg *m)
{
	uint8_t buf[16];

	if (blob_take(&w->report, m) != 1)
		return;
	assert(w->report.len >= PDLINE_REPORT_HEAD);
	assert(manage_report_ok(w->report.data + PDLINE_REPORT_HEAD,
	    w->report.len - PDLINE_REPORT_HEAD));
	memcpy(buf, w->report.data, sizeof(buf));
	if (!w->holds)
		(void)chan_send(
		    w->ranker, PDMSG_STORED, buf, sizeof(buf), NULL, 0);
}

static void
on_message(void *arg, struct chan *c, const struct chan_msg *m)
{
	struct manage_answer a;

	(void)c;
	if (m->type == PDMSG_HELLO)
		welcome(arg, m);
	else if (m->type == PDMSG_REPORT)
		take_report(arg, m);
	else if (m->type == PDMSG_ANSWER)
		assert(manage_answer_decode(
			   m->data + 9, m->len - 9, m->data[8] != 0, &a) > 0);
}

static void
on_closed(void *arg, struct chan *c, const char *why)
{
	(void)arg, (void)c;
	assert(why == NULL);
}

static void
on_broken(void *arg, const char *why)
{
	(void)arg, (void)why;
	assert(0);
}

static void
ranker_comes(struct world *w)
{
	const struct chan_owner owner = {on_message, on_closed, w};
	int fds[2];

	chan_free(w->ranker);
	blob_free(&w->report);
	assert(chan_pair(fds) == 0);
	assert(chan_new(&w->ranker, w->loop, fds[1], &pdproc_rules,
		   PDPROC_RANKER, PDPROC_COLLECTOR, &owner) == 0);
	chan_queue_max(w->ranker, 4096);
	pdroom_line(&w->room, fds[0]);
}

static void
connect_anew(struct world *w)
{
	int fds[2];

	if (w->fd != -1)
		close(w->fd);
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		   0, fds) == 0);
	w->fd = fds[1];
	pdagent_start(&w->room, fds[0]);
}

static void
turns(struct world *w)
{
	uint8_t drain[4096];
	int i;

	for (i = 0; i < TURNS; i++)
		assert(loop_turn(w->loop, 0) == 0);
	while (recv(w->fd, drain, sizeof(drain), 0) > 0)
		continue;
}

static void
send_some(struct world *w, const uint8_t *data, size_t len)
{
	(void)send(w->fd, data, len, MSG_NOSIGNAL);
	turns(w);
}

/* Of that type, with that body, by the agent's key. */
static void
send_sealed(struct world *w, uint8_t how, const uint8_t *body, size_t len)
{
	static uint8_t out[BODY_MAX + SEALED_HEADER_LEN + SEALED_TAG_LEN];
	struct sealed s = {
	    .type = (enum sealed_type)(SEALED_REGISTER + (how & 3)),
	    .issued_s = 1};
	int n;

	/* Now and then one that was used. */
	s.sequence = (how & 4) != 0 ? w->sequence : ++w->sequence;
	memcpy(s.receiver, w->server.public_key, sizeof(s.receiver));
	memset(s.nonce, how, sizeof(s.nonce));
	n = sealed_encode(&s, body, len, &w->agent, out, sizeof(out));
	assert(n > 0);
	if ((how & 8) != 0) {
		send_some(w, out, (size_t)n / 2);
		send_some(w, out + n / 2, (size_t)n - (size_t)n / 2);
	} else {
		send_some(w, out, (size_t)n);
	}
}

/* A register as it should be, so that the rest has somebody who says it. */
static void
send_register(struct world *w)
{
	struct manage_register r = {.name = "box", .group = "ny"};
	uint8_t body[512];
	int n = manage_register_encode(&r, body, sizeof(body));

	assert(n > 0);
	send_sealed(w, 0, body, (size_t)n);
}

static void
publish(struct world *w, const uint8_t *message, size_t len)
{
	(void)blob_send(w->ranker, PDMSG_PUBLISH, message, len);
	turns(w);
}

static void
step(struct world *w, uint8_t op, const uint8_t *data, size_t len)
{
	switch (op >> 4 & 7) {
	case 0:
		send_some(w, data, len);
		break;
	case 1:
	case 2:
	case 3:
		send_sealed(w, op & 15, data, len);
		break;
	case 4:
		send_register(w);
		break;
	case 5:
		connect_anew(w);
		break;
	case 6:
		ranker_comes(w);
		w->holds = (op & 1) != 0;
		turns(w);
		break;
	case 7:
		publish(w, data, len);
		break;
	}
}

static void
play(struct world *w, const uint8_t *data, size_t len)
{
	size_t n;
	uint8_t op;
	int i;

	for (i = 0; i < STEPS_MAX && len >= 3; i++) {
		op = data[0];
		n = (size_t)data[1] << 8 | data[2];
		data += 3;
		len -= 3;
		n = n % BODY_MAX;
		n = n < len ? n : len;
		step(w, op, data, n);
		data += n;
		len -= n;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct world w = {.fd = -1};

	log_level_set(LOG_LEVEL_ERROR);
	keys_make(&w.server, 1);
	keys_make(&w.agent, 2);
	w.conf.quota_messages = 20;
	w.conf.quota_bytes = 1 << 20;
	w.conf.report_interval_ms = 1000;
	assert(loop_new(&w.loop) == 0);
	assert(pdroom_init(&w.room, w.loop, &w.conf, &w.server) == 0);
	w.room.broken = on_broken;
	ranker_comes(&w);
	connect_anew(&w);
	turns(&w);
	play(&w, data, len);
	close(w.fd);
	pdroom_free(&w.room);
	assert(w.room.pending == 0 && w.room.n == 0 && w.room.guests.n == 0);
	chan_free(w.ranker);
	blob_free(&w.report);
	loop_free(w.loop);
	return 0;
}
