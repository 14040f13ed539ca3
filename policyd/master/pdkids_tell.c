/* Owns what the master says to its children; when, is pdkids.c's. */
#include "policyd/master/pdkids_tell.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "policyd/common/blob.h"

static void
told(const struct pdkid *k, int error)
{
	if (error == 0 || error == -EPIPE)
		return;
	log_warnx("%s cannot be told: %s: killed", pdproc_role_word(k->role),
	    strerror(-error));
	kill(k->pid, SIGKILL);
}

static bool
is_there(const struct pdkid *k)
{
	return k->chan != NULL && !k->chan_dead;
}

static void
tell_fds(const struct pdkid *k, uint32_t type, const int *fds, size_t n)
{
	if (is_there(k))
		told(k, chan_send(k->chan, type, NULL, 0, fds, n));
}

void
pdkids_tell(const struct pdkid *k, uint32_t type)
{
	tell_fds(k, type, NULL, 0);
}

static void
tell_line(const struct pdkid *k, enum pdproc_role peer, int fd)
{
	const uint8_t role = (uint8_t)peer;

	told(k, chan_send(k->chan, PDMSG_LINE, &role, 1, &fd, 1));
}

static void
link_to_ranker(struct pdkid *k)
{
	struct pdkid *ranker = &k->all->kid[PDPROC_RANKER];
	int fds[2], error;

	if (k == ranker || k->linked || !is_there(k) || !is_there(ranker))
		return;
	error = chan_pair(fds);
	if (error != 0) {
		/* The watchdog tries again. */
		log_warnx("no channel from %s to the ranker: %s",
		    pdproc_role_word(k->role), strerror(-error));
		return;
	}
	tell_line(ranker, k->role, fds[0]);
	tell_line(k, ranker->role, fds[1]);
	close(fds[0]);
	close(fds[1]);
	k->linked = true;
}

void
pdkids_link(struct pdkid *k)
{
	int role;

	if (k->role != PDPROC_RANKER) {
		link_to_ranker(k);
		return;
	}
	for (role = PDPROC_MASTER + 1; role < PDPROC_COUNT; role++)
		link_to_ranker(&k->all->kid[role]);
}

static void
tell_listeners(const struct pdkid *k, const struct pdlisten *l)
{
	int fds[PDCONF_LISTENERS_MAX];
	uint32_t i;

	for (i = 0; i < l->n; i++)
		fds[i] = l->at[i].fd;
	tell_fds(k, PDMSG_LISTENERS, fds, l->n);
}

void
pdkids_provide(struct pdkid *k)
{
	const struct pdkids_gift *g = &k->all->gift;

	if (!is_there(k))
		return;
	told(k, blob_send(k->chan, PDMSG_CONF, g->text, g->text_len));
	if (k->role == PDPROC_COLLECTOR)
		tell_listeners(k, &g->listeners);
	if (k->role == PDPROC_PAGE)
		tell_listeners(k, &g->pages);
	if (k->role == PDPROC_RANKER)
		tell_fds(k, PDMSG_CONTROL, &g->control_fd, 1);
	pdkids_link(k);
	pdkids_tell(k, PDMSG_START);
}

void
pdkids_tell_log(struct pdkids *all)
{
	struct pdkid *k;
	int fd;

	for (k = all->kid; k < all->kid + PDPROC_COUNT; k++) {
		if (!is_there(k))
			continue;
		fd = log_socket();
		if (fd < 0)
			return; /* it is away again: there will be another */
		tell_fds(k, PDMSG_LOG, &fd, 1);
		close(fd);
	}
}
