/* Owns the counts that managers are told, and their encoding; sends nothing,
 * and knows of no manager. */
#include "cagentd/control/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cagentd/control/ranking_fold.h"
#include "wire/sealed.h"

_Static_assert(MANAGE_BUCKETS == HIST_BUCKETS, "the same buckets");
_Static_assert(MANAGE_ROWS_MAX >= TABLE_ROWS_MAX, "a row each");
_Static_assert(MANAGE_NAME_MAX == TABLE_NAME_MAX, "the same names");

#define NAMES_MIN 16
/* A row's most: all of both histograms, and what is of fixed length. */
#define ROW_MAX	 (2 * (1 + 5 * MANAGE_BUCKETS) + 1 + MANAGE_NAME_MAX + 64)
#define HEAD_MAX 64

_Static_assert(HEAD_MAX + (size_t)TABLE_ROWS_MAX * ROW_MAX <= SEALED_BODY_MAX,
    "the longest report is one message");

/* What the last look saw: the sums of one tenant of a slot. */
struct seen {
	uint32_t slot, incarnation; /* 0: of nobody */
	uint64_t attempts, successes, charged, up, down;
	uint32_t handshake[HIST_BUCKETS], first_byte[HIST_BUCKETS];
};

struct counts {
	struct manage_row row;
	struct seen seen;
	bool present; /* in the table, at the last look */
};

struct report {
	const struct ranking *ranking;
	uint64_t instance;
	uint64_t served, direct, refused;
	uint64_t seen_served, seen_direct, seen_refused;
	struct counts *names;
	uint32_t names_n, names_cap;
	uint32_t at; /* in names, where the next one is likely to be */
	bool looked; /* once: what was there before is nobody's news */
};

int
report_new(struct report **out, const struct ranking *r)
{
	struct report *p = calloc(1, sizeof(*p));

	*out = p;
	if (p == NULL)
		return -ENOMEM;
	p->ranking = r;
	arc4random_buf(&p->instance, sizeof(p->instance));
	return 0;
}

void
report_free(struct report *p)
{
	if (p == NULL)
		return;
	free(p->names);
	free(p);
}

static struct counts *
find(struct report *p, const char *name)
{
	uint32_t i, at;

	for (i = 0; i < p->names_n; i++) {
		at = (p->at + i) % p->names_n;
		if (strcmp(p->names[at].row.name, name) == 0) {
			p->at = at + 1;
			return &p->names[at];
		}
	}
	return NULL;
}

/* Those that are gone go, and those that stay begin anew. */
static void
begin_anew(struct report *p)
{
	struct counts kept;
	uint32_t i, n = 0;

	for (i = 0; i < p->names_n; i++) {
		if (!p->names[i].present)
			continue;
		kept =
		    (struct counts){.seen = p->names[i].seen, .present = true};
		memcpy(
		    kept.row.name, p->names[i].row.name, sizeof(kept.row.name));
		p->names[n++] = kept;
	}
	p->names_n = n;
	p->served = p->direct = p->refused = 0;
	arc4random_buf(&p->instance, sizeof(p->instance));
}

static struct counts *
add(struct report *p, const char *name)
{
	struct counts *more, *c;
	uint32_t cap;

	if (p->names_n == REPORT_NAMES_MAX)
		begin_anew(p);
	if (p->names_n == p->names_cap) {
		cap = p->names_cap > 0 ? 2 * p->names_cap : NAMES_MIN;
		more = reallocarray(p->names, cap, sizeof(*more));
		if (more == NULL)
			return NULL;
		p->names = more;
		p->names_cap = cap;
	}
	c = &p->names[p->names_n++];
	memset(c, 0, sizeof(*c));
	memcpy(c->row.name, name, strlen(name) + 1);
	return c;
}

static uint64_t
more_than(uint64_t sum, uint64_t seen)
{
	return sum > seen ? sum - seen : 0;
}

/* A slab that was begun anew makes the sums fall, and then what a bucket has
 * wrapped to would be billions. */
static void
add_hist(struct manage_hist *h, const uint32_t sum[HIST_BUCKETS],
    const uint32_t seen[HIST_BUCKETS], uint64_t attempts)
{
	uint32_t i, n;

	for (i = 0; i < HIST_BUCKETS; i++) {
		n = sum[i] - seen[i];
		if (n <= attempts)
			h->count[i] += n;
	}
}

static uint64_t
at_most(uint64_t v, uint64_t most)
{
	return v < most ? v : most;
}

static void
count(struct manage_row *row, const struct ranking_sum *sum,
    const struct seen *seen)
{
	uint64_t attempts = more_than(sum->attempts, seen->attempts);

	row->attempts += attempts;
	/* One that was under way at our start may succeed now. */
	row->successes = at_most(
	    row->successes + more_than(sum->total.successes, seen->successes),
	    row->attempts);
	row->charged =
	    at_most(row->charged + more_than(sum->total.charged, seen->charged),
		row->attempts);
	row->bytes_up += more_than(sum->up, seen->up);
	row->bytes_down += more_than(sum->down, seen->down);
	add_hist(
	    &row->handshake, sum->handshake, seen->handshake, row->attempts);
	add_hist(
	    &row->first_byte, sum->first_byte, seen->first_byte, row->attempts);
}

