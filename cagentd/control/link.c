/* Owns the state of the connection to one manager: where it goes, how long
 * each step may take, when it is tried again.  What is said over it is
 * link_io.c's. */
#include "cagentd/control/link.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mono.h"

/* The same trouble is told again after so long. */
#define AGAIN_US 600000000

#define FROM(state) (1u << (state))
#define ANY	    ((1u << (LINK_LEAVING + 1)) - 1)
/* Once the peer knows us. */
#define OPEN (FROM(LINK_UP) | FROM(LINK_LEAVING))

/* From where each may come, how long it may last, and what that means. */
static const struct {
	const char *word;
	uint32_t from;
	int64_t most_us; /* 0: see link_watch(), or until something happens */
	const char *late;
} states[] = {
    [LINK_OFF] = {"off", ANY, 0, NULL},
    [LINK_WAITING] = {"waiting", ANY, 0, NULL},
    [LINK_RESOLVING] = {"resolving", FROM(LINK_WAITING), LINK_RESOLVE_US,
	"its name could not be looked up in time"},
    [LINK_CONNECTING] = {"connecting",
	FROM(LINK_RESOLVING) | FROM(LINK_WAITING), LINK_CONNECT_US,
	"it does not answer"},
    [LINK_REGISTERING] = {"registering", ANY & ~OPEN, LINK_REGISTER_US,
	"no answer to who we are came in time"},
    [LINK_UP] = {"up", FROM(LINK_REGISTERING), 0, NULL},
    [LINK_LEAVING] = {"leaving", FROM(LINK_UP), LINK_LEAVE_US, NULL},
};

static void on_timer(struct loop *, struct op *, const struct op_result *);

const char *
link_state_word(enum link_state state)
{
	return states[state].word;
}

const char *
link_name(const struct link *l, char out[LINK_WHY_MAX + 1])
{
	const struct settings_endpoint *at = &l->peer.at[l->at];
	bool v6 = strchr(at->host, ':') != NULL, server;

	server = l->peer.name[0] == '\0';
	snprintf(out, LINK_WHY_MAX + 1, "%s%.32s at %s%.100s%s:%u",
	    server ? "policy server" : "subscriber ", l->peer.name,
	    v6 ? "[" : "", at->host, v6 ? "]" : "", at->port);
	return out;
}

static void
arm(struct link *l, int64_t at_us)
{
	if (loop_timer(l->own->loop, &l->timer, at_us, on_timer) != 0)
		fatalx("out of memory"); /* a timer that was, is moved */
}

/* The only place where the state changes. */
static void
change_state(struct link *l, enum link_state state)
{
	assert((states[state].from & FROM(l->state)) != 0);
	l->state = state;
	l->since_us = loop_now_us(l->own->loop);
	l->state_us = mono_wall_us();
	if (states[state].most_us > 0)
		arm(l, l->since_us + states[state].most_us);
	else
		loop_cancel(l->own->loop, &l->timer);
}

void
link_init(struct link *l, const struct link_owner *own)
{
	memset(l, 0, sizeof(*l));
	l->own = own;
	l->fd = -1;
}

/* Whatever is under way or open. */
static void
close_all(struct link *l)
{
	bool was_open = (OPEN & FROM(l->state)) != 0;

	resolve_cancel(l->own->resolve, &l->query);
	if (l->racing)
		race_cancel(&l->race);
	l->racing = false;
	loop_close(l->own->loop, l->fd);
	l->fd = -1;
	l->life++;
	link_in_reset(&l->in);
	buf_free(l->out);
	l->out = NULL;
	l->in_us = l->out_us = 0;
	l->asked_n = l->refused_n = 0;
	l->paused = false;
	if (was_open)
		l->own->down(l->own->arg, l);
}

/* Not each time that it is tried anew, for weeks.  Was it told? */
static bool
tell(struct link *l, const char *text)
{
	int64_t now = loop_now_us(l->own->loop);

	if (strcmp(text, l->told) == 0 && now - l->told_us < AGAIN_US) {
		log_debug("%s", text);
		return false;
	}
	snprintf(l->told, sizeof(l->told), "%s", text);
	l->told_us = now;
	events_add(l->own->events, EVENT_LINK, "", "%s", text);
	return true;
}

uint64_t
link_lot(uint64_t *seed, uint64_t most)
{
	uint64_t r = *seed;

	r ^= r << 13;
	r ^= r >> 7;
	r ^= r << 17;
	*seed = r;
	return r % (most + 1);
}

