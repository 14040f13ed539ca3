/* Owns what the master says to its children; when, is children.c's. */
#include "cagentd/master/children_tell.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cagentd/common/msg.h"
#include "cagentd/master/identity.h"
#include "cagentd/master/shared.h"

const char *
children_name(const struct children_one *c, char out[32])
{
	if (c->role == ROLE_WORKER)
		snprintf(out, 32, "worker %u", c->index);
	else
		snprintf(out, 32, "%s", procs_role_word(c->role));
	return out;
}

/* What is said at once. */
struct letter {
	uint32_t type;
	const void *data;
	size_t len;
	const int *fds;
	size_t fds_n;
};

static void
send_letter(const struct children_one *c, const struct letter *l)
{
	char name[CHILDREN_NAME_MAX];
	int error;

	if (c->chan == NULL || c->chan_dead)
		return;
	error = chan_send(c->chan, l->type, l->data, l->len, l->fds, l->fds_n);
	if (error != 0 && error != -EPIPE) {
		log_warnx("%s cannot be told: %s: killed",
		    children_name(c, name), strerror(-error));
		kill(c->pid, SIGKILL);
	}
}

void
children_tell(const struct children_one *c, uint32_t type, const void *data,
    size_t len, int fd)
{
	send_letter(
	    c, &(struct letter){type, data, len, &fd, fd != -1 ? 1 : 0});
}

static void
tell_u64(const struct children_one *c, uint32_t type, uint64_t v, int fd)
{
	uint8_t buf[8];

	children_tell(c, type, buf, msg_u64_encode(v, buf), fd);
}

/* The control process knows of all children, for status and events. */
void
children_report(const struct children_one *c)
{
	const struct proc_child info = {.role = c->role,
	    .index = c->index,
	    .pid = (uint32_t)c->pid,
	    .state = c->state,
	    .restarts = c->restarts,
	    .sandbox = c->sandbox,
	    .exit_status = (uint32_t)c->exit_status};
	uint8_t buf[CHAN_DATA_MAX];

	children_tell(&c->all->one[PROCS_AT_CONTROL], MSG_CHILD, buf,
	    msg_child_encode(&info, buf), -1);
}

void
children_note(struct children *all, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		children_tell(&all->one[PROCS_AT_CONTROL], MSG_NOTE, text,
		    strlen(text), -1);
}

/* One end of a new channel to who serves, one to c: false when there is
 * none. */
static bool
join(const struct children_one *c, const struct children_one *server,
    uint32_t type, uint32_t line)
{
	char name[CHILDREN_NAME_MAX];
	int fds[2], error;

	if (server->chan == NULL || c->chan == NULL)
		return false;
	error = chan_pair(fds);
	if (error != 0) {
		/* The watchdog tries again. */
		log_warnx("no channel for %s to the %s: %s",
		    children_name(c, name), procs_role_word(server->role),
		    strerror(-error));
		return false;
	}
	tell_u64(server, type, line, fds[0]);
	tell_u64(c, type, line, fds[1]);
	close(fds[0]);
	close(fds[1]);
	return true;
}

void
children_link(struct children_one *c)
{
	const struct children_one *all = c->all->one;
	uint32_t line = c->role == ROLE_CONTROL ? PROCS_LINE_CONTROL : c->index;

	if (c->role != ROLE_CONTROL && c->role != ROLE_WORKER)
		return;
	if (!c->linked)
		c->linked =
		    join(c, &all[PROCS_AT_RESOLVER], MSG_RESOLVER, line);
	if (!c->verified && c->role == ROLE_WORKER)
		c->verified =
		    join(c, &all[PROCS_AT_VERIFIER], MSG_VERIFIER, line);
}

/* Workers log in, and so do the control process's checks; who logs in here is
 * the verifier's affair alone. */
static enum shared_kind
kind_for(enum proc_role role)
{
	switch (role) {
	case ROLE_CONTROL:
	case ROLE_WORKER:
		return SHARED_SECRETS;
	case ROLE_VERIFIER:
		return SHARED_USERS;
	case ROLE_RESOLVER:
	case ROLE_MASTER:
	case ROLE_COUNT:
		break;
	}
	return SHARED_PLAIN;
}

void
children_tell_conf(const struct children_one *c)
{
	tell_u64(c, MSG_CONF, c->all->settings->serial,
	    c->all->shared->conf.fds[kind_for(c->role)]);
}

