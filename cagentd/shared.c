/* Owns the files, sockets and memory that the master shares out. */
#include "cagentd/shared.h"

#include <sys/eventfd.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cagentd/bundle.h"
#include "shm/slab.h"
#include "shm/table.h"

#define BACKLOG 4096

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

static void
make_table(struct shared *sh, const struct settings *s)
{
	char path[SHARED_PATH_MAX];

	shared_path(s, SHARED_TABLE, path);
	sh->table_rw = table_create(path, 0640);
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

	shared_path(s, SHARED_CONTROL, path);
	snprintf(text, sizeof(text), "unix:%s", path);
	if (net_addr_parse(text, &addr) < 0)
		fatalx("%s: not a socket's name", path);
	sh->control_socket = net_listen(&addr, 64, 0660);
	if (sh->control_socket < 0)
		fatalx("%s: %s", path, strerror(-sh->control_socket));
	give_group(-1, path, s);
}

void
shared_init(struct shared *sh, const struct settings *s)
{
	uint32_t i;

	memset(sh, 0, sizeof(*sh));
	sh->conf = sh->conf_plain = -1;
	for (i = 0; i < SETTINGS_WORKERS_MAX; i++)
		sh->slab_rw[i] = sh->slab_ro[i] = -1;
	make_table(sh, s);
	make_control_socket(sh, s);
	sh->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sh->wake == -1)
		fatal("eventfd");
}

int
shared_slabs(struct shared *sh, const struct settings *s)
{
	uint32_t i;
	int fd;

	for (i = 0; i < s->workers; i++) {
		if (sh->slab_rw[i] != -1)
			continue;
		fd = slab_create(i, &sh->slab_ro[i]);
		if (fd < 0)
			return fd;
		sh->slab_rw[i] = fd;
	}
	return 0;
}

static bool
same_addr(const union net_addr *a, const union net_addr *b)
{
	return net_addr_len(a) == net_addr_len(b) &&
	       memcmp(a, b, net_addr_len(a)) == 0;
}

/* The open listener of that address, or NULL. */
static const struct shared_listener *
listener_of(const struct shared *sh, const union net_addr *addr)
{
	uint32_t i;

	for (i = 0; i < sh->listeners_n; i++) {
		if (same_addr(&sh->listeners[i].addr, addr))
			return &sh->listeners[i];
	}
	return NULL;
}

static void
say_listening(int fd)
{
	char text[NET_ADDR_STRLEN];
	union net_addr addr = {0};
	socklen_t len = sizeof(addr);

	if (getsockname(fd, &addr.sa, &len) == 0)
		log_info("listening on %s", net_addr_format(&addr, text));
}

static void
close_listener(const struct shared_listener *l)
{
	if (l->addr.sa.sa_family == AF_UNIX)
		unlink(l->addr.un.sun_path);
	close(l->fd);
}

/* Close what is in `these` and not, by fd, in `but`. */
static void
close_others(const struct shared_listener *these, uint32_t these_n,
    const struct shared_listener *but, uint32_t but_n)
{
	uint32_t i, j;

	for (i = 0; i < these_n; i++) {
		for (j = 0; j < but_n && but[j].fd != these[i].fd; j++)
			continue;
		if (j == but_n)
			close_listener(&these[i]);
	}
}

int
shared_listen(
    struct shared *sh, const struct settings *s, const union net_addr **which)
{
	struct shared_listener now[SETTINGS_LISTENERS_MAX];
	const struct shared_listener *old;
	uint32_t i;
	int fd;

	for (i = 0; i < s->listeners_n; i++) {
		now[i].addr = s->listeners[i];
		old = listener_of(sh, &s->listeners[i]);
		fd = old != NULL ? old->fd
				 : net_listen(&s->listeners[i], BACKLOG, 0666);
		if (fd < 0) {
			*which = &s->listeners[i];
			close_others(now, i, sh->listeners, sh->listeners_n);
			return fd;
		}
		now[i].fd = fd;
		if (old == NULL)
			say_listening(fd);
	}
	close_others(sh->listeners, sh->listeners_n, now, s->listeners_n);
	memcpy(sh->listeners, now, s->listeners_n * sizeof(*now));
	sh->listeners_n = s->listeners_n;
	return 0;
}

void
shared_unlisten(struct shared *sh)
{
	close_others(sh->listeners, sh->listeners_n, NULL, 0);
	sh->listeners_n = 0;
}

int
shared_seal(struct shared *sh, const struct bundle *b)
{
	int full, plain;

	full = bundle_seal(b, true);
	if (full < 0)
		return full;
	plain = bundle_seal(b, false);
	if (plain < 0) {
		close(full);
		return plain;
	}
	if (sh->conf != -1)
		close(sh->conf);
	if (sh->conf_plain != -1)
		close(sh->conf_plain);
	sh->conf = full;
	sh->conf_plain = plain;
	return 0;
}
