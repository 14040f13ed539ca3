/*
 * Owns a client connection and the order of its stages; each stage does its
 * own I/O and reports here.
 */
#include "cagentd/worker/session_impl.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/net.h"
#include "cagentd/worker/divert.h"
#include "cagentd/worker/web/page.h"

static void request_done(struct request *, enum request_end);

/* Which step may follow which. */
static const bool steps[SESSION_ENDED + 1][SESSION_ENDED + 1] = {
    [SESSION_READING] = {[SESSION_DIALING] = true,
	[SESSION_SERVING] = true,
	[SESSION_LEAVING] = true,
	[SESSION_ENDED] = true},
    [SESSION_SERVING] = {[SESSION_READING] = true,
	[SESSION_RELAYING] = true,
	[SESSION_LEAVING] = true,
	[SESSION_ENDED] = true},
    [SESSION_DIALING] = {[SESSION_RELAYING] = true,
	[SESSION_LEAVING] = true,
	[SESSION_ENDED] = true},
    [SESSION_RELAYING] = {[SESSION_DIALING] = true, [SESSION_ENDED] = true},
    [SESSION_LEAVING] = {[SESSION_ENDED] = true},
};

void
session_change(struct session *s, enum session_state to)
{
	if (!steps[s->state][to])
		fatalx("session: step %d to %d", (int)s->state, (int)to);
	s->state = to;
}

int
session_new_setup(struct session *s)
{
	s->setup = calloc(1, sizeof(*s->setup));
	if (s->setup == NULL)
		return -ENOMEM;
	s->setup->session = s;
	slack_up(&s->env->slack, sizeof(*s->setup));
	return 0;
}

void
session_free_setup(struct session *s)
{
	struct setup *u = s->setup;

	if (u == NULL)
		return;
	who_cancel(&u->who);
	login_cancel(u->login);
	request_cancel(&u->request);
	dial_cancel(&u->dial);
	explicit_bzero(
	    u->request.intake.password, sizeof(u->request.intake.password));
	free(u);
	s->setup = NULL;
	slack_down(&s->env->slack, sizeof(*u));
}

void
session_leave_hop(struct session *s)
{
	if (s->via_hop)
		record_leave(s->env->dial.record, s->hop);
	s->via_hop = false;
}

void
session_end(struct session *s)
{
	struct session_env *env = s->env;

	session_change(s, SESSION_ENDED);
	LIST_REMOVE(s, entry);
	session_leave_hop(s);
	session_tunnel_end(s);
	session_socks_end(s);
	session_free_setup(s);
	buf_free(s->flight);
	loop_close(env->dial.loop, s->fd);
	settings_unref(s->settings);
	quota_leave(&s->seat);
	slab_down(&env->slab->clients);
	free(s->label);
	free(s);
	slack_down(&env->slack, sizeof(*s));
	env->ended(env->arg);
}

void
session_kill(struct session *s)
{
	switch (s->state) {
	case SESSION_RELAYING:
		session_tunnel_kill(s);
		break;
	case SESSION_LEAVING:
		farewell_cancel(&s->farewell);
		break;
	case SESSION_SERVING:
		session_web_kill(s);
		break;
	case SESSION_READING:
	case SESSION_DIALING:
	case SESSION_ENDED:
		break;
	}
	session_end(s);
}

static void
reset_at_close(int fd)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void
session_break_off(struct session *s)
{
	loop_reset(s->env->dial.loop, s->fd);
	s->fd = -1;
	session_end(s);
}

static void
farewell_done(struct farewell *f)
{
	session_end(container_of(f, struct session, farewell));
}

/* Say that (taken; NULL: nothing), and go. */
void
session_leave(struct session *s, struct buf *word)
{
	int fd = s->fd;

	session_change(s, SESSION_LEAVING);
	s->fd = -1;
	session_free_setup(s);
	farewell_start(
	    &s->farewell, s->env->dial.loop, fd, word, farewell_done);
}

/* Say what intake has to say, and go. */
static void
leave(struct session *s)
{
	const struct intake *in = &s->setup->request.intake;

	session_leave(s, buf_copy(in->out, in->out_len));
}

