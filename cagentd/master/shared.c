/* Owns the files, sockets and memory that the master shares out. */
#include "cagentd/master/shared.h"

#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mono.h"
#include "base/net_fast.h"
#include "conf/bundle.h"
#include "shm/slab.h"
#include "shm/table.h"
#include "shm/traffic.h"
#include "wire/ctl.h"

#define BACKLOG 4096
/* Of which may be unproven, as their first bytes came in the SYN: the kernel
 * has made room for each before it knows that the address is no forged one. */
#define FAST_QUEUE 256

/* How long those that a killed master left may take to let go. */
#define PATIENCE_US	 3000000
#define PATIENCE_STEP_MS 10

const char *
shared_path(
    const struct settings *s, const char *name, char out[SHARED_PATH_MAX])
{
	snprintf(out, SHARED_PATH_MAX, "%s/%s", s->run_dir, name);
	return out;
}

/* Files that the control process's group may use; only root can give. */
static void
give_group(int fd, const char *path, const struct settings *s)
{
	int rc;

	if (geteuid() != 0 || s->control_user.gid == (gid_t)-1)
		return;
	rc = fd != -1 ? fchown(fd, 0, s->control_user.gid)
		      : chown(path, 0, s->control_user.gid);
	if (rc == -1)
		fatal("%s: chown", path);
}

/*
 * The writer's fd is locked, and its lock lasts until the last process that
 * has it open or mapped is gone: the control process of a master that was
 * killed may still be writing, for a moment, and a table has one writer.
 * One that hangs keeps the old file to itself.
 */
static int
lock_table(const char *path)
{
	int64_t until = mono_us() + PATIENCE_US;
	int fd = table_create(path, 0640);

	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK && mono_us() < until) {
			poll(NULL, 0, PATIENCE_STEP_MS);
			continue;
		}
		log_warnx("%s: a process of an earlier master still has it: "
			  "starting with a new one",
		    path);
		close(fd);
		if (unlink(path) == -1)
			return -errno;
		fd = table_create(path, 0640);
	}
	return fd;
}

static void
make_table(struct shared *sh, const struct settings *s)
{
	char path[SHARED_PATH_MAX];

	shared_path(s, CTL_TABLE_NAME, path);
	sh->table_rw = lock_table(path);
	if (sh->table_rw < 0)
		fatalx("%s: %s", path, strerror(-sh->table_rw));
	give_group(sh->table_rw, path, s);
	sh->table_ro = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (sh->table_ro == -1)
		fatal("%s", path);
}

static void
make_control_socket(struct shared *sh, const struct settings *s)
{
	char path[SHARED_PATH_MAX], text[SHARED_PATH_MAX + 8];
	union net_addr addr;

	shared_path(s, CTL_SOCKET_NAME, path);
	snprintf(text, sizeof(text), "unix:%s", path);
	if (net_addr_parse(text, &addr) < 0)
		fatalx("%s: not a socket's name", path);
	/* The directory is ours and locked: whoever listens there is what
	 * hangs of an earlier master. */
	if (unlink(path) == 0)
		sh->patience_us = mono_us() + PATIENCE_US;
	sh->control_socket = net_listen(&addr, 64, 0660);
	if (sh->control_socket < 0)
		fatalx("%s: %s", path, strerror(-sh->control_socket));
	give_group(-1, path, s);
}

static void
make_traffic(struct shared *sh)
{
	uint8_t key[HISTORY_KEY_LEN];

	arc4random_buf(key, sizeof(key));
	sh->traffic_rw = traffic_create(key, &sh->traffic_ro);
	if (sh->traffic_rw < 0)
		fatalx("memory for all workers: %s", strerror(-sh->traffic_rw));
}

static const struct shared_conf no_conf = {{-1, -1, -1, -1}};

void
shared_init(struct shared *sh, const struct settings *s)
{
	uint32_t i;

	memset(sh, 0, sizeof(*sh));
	sh->conf = no_conf;
	sh->decisions = -1;
	for (i = 0; i < MASTER_POLICY_FDS; i++)
		sh->policy[i] = -1;
	for (i = 0; i < SETTINGS_WORKERS_MAX; i++)
		sh->slab_rw[i] = sh->slab_ro[i] = -1;
	arc4random_buf(sh->usage_key, sizeof(sh->usage_key));
	make_table(sh, s);
	make_traffic(sh);
	make_control_socket(sh, s);
	sh->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sh->wake == -1)
		fatal("eventfd");
}

