/*
 * Owns the verifier process: takes the workers' logins, one after the other
 * and the workers by turns, and looks at each password.  It has the users'
 * hashes, which nobody else has, and no way out but these lines.
 */
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "base/loop.h"
#include "cagentd/common/child.h"
#include "cagentd/common/msg.h"
#include "cagentd/roles.h"
#include "cagentd/verifier/password.h"

struct line {
	struct verifier *verifier;
	struct chan *chan; /* NULL: nobody has it */
	struct msg_login waiting[PROCS_LOGINS_MAX];
	uint32_t waiting_n;
};

struct verifier {
	struct loop *loop;
	struct child child;
	struct settings *settings;
	uint8_t key[PASSWORD_KEY_LEN];
	struct line lines[SETTINGS_WORKERS_MAX];
	uint32_t turn; /* whose it is next */
	struct op work;
};

static void on_work(struct loop *, struct op *, const struct op_result *);

static void
answer(const struct line *l, uint64_t id, enum msg_verdict verdict)
{
	const struct msg_verified m = {
	    id, verdict, l->verifier->settings->users_mark};
	uint8_t buf[CHAN_DATA_MAX];

	/* One that is gone or does not read has its own deadline. */
	(void)chan_send(
	    l->chan, MSG_VERIFIED, buf, msg_verified_encode(&m, buf), NULL, 0);
}

static void
empty(struct line *l)
{
	sodium_memzero(l->waiting, sizeof(l->waiting));
	l->waiting_n = 0;
}

static struct line *
next_line(struct verifier *v)
{
	struct line *l;
	uint32_t i;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		l = &v->lines[v->turn++ % SETTINGS_WORKERS_MAX];
		if (l->waiting_n > 0)
			return l;
	}
	return NULL;
}

static void
take_first(struct line *l, struct msg_login *out)
{
	*out = l->waiting[0];
	l->waiting_n--;
	memmove(l->waiting, l->waiting + 1, l->waiting_n * sizeof(*l->waiting));
	sodium_memzero(&l->waiting[l->waiting_n], sizeof(*l->waiting));
}

/* Between two passwords the loop turns: that we live is to be said, and
 * others are to be heard. */
static void
work_soon(struct verifier *v)
{
	if (loop_op_active(&v->work))
		return;
	if (loop_timer(v->loop, &v->work, loop_now_us(v->loop), on_work) != 0)
		fatalx("out of memory");
}

static void
on_work(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct verifier *v = container_of(op, struct verifier, work);
	struct line *l = next_line(v);
	struct msg_login login;
	enum msg_verdict verdict;

	(void)loop, (void)r; /* time is the only news */
	if (l == NULL)
		return;
	take_first(l, &login);
	verdict = password_verify(
	    v->settings->login_users, v->key, login.user, login.password);
	answer(l, login.id, verdict);
	sodium_memzero(&login, sizeof(login));
	if (verdict == MSG_VERIFY_BUSY)
		log_warnx("out of memory for a login");
	work_soon(v);
}

static void
question(void *arg, struct chan *chan, const struct chan_msg *m)
{
	struct line *l = arg;
	struct msg_login login;

	(void)chan; /* l's */
	if (m->type != MSG_LOGIN ||
	    msg_login_decode(m->data, m->len, &login) != 0)
		return;
	if (l->waiting_n == PROCS_LOGINS_MAX) {
		answer(l, login.id, MSG_VERIFY_BUSY);
	} else {
		l->waiting[l->waiting_n++] = login;
		work_soon(l->verifier);
	}
	sodium_memzero(&login, sizeof(login));
}

static void
line_closed(void *arg, struct chan *chan, const char *why)
{
	struct line *l = arg;

	(void)chan; /* freed when its owner's successor comes */
	if (why != NULL)
		log_warnx("a line closed: %s", why);
	empty(l);
}

static void
attach(struct verifier *v, uint32_t worker, int fd)
{
	struct line *l = &v->lines[worker];
	const struct chan_owner owner = {question, line_closed, l};

	empty(l);
	chan_free(l->chan);
	l->chan = NULL;
	l->verifier = v;
	if (chan_new(&l->chan, v->loop, fd, &procs_rules, ROLE_VERIFIER,
		ROLE_WORKER, &owner) != 0)
		log_warnx("no channel for worker %u", worker);
}

/* Those without users are of a configuration in which nobody logs in: we are
 * about to be told to leave. */
static void
use_settings(struct verifier *v, struct settings *s)
{
	if (s == NULL || s->login_users == NULL) {
		settings_unref(s);
		return;
	}
	settings_unref(v->settings);
	v->settings = s;
	log_level_set((enum log_level)s->log_level);
}

static void
message(void *arg, struct chan *chan, const struct chan_msg *m)
{
	struct verifier *v = arg;
	uint32_t worker;

	(void)chan; /* only the master speaks here */
	switch (m->type) {
	case MSG_VERIFIER:
		if (child_first_worker(m, &worker) != 0)
			return;
		attach(v, worker, m->fds[0]);
		m->fds[0] = -1;
		return;
	case MSG_CONF:
		use_settings(v, child_settings(m, NULL));
		return;
	case MSG_LOG:
		log_take(m->fds[0]);
		m->fds[0] = -1;
		return;
	case MSG_DRAIN:
		loop_stop(v->loop);
		return;
	default: /* of the start only */
		return;
	}
}

static void
master_gone(void *arg, struct chan *chan, const char *why)
{
	struct verifier *v = arg;

	(void)chan, (void)why; /* others say it */
	loop_stop(v->loop);
}

int
verifier_main(void)
{
	static struct verifier v;
	const struct chan_owner owner = {message, master_gone, &v};
	struct child_start start;
	uint32_t i;
	int error;

	child_receive(ROLE_VERIFIER, &start);
	v.settings = start.settings;
	if (v.settings->login_users == NULL)
		fatalx("start: no users");
	error = loop_new(&v.loop);
	if (error != 0)
		fatalx("start: %s", strerror(-error));
	randombytes_buf(v.key, sizeof(v.key));
	child_enter(&v.child, ROLE_VERIFIER, v.loop, &start, &owner);
	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (start.verifier_fds[i] != -1)
			attach(&v, i, start.verifier_fds[i]);
	}
	error = loop_run(v.loop);
	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		empty(&v.lines[i]);
		chan_free(v.lines[i].chan);
	}
	chan_free(v.child.chan);
	loop_free(v.loop);
	settings_unref(v.settings);
	return error == 0 ? 0 : 1;
}