/* Does the client know nothing of us? */
static bool
is_diverted(const struct session *s)
{
	enum wire_protocol p = s->setup->request.intake.protocol;

	return p == PROTOCOL_REDIRECT || p == PROTOCOL_TPROXY;
}

void
session_refuse(struct session *s, enum wire_reason reason)
{
	struct setup *u = s->setup;
	struct intake *in = &u->request.intake;
	char tried[1024], host[WIRE_HOST_STRLEN];

	slab_add(&s->env->slab->refused[reason], 1);
	dial_report(&u->dial, tried, sizeof(tried));
	log_info("%s %s: no path: %s", wire_protocol_word(in->protocol),
	    wire_host_format(&in->host, host), wire_reason_word(reason));
	intake_reply(in, reason, tried);
	if (is_diverted(s)) /* a reset is how it would have been refused */
		session_break_off(s);
	else
		leave(s);
}

/* HTTP that means ourselves. */
static void
serve_page(struct session *s)
{
	const struct buf *in = s->setup->request.in;
	union net_addr own = {0};
	socklen_t len = sizeof(own);
	struct buf *word = NULL;

	if (in != NULL && getsockname(s->fd, &own.sa, &len) == 0)
		word = page_answer(s->settings, &own, buf_bytes(in), in->len);
	session_leave(s, word);
}

bool
session_may_enter(struct session *s, const struct client *client)
{
	struct session_env *env = s->env;

	return env->quota == NULL ||
	       quota_enter(env->quota, s->settings, client, &s->seat,
		   loop_now_us(env->dial.loop)) == QUOTA_OK;
}

bool
session_may_ask(struct session *s)
{
	struct session_env *env = s->env;
	int64_t retry_us;

	return env->quota == NULL ||
	       quota_request(env->quota, &s->seat, loop_now_us(env->dial.loop),
		   &retry_us) == QUOTA_OK;
}

static enum intake_wants
wants_of(const struct session *s)
{
	if (s->env->logins == NULL)
		return INTAKE_NO_LOGIN;
	switch (login_need(s->settings, &s->setup->client)) {
	case LOGIN_NONE:
		return INTAKE_NO_LOGIN;
	case LOGIN_MAY:
		return INTAKE_MAY_LOGIN;
	case LOGIN_MUST:
		break;
	}
	return INTAKE_MUST_LOGIN;
}

/* Who serves what is asked for? */
static void
serve(struct session *s)
{
	/* Nobody could ask a diverted client for its login. */
	if (is_diverted(s) && wants_of(s) == INTAKE_MUST_LOGIN) {
		session_refuse(s, REASON_DENIED);
		return;
	}
	if (!session_may_enter(s, &s->setup->client) || !session_may_ask(s)) {
		session_refuse(s, REASON_LIMITED);
		return;
	}
	switch (s->setup->request.intake.command) {
	case INTAKE_CONNECT:
		session_tunnel(s);
		return;
	case INTAKE_BIND:
		session_bind(s);
		return;
	case INTAKE_ASSOCIATE:
		session_associate(s);
		return;
	case INTAKE_WEB:
		session_web(s);
		return;
	case INTAKE_PAGE:
		serve_page(s);
		return;
	}
}

/* What the client has shown is looked at: it may go on, or not. */
static void
logged_in(struct setup *u, enum login_answer answer)
{
	struct request *q = &u->request;

	switch (answer) {
	case LOGIN_RIGHT:
		strlcpy(u->client.login, q->intake.user,
		    sizeof(u->client.login)); /* it fits */
		request_login(q, INTAKE_RIGHT);
		return;
	case LOGIN_WRONG:
		request_login(q, INTAKE_WRONG);
		return;
	case LOGIN_BUSY:
		request_login(q, INTAKE_BUSY);
		return;
	case LOGIN_LATER:
		return;
	}
}

static void
login_done(void *arg, enum login_answer answer)
{
	struct setup *u = arg;

	u->login = NULL;
	logged_in(u, answer);
}

static void
check_login(struct session *s)
{
	struct setup *u = s->setup;
	const struct login_claim claim = {
	    &u->client, u->request.intake.user, u->request.intake.password};

	logged_in(
	    u, login_check(s->env->logins, &claim, login_done, u, &u->login));
}

