/* Owns how a child starts and shows that it lives; serves nobody. */
#include "cagentd/common/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/log.h"
#include "base/proc.h"
#include "conf/bundle.h"
#include "cagentd/common/msg.h"

static int
take(const struct chan_msg *m, size_t i)
{
	int fd = m->fds[i];

	m->fds[i] = -1;
	return fd;
}

struct settings *
child_settings(const struct chan_msg *m, struct bundle **keep)
{
	struct conf_errors errors = {0};
	struct settings *s = NULL;
	struct bundle *b = NULL;
	uint64_t serial = 0;
	int error, fd = take(m, 0);

	error = msg_u64_decode(m->data, m->len, &serial);
	if (error == 0)
		error = bundle_open(&b, fd);
	if (error == 0)
		error = settings_parse(b, &s, &errors);
	if (error == 0)
		s->serial = serial;
	else
		log_errx("configuration %llu: %s%s", (unsigned long long)serial,
		    strerror(-error), errors.text);
	if (error == 0 && keep != NULL)
		*keep = b;
	else
		bundle_free(b);
	close(fd);
	return error == 0 ? s : NULL;
}

int
child_first_worker(const struct chan_msg *m, uint32_t *worker)
{
	uint64_t v;

	if (msg_u64_decode(m->data, m->len, &v) != 0 ||
	    v >= SETTINGS_WORKERS_MAX || m->fds_n > SETTINGS_WORKERS_MAX - v)
		return -EPROTO;
	*worker = (uint32_t)v;
	return 0;
}

int
child_listener_kinds(const struct chan_msg *m,
    enum settings_listener kinds[SETTINGS_LISTENERS_MAX])
{
	size_t i;

	if (m->len != m->fds_n || m->fds_n > SETTINGS_LISTENERS_MAX)
		return -EPROTO;
	for (i = 0; i < m->len; i++) {
		if (m->data[i] > LISTENER_TPROXY)
			return -EPROTO;
		kinds[i] = (enum settings_listener)m->data[i];
	}
	return 0;
}

int
child_line(const struct chan_msg *m, uint32_t *line)
{
	uint64_t v;

	if (msg_u64_decode(m->data, m->len, &v) != 0 || v >= PROCS_LINES_MAX)
		return -EPROTO;
	*line = (uint32_t)v;
	return 0;
}

struct msg_identity *
child_identity(const struct chan_msg *m)
{
	struct msg_identity *id = sodium_malloc(sizeof(*id));

	if (id != NULL && msg_identity_decode(m->data, m->len, id) == 0)
		return id;
	log_errx("identity: %s", id == NULL ? "out of memory" : "malformed");
	sodium_free(id);
	return NULL;
}

static void
take_line(const struct chan_msg *m, int *fds)
{
	uint32_t line;

	if (child_line(m, &line) != 0)
		fatalx("start: a line to the resolver for nobody");
	if (fds[line] != -1)
		close(fds[line]);
	fds[line] = take(m, 0);
}

static void
take_by_worker(const struct chan_msg *m, int *fds)
{
	uint32_t worker;
	size_t i;

	if (child_first_worker(m, &worker) != 0)
		fatalx("start: a message for no worker");
	for (i = 0; i < m->fds_n; i++) {
		if (fds[worker + i] != -1)
			close(fds[worker + i]);
		fds[worker + i] = take(m, i);
	}
}

/* One message of the start; true when it is the last. */
static bool
take_message(
    struct child_start *s, enum proc_role role, const struct chan_msg *m)
{
	size_t i;

