/*
 * Owns the control socket: peers, their lines, limits and deadlines, and who
 * follows the events.  What is answered is ctl_answer.c's.
 */
#include "cagentd/control/ctl.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/loop.h"
#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"
#include "wire/ctl.h"

#define ACCEPT_PAUSE_US 1000000

/*
 *   reading ──line, its limit, its deadline──> answering
 *   reading ──line that has a body──> loading ──all of it──> answering,
 *   or waiting ──in force──> answering
 *   answering ──sent──> lingering, or following
 *
 * Each but following has a deadline.  Lingering: our side is closed, and what
 * still comes is thrown away, so that closing does not look like an error to
 * a peer that has not read all.
 */
enum peer_state {
	PEER_READING,
	PEER_LOADING,
	PEER_WAITING,
	PEER_ANSWERING,
	PEER_FOLLOWING,
	PEER_LINGERING
};

struct peer {
	TAILQ_ENTRY(peer) entry;
	struct ctl *ctl;
	enum peer_state state;
	int fd;
	uid_t uid;
	struct op recv, send, deadline;
	int64_t since_us;   /* accepted */
	uint64_t follow_id; /* the next event to send; 0: does not follow */
	size_t line_len;
	char line[CTL_LINE_MAX];
	uint8_t *body; /* while it comes, else NULL */
	size_t body_len, body_want;
};

struct ctl {
	struct control *control;
	int fd;
	uid_t own_uid; /* after the start's change of users */
	struct op accept, pause;
	uint32_t peers_n, followers_n, bodies_n;
	TAILQ_HEAD(peers, peer) peers;
};

static void accept_more(struct ctl *);

static void
body_free(struct peer *p)
{
	if (p->body == NULL)
		return;
	free(p->body);
	p->body = NULL;
	p->ctl->bodies_n--;
}

static void
peer_close(struct peer *p)
{
	struct ctl *ctl = p->ctl;
	struct loop *loop = ctl->control->loop;

	TAILQ_REMOVE(&ctl->peers, p, entry);
	ctl->peers_n--;
	if (p->follow_id != 0)
		ctl->followers_n--;
	loop_cancel(loop, &p->deadline);
	loop_close(loop, p->fd);
	body_free(p);
	free(p);
	accept_more(ctl);
}

static void on_deadline(struct loop *, struct op *, const struct op_result *);

/* The only place where a peer's state changes.  0 or -errno. */
static int
enter(struct peer *p, enum peer_state state)
{
	struct loop *loop = p->ctl->control->loop;
	int64_t us;

	p->state = state;
	if (state == PEER_FOLLOWING) {
		loop_cancel(loop, &p->deadline);
		return 0;
	}
	us = state == PEER_LINGERING ? CTL_HURRY_US : CTL_DEADLINE_US;
	return loop_timer(
	    loop, &p->deadline, loop_now_us(loop) + us, on_deadline);
}

static void on_sent(struct loop *, struct op *, const struct op_result *);

/* Send what there is for a follower, or cut it off when that is too much.
 * Nothing is queued: the ring of events keeps it. */
static void
follow(struct peer *p)
{
	const struct events *ev = &p->ctl->control->events;
	struct ctl_query q = {.control = p->ctl->control};
	uint64_t behind = ev->last_id + 1 - p->follow_id;

	if (behind > CTL_FOLLOW_QUEUE) {
		log_warnx("control socket: a follower that does not read "
			  "is cut off");
		peer_close(p);
		return;
	}
	if (behind == 0 || loop_op_active(&p->send))
		return;
	for (; p->follow_id <= ev->last_id; p->follow_id++)
		ctl_say(&q, ctl_event(events_get(ev, p->follow_id)));
	if (q.failed) {
		buf_free(q.out);
		peer_close(p);
	} else if (loop_send(p->ctl->control->loop, &p->send, p->fd, q.out,
		       on_sent) != 0) {
		peer_close(p);
	}
}

static void
linger(struct peer *p)
{
	/* When recv has ended, the peer has closed its side already. */
	if (!loop_op_active(&p->recv) || enter(p, PEER_LINGERING) != 0)
		peer_close(p);
	else
		loop_shutdown(p->ctl->control->loop, p->fd);
}

static void
on_sent(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct peer *p = container_of(op, struct peer, send);

	(void)loop; /* the peer's */
	if (r->res < 0 || (p->follow_id != 0 && enter(p, PEER_FOLLOWING) != 0))
		peer_close(p);
	else if (p->follow_id != 0)
		follow(p);
	else
		linger(p);
}

