/* Owns how a child starts, loses its rights and shows that it lives; what it
 * does is its role's. */
#include "policyd/common/pdchild.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "policyd/common/blob.h"
#include "policyd/common/pdfield.h"
#include "policyd/common/pdsecret.h"

static int
take(const struct chan_msg *m, size_t i)
{
	int fd = m->fds[i];

	m->fds[i] = -1;
	return fd;
}

static void
take_conf(struct pdchild_start *s, struct blob *text, const struct chan_msg *m)
{
	struct conf_errors errors = {0};
	int error = blob_take(text, m);

	if (error < 0)
		fatalx("start: configuration: %s", strerror(-error));
	if (error == 0)
		return;
	pdconf_unref(s->conf);
	if (pdconf_parse("configuration", (const char *)text->data, text->len,
		&s->conf, &errors) != 0)
		fatalx("start: %s", errors.text);
}

/* The peer of a PDMSG_LINE, or -1. */
static int
peer_of(const struct chan_msg *m)
{
	return m->data[0] < PDPROC_COUNT ? m->data[0] : -1;
}

static void
take_line(struct pdchild_start *s, const struct chan_msg *m)
{
	int peer = peer_of(m);

	if (peer == -1)
		fatalx("start: a line to nobody");
	if (s->lines[peer] != -1)
		close(s->lines[peer]);
	s->lines[peer] = take(m, 0);
}

/* One message of the start; true when it is the last. */
static bool
take_message(
    struct pdchild_start *s, struct blob *text, const struct chan_msg *m)
{
	size_t i;

	switch (m->type) {
	case PDMSG_CONF:
		take_conf(s, text, m);
		return false;
	case PDMSG_LISTENERS:
		for (i = 0; i < m->fds_n; i++)
			s->listeners[i] = take(m, i);
		s->listeners_n = (uint32_t)m->fds_n;
		return false;
	case PDMSG_CONTROL:
		s->control_fd = take(m, 0);
		return false;
	case PDMSG_LINE:
		take_line(s, m);
		return false;
	case PDMSG_START:
		return true;
	default: /* sent before the start by mistake: dropped */
		return false;
	}
}

/* While files can still be opened: what only this role may have. */
static void
read_own(enum pdproc_role role, struct pdchild_start *s)
{
	char why[PDSECRET_WHY_MAX];
	int error = 0;

	switch (role) {
	case PDPROC_SIGNER:
		error = pdsecret_key(
		    s->conf->rank_key, KEYFILE_SIGN, &s->secret, why);
		break;
	case PDPROC_COLLECTOR:
		error = pdsecret_key(
		    s->conf->seal_key, KEYFILE_SEAL, &s->secret, why);
		break;
	case PDPROC_PROBER:
		error = pdsecret_logins(s->conf, &s->logins, why);
		s->logins_n = s->conf->logins_n;
		break;
	case PDPROC_RANKER:
		error =
		    pdsecret_root(s->conf->root, &s->root, &s->root_len, why);
		break;
	case PDPROC_MASTER:
	case PDPROC_PAGE:
	case PDPROC_COUNT:
		break;
	}
	if (error != 0)
		fatalx("start: %s", why);
}

void
pdchild_receive(enum pdproc_role role, struct pdchild_start *s)
{
	static uint8_t data[CHAN_DATA_MAX];
	int fds[CHAN_FDS_MAX], error;
	struct blob text = {0};
	struct chan_msg m;
	bool last = false;
	size_t i;

	memset(s, 0, sizeof(*s));
	s->control_fd = -1;
	/* The page reads what the ranker writes by their common group. */
	umask(027);
	for (i = 0; i < PDPROC_COUNT; i++)
		s->lines[i] = -1;
	if (fcntl(PROC_CHAN_FD, F_SETFD, FD_CLOEXEC) == -1)
		fatal("no channel to the master: start without --role");
	while (!last) {
		error = chan_wait(PROC_CHAN_FD, &pdproc_rules, role,
		    PDPROC_MASTER, PDPROC_START_MS, data, fds, &m);
		if (error == -EPIPE)
			exit(1); /* the master gave up: it has said why */
		if (error != 0)
			fatalx("start: %s", strerror(-error));
		last = take_message(s, &text, &m);
		for (i = 0; i < m.fds_n; i++) {
			if (fds[i] != -1)
				close(fds[i]);
		}
	}
	blob_free(&text);
	if (s->conf == NULL)
		fatalx("start: no configuration");
	log_level_set((enum log_level)s->conf->log_level);
	read_own(role, s);
}