/* Equal jitter, so that a fleet does not come back as one. */
static int64_t
jittered(struct link *l, int64_t us)
{
	return us / 2 + (int64_t)link_lot(l->own->seed, (uint64_t)us / 2);
}

/* All that may answer are asked before we wait for longer. */
static void
await_next(struct link *l)
{
	uint32_t round = l->peer.at_n * l->peer.keys_n;
	int64_t us;

	if (l->backoff_us == 0)
		l->backoff_us = LINK_BACKOFF_MIN_US;
	us = jittered(
	    l, ++l->tries % round == 0 ? l->backoff_us : LINK_BACKOFF_MIN_US);
	if (l->tries % round == 0 && l->backoff_us < LINK_BACKOFF_MAX_US)
		l->backoff_us *= 2;
	if (l->backoff_us > LINK_BACKOFF_MAX_US)
		l->backoff_us = LINK_BACKOFF_MAX_US;
	change_state(l, LINK_WAITING);
	l->try_us = l->state_us + us;
	arm(l, l->since_us + us);
}

/* Where the next try goes.  An address that does not answer is not asked with
 * another key; one that hangs up may not have ours. */
static void
turn(struct link *l)
{
	switch (l->state) {
	case LINK_REGISTERING:
		l->key = (l->key + 1) % l->peer.keys_n;
		if (l->key != 0)
			return;
		break;
	case LINK_RESOLVING:
	case LINK_CONNECTING:
		l->tries += l->peer.keys_n - 1;
		break;
	case LINK_OFF:
	case LINK_WAITING:
	case LINK_UP:
	case LINK_LEAVING:
		return;
	}
	l->at = (l->at + 1) % l->peer.at_n;
}

/* What is open is closed, for the reason in why.  Was that told? */
static bool
end(struct link *l, const char *what)
{
	char name[LINK_WHY_MAX + 1], text[2 * LINK_WHY_MAX];
	bool was_open = (OPEN & FROM(l->state)) != 0;

	snprintf(
	    text, sizeof(text), "%s: %s%s", link_name(l, name), what, l->why);
	text[LINK_WHY_MAX] = '\0';
	if (was_open && loop_now_us(l->own->loop) - l->up_us >= LINK_GOOD_US)
		l->backoff_us = 0;
	if (was_open)
		l->tries = 0;
	close_all(l);
	await_next(l);
	return tell(l, text);
}

void
link_fail(struct link *l, const char *fmt, ...)
{
	bool was_open = (OPEN & FROM(l->state)) != 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->why, sizeof(l->why), fmt, ap);
	va_end(ap);
	turn(l);
	end(l, was_open ? "lost: " : "not reached: ");
}

void
link_again(struct link *l, const char *why)
{
	snprintf(l->why, sizeof(l->why), "%s", why);
	end(l, "again: ");
}

/* The key was the right one; another address may know us. */
void
link_refused(struct link *l, const struct manage_answer *a)
{
	snprintf(l->why, sizeof(l->why), "it refuses us: %s: %.120s", a->code,
	    a->text);
	l->tries += l->peer.keys_n - 1;
	l->at = (l->at + 1) % l->peer.at_n;
	if (end(l, "") && l->peer.name[0] == '\0' &&
	    (strcmp(a->code, "unknown-agent") == 0 ||
		strcmp(a->code, "bad-token") == 0))
		events_add(l->own->events, EVENT_LINK, "",
		    "to let this agent in: on the server, cagent-policyd agent "
		    "add with the key of cagent-ctl policy key; or a new "
		    "token");
}

void
link_leave(struct link *l, const char *why)
{
	snprintf(l->why, sizeof(l->why), "%s", why);
	change_state(l, LINK_LEAVING);
	link_in_reset(&l->in);
	if (!loop_op_active(&l->send))
		loop_shutdown(l->own->loop, l->fd);
}

void
link_stands(struct link *l, uint32_t interval_ms)
{
	char name[LINK_WHY_MAX + 1], text[2 * LINK_WHY_MAX];

	change_state(l, LINK_UP);
	l->up_us = l->since_us;
	l->interval_ms = interval_ms;
	l->why[0] = '\0';
	l->raised = false;
	link_watch(l);
	snprintf(text, sizeof(text), "%s: connected, as %s", link_name(l, name),
	    l->peer.as);
	text[LINK_WHY_MAX] = '\0';
	tell(l, text);
	l->own->up(l->own->arg, l);
}

