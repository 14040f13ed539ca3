/*
 * Owns a worker's questions to the verifier, and what becomes of those who
 * wait for the answer; whether a password is right is not known here.
 */
#include "cagentd/worker/who/login.h"

#include <sys/queue.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/chan.h"
#include "base/log.h"
#include "base/loop.h"
#include "cagentd/common/msg.h"
#include "cagentd/worker/who/login_guess.h"
#include "cagentd/worker/who/login_known.h"
#include "conf/settings.h"

_Static_assert(LOGIN_ASKED_MAX <= PROCS_LOGINS_MAX, "the verifier listens");

/* How often it is asked about one login: verifiers die, and users files
 * change meanwhile. */
#define ASKS_MAX 3

enum login_state {
	LOGIN_WAITING,
	LOGIN_ASKED,
	LOGIN_HELD,  /* it was wrong, and is told so later */
	LOGIN_READY, /* to be told now */
	LOGIN_STATES
};

struct login {
	TAILQ_ENTRY(login) entry;
	struct logins *all;
	enum login_state state;
	enum login_answer verdict; /* READY, HELD */
	login_fn *fn;		   /* NULL: its owner has left */
	void *arg;
	uint64_t id;
	uint32_t asks;
	uint8_t mark[LOGIN_MARK_LEN];
	struct login_source source;
	char who[LOGIN_SOURCE_STRLEN];
	char user[256], password[256]; /* wiped once there is a verdict */
	struct op timer;
};
TAILQ_HEAD(login_queue, login);

struct logins {
	struct loop *loop;
	struct chan *chan; /* NULL: no verifier now */
	uint64_t users_mark;
	int64_t remember_us;
	uint64_t last_id;
	struct login_queue in[LOGIN_STATES];
	uint32_t n[LOGIN_STATES];
	struct login_known known;
	struct login_guesses guesses;
};

static void
move(struct login *l, enum login_state to)
{
	struct logins *all = l->all;

	TAILQ_REMOVE(&all->in[l->state], l, entry);
	all->n[l->state]--;
	l->state = to;
	TAILQ_INSERT_TAIL(&all->in[to], l, entry);
	all->n[to]++;
}

static void
release(struct login *l)
{
	struct logins *all = l->all;

	TAILQ_REMOVE(&all->in[l->state], l, entry);
	all->n[l->state]--;
	loop_cancel(all->loop, &l->timer);
	sodium_memzero(l, sizeof(*l));
	free(l);
}

/* Tell all who are to be told.  A callback may cancel others, and start. */
static void
tell(struct logins *all)
{
	struct login *l;
	login_fn *fn;
	void *arg;
	enum login_answer verdict;

	while ((l = TAILQ_FIRST(&all->in[LOGIN_READY])) != NULL) {
		fn = l->fn;
		arg = l->arg;
		verdict = l->verdict;
		release(l);
		if (fn != NULL)
			fn(arg, verdict);
	}
}

static void
on_held(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct login *l = container_of(op, struct login, timer);

	(void)loop, (void)r; /* time is the only news */
	move(l, LOGIN_READY);
	tell(l->all);
}

static void
settle(struct login *l, enum login_answer verdict)
{
	sodium_memzero(l->password, sizeof(l->password));
	l->verdict = verdict;
	move(l, LOGIN_READY);
}

static void
hold(struct login *l, int64_t delay_us)
{
	struct loop *loop = l->all->loop;

	settle(l, LOGIN_WRONG);
	if (l->fn == NULL)
		return;
	if (loop_timer(
		loop, &l->timer, loop_now_us(loop) + delay_us, on_held) == 0)
		move(l, LOGIN_HELD);
}

/* Its password was wrong: nobody is asked for this source any more, if it was
 * one too many. */
static void
stop_source(struct logins *all, const struct login *why)
{
	struct login *l, *next;

	log_warnx("logins of %s: %d wrong ones within %d s: refused for the "
		  "rest of them",
	    why->who, LOGIN_FAILURES_MAX, (int)(LOGIN_WINDOW_US / 1000000));
	for (l = TAILQ_FIRST(&all->in[LOGIN_WAITING]); l != NULL; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (login_source_same(&l->source, &why->source))
			settle(l, LOGIN_WRONG);
	}
}