static void
new_line(struct pdchild *c, enum pdproc_role peer, int fd)
{
	log_debug("connected with the %s", pdproc_role_word(peer));
	c->line(c->arg, peer, fd);
}

static void
on_message(void *arg, struct chan *chan, const struct chan_msg *m)
{
	struct pdchild *c = arg;
	int peer;

	(void)chan; /* c's */
	switch (m->type) {
	case PDMSG_LINE:
		peer = peer_of(m);
		if (peer != -1)
			new_line(c, (enum pdproc_role)peer, take(m, 0));
		break;
	case PDMSG_LOG:
		log_take(take(m, 0));
		break;
	case PDMSG_DRAIN:
		loop_stop(c->loop);
		break;
	default: /* of the start: too late */
		break;
	}
}

static void
on_closed(void *arg, struct chan *chan, const char *why)
{
	struct pdchild *c = arg;

	(void)chan; /* c's */
	if (why != NULL)
		log_errx("the master: %s", why);
	loop_stop(c->loop);
}

void
pdchild_join(struct pdchild *c, enum pdproc_role role, struct loop *loop,
    struct pdchild_start *s)
{
	const struct chan_owner owner = {on_message, on_closed, c};
	struct sandbox_spec spec;
	char text[SANDBOX_STRLEN];
	int error, peer, fd;

	c->loop = loop;
	c->role = role;
	pdproc_rights(role, s->conf, &spec);
	error = sandbox_apply(&spec, &s->sandbox);
	if (error != 0)
		fatalx("sandbox: %s", strerror(-error));
	log_debug("sandbox: %s", sandbox_format(s->sandbox, text));
	error = chan_new(&c->chan, loop, PROC_CHAN_FD, &pdproc_rules, role,
	    PDPROC_MASTER, &owner);
	if (error != 0)
		fatalx("channel: %s", strerror(-error));
	for (peer = 0; peer < PDPROC_COUNT; peer++) {
		fd = s->lines[peer];
		s->lines[peer] = -1;
		if (fd != -1)
			new_line(c, (enum pdproc_role)peer, fd);
	}
}

static void
on_alive(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct pdchild *c = container_of(op, struct pdchild, alive);

	(void)r; /* time is the only news */
	/* A master that is behind or gone is not this message's business. */
	(void)chan_send(c->chan, PDMSG_ALIVE, NULL, 0, NULL, 0);
	if (loop_timer(loop, op, loop_now_us(loop) + PDPROC_ALIVE_MS * 1000,
		on_alive) != 0)
		fatalx("out of memory");
}

void
pdchild_ready(struct pdchild *c, const struct pdchild_start *s)
{
	struct op_result now = {0};
	uint8_t buf[8];
	int error;

	pdfield_put(buf, s->sandbox, sizeof(buf));
	error = chan_send(c->chan, PDMSG_READY, buf, sizeof(buf), NULL, 0);
	if (error != 0)
		fatalx("channel: %s", strerror(-error));
	on_alive(c->loop, &c->alive, &now);
}

void
pdchild_free(struct pdchild *c)
{
	if (c->loop != NULL)
		loop_cancel(c->loop, &c->alive);
	chan_free(c->chan);
	c->chan = NULL;
}

const char *
pdchild_store_path(const struct pdchild_start *s, char out[PDCHILD_STORE_MAX])
{
	bool inside = (s->sandbox & SANDBOX_CHROOT) != 0;

	snprintf(out, PDCHILD_STORE_MAX, "%s/" PDCONF_STORE_NAME,
	    inside ? "" : s->conf->state_dir);
	return out;
}