static int
make_slab(struct shared *sh, uint32_t worker)
{
	int ro, rw;

	rw = slab_create(worker, sh->usage_key, &ro);
	if (rw < 0)
		return rw;
	if (sh->slab_rw[worker] != -1) {
		close(sh->slab_rw[worker]);
		close(sh->slab_ro[worker]);
	}
	sh->slab_rw[worker] = rw;
	sh->slab_ro[worker] = ro;
	return 0;
}

int
shared_slabs(struct shared *sh, const struct settings *s)
{
	int error;

	while (sh->slabs_n < s->workers) {
		error = make_slab(sh, sh->slabs_n);
		if (error != 0)
			return error;
		sh->slabs_n++;
	}
	return 0;
}

int
shared_renew_slab(struct shared *sh, uint32_t worker)
{
	return worker < sh->slabs_n ? make_slab(sh, worker) : -EINVAL;
}

int
shared_open_decisions(const struct settings *s, int *fd)
{
	struct stat st;

	*fd = -1;
	if (s->decisions[0] == '\0')
		return 0;
	/* A fifo or a device does not keep us waiting. */
	*fd = open(s->decisions,
	    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
	    0600);
	if (*fd == -1)
		return -errno;
	if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid())
		return 0;
	close(*fd);
	*fd = -1;
	return -EPERM;
}

void
shared_use_decisions(struct shared *sh, int fd)
{
	if (sh->decisions != -1)
		close(sh->decisions);
	sh->decisions = fd;
}

static bool
has_fd(const struct shared_listener *these, uint32_t n, int fd)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (these[i].fd == fd)
			return true;
	}
	return false;
}

/* The open listener of that address and kind, -1 if none; one a place, since
 * any number of them may have asked for port 0. */
static int
listener_of(const struct shared *sh, const union net_addr *addr,
    enum settings_listener kind, const struct shared_new *taken)
{
	const struct shared_listener *l;
	uint32_t i;

	for (i = 0; i < sh->listeners_n; i++) {
		l = &sh->listeners[i];
		if (net_addr_equal(&l->addr, addr) &&
		    (l->kind == kind || kind != LISTENER_TPROXY) &&
		    !has_fd(taken->listeners, taken->listeners_n, l->fd))
			return l->fd;
	}
	return -1;
}

static bool
is_said(const struct shared *sh, int fd)
{
	uint32_t i;

	for (i = 0; i < sh->listeners_n; i++) {
		if (sh->listeners[i].fd == fd)
			return sh->listeners[i].said;
	}
	return false;
}

/* What a listener needs of the kernel beyond an address: tproxy hands it
 * connections to addresses that are not ours.  0 or -errno. */
static int
set_kind(int fd, const union net_addr *addr, enum settings_listener kind)
{
	bool v6 = addr->sa.sa_family == AF_INET6;
	int on = 1;

	if (kind != LISTENER_TPROXY)
		return 0;
	return setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
		   v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, &on,
		   sizeof(on)) == -1
		   ? -errno
		   : 0;
}

/* Clients lose nothing without. */
static void
open_fast(int fd, const union net_addr *addr)
{
	int error = 0;

	if (addr->sa.sa_family != AF_UNIX)
		error = net_fast_listen(fd, FAST_QUEUE);
	if (error != 0)
		log_debug("no TCP_FASTOPEN: %s", strerror(-error));
}

static int
open_listener(const struct shared *sh, const union net_addr *addr,
    enum settings_listener kind)
{
	int error, fd = net_listen(addr, BACKLOG, 0666);

	while (fd == -EADDRINUSE && mono_us() < sh->patience_us) {
		poll(NULL, 0, PATIENCE_STEP_MS);
		fd = net_listen(addr, BACKLOG, 0666);
	}
	if (fd < 0)
		return fd;
	error = set_kind(fd, addr, kind);
	if (error != 0) {
		close(fd);
		return error;
	}
	open_fast(fd, addr);
	return fd;
}

static void
say_listening(const struct shared_listener *l)
{
	char text[NET_ADDR_STRLEN];
	union net_addr addr = {0};
	socklen_t len = sizeof(addr);

	if (getsockname(l->fd, &addr.sa, &len) == -1)
		return;
	log_info("listening on %s%s", settings_listener_prefix(l->kind),
	    net_addr_format(&addr, text));
	if (l->kind == LISTENER_PROXY && addr.sa.sa_family != AF_UNIX)
		log_info("browsers find it by http://%s/proxy.pac", text);
}

static void
close_listener(const struct shared_listener *l)
{
	if (l->addr.sa.sa_family == AF_UNIX)
		unlink(l->addr.un.sun_path);
	/* For all who share it, at once: a worker that is slow, or hangs,
	 * must not keep open what the configuration has closed. */
	(void)shutdown(l->fd, SHUT_RD);
	close(l->fd);
}

