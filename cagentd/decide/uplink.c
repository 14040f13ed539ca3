/* Tells failures of intermediaries from a dead uplink of our own; moves
 * nobody. */
#include "cagentd/decide/uplink.h"

#include <string.h>

static void
advance(struct uplink *u, int64_t mono_us)
{
	int64_t cell = mono_us / UPLINK_CELL_US;
	int64_t n = cell - u->cell;

	if (n <= 0)
		return;
	u->marks = n < UPLINK_CELLS ? u->marks << n : 0;
	u->cell = cell;
}

/* at_us comes from a worker's clock: never outside of this look. */
static void
mark(struct uplink *u, int64_t at_us, int64_t mono_us)
{
	int64_t back;

	if (at_us < u->looked_us)
		at_us = u->looked_us;
	if (at_us > mono_us)
		at_us = mono_us;
	back = u->cell - at_us / UPLINK_CELL_US;
	if (back < UPLINK_CELLS)
		u->marks |= 1ull << back;
}

/* Was there a success in between?  Only whole cells are sure to be. */
static bool
worked(const struct uplink *u, int64_t from_us, int64_t to_us)
{
	int64_t first = (from_us + UPLINK_CELL_US - 1) / UPLINK_CELL_US;
	int64_t last = to_us / UPLINK_CELL_US - 1;
	int64_t c;

	if (first <= u->cell - UPLINK_CELLS)
		first = u->cell - UPLINK_CELLS + 1;
	for (c = first; c <= last && c <= u->cell; c++) {
		if ((u->marks >> (u->cell - c) & 1) != 0)
			return true;
	}
	return false;
}

static struct uplink_row *
row_of(struct uplink *u, const struct table_row *row)
{
	struct uplink_row *ur = &u->rows[row->slot];

	if (ur->incarnation != row->incarnation) {
		memset(ur, 0, sizeof(*ur));
		ur->incarnation = row->incarnation;
	}
	return ur;
}

static bool
counts(const struct table_row *row)
{
	return table_duty(row) == TABLE_RANKED;
}

static bool
any_success(struct uplink *u, const struct table *t,
    const struct uplink_news *news, int64_t mono_us)
{
	bool any = false;
	uint32_t i;

	for (i = 0; i < t->rows_n; i++) {
		if (news[i].successes == 0 || !counts(&t->rows[i]))
			continue;
		mark(u, news[i].ok_us, mono_us);
		any = true;
	}
	return any;
}

/* When what was lost began, the earliest. */
static int64_t
began_us(const struct uplink_news *n, int64_t mono_us)
{
	return mono_us - (n->timeouts > 0 ? n->took_us : UPLINK_LATE_US);
}

/* Begun before the uplink came back, it tells nothing of it. */
static void
lose(const struct uplink *u, struct uplink_row *ur, const struct uplink_news *n,
    int64_t mono_us)
{
	if (n->timeouts == 0 && n->unreachable == 0)
		return;
	if (u->back_us == 0 || began_us(n, mono_us) > u->back_us)
		ur->lost_look = u->look;
}

/* What of the charged failures may be ours is held back. */
static void
hold(const struct uplink *u, struct uplink_row *ur, struct uplink_news *n,
    int64_t mono_us)
{
	uint64_t lost = n->timeouts + n->unreachable + n->silences;
	int64_t again_us = n->timeouts > 0 ? UPLINK_SYN_US : 0;
	int64_t from_us = began_us(n, mono_us);

	if (again_us > n->took_us)
		again_us = n->took_us;
	if (lost > n->charged)
		lost = n->charged;
	n->believed = n->charged - lost;
	/* Begun before the uplink came back, it tells nothing. */
	if (lost == 0 || from_us + again_us <= u->back_us)
		return;
	if (ur->held == 0)
		ur->from_us = from_us;
	ur->to_us = from_us + again_us;
	ur->held += lost;
}

/* What is known by now of what was held back? */
static void
release(const struct uplink *u, struct uplink_row *ur, struct uplink_news *n,
    bool any_ok, bool was_down)
{
	bool grew = n->believed < n->charged;

	if (ur->held == 0)
		return;
	if (!was_down && worked(u, ur->from_us + UPLINK_RTT_US, ur->to_us)) {
		n->believed += ur->held;
		ur->held = 0;
		ur->lost_look = 0;
	} else if (n->successes > 0 || (any_ok && was_down)) {
		ur->held = 0;
	} else if (any_ok && !grew) {
		n->believed++;
		ur->held = 0;
	}
}

bool
uplink_lost(const struct uplink *u, const struct table_row *row)
{
	const struct uplink_row *ur = &u->rows[row->slot];

	return ur->incarnation == row->incarnation &&
	       ur->lost_look > u->alive_look;
}

/* Those who are out are expected to fail; of those who were never used
 * nothing is. */
static void
take_stock(struct uplink *u, const struct table *t)
{
	const struct table_row *row;
	uint32_t i;

	u->known_n = 0;
	u->lost_n = 0;
	for (i = 0; i < t->rows_n; i++) {
		row = &t->rows[i];
		if (row->admin != TABLE_ENABLED || row->tier == 0 ||
		    !counts(row))
			continue;
		u->known_n += row->observed != TABLE_UNKNOWN ||
			      u->rows[row->slot].tried_look > 0;
		u->lost_n += uplink_lost(u, row);
	}
}

static bool
looks_down(struct uplink *u, const struct table *t, int64_t mono_us)
{
	take_stock(u, t);
	if (u->lost_n < UPLINK_ROWS_MIN || u->lost_n * 3 < u->known_n * 2) {
		u->most_us = 0;
		return false;
	}
	if (u->most_us == 0)
		u->most_us = mono_us;
	return u->lost_n == u->known_n ||
	       mono_us - u->most_us >= UPLINK_GRACE_US;
}

static enum uplink_turn
turn(struct uplink *u, const struct table *t, bool any_ok, int64_t mono_us)
{
	if (u->since_us != 0 && any_ok) {
		u->since_us = 0;
		u->back_us = mono_us;
		return UPLINK_UP;
	}
	if (u->since_us == 0 && looks_down(u, t, mono_us)) {
		u->since_us = mono_us;
		return UPLINK_DOWN;
	}
	return UPLINK_SAME;
}

static uint32_t
enabled_n(const struct table *t)
{
	uint32_t i, n = 0;

	for (i = 0; i < t->rows_n; i++)
		n += t->rows[i].admin == TABLE_ENABLED && counts(&t->rows[i]);
	return n;
}

enum uplink_turn
uplink_look(struct uplink *u, const struct table *t, struct uplink_news *news,
    int64_t mono_us)
{
	bool alone = enabled_n(t) < UPLINK_ROWS_MIN;
	bool was_down = u->since_us != 0, any_ok;
	struct uplink_row *ur;
	uint32_t i;

	u->look++;
	advance(u, mono_us);
	any_ok = any_success(u, t, news, mono_us);
	if (any_ok)
		u->alive_look = u->look;
	for (i = 0; i < t->rows_n; i++) {
		ur = row_of(u, &t->rows[i]);
		if (!counts(&t->rows[i])) {
			news[i].believed = news[i].charged;
			continue;
		}
		if (news[i].failures > 0)
			ur->tried_look = u->look;
		lose(u, ur, &news[i], mono_us);
		hold(u, ur, &news[i], mono_us);
		release(u, ur, &news[i], any_ok, was_down);
		if (alone) {
			news[i].believed = news[i].charged;
			ur->held = 0;
		}
	}
	u->looked_us = mono_us;
	return turn(u, t, any_ok, mono_us);
}