/* Send the answer in q and go on from there. */
static void
say(struct peer *p, struct ctl_query *q)
{
	struct buf *out = q->out;

	p->follow_id = q->follow_id;
	if (p->follow_id != 0)
		p->ctl->followers_n++;
	if (out == NULL) {
		peer_close(p);
		return;
	}
	if (enter(p, PEER_ANSWERING) != 0) {
		buf_free(out);
		peer_close(p);
	} else if (loop_send(p->ctl->control->loop, &p->send, p->fd, out,
		       on_sent) != 0) {
		peer_close(p);
	}
}

static struct ctl_query
query_of(const struct peer *p)
{
	return (struct ctl_query){.control = p->ctl->control,
	    .uid = p->uid,
	    .may_change = p->uid == 0 || p->uid == p->ctl->own_uid};
}

static void
refuse(struct peer *p, enum ctl_code code, const char *why)
{
	struct ctl_query q = query_of(p);

	ctl_answer_error(&q, code, why);
	say(p, &q);
}

static void
on_deadline(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct peer *p = container_of(op, struct peer, deadline);

	(void)loop, (void)r; /* time is the only news */
	if (p->state == PEER_READING)
		refuse(p, CTL_USAGE, "no complete line came in time");
	else if (p->state == PEER_LOADING)
		refuse(p, CTL_USAGE, "not all of the message came in time");
	else if (p->state == PEER_WAITING)
		refuse(p, CTL_INTERNAL,
		    "it was accepted, but is not in force yet: cagent-ctl "
		    "events may say why");
	else
		peer_close(p);
}

static void
answered(struct peer *p, struct ctl_query *q)
{
	if (q->follow_id != 0 && p->ctl->followers_n >= CTL_FOLLOW_MAX) {
		buf_free(q->out);
		refuse(p, CTL_INTERNAL, "too many follow the events already");
	} else if (!q->waits) {
		say(p, q);
	} else if (enter(p, PEER_WAITING) != 0) {
		peer_close(p);
	}
}

/* What follows the body is nobody's. */
static void
read_body(struct peer *p, const uint8_t *data, size_t len)
{
	size_t left = p->body_want - p->body_len;
	struct ctl_query q = query_of(p);

	if (len > left)
		len = left;
	memcpy(p->body + p->body_len, data, len);
	p->body_len += len;
	if (p->body_len < p->body_want)
		return;
	q.body = p->body;
	q.body_len = p->body_len;
	ctl_answer(&q, p->line, p->line_len);
	body_free(p);
	answered(p, &q);
}

static void
begin_body(struct peer *p, size_t want, const uint8_t *data, size_t len)
{
	if (p->ctl->bodies_n < CTL_BODIES_MAX)
		p->body = malloc(want);
	if (p->body == NULL) {
		refuse(p, CTL_INTERNAL, "no room for the message: try again");
		return;
	}
	p->ctl->bodies_n++;
	p->body_want = want;
	if (enter(p, PEER_LOADING) != 0)
		peer_close(p);
	else
		read_body(p, data, len);
}

/* What follows the newline is nobody's, unless the verb asks for it. */
static void
read_line(struct peer *p, const uint8_t *data, size_t len)
{
	const uint8_t *end = memchr(data, '\n', len);
	size_t n = end != NULL ? (size_t)(end - data) : len;
	struct ctl_query q;

	if (n > sizeof(p->line) - p->line_len) {
		refuse(p, CTL_USAGE, "the line is too long");
		return;
	}
	memcpy(p->line + p->line_len, data, n);
	p->line_len += n;
	if (end == NULL)
		return;
	q = query_of(p);
	ctl_answer(&q, p->line, p->line_len);
	if (q.body_want > 0)
		begin_body(p, q.body_want, end + 1, len - n - 1);
	else
		answered(p, &q);
}

/* A follower that has closed its own side still follows; one that is gone
 * altogether is seen by this. */
static void
on_hangup(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop, (void)r; /* that it comes is the news */
	peer_close(container_of(op, struct peer, recv));
}

static void
recv_ended(struct peer *p, int res)
{
	struct loop *loop = p->ctl->control->loop;

	if (res < 0 || p->state == PEER_LINGERING ||
	    (p->state == PEER_READING && p->line_len == 0))
		peer_close(p);
	else if (p->state == PEER_READING)
		refuse(p, CTL_USAGE, "the line has no end");
	else if (p->state == PEER_LOADING)
		refuse(p, CTL_USAGE, "the message has no end");
	else if (loop_poll(loop, &p->recv, p->fd, 0, on_hangup) != 0)
		peer_close(p);
}

static void
on_recv(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct peer *p = container_of(op, struct peer, recv);

	(void)loop; /* the peer's */
	if (r->res <= 0)
		recv_ended(p, r->res);
	else if (p->state == PEER_READING)
		read_line(p, r->data, (size_t)r->res);
	else if (p->state == PEER_LOADING)
		read_body(p, r->data, (size_t)r->res);
	else if (p->state == PEER_FOLLOWING)
		peer_close(p); /* it has nothing to say */
}

