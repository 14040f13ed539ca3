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
#include "cagentd/worker/page.h"

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
	session_socks_end(s);
	session_free_setup(s);
	buf_free(s->flight);
	loop_close(env->dial.loop, s->fd);
	settings_unref(s->settings);
	quota_leave(&s->seat);
	slab_down(&env->slab->clients);
	free(s->label);
	free(s);
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

void
session_break_off(struct session *s)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
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

/* Who serves what is asked for? */
static void
serve(struct session *s)
{
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

int
session_read(struct session *s)
{
	struct loop *loop = s->env->dial.loop;
	int64_t wait_ms = s->settings->handshake_timeout_ms;
	enum intake_wants wants = wants_of(s);

	/* Whose user has enough is to hear that in its protocol, and not to
	 * fill this worker meanwhile.  Who has to log in is nobody yet. */
	if (wants != INTAKE_MUST_LOGIN && !session_may_enter(s, &s->setup->client) &&
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

	if (session_read(u->session) != 0)
		session_end(u->session);
}

/* 0, also when who asks is still to be found out, or -errno. */
static int
identify(struct session *s, bool unix_socket)
{
	struct setup *u = s->setup;

	u->who = (struct who_wait){.client = &u->client, .done = identified};
	if (!who_start(s->env->who, s->fd, unix_socket, NULL, &u->who))
		return 0;
	return session_read(s);
}

int
session_start(struct session_env *env, struct session_list *list, int fd,
    bool unix_socket)
{
	struct session *s = calloc(1, sizeof(*s));
	int error = -ENOMEM;

	if (s != NULL)
		s->setup = calloc(1, sizeof(*s->setup));
	if (s == NULL || s->setup == NULL)
		goto fail;
	s->env = env;
	s->fd = fd;
	s->settings = env->settings;
	s->setup->session = s;
	error = identify(s, unix_socket);
	if (error != 0)
		goto fail;
	settings_ref(s->settings);
	LIST_INSERT_HEAD(list, s, entry);
	slab_up(&env->slab->clients);
	slab_add(&env->slab->accepted, 1);
	return 0;
fail:
	if (s != NULL) {
		quota_leave(&s->seat);
		free(s->setup);
	}
	free(s);
	loop_close(env->dial.loop, fd);
	return error;
}