static void
request_done(struct request *q, enum request_end e)
{
	struct setup *u = container_of(q, struct setup, request);
	struct session *s = u->session;

	switch (e) {
	case REQUEST_READY:
		serve(s);
		return;
	case REQUEST_REJECTED:
		slab_add(&s->env->slab->bad_handshakes, 1);
		leave(s);
		return;
	case REQUEST_TIMEOUT:
		slab_add(&s->env->slab->bad_handshakes, 1);
		session_end(s);
		return;
	case REQUEST_GONE:
	case REQUEST_NO_MEMORY:
		session_end(s);
		return;
	case REQUEST_LOGIN:
		check_login(s);
		return;
	}
}

int
session_read(struct session *s)
{
	struct loop *loop = s->env->dial.loop;
	int64_t wait_ms = s->settings->handshake_timeout_ms;
	enum intake_wants wants = wants_of(s);

	/* Whose user has enough is to hear that in its protocol, and not to
	 * fill this worker meanwhile.  Who has to log in is nobody yet. */
	if (wants != INTAKE_MUST_LOGIN &&
	    !session_may_enter(s, &s->setup->client) &&
	    wait_ms > SESSION_LIMITED_MS)
		wait_ms = SESSION_LIMITED_MS;
	return request_start(&s->setup->request, loop, s->fd, wants,
	    loop_now_us(loop) + wait_ms * 1000, request_done);
}

/* Who asks is known, as far as it will be. */
static void
identified(struct who_wait *who)
{
	struct setup *u = container_of(who, struct setup, who);

	if (is_diverted(u->session))
		serve(u->session);
	else if (session_read(u->session) != 0)
		session_end(u->session);
}

/* There is no handshake to read. */
static int
begin_diverted(
    struct session *s, enum settings_listener kind, union net_addr *seen)
{
	struct wire_host host;
	struct net_ip ip = {0};
	int error = divert_destination(s->settings, s->fd, kind, &host);

	if (error != 0) {
		log_info("%s: refused: %s",
		    wire_protocol_word(divert_protocol(kind)),
		    error == -ELOOP ? "it was on its way to ourselves"
				    : strerror(-error));
		reset_at_close(s->fd);
		return error;
	}
	intake_divert(&s->setup->request.intake, divert_protocol(kind), &host);
	ip.family = host.kind == WIRE_HOST_V4 ? 4 : 6;
	memcpy(ip.bytes, host.ip, sizeof(ip.bytes));
	net_addr_make(&ip, host.port, seen);
	return 0;
}

/* Is it known who asks, as far as it will be? */
static bool
identify(struct session *s, bool unix_socket, const union net_addr *peer,
    const union net_addr *seen)
{
	struct setup *u = s->setup;
	bool known;

	u->who = (struct who_wait){
	    .client = &u->client, .peer = peer, .done = identified};
	known = who_start(s->env->who, s->fd, unix_socket, seen, &u->who);
	u->who.peer = NULL;
	return known;
}

int
session_start(struct session_env *env, struct session_list *list, int fd,
    const struct accept_listener *from, const union net_addr *peer)
{
	bool diverted = from->kind != LISTENER_PROXY, known;
	struct session *s = calloc(1, sizeof(*s));
	union net_addr seen;
	int error = -ENOMEM;

	if (s == NULL)
		goto fail;
	s->env = env;
	s->fd = fd;
	s->settings = env->settings;
	s->class.class = CLASS_NORMAL;
	error = session_new_setup(s);
	if (error != 0)
		goto fail;
	error = diverted ? begin_diverted(s, from->kind, &seen) : 0;
	if (error != 0)
		goto fail;
	known = identify(s, from->unix_socket, peer, diverted ? &seen : NULL);
	if (known && !diverted)
		error = session_read(s);
	if (error != 0)
		goto fail;
	settings_ref(s->settings);
	LIST_INSERT_HEAD(list, s, entry);
	slack_up(&env->slack, sizeof(*s));
	slab_up(&env->slab->clients);
	slab_add(&env->slab->accepted, 1);
	if (diverted && known)
		serve(s); /* which may end it */
	return 0;
fail:
	if (s != NULL) {
		quota_leave(&s->seat);
		session_free_setup(s);
	}
	free(s);
	loop_close(env->dial.loop, fd);
	return error;
}