static void
peer_new(struct ctl *ctl, int fd)
{
	struct peer *p = calloc(1, sizeof(*p));
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (p == NULL ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1) {
		log_warn("control socket: a peer is turned away");
		free(p);
		close(fd);
		return;
	}
	p->ctl = ctl;
	p->fd = fd;
	p->uid = cred.uid;
	p->since_us = loop_now_us(ctl->control->loop);
	TAILQ_INSERT_TAIL(&ctl->peers, p, entry);
	ctl->peers_n++;
	if (enter(p, PEER_READING) != 0 ||
	    loop_recv(ctl->control->loop, &p->recv, fd, on_recv) != 0)
		peer_close(p);
}

static void
on_pause_over(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop, (void)r; /* time is the only news */
	accept_more(container_of(op, struct ctl, pause));
}

/* Others may wait: who has not asked yet gets less time to.  Moving a timer
 * that is under way needs no memory. */
static void
hurry(struct ctl *ctl)
{
	struct peer *p;

	TAILQ_FOREACH (p, &ctl->peers, entry) {
		if (p->state == PEER_READING)
			loop_timer(ctl->control->loop, &p->deadline,
			    p->since_us + CTL_HURRY_US, on_deadline);
	}
}

static void
on_accept(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct ctl *ctl = container_of(op, struct ctl, accept);

	if (r->res >= 0) {
		peer_new(ctl, r->res);
		if (ctl->peers_n >= CTL_PEERS_MAX) {
			loop_cancel(loop, &ctl->accept);
			hurry(ctl);
		}
	} else {
		log_warnx("control socket: accept: %s", strerror(-r->res));
		loop_timer(loop, &ctl->pause,
		    loop_now_us(loop) + ACCEPT_PAUSE_US, on_pause_over);
	}
}

/* Unless it is under way, or there are as many peers as may be. */
static void
accept_more(struct ctl *ctl)
{
	struct loop *loop = ctl->control->loop;

	if (ctl->peers_n >= CTL_PEERS_MAX || loop_op_active(&ctl->accept) ||
	    loop_op_active(&ctl->pause))
		return;
	if (loop_accept(loop, &ctl->accept, ctl->fd, on_accept) != 0)
		loop_timer(loop, &ctl->pause,
		    loop_now_us(loop) + ACCEPT_PAUSE_US, on_pause_over);
}

static void
on_event(void *arg, const struct event *e)
{
	struct ctl *ctl = arg;
	struct peer *p, *next;

	(void)e; /* in the ring */
	for (p = TAILQ_FIRST(&ctl->peers); p != NULL; p = next) {
		next = TAILQ_NEXT(p, entry);
		if (p->state == PEER_FOLLOWING)
			follow(p);
	}
}

void
ctl_settled(struct ctl *ctl)
{
	struct peer *p, *next;
	struct ctl_query q;

	if (ctl == NULL)
		return;
	for (p = TAILQ_FIRST(&ctl->peers); p != NULL; p = next) {
		next = TAILQ_NEXT(p, entry);
		if (p->state != PEER_WAITING)
			continue;
		q = query_of(p);
		ctl_policy_settled(&q);
		say(p, &q);
	}
}

int
ctl_start(struct ctl **out, struct control *control, int fd)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	int error;

	*out = NULL;
	if (ctl == NULL) {
		close(fd);
		return -ENOMEM;
	}
	ctl->control = control;
	ctl->fd = fd;
	TAILQ_INIT(&ctl->peers);
	/* As root we become the configured user when the sandbox closes. */
	ctl->own_uid = geteuid();
	if (ctl->own_uid == 0)
		ctl->own_uid = control->settings->control_user.uid;
	/* While there are files: later it could only take the clock. */
	json_object_seed(0);
	error = loop_accept(control->loop, &ctl->accept, fd, on_accept);
	if (error != 0) {
		loop_close(control->loop, fd);
		free(ctl);
		return error;
	}
	control->events.added = on_event;
	control->events.arg = ctl;
	*out = ctl;
	return 0;
}

void
ctl_stop(struct ctl *ctl)
{
	struct loop *loop;
	struct peer *p;

	if (ctl == NULL)
		return;
	loop = ctl->control->loop;
	ctl->control->events.added = NULL;
	while ((p = TAILQ_FIRST(&ctl->peers)) != NULL)
		peer_close(p);
	loop_cancel(loop, &ctl->pause);
	loop_close(loop, ctl->fd);
	free(ctl);
}