void
children_tell_listeners(const struct children_one *c)
{
	const struct shared *sh = c->all->shared;
	uint8_t kinds[SETTINGS_LISTENERS_MAX];
	int fds[SETTINGS_LISTENERS_MAX];
	uint32_t i;

	for (i = 0; i < sh->listeners_n; i++) {
		kinds[i] = (uint8_t)sh->listeners[i].kind;
		fds[i] = sh->listeners[i].fd;
	}
	send_letter(c, &(struct letter){MSG_LISTENERS, kinds, sh->listeners_n,
			   fds, sh->listeners_n});
}

void
children_tell_decisions(const struct children_one *c)
{
	children_tell(c, MSG_DECISIONS, NULL, 0, c->all->shared->decisions);
}

void
children_tell_identity(const struct children *all)
{
	uint8_t buf[MSG_IDENTITY_MAX];

	if (all->identity == NULL || all->identity->is == NULL)
		return;
	children_tell(&all->one[PROCS_AT_CONTROL], MSG_IDENTITY, buf,
	    msg_identity_encode(all->identity->is, buf), -1);
	explicit_bzero(buf, sizeof(buf));
}

void
children_tell_service(struct children_one *c, const struct chan_msg *m)
{
	struct msg_service answer;
	uint8_t buf[CHAN_DATA_MAX];

	if (msg_u64_decode(m->data, m->len, &answer.cgroup) != 0)
		return;
	snprintf(answer.name, sizeof(answer.name), "%s",
	    cgroups_name(
		&c->all->cgroups, answer.cgroup, loop_now_us(c->all->loop)));
	children_tell(
	    c, MSG_SERVICE, buf, msg_service_encode(&answer, buf), -1);
}

/* Of all workers, so that connection limits hold over all; one's own can be
 * written. */
void
children_tell_slabs(const struct children_one *c, uint32_t first, uint32_t n)
{
	const struct shared *sh = c->all->shared;
	int fds[CHAN_FDS_MAX];
	uint8_t buf[8];
	uint32_t i, some;
	size_t len;
	bool own;

	for (; n > 0; first += some, n -= some) {
		some = n < CHAN_FDS_MAX ? n : CHAN_FDS_MAX;
		for (i = 0; i < some; i++) {
			own = c->role == ROLE_WORKER && c->index == first + i;
			fds[i] = own ? sh->slab_rw[first + i]
				     : sh->slab_ro[first + i];
		}
		len = msg_u64_encode(first, buf);
		send_letter(c, &(struct letter){MSG_SLAB, buf, len, fds, some});
	}
}

void
children_tell_log(struct children *all)
{
	uint32_t i;
	int fd;

	for (i = 0; i < PROCS_CHILDREN_MAX; i++) {
		if (all->one[i].chan == NULL)
			continue;
		fd = log_socket();
		if (fd < 0)
			return; /* it is away again: there will be another */
		children_tell(&all->one[i], MSG_LOG, NULL, 0, fd);
		close(fd);
	}
}

void
children_provide(struct children_one *c)
{
	struct children *all = c->all;
	const struct shared *sh = all->shared;
	uint32_t i;

	children_tell_conf(c);
	switch (c->role) {
	case ROLE_CONTROL:
		children_tell(c, MSG_TABLE, NULL, 0, sh->table_rw);
		children_tell(c, MSG_TRAFFIC, NULL, 0, sh->traffic_ro);
		children_tell(c, MSG_WAKE, NULL, 0, sh->wake);
		children_tell(
		    c, MSG_CONTROL_SOCKET, NULL, 0, sh->control_socket);
		if (sh->policy[0] != -1)
			send_letter(c, &(struct letter){MSG_POLICY_STATE, NULL,
					   0, sh->policy, MASTER_POLICY_FDS});
		children_tell_identity(all);
		children_tell_slabs(c, 0, sh->slabs_n);
		children_link(c);
		break;
	case ROLE_WORKER:
		children_tell(c, MSG_TABLE, NULL, 0, sh->table_ro);
		children_tell(c, MSG_TRAFFIC, NULL, 0, sh->traffic_rw);
		children_tell(c, MSG_WAKE, NULL, 0, sh->wake);
		children_tell_slabs(c, 0, sh->slabs_n);
		children_tell_listeners(c);
		children_tell_decisions(c);
		children_link(c);
		break;
	case ROLE_RESOLVER:
	case ROLE_VERIFIER:
		for (i = 0; i < PROCS_CHILDREN_MAX; i++)
			children_link(&all->one[i]);
		break;
	case ROLE_MASTER:
	case ROLE_COUNT:
		break;
	}
	children_tell(c, MSG_START, NULL, 0, -1);
}

/* A restarted control process learns who the others are. */
void
children_report_all(struct children *all)
{
	uint32_t i;

	for (i = 0; i < PROCS_CHILDREN_MAX; i++) {
		if (all->one[i].wanted)
			children_report(&all->one[i]);
	}
}
