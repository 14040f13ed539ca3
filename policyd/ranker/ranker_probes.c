/* Owns what is probed, and what probes come to.  Asks nobody itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mono.h"
#include "policyd/common/probelist.h"
#include "policyd/ranker/ranker_batch.h"
#include "wire/wire.h"

/* However short the window, one probe that did not come does not empty it. */
int64_t
ranker_probes_window_us(const struct ranker *r)
{
	int64_t three_ms =
	    3 * r->conf->probe_interval_ms + r->conf->probe_timeout_ms;

	return (r->conf->window_ms > three_ms ? r->conf->window_ms : three_ms) *
	       1000;
}

static bool
is_listed(const struct probelist *list, const char *name)
{
	uint16_t i;

	for (i = 0; i < list->items_n; i++) {
		if (strcmp(list->items[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Two that are called alike are one, and where it is, one policy says. */
static void
add(struct probelist *list, const struct settings_intermediary *i)
{
	struct probelist_item *item;

	/* The prober speaks no TLS.  What agents report has to do. */
	if (i->tls != NULL || is_listed(list, i->name))
		return;
	if (list->items_n == MANAGE_ROWS_MAX) {
		log_warnx("%s is not probed: there are too many", i->name);
		return;
	}
	item = &list->items[list->items_n++];
	snprintf(item->name, sizeof(item->name), "%s", i->name);
	item->type = i->type;
	snprintf(item->host, sizeof(item->host), "%s", i->host);
	item->port = i->port;
}

void
ranker_publish_probes(struct ranker *r)
{
	struct probelist *list = calloc(1, sizeof(*list));
	uint8_t *body = malloc(PROBELIST_LEN_MAX);
	const struct ranker_policy *p;
	int64_t wall_us = mono_wall_us();
	uint32_t i;

	if (list == NULL || body == NULL)
		fatalx("out of memory");
	LIST_FOREACH (p, &r->policies, next) {
		for (i = 0; i < p->settings->intermediaries_n; i++)
			add(list, &p->settings->intermediaries[i]);
	}
	/* Above that of a ranker before this one, too. */
	r->probe_list++;
	if (wall_us > 0 && r->probe_list < (uint64_t)wall_us)
		r->probe_list = (uint64_t)wall_us;
	list->serial = r->probe_list;
	(void)ranker_send_blob(
	    r, PDPROC_PROBER, PDMSG_PROBE, body, probelist_encode(list, body));
	free(list);
	free(body);
}

static void
record(struct ranker *r, const struct pdmsg_probed *p)
{
	struct store_probe row = {.at_s = ranker_now_s(),
	    .ok = p->ok,
	    .connect_us = p->connect_us,
	    .handshake_us = p->handshake_us,
	    .first_byte_us = p->first_byte_us,
	    .bytes_s = p->bytes_s,
	    .load_percent = p->load == PDMSG_LOAD_NONE	   ? -1
			    : p->load == PDMSG_LOAD_WEIGHT ? p->load_percent
							   : 0};

	snprintf(row.name, sizeof(row.name), "%s", p->name);
	snprintf(row.reason, sizeof(row.reason), "%s",
	    p->ok ? "ok"
	    : p->reason < REASON_COUNT
		? wire_reason_word((enum wire_reason)p->reason)
		: "failed");
	ranker_batch_probe(r, &row);
}

static bool
take_load(
    struct ranker *r, struct ranker_probes *to, const struct pdmsg_probed *p)
{
	bool drain = p->load == PDMSG_LOAD_DRAIN || p->load == PDMSG_LOAD_DOWN;
	uint32_t percent = p->load == PDMSG_LOAD_WEIGHT ? p->load_percent : 100;
	bool news = to->drain != drain || to->load_percent != percent;

	if (p->load == PDMSG_LOAD_NONE)
		return false;
	to->drain = drain;
	to->load_percent = percent;
	to->load_at_us = loop_now_us(r->loop);
	return news;
}

/* What may be the target's failure, or the prober's own, is no outcome. */
static bool
take_outcome(
    struct ranker *r, struct ranker_known *k, const struct pdmsg_probed *p)
{
	const struct fuse_rules *rules = &r->conf->fuse;
	int64_t now_us = loop_now_us(r->loop);
	struct ranker_probe probe = {.at_us = now_us,
	    .begun_us =
		now_us - p->connect_us - p->handshake_us - p->first_byte_us,
	    .ok = p->ok,
	    .handshake_us = p->handshake_us,
	    .first_byte_us = p->first_byte_us};

	if (!p->ok && p->blames_target)
		return false;
	ranker_probes_add(&k->probes, &probe);
	return k->probes.failed_row == rules->probe_fall ||
	       k->probes.passed_row == rules->probe_rise;
}

void
ranker_probed(struct ranker *r, const struct chan_msg *m)
{
	struct pdmsg_probed p;
	struct ranker_known *k = NULL;
	uint32_t i;
	bool news;

	if (pdmsg_probed_decode(m->data, m->len, &p) != 0) {
		log_errx("the prober sends an outcome that is none");
		return;
	}
	for (i = 0; i < r->known_n && k == NULL; i++) {
		if (strcmp(r->known[i].name, p.name) == 0)
			k = &r->known[i];
	}
	if (k == NULL || p.list > r->probe_list)
		return; /* of a policy that is gone */
	record(r, &p);
	news = take_load(r, &k->probes, &p);
	news |= take_outcome(r, k, &p);
	if (news)
		ranker_soon(r);
}
