/* Owns the resolver process: takes others' questions to names.c and the
 * answers back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "cagentd/common/child.h"
#include "cagentd/common/msg.h"
#include "cagentd/common/resolve.h"
#include "cagentd/roles.h"
#include "names/names.h"

struct line {
	struct resolver *resolver;
	struct chan *chan; /* NULL: nobody has it */
};

struct resolver {
	struct loop *loop;
	struct child child;
	struct names *names;
	struct line lines[PROCS_LINES_MAX];
};

static void
answer(void *arg, uint64_t id, const struct names_answer *a)
{
	struct line *l = arg;
	struct msg_resolved out = {.id = id,
	    .outcome = a->outcome,
	    .ttl_s = a->ttl_s,
	    .ips_n = a->ips_n};
	uint8_t buf[CHAN_DATA_MAX];

	memcpy(out.ips, a->ips, sizeof(out.ips));
	/* One that is gone or does not read has its own deadline. */
	(void)chan_send(l->chan, MSG_RESOLVED, buf,
	    msg_resolved_encode(&out, buf), NULL, 0);
}

static void
question(void *arg, struct chan *chan, const struct chan_msg *m)
{
	struct line *l = arg;
	struct msg_resolve q;

	(void)chan; /* l's */
	if (m->type == MSG_RESOLVE &&
	    msg_resolve_decode(m->data, m->len, &q) == 0)
		names_ask(l->resolver->names, q.name, answer, l, q.id);
}

static void
line_closed(void *arg, struct chan *chan, const char *why)
{
	struct line *l = arg;

	(void)chan; /* freed when its owner's successor comes */
	if (why != NULL)
		log_warnx("a line closed: %s", why);
	names_forget(l->resolver->names, l);
}

static void
attach(struct resolver *r, uint32_t line, int fd)
{
	enum proc_role peer =
	    line == PROCS_LINE_CONTROL ? ROLE_CONTROL : ROLE_WORKER;
	struct line *l = &r->lines[line];
	const struct chan_owner owner = {question, line_closed, l};

	names_forget(r->names, l);
	chan_free(l->chan);
	l->chan = NULL;
	l->resolver = r;
	if (chan_new(&l->chan, r->loop, fd, &procs_rules, ROLE_RESOLVER, peer,
		&owner) != 0) {
		log_warnx("no channel for line %u", line);
		return;
	}
	/* As many answers may come at once as its owner may have asked for:
	 * all may wait for one name. */
	chan_queue_max(l->chan, RESOLVE_PENDING_MAX);
}

static void
message(void *arg, struct chan *chan, const struct chan_msg *m)
{
	struct resolver *r = arg;
	struct settings *s;
	uint32_t line;

	(void)chan; /* only the master speaks here */
	switch (m->type) {
	case MSG_RESOLVER:
		if (child_line(m, &line) != 0)
			return;
		attach(r, line, m->fds[0]);
		m->fds[0] = -1;
		return;
	case MSG_CONF:
		/* Other servers come by another resolver. */
		s = child_settings(m, NULL);
		if (s != NULL)
			log_level_set((enum log_level)s->log_level);
		settings_unref(s);
		return;
	case MSG_LOG:
		log_take(m->fds[0]);
		m->fds[0] = -1;
		return;
	case MSG_DRAIN:
		loop_stop(r->loop);
		return;
	default: /* of the start only */
		return;
	}
}

static void
master_gone(void *arg, struct chan *chan, const char *why)
{
	struct resolver *r = arg;

	(void)chan, (void)why; /* others say it */
	loop_stop(r->loop);
}

/* "ip:port,…" as c-ares takes it, or NULL for resolv.conf's. */
static const char *
servers_of(const struct settings *s, char *out, size_t size)
{
	char text[NET_ADDR_STRLEN];
	uint32_t i;

	out[0] = '\0';
	for (i = 0; i < s->nameservers_n; i++) {
		if (i > 0)
			strlcat(out, ",", size);
		strlcat(out, net_addr_format(&s->nameservers[i], text), size);
	}
	return s->nameservers_n > 0 ? out : NULL;
}

int
resolver_main(void)
{
	static struct resolver r;
	const struct chan_owner owner = {message, master_gone, &r};
	char servers[SETTINGS_NAMESERVERS_MAX * NET_ADDR_STRLEN];
	struct child_start start;
	uint32_t i;
	int error;

	child_receive(ROLE_RESOLVER, &start);
	error = loop_new(&r.loop);
	if (error == 0)
		error = names_new(&r.names, r.loop,
		    servers_of(start.settings, servers, sizeof(servers)));
	if (error != 0)
		fatalx("start: %s", strerror(-error));
	child_enter(&r.child, ROLE_RESOLVER, r.loop, &start, &owner);
	for (i = 0; i < PROCS_LINES_MAX; i++) {
		if (start.resolver_fds[i] != -1)
			attach(&r, i, start.resolver_fds[i]);
	}
	error = loop_run(r.loop);
	for (i = 0; i < PROCS_LINES_MAX; i++)
		chan_free(r.lines[i].chan);
	names_free(r.names);
	chan_free(r.child.chan);
	loop_free(r.loop);
	settings_unref(start.settings);
	return error == 0 ? 0 : 1;
}
