/* What one worker remembers of an intermediary from one attempt to the next. */
#include <string.h>

#include "cagentd/decide/path_impl.h"

const struct path_load *
path_load_of(const struct path_query *q, const struct table_row *row)
{
	static const struct path_load none;
	const struct path_load *l = &q->loads[row->slot];

	return l->incarnation == row->incarnation ? l : &none;
}

void
path_memo_clear(struct path_memo *m)
{
	memset(m->places, 0, sizeof(m->places));
	m->until_us = INT64_MAX;
}

void
path_memo_add(struct path_memo *m, uint32_t place, int64_t until_us)
{
	m->places[place / 64] |= 1ull << place % 64;
	if (until_us < m->until_us)
		m->until_us = until_us;
}

uint32_t
path_memo_next(const struct path_memo *m, uint32_t from, uint32_t end)
{
	uint64_t open;

	while (from < end) {
		open = ~m->places[from / 64] >> from % 64;
		if (open != 0) {
			from += (uint32_t)__builtin_ctzll(open);
			return from < end ? from : end;
		}
		from = (from / 64 + 1) * 64;
	}
	return end;
}

static uint32_t
measurable(int64_t us)
{
	if (us < 1)
		return 1;
	return us > UINT32_MAX / 8 ? UINT32_MAX / 8 : (uint32_t)us;
}

void
path_load_ok(struct path_load *l, int64_t handshake_us, int64_t stood_us)
{
	uint32_t us = measurable(handshake_us);

	if (stood_us - us < l->bad_us)
		return;
	/* Peak-sensitive: up at once, down by an eighth. */
	if (us >= l->ewma_us)
		l->ewma_us = l->ewma_us == 0 ? us : l->ewma_us / 2 + us / 2 + 1;
	else
		l->ewma_us -= (l->ewma_us - us) / 8;
	l->ewma_at_us = stood_us;
	l->failures = 0;
	l->outruns = 0;
	l->avoid_until_us = 0;
}

static void
avoid(struct path_load *l, uint32_t times, int64_t now_us)
{
	int64_t us = PATH_AVOID_MIN_US;
	uint32_t i;

	for (i = 1; i < times && us < PATH_AVOID_MAX_US; i++)
		us *= 2;
	if (us > PATH_AVOID_MAX_US)
		us = PATH_AVOID_MAX_US;
	l->avoid_until_us = now_us + us;
}

void
path_load_failed(struct path_load *l, int64_t now_us)
{
	l->bad_us = now_us;
	avoid(l, ++l->failures, now_us);
}

void
path_load_slow(struct path_load *l, int64_t waited_us, int64_t now_us)
{
	uint32_t us = measurable(waited_us);

	if (us > l->ewma_us)
		l->ewma_us = us;
	l->ewma_at_us = l->bad_us = now_us;
	if (++l->outruns >= PATH_OUTRUNS)
		avoid(l, l->outruns - PATH_OUTRUNS + 1, now_us);
}

static void
hear(struct path_load *l, const struct table_row *row, int64_t now_us)
{
	bool news;

	if (l->incarnation != row->incarnation)
		*l = (struct path_load){.incarnation = row->incarnation};
	news = l->heard && row->charged > l->charged;
	l->heard = true;
	l->charged = row->charged;
	if (!news || row->observed != TABLE_SUSPECT)
		return;
	l->bad_us = now_us;
	if (l->avoid_until_us < now_us + PATH_AVOID_MIN_US)
		l->avoid_until_us = now_us + PATH_AVOID_MIN_US;
}

void
path_load_hear(struct path_load *loads, const struct table *t, int64_t now_us)
{
	uint32_t i;

	for (i = 0; i < t->rows_n; i++)
		hear(&loads[t->rows[i].slot], &t->rows[i], now_us);
}