void
link_left(struct link *l)
{
	end(l, "lost: ");
}

static int64_t
sooner(int64_t at_us, int64_t since_us, int64_t most_us)
{
	return since_us != 0 && since_us + most_us < at_us ? since_us + most_us
							   : at_us;
}

/* What has been waited for longest, compared with what it may take. */
static int64_t
due_us(const struct link *l, const char **late)
{
	int64_t at, asked, in, out;

	asked = l->asked_n > 0 ? l->asked[0].at_us : 0;
	in = sooner(INT64_MAX, l->paused ? 0 : l->in_us, LINK_MESSAGE_US);
	out = sooner(INT64_MAX, l->out_us, LINK_SEND_US);
	at = sooner(INT64_MAX, asked, LINK_ANSWER_US);
	*late = "it does not answer any more";
	if (in < at) {
		at = in;
		*late = "not all of a message came in time";
	}
	if (out < at) {
		at = out;
		*late = "it does not read any more";
	}
	return at;
}

void
link_watch(struct link *l)
{
	const char *late;
	int64_t at;

	if (l->state != LINK_UP) /* which has its own, for all of it */
		return;
	at = due_us(l, &late);
	if (at == INT64_MAX)
		loop_cancel(l->own->loop, &l->timer);
	else
		arm(l, at);
}

static void
on_connected(struct race *race, int fd)
{
	struct link *l = container_of(race, struct link, race);

	l->racing = false;
	if (fd < 0)
		link_fail(l, "%s", strerror(-fd));
	else
		link_adopt(l, fd);
}

void
link_adopt(struct link *l, int fd)
{
	l->fd = fd;
	change_state(l, LINK_REGISTERING);
	l->in.sealed_alone = l->peer.name[0] != '\0';
	if (link_register(l))
		link_listen(l);
}

static void
begin_connect(struct link *l, const struct net_ip *ips, uint32_t n)
{
	struct race_field field = {
	    .ips = l->ips, .ips_n = n, .port = l->peer.at[l->at].port};
	int error;

	memcpy(l->ips, ips, n * sizeof(*ips));
	change_state(l, LINK_CONNECTING);
	race_order(l->ips, n);
	error = race_start(&l->race, l->own->loop, &field, on_connected);
	l->racing = error == 0;
	if (error != 0)
		link_fail(l, "%s", strerror(-error));
}

static void
on_resolved(struct resolve_query *q, const struct msg_resolved *r)
{
	struct link *l = container_of(q, struct link, query);

	if (r->outcome == NAMES_OK && r->ips_n > 0)
		begin_connect(l, r->ips, r->ips_n);
	else
		link_fail(l, "%s",
		    r->outcome == NAMES_UNKNOWN
			? "there is no host of that name"
			: "its name cannot be looked up");
}

static void
begin(struct link *l)
{
	const char *host = l->peer.at[l->at].host;
	struct net_ip ip;
	int error;

	if (net_ip_parse(host, &ip) == 0) {
		begin_connect(l, &ip, 1);
		return;
	}
	change_state(l, LINK_RESOLVING);
	error = resolve_start(l->own->resolve, &l->query, host, on_resolved);
	if (error != 0)
		link_fail(
		    l, "its name cannot be looked up: %s", strerror(-error));
}

static void
on_timer(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct link *l = container_of(op, struct link, timer);
	const char *late;

	(void)r; /* time is the only news */
	switch (l->state) {
	case LINK_WAITING:
		begin(l);
		break;
	case LINK_UP:
		if (due_us(l, &late) <= loop_now_us(loop))
			link_fail(l, "%s", late);
		else
			link_watch(l);
		break;
	case LINK_RESOLVING:
	case LINK_CONNECTING:
	case LINK_REGISTERING:
		link_fail(l, "%s", states[l->state].late);
		break;
	case LINK_LEAVING:
		link_left(l);
		break;
	case LINK_OFF:
		break;
	}
}

void
link_start(struct link *l, const struct link_peer *peer)
{
	link_stop(l, "");
	l->peer = *peer;
	l->at = l->key = l->tries = 0;
	l->backoff_us = 0;
	l->raised = false;
	l->told[0] = '\0';
	change_state(l, LINK_WAITING);
	l->try_us = l->state_us;
	arm(l, l->since_us);
}

void
link_stop(struct link *l, const char *why)
{
	close_all(l);
	snprintf(l->why, sizeof(l->why), "%s", why);
	change_state(l, LINK_OFF);
}
