/* Owns what goes over the lines to the other processes. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "policyd/ranker/ranker.h"

static bool
sent(struct ranker *r, enum pdproc_role role, int error)
{
	if (error == 0)
		return true;
	/* A half-sent blob, or a peer that does not read: only closing helps,
	 * but not from within a callback of that channel. */
	if (error != -EPIPE) {
		log_errx("%s: %s: its line is closed", pdproc_role_word(role),
		    strerror(-error));
		r->stuck[role] = true;
		ranker_soon(r);
	}
	return false;
}

bool
ranker_send(struct ranker *r, enum pdproc_role role, uint32_t type,
    const void *data, size_t len)
{
	if (r->lines[role] == NULL || r->stuck[role])
		return false;
	return sent(
	    r, role, chan_send(r->lines[role], type, data, len, NULL, 0));
}

bool
ranker_send_blob(struct ranker *r, enum pdproc_role role, uint32_t type,
    const void *data, size_t len)
{
	if (r->lines[role] == NULL || r->stuck[role])
		return false;
	return sent(r, role, blob_send(r->lines[role], type, data, len));
}

void
ranker_publish(struct ranker *r, const struct verified *v)
{
	const uint8_t *message;
	size_t len;

	message = verified_message(v, &len);
	(void)ranker_send_blob(
	    r, PDPROC_COLLECTOR, PDMSG_PUBLISH, message, len);
}

/* A rank goes behind the policy that it is for. */
void
ranker_publish_all(struct ranker *r)
{
	const struct ranker_policy *p;
	const struct ranker_group *g;
	uint32_t i;

	for (i = 0; i < r->roots_n; i++)
		ranker_publish(r, r->roots[i]);
	LIST_FOREACH (p, &r->policies, next) {
		if (!p->revoked)
			ranker_publish(r, p->v);
	}
	TAILQ_FOREACH (g, &r->groups, next) {
		if (g->rank != NULL)
			ranker_publish(r, g->rank);
	}
}