static void
remember(struct seen *seen, const struct table_row *row,
    const struct ranking_sum *sum)
{
	*seen = (struct seen){.slot = row->slot,
	    .incarnation = row->incarnation,
	    .attempts = sum->attempts,
	    .successes = sum->total.successes,
	    .charged = sum->total.charged,
	    .up = sum->up,
	    .down = sum->down};
	memcpy(seen->handshake, sum->handshake, sizeof(seen->handshake));
	memcpy(seen->first_byte, sum->first_byte, sizeof(seen->first_byte));
}

static int
look_at(struct report *p, const struct table_row *row, int64_t wall_us)
{
	static const struct seen nothing;
	struct counts *c = find(p, row->name);
	struct ranking_sum sum;

	if (c == NULL)
		c = add(p, row->name);
	if (c == NULL)
		return -ENOMEM;
	ranking_fold(p->ranking, row, wall_us, &sum);
	c->present = true;
	c->row.observed = row->observed;
	c->row.tier = table_rank_shown(row->tier);
	c->row.in_flight = sum.in_flight;
	if (c->seen.slot == row->slot &&
	    c->seen.incarnation == row->incarnation)
		count(&c->row, &sum, &c->seen);
	else if (p->looked) /* a tenant that came since: all of it is new */
		count(&c->row, &sum, &nothing);
	remember(&c->seen, row, &sum);
	return 0;
}

/* A worker's word, which must not pass through zero. */
static uint64_t
word(const _Atomic uint64_t *p)
{
	return at_most(
	    atomic_load_explicit(p, memory_order_relaxed), 1ull << 48);
}

static void
look_at_totals(struct report *p)
{
	uint64_t served = 0, direct = 0, refused = 0;
	const struct slab *s;
	uint32_t i, j;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		s = p->ranking->slabs[i];
		if (s == NULL)
			continue;
		served += word(&s->served);
		direct += word(&s->direct);
		for (j = 0; j < SLAB_REASONS; j++)
			refused += word(&s->refused[j]);
	}
	if (p->looked) {
		p->served += more_than(served, p->seen_served);
		p->direct += more_than(direct, p->seen_direct);
		p->refused += more_than(refused, p->seen_refused);
	}
	p->seen_served = served;
	p->seen_direct = direct;
	p->seen_refused = refused;
}

int
report_look(struct report *p, int64_t wall_us)
{
	const struct table *t = p->ranking->table;
	struct counts *c;
	int error = 0;
	uint32_t i;

	for (i = 0; i < p->names_n; i++)
		p->names[i].present = false;
	for (i = 0; i < t->rows_n; i++) {
		c = find(p, t->rows[i].name);
		if (c != NULL)
			c->present = true;
	}
	for (i = 0; i < t->rows_n && error == 0; i++)
		error = look_at(p, &t->rows[i], wall_us);
	look_at_totals(p);
	p->looked = true;
	return error;
}

static int
by_name(const void *a, const void *b)
{
	const struct counts *const *x = a, *const *y = b;

	return strcmp((*x)->row.name, (*y)->row.name);
}

/* What may be said of it: those present, by name. */
static uint32_t
sorted(const struct report *p, const struct counts *out[TABLE_ROWS_MAX])
{
	uint32_t i, n = 0;

	for (i = 0; i < p->names_n && n < TABLE_ROWS_MAX; i++) {
		if (p->names[i].present && manage_name_ok(p->names[i].row.name))
			out[n++] = &p->names[i];
	}
	qsort(out, n, sizeof(*out), by_name);
	return n;
}

static int
encode_rows(
    const struct counts *const *rows, uint32_t n, uint8_t *out, size_t cap)
{
	size_t used = 0;
	uint32_t i;
	int len;

	for (i = 0; i < n; i++) {
		len = manage_row_encode(&rows[i]->row, out + used, cap - used);
		if (len < 0)
			return len;
		used += (size_t)len;
	}
	return (int)used;
}

uint8_t *
report_body(const struct report *p, enum manage_why why, size_t *len)
{
	const struct counts *rows[TABLE_ROWS_MAX];
	struct manage_report head = {.instance = p->instance,
	    .why = why,
	    .served = p->served,
	    .direct = p->direct,
	    .refused = p->refused};
	size_t cap;
	int n, rest;
	uint8_t *out;

	head.rows_n = (uint16_t)sorted(p, rows);
	cap = HEAD_MAX + (size_t)head.rows_n * ROW_MAX;
	out = malloc(cap);
	if (out == NULL)
		return NULL;
	n = manage_report_encode(&head, out, cap);
	rest = n > 0 ? encode_rows(rows, head.rows_n, out + n, cap - (size_t)n)
		     : WIRE_BAD;
	if (rest < 0) { /* a bug of ours: nothing that is here cannot be said */
		free(out);
		return NULL;
	}
	*len = (size_t)n + (size_t)rest;
	return out;
}