/* Close what is in `these` and not, by fd, in `but`. */
static void
close_others(const struct shared_listener *these, uint32_t these_n,
    const struct shared_listener *but, uint32_t but_n)
{
	uint32_t i;

	for (i = 0; i < these_n; i++) {
		if (!has_fd(but, but_n, these[i].fd))
			close_listener(&these[i]);
	}
}

static int
open_listeners(const struct shared *sh, const struct settings *s,
    struct shared_new *new, const union net_addr **which)
{
	enum settings_listener kind;
	const union net_addr *addr;
	uint32_t i;
	int fd;

	for (i = 0; i < s->listeners_n; i++) {
		addr = &s->listeners[i];
		kind = s->listener_kinds[i];
		fd = listener_of(sh, addr, kind, new);
		if (fd == -1)
			fd = open_listener(sh, addr, kind);
		if (fd < 0) {
			*which = addr;
			return fd;
		}
		new->listeners[i] =
		    (struct shared_listener){*addr, kind, fd, is_said(sh, fd)};
		new->listeners_n = i + 1;
	}
	return 0;
}

/* Which ports they have, for all who cannot ask. */
static int
note_bound(const struct shared_new *new, struct bundle *b)
{
	char text[SETTINGS_LISTENERS_MAX * NET_ADDR_STRLEN];
	char one[NET_ADDR_STRLEN];
	union net_addr addr;
	socklen_t addr_len;
	size_t len = 0;
	uint32_t i;

	for (i = 0; i < new->listeners_n; i++) {
		addr = new->listeners[i].addr;
		addr_len = sizeof(addr);
		if (addr.sa.sa_family != AF_UNIX &&
		    getsockname(new->listeners[i].fd, &addr.sa, &addr_len) ==
			-1)
			return -errno;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\n",
		    net_addr_format(&addr, one));
	}
	return bundle_set(b, SETTINGS_BOUND, text, len);
}

static void
conf_close(const struct shared_conf *conf)
{
	int i;

	for (i = 0; i < SHARED_KINDS; i++) {
		if (conf->fds[i] != -1)
			close(conf->fds[i]);
	}
}

static int
seal(const struct bundle *b, struct shared_conf *conf)
{
	static const unsigned int with[SHARED_KINDS] = {
	    [SHARED_ALL] = BUNDLE_SECRETS | BUNDLE_USERS,
	    [SHARED_SECRETS] = BUNDLE_SECRETS,
	    [SHARED_USERS] = BUNDLE_USERS};
	int error, i;

	*conf = no_conf;
	for (i = 0; i < SHARED_KINDS; i++) {
		conf->fds[i] = bundle_seal(b, with[i]);
		if (conf->fds[i] >= 0)
			continue;
		error = conf->fds[i];
		conf->fds[i] = -1;
		conf_close(conf);
		return error;
	}
	return 0;
}

int
shared_open(const struct shared *sh, const struct settings *s, struct bundle *b,
    struct shared_new *new, const union net_addr **which)
{
	int error;

	*which = NULL;
	memset(new, 0, sizeof(*new));
	error = open_listeners(sh, s, new, which);
	if (error == 0)
		error = note_bound(new, b);
	if (error == 0)
		error = seal(b, &new->conf);
	if (error != 0)
		close_others(new->listeners, new->listeners_n, sh->listeners,
		    sh->listeners_n);
	return error;
}

void
shared_drop(const struct shared *sh, const struct shared_new *new)
{
	close_others(
	    new->listeners, new->listeners_n, sh->listeners, sh->listeners_n);
	conf_close(&new->conf);
}

void
shared_use(struct shared *sh, const struct shared_new *new)
{
	close_others(
	    sh->listeners, sh->listeners_n, new->listeners, new->listeners_n);
	memcpy(sh->listeners, new->listeners, sizeof(sh->listeners));
	sh->listeners_n = new->listeners_n;
	conf_close(&sh->conf);
	sh->conf = new->conf;
}

void
shared_say(struct shared *sh)
{
	uint32_t i;

	for (i = 0; i < sh->listeners_n; i++) {
		if (!sh->listeners[i].said)
			say_listening(&sh->listeners[i]);
		sh->listeners[i].said = true;
	}
}

void
shared_unlisten(struct shared *sh)
{
	close_others(sh->listeners, sh->listeners_n, NULL, 0);
	sh->listeners_n = 0;
}

void
shared_remove(const struct settings *s)
{
	char path[SHARED_PATH_MAX];

	if (unlink(shared_path(s, CTL_SOCKET_NAME, path)) == -1)
		log_warn("%s", path);
}
