/* Opens and closes what we listen on; accepts nothing. */
#include "policyd/master/pdlisten.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mono.h"

#define BACKLOG		 4096
#define CONTROL_BACKLOG	 64
#define PATIENCE_STEP_MS 10

static bool
has_fd(const struct pdlisten *l, int fd)
{
	uint32_t i;

	for (i = 0; i < l->n; i++) {
		if (l->at[i].fd == fd)
			return true;
	}
	return false;
}

/* Close what is in l and not in but. */
static void
close_others(const struct pdlisten *l, const struct pdlisten *but)
{
	uint32_t i;

	for (i = 0; i < l->n; i++) {
		if (has_fd(but, l->at[i].fd))
			continue;
		/* For all who share it, at once: a child that is slow must not
		 * keep open what the configuration has closed. */
		(void)shutdown(l->at[i].fd, SHUT_RD);
		close(l->at[i].fd);
	}
}

static int
open_one(const union net_addr *addr, int64_t patience_us)
{
	int fd = net_listen(addr, BACKLOG, 0);

	while (fd == -EADDRINUSE && mono_us() < patience_us) {
		poll(NULL, 0, PATIENCE_STEP_MS);
		fd = net_listen(addr, BACKLOG, 0);
	}
	return fd;
}

/* The open listener of that address that is not in next yet, since any number
 * of them may have asked for port 0; or NULL. */
static const struct pdlistener *
find_open(const struct pdlisten *l, const union net_addr *addr,
    const struct pdlisten *next)
{
	uint32_t i;

	for (i = 0; i < l->n; i++) {
		if (net_addr_equal(&l->at[i].addr, addr) &&
		    !has_fd(next, l->at[i].fd))
			return &l->at[i];
	}
	return NULL;
}

int
pdlisten_prepare(const struct pdlisten *l, const struct pdlisten_want *want,
    struct pdlisten *next, const union net_addr **which)
{
	const struct pdlistener *open;
	uint32_t i;
	int fd;

	next->n = 0;
	for (i = 0; i < want->n; i++) {
		open = find_open(l, &want->addrs[i], next);
		if (open != NULL) {
			next->at[next->n++] = *open;
			continue;
		}
		fd = open_one(&want->addrs[i], want->patience_us);
		if (fd < 0) {
			*which = &want->addrs[i];
			pdlisten_drop(l, next);
			return fd;
		}
		next->at[next->n++] =
		    (struct pdlistener){want->addrs[i], fd, false};
	}
	return 0;
}

void
pdlisten_use(struct pdlisten *l, const struct pdlisten *next)
{
	close_others(l, next);
	*l = *next;
}

void
pdlisten_drop(const struct pdlisten *l, const struct pdlisten *next)
{
	close_others(next, l);
}

void
pdlisten_say(struct pdlisten *l, const char *before, const char *after)
{
	char text[NET_ADDR_STRLEN];
	union net_addr addr;
	socklen_t len;
	uint32_t i;

	for (i = 0; i < l->n; i++) {
		len = sizeof(addr);
		if (!l->at[i].said &&
		    getsockname(l->at[i].fd, &addr.sa, &len) == 0)
			log_info("%s%s%s", before, net_addr_format(&addr, text),
			    after);
		l->at[i].said = true;
	}
}

static const char *
control_path(const struct pdconf *c, char out[128])
{
	snprintf(out, 128, "unix:%s/" PDCONF_CONTROL_NAME, c->run_dir);
	return out + strlen("unix:");
}

int
pdlisten_control(const struct pdconf *c, bool *was_there)
{
	char text[128];
	const char *path = control_path(c, text);
	union net_addr addr;
	int fd;

	if (net_addr_parse(text, &addr) < 0)
		fatalx("%s: not a socket's name", path);
	/* The directory is ours and locked: whoever listens there is what
	 * hangs of an earlier master. */
	*was_there = unlink(path) == 0;
	fd = net_listen(&addr, CONTROL_BACKLOG, 0660);
	if (fd < 0)
		fatalx("%s: %s", path, strerror(-fd));
	if (geteuid() == 0 && chown(path, 0, c->ranker_user.gid) == -1)
		fatal("%s: chown", path);
	return fd;
}

void
pdlisten_control_remove(const struct pdconf *c)
{
	char text[128];
	const char *path = control_path(c, text);

	if (unlink(path) == -1)
		log_warn("%s", path);
}
