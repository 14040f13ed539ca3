/* Owns how the page reads where intermediaries stand and stood, and what
 * probes found. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/store/store_read_impl.h"

/* How many rows are gone back for the begin of what holds now: with a row a
 * minute a day.  What was found is kept. */
#define BACK_MAX 1500

#define PLACE                                                    \
	"id, at_s, grp, name, tier, weight, drain, why, reason," \
	" success_permille, latency_us, agents FROM place"

static void
read_place(sqlite3_stmt *stmt, struct store_place *p)
{
	uint32_t tier = store_read_u32(stmt, 4);

	p->at_s = sqlite3_column_int64(stmt, 1);
	store_read_text(stmt, 2, p->group, sizeof(p->group));
	store_read_text(stmt, 3, p->name, sizeof(p->name));
	p->tier = tier > UINT16_MAX ? UINT16_MAX : (uint16_t)tier;
	p->weight = store_read_u32(stmt, 5);
	p->drain = sqlite3_column_int64(stmt, 6) != 0;
	store_read_text(stmt, 7, p->why, sizeof(p->why));
	store_read_text(stmt, 8, p->reason, sizeof(p->reason));
	p->success_permille = store_read_u32(stmt, 9);
	p->latency_us = store_read_u32(stmt, 10);
	p->agents = store_read_u32(stmt, 11);
}

/* The first that sql finds after a group and name: 1, 0 or -errno. */
static int
first_key(struct store_reader *r, const char *sql,
    const struct store_known *last, struct store_known *out)
{
	sqlite3_stmt *stmt = store_read_prepare(r, sql);
	int n;

	store_read_bind(stmt, 1, last->group);
	store_read_bind(stmt, 2, last->name);
	n = store_read_row(r, stmt);
	if (n == 1) {
		store_read_text(stmt, 0, out->group, sizeof(out->group));
		store_read_text(stmt, 1, out->name, sizeof(out->name));
	}
	sqlite3_finalize(stmt);
	return n;
}

/* The group and name after those, likewise.  Not by comparing pairs: of that
 * only the first half is looked up in the index. */
static int
next_key(struct store_reader *r, const struct store_known *last,
    struct store_known *out)
{
	int n = first_key(r,
	    "SELECT grp, name FROM place WHERE grp = ?1 AND name > ?2"
	    " ORDER BY name LIMIT 1",
	    last, out);

	if (n != 0)
		return n;
	return first_key(r,
	    "SELECT grp, name FROM place WHERE grp > ?1"
	    " AND ?2 IS NOT NULL ORDER BY grp, name LIMIT 1",
	    last, out);
}

static bool
same_place(const struct store_place *a, const struct store_place *b)
{
	return a->tier == b->tier && a->drain == b->drain &&
	       strcmp(a->why, b->why) == 0;
}

/*
 * The newest row of k, and back from it while it says the same; old: what was
 * known of it, or NULL.
 */
static int
stand(struct store_reader *r, struct store_known *k,
    const struct store_known *old, struct store_stand *out)
{
	sqlite3_stmt *stmt =
	    store_read_prepare(r, "SELECT " PLACE " WHERE grp = ? AND name = ?"
				  " ORDER BY at_s DESC, id DESC");
	struct store_place p = {0};
	int n, back;

	store_read_bind(stmt, 1, k->group);
	store_read_bind(stmt, 2, k->name);
	k->since_known = true;
	for (back = 0; (n = store_read_row(r, stmt)) == 1; back++) {
		int64_t id = sqlite3_column_int64(stmt, 0);

		read_place(stmt, &p);
		if (back == 0) {
			out->last = p;
			k->id = id;
		} else if (!same_place(&p, &out->last)) {
			break;
		}
		k->since_s = p.at_s;
		if (old != NULL && id == old->id) {
			k->since_s = old->since_s;
			k->since_known = old->since_known;
			break;
		}
		if (back == BACK_MAX) {
			k->since_known = false;
			break;
		}
	}
	sqlite3_finalize(stmt);
	out->since_s = k->since_s;
	out->since_known = k->since_known;
	return n < 0 ? n : 0;
}

/* The message of the policy in force for a group. */
struct policy {
	char group[MANAGE_NAME_MAX + 1];
	uint8_t *bytes; /* owned; NULL: there is none */
	size_t len;
};

static int
read_policy(struct store_reader *r, const char *group, struct policy *p)
{
	sqlite3_stmt *stmt =
	    store_read_prepare(r, "SELECT bytes FROM message WHERE type = ?2"
				  " AND audience IN (?1, '*')"
				  " ORDER BY epoch DESC, serial DESC LIMIT 1");
	int n;

	free(p->bytes);
	*p = (struct policy){0};
	snprintf(p->group, sizeof(p->group), "%s", group);
	store_read_bind(stmt, 1, group);
	(void)sqlite3_bind_int(stmt, 2, ENVELOPE_POLICY);
	n = store_read_row(r, stmt);
	if (n == 1 && sqlite3_column_bytes(stmt, 0) > 0) {
		p->len = (size_t)sqlite3_column_bytes(stmt, 0);
		p->bytes = malloc(p->len);
		if (p->bytes == NULL)
			n = -ENOMEM;
		else
			memcpy(p->bytes, sqlite3_column_blob(stmt, 0), p->len);
	}
	sqlite3_finalize(stmt);
	return n < 0 ? n : 0;
}

