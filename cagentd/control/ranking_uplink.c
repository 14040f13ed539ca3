/* Tells when our own uplink is suspected and when it is back; judges no
 * intermediary. */
#include "cagentd/control/ranking_uplink.h"

#include "cagentd/control/ranking_check.h"
#include "wire/wire.h"

static uint64_t
direct_n(const struct ranking *r)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (r->slabs[i] != NULL)
			n += atomic_load_explicit(
			    &r->slabs[i]->direct, memory_order_relaxed);
	}
	return n;
}

static const char *
first_that_answered(const struct ranking *r)
{
	uint32_t i;

	for (i = 0; i < r->table->rows_n; i++) {
		if (r->news[i].successes > 0 &&
		    table_duty(&r->table->rows[i]) == TABLE_RANKED)
			return r->table->rows[i].name;
	}
	return "?";
}

static void
went_down(struct ranking *r, const struct rank_now *now)
{
	r->direct = direct_n(r);
	r->table->uplink_us = now->wall_us;
	r->dirty = true;
	events_add_why(r->events, EVENT_UPLINK, TABLE_WHY_UPLINK_DOWN, "",
	    "our own uplink is suspected: %u of %u intermediaries do not "
	    "answer, and none does; ranks are held",
	    r->uplink->lost_n, r->uplink->known_n);
}

static void
came_up(struct ranking *r, const struct rank_now *now)
{
	int64_t us = now->wall_us - r->table->uplink_us;

	r->table->uplink_us = 0;
	r->dirty = true;
	events_add_why(r->events, EVENT_UPLINK, TABLE_WHY_UPLINK_UP, "",
	    "our own uplink is back after %lld s: %s answers; ranks move again",
	    (long long)(us > 0 ? us / 1000000 : 0), first_that_answered(r));
}

void
ranking_uplink_look(struct ranking *r, const struct rank_now *now)
{
	uint32_t lost = r->uplink->lost_n;

	switch (uplink_look(r->uplink, r->table, r->news, now->mono_us)) {
	case UPLINK_SAME:
		break;
	case UPLINK_DOWN:
		went_down(r, now);
		break;
	case UPLINK_UP:
		came_up(r, now);
		break;
	}
	/* Without traffic somebody is to be asked who it is, and later whether
	 * it is over. */
	if (r->uplink->lost_n > lost || r->uplink->since_us != 0)
		ranking_check_witness(r);
}

/* What a row's active checks have said, as if a worker had. */
static void
add_check(struct uplink_news *n, const struct rank_seen *seen)
{
	uint64_t bad = seen->charged - n->charged;

	n->successes = seen->successes;
	n->charged = seen->charged;
	n->failures += bad;
	if (seen->last_failure == REASON_HOP_TIMEOUT)
		n->timeouts += bad;
	else if (seen->last_failure == REASON_HOP_UNREACHABLE)
		n->unreachable += bad;
	else if (seen->last_failure == REASON_HOP_SILENT ||
		 seen->last_failure == REASON_HOP_MUTE)
		n->silences += bad;
}

void
ranking_uplink_check(struct ranking *r, const struct table_row *row,
    struct uplink_news *n, struct rank_seen *seen, const struct rank_now *now)
{
	const struct due_state *st = &r->checks[row->slot];
	uint64_t timeouts = n->timeouts;

	ranking_check_see(r, row, seen, now);
	if (seen->by_checks > 0)
		n->ok_us = now->mono_us;
	add_check(n, seen);
	n->took_us = timeouts > 0 ? r->attempt_us : r->check_us;
	/* Not charged yet, it is lost all the same. */
	if (st->held == REASON_HOP_UNREACHABLE &&
	    st->held_us > r->uplink->looked_us) {
		n->failures++;
		n->unreachable++;
	}
}

void
ranking_uplink_resume(struct ranking *r, const struct rank_now *now, bool stale)
{
	if (stale)
		r->table->uplink_us = 0;
	if (r->table->uplink_us == 0)
		return;
	if (r->table->uplink_us > now->wall_us)
		r->table->uplink_us = now->wall_us;
	r->uplink->since_us = now->mono_us;
}

bool
ranking_goes_direct(const struct ranking *r)
{
	return r->table->uplink_us != 0 && direct_n(r) > r->direct;
}