/* One more failure of its source; how long its answer has to wait. */
static int64_t
fail(struct login *l)
{
	struct logins *all = l->all;
	int64_t now = loop_now_us(all->loop);
	bool stopped = login_guess_stopped(&all->guesses, &l->source, now);
	int64_t delay_us = login_guess_failed(&all->guesses, &l->source, now);

	log_info("login of '%s' from %s: wrong", l->user, l->who);
	hold(l, delay_us);
	if (!stopped && login_guess_stopped(&all->guesses, &l->source, now))
		stop_source(all, l);
	return delay_us;
}

static struct login *
find_alike(struct logins *all, enum login_state state, const struct login *as)
{
	struct login *l;

	TAILQ_FOREACH (l, &all->in[state], entry) {
		if (l != as &&
		    sodium_memcmp(l->mark, as->mark, LOGIN_MARK_LEN) == 0)
			return l;
	}
	return NULL;
}

/* Those who say the same have the same answer, which is no further failure
 * where the source is the same, too. */
static void
conclude(struct login *leader, enum login_answer verdict)
{
	struct logins *all = leader->all;
	int64_t delay_us = 0;
	struct login *l;

	while ((l = find_alike(all, LOGIN_WAITING, leader)) != NULL) {
		if (verdict != LOGIN_WRONG)
			settle(l, verdict);
		else if (!login_source_same(&l->source, &leader->source))
			fail(l);
		else
			move(l, LOGIN_ASKED); /* with its leader */
	}
	if (verdict != LOGIN_WRONG) {
		settle(leader, verdict);
		return;
	}
	delay_us = fail(leader);
	while ((l = find_alike(all, LOGIN_ASKED, leader)) != NULL)
		hold(l, delay_us);
}

/* What it is by may have changed since it came. */
static void
make_mark(struct login *l)
{
	login_known_mark(
	    &l->all->known, l->all->users_mark, l->user, l->password, l->mark);
}

/* 0, or the error of a channel that must be given up. */
static int
ask(struct login *l)
{
	struct msg_login m = {.id = ++l->all->last_id};
	uint8_t buf[CHAN_DATA_MAX];
	size_t len;
	int error;

	memcpy(m.user, l->user, sizeof(m.user));
	memcpy(m.password, l->password, sizeof(m.password));
	len = msg_login_encode(&m, buf);
	error = chan_send(l->all->chan, MSG_LOGIN, buf, len, NULL, 0);
	sodium_memzero(buf, len);
	sodium_memzero(&m, sizeof(m));
	if (error != 0)
		return error;
	l->id = l->all->last_id;
	l->asks++;
	move(l, LOGIN_ASKED);
	return 0;
}

static uint32_t
count_asked(const struct logins *all, const struct login_source *source)
{
	const struct login *l;
	uint32_t n = 0;

	TAILQ_FOREACH (l, &all->in[LOGIN_ASKED], entry)
		n += login_source_same(&l->source, source);
	return n;
}

/* Whose source has the fewest asked, and of those who came first: one that
 * asks a hundred times is not before one that asks once. */
static struct login *
pick(struct logins *all)
{
	struct login *l, *best = NULL;
	uint32_t n, least = LOGIN_ASKED_MAX + 1;

	TAILQ_FOREACH (l, &all->in[LOGIN_WAITING], entry) {
		n = count_asked(all, &l->source);
		if (n >= least || find_alike(all, LOGIN_ASKED, l) != NULL)
			continue;
		best = l;
		least = n;
	}
	return best;
}

static void
pump(struct logins *all)
{
	struct login *l;

	while (all->chan != NULL && all->n[LOGIN_ASKED] < LOGIN_ASKED_MAX &&
	       (l = pick(all)) != NULL) {
		if (ask(l) != 0)
			return; /* the rest wait for the next verifier */
	}
}

/* It has to be asked again, by another verifier or another users file. */
static void
ask_again(struct login *l)
{
	if (l->fn == NULL || l->asks >= ASKS_MAX) {
		settle(l, LOGIN_BUSY);
		return;
	}
	move(l, LOGIN_WAITING);
	TAILQ_REMOVE(&l->all->in[LOGIN_WAITING], l, entry);
	TAILQ_INSERT_HEAD(&l->all->in[LOGIN_WAITING], l, entry);
	make_mark(l);
}

static void
judge(struct login *l, const struct msg_verified *m)
{
	struct logins *all = l->all;

	if (m->users_mark != all->users_mark) {
		ask_again(l);
		return;
	}
	switch (m->verdict) {
	case MSG_VERIFY_RIGHT:
		if (all->remember_us > 0)
			login_known_put(&all->known, l->mark,
			    loop_now_us(all->loop) + all->remember_us);
		conclude(l, LOGIN_RIGHT);
		return;
	case MSG_VERIFY_WRONG:
		conclude(l, LOGIN_WRONG);
		return;
	case MSG_VERIFY_BUSY:
		conclude(l, LOGIN_BUSY);
		return;
	}
}