	switch (m->type) {
	case MSG_CONF:
		s->settings =
		    child_settings(m, role == ROLE_CONTROL ? &s->bundle : NULL);
		if (s->settings == NULL)
			fatalx("start: no configuration");
		return false;
	case MSG_TABLE:
		s->table_fd = take(m, 0);
		return false;
	case MSG_WAKE:
		s->wake_fd = take(m, 0);
		return false;
	case MSG_TRAFFIC:
		s->traffic_fd = take(m, 0);
		return false;
	case MSG_DECISIONS:
		s->decisions_fd = m->fds_n > 0 ? take(m, 0) : -1;
		return false;
	case MSG_CONTROL_SOCKET:
		s->control_fd = take(m, 0);
		return false;
	case MSG_POLICY_STATE:
		s->policy_fd = take(m, 0);
		s->policy_memory = take(m, 1);
		s->history_fd = take(m, 2);
		return false;
	case MSG_IDENTITY:
		s->identity = child_identity(m);
		return false;
	case MSG_SLAB:
		take_by_worker(m, s->slab_fds);
		return false;
	case MSG_RESOLVER:
		take_line(m, s->resolver_fds);
		return false;
	case MSG_VERIFIER:
		take_by_worker(m, s->verifier_fds);
		return false;
	case MSG_LISTENERS:
		if (child_listener_kinds(m, s->listener_kinds) != 0)
			fatalx("start: listeners of no kind");
		for (i = 0; i < m->fds_n; i++)
			s->listener_fds[i] = take(m, i);
		s->listeners_n = (uint32_t)m->fds_n;
		return false;
	case MSG_START:
		return true;
	default: /* sent before the start by mistake: dropped */
		return false;
	}
}

void
child_receive(enum proc_role role, struct child_start *s)
{
	static uint8_t data[CHAN_DATA_MAX];
	int fds[CHAN_FDS_MAX];
	struct chan_msg m;
	bool last = false;
	size_t i;
	int error;

	memset(s, 0, sizeof(*s));
	s->table_fd = s->wake_fd = s->decisions_fd = -1;
	s->control_fd = s->policy_fd = s->policy_memory = -1;
	s->history_fd = s->traffic_fd = -1;
	for (i = 0; i < SETTINGS_WORKERS_MAX; i++)
		s->slab_fds[i] = s->verifier_fds[i] = -1;
	for (i = 0; i < PROCS_LINES_MAX; i++)
		s->resolver_fds[i] = -1;
	if (fcntl(PROC_CHAN_FD, F_SETFD, FD_CLOEXEC) == -1)
		fatal("no channel to the master: start cagentd without --role");
	while (!last) {
		error = chan_wait(PROC_CHAN_FD, &procs_rules, role, ROLE_MASTER,
		    PROCS_START_MS, data, fds, &m);
		if (error == -EPIPE)
			exit(1); /* the master gave up: it has said why */
		if (error != 0)
			fatalx("start: %s", strerror(-error));
		last = take_message(s, role, &m);
		for (i = 0; i < m.fds_n; i++) {
			if (fds[i] != -1)
				close(fds[i]);
		}
	}
	explicit_bzero(data, sizeof(data)); /* there were keys in it */
	if (s->settings == NULL)
		fatalx("start: no configuration");
	log_level_set((enum log_level)s->settings->log_level);
}

static void
on_alive(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct child *c = container_of(op, struct child, alive);

	(void)r; /* time is the only news */
	/* A master that is behind or gone is not this message's business. */
	(void)chan_send(c->chan, MSG_ALIVE, NULL, 0, NULL, 0);
	if (loop_timer(loop, op, loop_now_us(loop) + PROCS_ALIVE_MS * 1000,
		on_alive) != 0)
		fatalx("out of memory");
}

void
child_join(struct child *c, enum proc_role role, struct loop *loop,
    struct child_start *s, const struct chan_owner *owner)
{
	struct sandbox_spec spec;
	char text[SANDBOX_STRLEN];
	int error;

	c->loop = loop;
	c->owner = owner;
	procs_rights(role, s->settings, &spec);
	spec.also = loop_syscall(loop);
	error = sandbox_apply(&spec, &s->sandbox);
	if (error != 0)
		fatalx("sandbox: %s", strerror(-error));
	log_debug("sandbox: %s", sandbox_format(s->sandbox, text));
	error = chan_new(&c->chan, loop, PROC_CHAN_FD, &procs_rules, role,
	    ROLE_MASTER, owner);
	if (error != 0)
		fatalx("channel: %s", strerror(-error));
}

void
child_ready(struct child *c, const struct child_start *s)
{
	uint8_t buf[CHAN_DATA_MAX];
	struct op_result now = {0};
	int error = chan_send(
	    c->chan, MSG_READY, buf, msg_u64_encode(s->sandbox, buf), NULL, 0);

	if (error != 0)
		fatalx("channel: %s", strerror(-error));
	on_alive(c->loop, &c->alive, &now);
}

void
child_enter(struct child *c, enum proc_role role, struct loop *loop,
    struct child_start *s, const struct chan_owner *owner)
{
	child_join(c, role, loop, s, owner);
	child_ready(c, s);
}