/* Does what stands before the name make it an intermediary's? */
static bool
is_head(const uint8_t *begin, const uint8_t *name)
{
	static const char head[] = "[intermediary";
	const size_t len = sizeof(head) - 1;
	const uint8_t *at = name;

	while (at > begin && (at[-1] == ' ' || at[-1] == '\t'))
		at--;
	return at < name && (size_t)(at - begin) >= len &&
	       memcmp(at - len, head, len) == 0;
}

/* Only whether it is named is looked for, as whoever has stored the message
 * has read it; where there is no policy, all are. */
static bool
names(const struct policy *p, const char *name)
{
	char quoted[MANAGE_NAME_MAX + 3];
	const uint8_t *at, *end;
	size_t len;

	if (p->bytes == NULL)
		return true;
	end = p->bytes + p->len;
	len = (size_t)snprintf(quoted, sizeof(quoted), "\"%s\"", name);
	for (at = p->bytes;; at++) {
		at = memmem(at, (size_t)(end - at), quoted, len);
		if (at == NULL)
			return false;
		if (is_head(p->bytes, at))
			return true;
	}
}

static int
by_key(const void *a, const void *b)
{
	const struct store_known *x = a, *y = b;
	int order = strcmp(x->group, y->group);

	return order != 0 ? order : strcmp(x->name, y->name);
}

/* All that stand somewhere, in all[n]. */
struct found {
	struct store_known *all; /* owned */
	size_t n, cap;
};

static struct store_known *
found_add(struct found *f)
{
	struct store_known *all;

	if (f->n == f->cap) {
		all = reallocarray(f->all, f->cap + 64, sizeof(*f->all));
		if (all == NULL)
			return NULL;
		f->all = all;
		f->cap += 64;
	}
	f->all[f->n] = (struct store_known){0};
	return &f->all[f->n++];
}

int
store_read_stands(struct store_reader *r,
    bool (*each)(void *arg, const struct store_stand *), void *arg)
{
	struct store_known none = {0};
	struct policy policy = {0};
	struct found f = {0};
	struct store_stand s;
	bool go_on = true;
	int rc;

	for (;;) {
		const struct store_known *last =
		    f.n > 0 ? &f.all[f.n - 1] : &none;
		const struct store_known *old;
		struct store_known k = {0};

		rc = next_key(r, last, &k);
		if (rc != 1)
			break;
		old = r->known_n > 0
			  ? bsearch(&k, r->known, r->known_n, sizeof(k), by_key)
			  : NULL;
		s = (struct store_stand){0};
		rc = stand(r, &k, old, &s);
		if (rc == 0 && strcmp(k.group, policy.group) != 0)
			rc = read_policy(r, k.group, &policy);
		s.named = rc == 0 && names(&policy, k.name);
		if (rc == 0) {
			struct store_known *to = found_add(&f);

			if (to == NULL)
				rc = -ENOMEM;
			else
				*to = k;
		}
		if (rc != 0)
			break;
		go_on = go_on && each(arg, &s);
	}
	free(policy.bytes);
	/* What has not come to its end goes on from there the next time. */
	if (rc != 0 && f.n <= r->known_n) {
		free(f.all);
		return rc;
	}
	free(r->known);
	r->known = f.all;
	r->known_n = f.n;
	return rc;
}

int
store_read_history(struct store_reader *r, const struct store_history_query *q,
    bool (*each)(void *arg, const struct store_place *), void *arg)
{
	/* From the last one that was before, if there is one. */
	sqlite3_stmt *stmt = store_read_prepare(r,
	    "SELECT " PLACE " WHERE grp = ?1 AND name = ?2 AND at_s >="
	    " ifnull((SELECT max(at_s) FROM place WHERE grp = ?1"
	    " AND name = ?2 AND at_s <= ?3), ?3) ORDER BY at_s, id");
	struct store_place p = {0};
	int n;

	store_read_bind(stmt, 1, q->group);
	store_read_bind(stmt, 2, q->name);
	(void)sqlite3_bind_int64(stmt, 3, q->since_s);
	while ((n = store_read_row(r, stmt)) == 1) {
		read_place(stmt, &p);
		if (!each(arg, &p))
			break;
	}
	sqlite3_finalize(stmt);
	return n < 0 ? n : 0;
}

int
store_read_probes(struct store_reader *r, const struct store_history_query *q,
    int64_t step_s, bool (*each)(void *arg, const struct store_probed *),
    void *arg)
{
	sqlite3_stmt *stmt = store_read_prepare(r,
	    "SELECT at_s / ?3 * ?3, count(*), sum(ok <> 0),"
	    " avg(CASE WHEN ok <> 0 THEN connect_us + handshake_us"
	    " + first_byte_us END)"
	    " FROM probe WHERE name = ?1 AND at_s >= ?2"
	    " GROUP BY at_s / ?3 ORDER BY 1");
	struct store_probed p;
	int n;

	store_read_bind(stmt, 1, q->name);
	(void)sqlite3_bind_int64(stmt, 2, q->since_s);
	(void)sqlite3_bind_int64(stmt, 3, step_s);
	while ((n = store_read_row(r, stmt)) == 1) {
		p.at_s = sqlite3_column_int64(stmt, 0);
		p.made = sqlite3_column_int64(stmt, 1);
		p.passed = sqlite3_column_int64(stmt, 2);
		p.latency_us = sqlite3_column_int64(stmt, 3);
		if (!each(arg, &p))
			break;
	}
	sqlite3_finalize(stmt);
	return n < 0 ? n : 0;
}