static void
message(void *arg, struct chan *chan, const struct chan_msg *msg)
{
	struct logins *all = arg;
	struct msg_verified m;
	struct login *l;

	(void)chan; /* there is only one */
	if (msg->type != MSG_VERIFIED ||
	    msg_verified_decode(msg->data, msg->len, &m) != 0) {
		log_warnx("verifier: an answer that is not one, ignored");
		return;
	}
	TAILQ_FOREACH (l, &all->in[LOGIN_ASKED], entry) {
		if (l->id == m.id)
			break;
	}
	if (l == NULL)
		return;
	judge(l, &m);
	pump(all);
	tell(all);
}

static void
closed(void *arg, struct chan *chan, const char *why)
{
	struct logins *all = arg;

	if (why != NULL)
		log_warnx("verifier: channel closed: %s", why);
	chan_free(chan);
	all->chan = NULL;
}

int
logins_new(struct logins **out, struct loop *loop)
{
	struct logins *all = calloc(1, sizeof(*all));
	int i;

	if (all == NULL)
		return -ENOMEM;
	all->loop = loop;
	for (i = 0; i < LOGIN_STATES; i++)
		TAILQ_INIT(&all->in[i]);
	login_known_init(&all->known);
	login_guesses_init(&all->guesses);
	*out = all;
	return 0;
}

void
logins_free(struct logins *all)
{
	struct login *l;
	int i;

	if (all == NULL)
		return;
	for (i = 0; i < LOGIN_STATES; i++) {
		while ((l = TAILQ_FIRST(&all->in[i])) != NULL)
			release(l);
	}
	chan_free(all->chan);
	sodium_memzero(all, sizeof(*all));
	free(all);
}

void
logins_use(struct logins *all, const struct settings *s)
{
	struct login *l;

	if (all->users_mark != s->users_mark) {
		all->users_mark = s->users_mark;
		login_known_forget(&all->known);
		TAILQ_FOREACH (l, &all->in[LOGIN_WAITING], entry)
			make_mark(l);
	}
	all->remember_us = s->login_remember_ms * 1000;
}

int
logins_attach(struct logins *all, int fd)
{
	const struct chan_owner owner = {message, closed, all};
	struct login *l;
	int error;

	chan_free(all->chan);
	all->chan = NULL;
	error = chan_new(&all->chan, all->loop, fd, &procs_rules, ROLE_WORKER,
	    ROLE_VERIFIER, &owner);
	while ((l = TAILQ_LAST(&all->in[LOGIN_ASKED], login_queue)) != NULL)
		ask_again(l);
	pump(all);
	tell(all);
	return error;
}

static void
fill(struct login *l, const struct login_claim *claim)
{
	snprintf(l->user, sizeof(l->user), "%s", claim->user);
	snprintf(l->password, sizeof(l->password), "%s", claim->password);
	login_source_of(claim->client, &l->source);
	login_source_format(claim->client, l->who);
	make_mark(l);
}

enum login_answer
login_check(struct logins *all, const struct login_claim *claim, login_fn *fn,
    void *arg, struct login **under_way)
{
	int64_t now = loop_now_us(all->loop);
	struct login_source source;
	uint8_t mark[LOGIN_MARK_LEN];
	struct login *l;

	login_known_mark(
	    &all->known, all->users_mark, claim->user, claim->password, mark);
	if (login_known_has(&all->known, mark, now))
		return LOGIN_RIGHT;
	login_source_of(claim->client, &source);
	if (login_guess_stopped(&all->guesses, &source, now))
		return LOGIN_WRONG;
	l = all->n[LOGIN_WAITING] + all->n[LOGIN_ASKED] < LOGIN_WAITING_MAX
		? calloc(1, sizeof(*l))
		: NULL;
	if (l == NULL)
		return LOGIN_BUSY;
	l->all = all;
	l->fn = fn;
	l->arg = arg;
	fill(l, claim);
	TAILQ_INSERT_TAIL(&all->in[LOGIN_WAITING], l, entry);
	all->n[LOGIN_WAITING]++;
	*under_way = l;
	pump(all);
	return LOGIN_LATER;
}

void
login_cancel(struct login *l)
{
	if (l == NULL)
		return;
	/* What was asked is answered, and counts. */
	if (l->state == LOGIN_ASKED)
		l->fn = NULL;
	else
		release(l);
}
