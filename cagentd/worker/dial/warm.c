/* Owns the connections that wait for a request, and how many there are to be;
 * judges no intermediary. */
#include "cagentd/worker/dial/warm.h"

#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cagentd/worker/dial/target.h"
#include "conf/settings.h"

#define WARM_ONE 256u /* request, in the figure of demand */
/* Of which less than this is none: three tenths. */
#define WARM_LEAST (WARM_ONE * 3 / 10)

struct warm_making {
	LIST_ENTRY(warm_making) next;
	struct warm_spot *spot;
	struct attempt attempt;
	char host[NET_HOST_MAX + 1];
};

static void on_timer(struct loop *, struct op *, const struct op_result *);

int
warm_init(struct warm *w, struct loop *loop, struct resolve *resolve,
    struct record *record, const struct table *table)
{
	uint32_t i;

	*w = (struct warm){
	    .loop = loop, .resolve = resolve, .record = record, .table = table};
	LIST_INIT(&w->listed);
	w->spots = calloc(TABLE_ROWS_MAX, sizeof(*w->spots));
	if (w->spots == NULL)
		return -ENOMEM;
	for (i = 0; i < TABLE_ROWS_MAX; i++) {
		w->spots[i].warm = w;
		w->spots[i].hop.slot = i;
		TAILQ_INIT(&w->spots[i].conns);
	}
	return 0;
}

void
warm_max(struct warm *w, uint64_t max)
{
	w->max = max < WARM_ALL_MAX ? (uint32_t)max : WARM_ALL_MAX;
}

/* --- what waits --- */

/* For the operator. */
static void
tell(const struct warm_spot *s)
{
	struct slab_row *row = record_row(s->warm->record, s->hop);

	if (row != NULL)
		atomic_store_explicit(&row->warm, s->n, memory_order_relaxed);
}

/* Its stream is the caller's. */
static struct attempt_warm
remove_conn(struct warm_conn *c)
{
	struct warm_spot *s = c->spot;
	struct attempt_warm made = c->made;

	stream_cancel(s->warm->loop, made.stream, &c->watch);
	TAILQ_REMOVE(&s->conns, c, next);
	s->n--;
	s->warm->n--;
	tell(s);
	free(c);
	return made;
}

static void
drop_conn(struct warm_conn *c)
{
	struct loop *loop = c->spot->warm->loop;

	stream_close(loop, remove_conn(c).stream, false);
}

static void
drop_making(struct warm_making *m)
{
	LIST_REMOVE(m, next);
	m->spot->makings_n--;
	m->spot->warm->n--;
	free(m);
}

static void
drop_all(struct warm_spot *s)
{
	struct warm_making *m;
	struct warm_conn *c;

	while ((c = TAILQ_FIRST(&s->conns)) != NULL)
		drop_conn(c);
	while ((m = LIST_FIRST(&s->makings)) != NULL) {
		attempt_cancel(&m->attempt);
		drop_making(m);
	}
}

static void
unlist(struct warm_spot *s)
{
	drop_all(s);
	s->demand = s->count = 0;
	if (s->listed)
		LIST_REMOVE(s, next);
	s->listed = false;
}

/* The timer is to come at that time at the latest. */
static void
arm(struct warm *w, int64_t at_us)
{
	if (loop_op_active(&w->timer) && w->due_us <= at_us)
		return;
	w->due_us = at_us;
	/* Without it the next request comes to do it. */
	(void)loop_timer(w->loop, &w->timer, at_us, on_timer);
}

/* Its end, or a word that nobody asked for. */
static void
on_news(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct warm_conn *c = container_of(op, struct warm_conn, watch);
	struct warm_spot *s = c->spot;
	int64_t now = loop_now_us(loop), lived = now - c->since_us;

	(void)r; /* whatever it is */
	drop_conn(c);
	s->age_us = lived - lived / 4;
	if (s->age_us < WARM_AGE_MIN_US) {
		s->age_us = 0;
		s->hold_us = now + WARM_HOLD_US;
	}
	arm(s->warm, now);
}

static void
keep(struct warm_spot *s, const struct attempt_result *r)
{
	struct warm *w = s->warm;
	struct warm_conn *c = calloc(1, sizeof(*c));
	int64_t now = loop_now_us(w->loop);
	int64_t age = s->age_us != 0 ? s->age_us : WARM_AGE_US;

	if (c == NULL) {
		stream_close(w->loop, r->stream, false);
		return;
	}
	c->spot = s;
	c->made =
	    (struct attempt_warm){r->stream, r->connect_us, r->handshake_us};
	c->since_us = now;
	c->until_us =
	    now + age - (int64_t)arc4random_uniform((uint32_t)(age / 4) + 1);
	TAILQ_INSERT_TAIL(&s->conns, c, next);
	s->n++;
	w->n++;
	tell(s);
	if (stream_recv(w->loop, r->stream, &c->watch, on_news) != 0)
		drop_conn(c);
}

/* --- the making --- */

static void
learn_setup(struct warm_spot *s, int64_t us)
{
	s->setup_us = s->setup_us == 0 ? us : (3 * s->setup_us + us) / 4;
}

static void
made(struct attempt *a, struct attempt_result *r)
{
	struct warm_making *m = container_of(a, struct warm_making, attempt);
	struct warm_spot *s = m->spot;
	int64_t now = loop_now_us(s->warm->loop);

	drop_making(m);
	if (r->reason != REASON_OK) {
		s->hold_us = now + (WARM_AGAIN_US << s->fails);
		if (s->fails < WARM_DOUBLINGS)
			s->fails++;
		return;
	}
	s->fails = 0;
	learn_setup(s, r->handshake_us);
	keep(s, r);
	arm(s->warm, now + WARM_LOOK_US);
}

static void
make(struct warm_spot *s)
{
	struct warm *w = s->warm;
	const struct table_row *row = &w->table->rows[s->row];
	struct warm_making *m = calloc(1, sizeof(*m));
	struct attempt_target t;

	if (m == NULL)
		return;
	t = target_of(w->settings, w->table, s->row);
	snprintf(m->host, sizeof(m->host), "%s", row->host);
	t.host = m->host;
	t.greet = t.type == HOP_SOCKS5;
	t.bare = !t.greet;
	m->spot = s;
	LIST_INSERT_HEAD(&s->makings, m, next);
	s->makings_n++;
	w->n++;
	attempt_start(&m->attempt, w->loop, w->resolve, &t,
	    loop_now_us(w->loop) + w->settings->attempt_timeout_ms * 1000,
	    made);
}

/* --- how many --- */

static void
fade(struct warm_spot *s, int64_t now)
{
	int64_t left = WARM_FADE_US - (now - s->demand_us);

	s->demand = left > 0 ? (uint32_t)(s->demand * left / WARM_FADE_US) : 0;
	s->demand_us = now;
}

/* One more request; as many as come while one would be made are wanted. */
static void
note(struct warm_spot *s, int64_t now)
{
	int64_t span =
	    s->setup_us > WARM_WINDOW_US ? s->setup_us : WARM_WINDOW_US;

	fade(s, now);
	if (now - s->window_us >= span) {
		s->count = 0;
		s->window_us = now;
	}
	s->count++;
	if (s->demand < s->count * WARM_ONE)
		s->demand = s->count * WARM_ONE;
}

/* So many, and a quarter more where there are several: they come unevenly. */
static uint32_t
wanted(struct warm_spot *s, int64_t now)
{
	uint32_t most = (uint32_t)s->warm->settings->warm_connections;
	uint32_t n;

	fade(s, now);
	if (s->demand < WARM_LEAST)
		return 0;
	n = (s->demand + WARM_ONE - 1) / WARM_ONE;
	if (n > 1)
		n += (n + 3) / 4;
	return n < most ? n : most;
}

/* The row may have moved. */
static const struct table_row *
row_of(struct warm_spot *s)
{
	const struct table *t = s->warm->table;
	uint32_t i;

	if (s->row < t->rows_n && t->rows[s->row].slot == s->hop.slot)
		return &t->rows[s->row];
	for (i = 0; i < t->rows_n; i++) {
		if (t->rows[i].slot == s->hop.slot) {
			s->row = i;
			return &t->rows[i];
		}
	}
	return NULL;
}

/* May it have any? */
static bool
is_well(const struct warm_spot *s, const struct table_row *row)
{
	if (row == NULL || row->incarnation != s->hop.incarnation ||
	    row->connections_max != 0 || table_drained(row) || row->tier == 0 ||
	    row->tier > s->rank)
		return false;
	switch ((enum table_observed)row->observed) {
	case TABLE_UNKNOWN:
	case TABLE_UP:
	case TABLE_SUSPECT:
	case TABLE_SLOW_START:
		return true;
	case TABLE_EJECTED:
	case TABLE_HALF_OPEN:
		break;
	}
	return false;
}

/* It has failed just now, or the pool has. */
static bool
is_held(const struct warm_spot *s, int64_t now)
{
	const struct path_load *l = &s->warm->record->loads[s->hop.slot];

	return now < s->hold_us || now < s->warm->hold_us ||
	       (l->incarnation == s->hop.incarnation &&
		   now < l->avoid_until_us);
}

static void
serve(struct warm_spot *s, int64_t now)
{
	uint32_t want = wanted(s, now);
	struct warm *w = s->warm;
	struct warm_conn *c;

	while ((c = TAILQ_FIRST(&s->conns)) != NULL &&
	       (c->until_us <= now || s->n > want))
		drop_conn(c);
	if (want == 0 && s->makings_n == 0) {
		unlist(s);
		return;
	}
	if (is_held(s, now) || row_of(s) == NULL)
		return;
	while (s->n + s->makings_n < want && w->n < w->max)
		make(s);
}

static void
on_timer(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct warm *w = container_of(op, struct warm, timer);
	struct warm_spot *s, *after;
	int64_t now = loop_now_us(loop);

	(void)r; /* time is the only news */
	for (s = LIST_FIRST(&w->listed); s != NULL; s = after) {
		after = LIST_NEXT(s, next);
		if (is_well(s, row_of(s)))
			serve(s, now);
		else
			unlist(s);
	}
	if (!LIST_EMPTY(&w->listed))
		arm(w, now + WARM_LOOK_US);
}

/* --- requests --- */

static bool
is_on(const struct warm *w)
{
	return w != NULL && w->settings != NULL && !w->stopped &&
	       w->settings->warm_connections > 0;
}

static struct warm_spot *
spot_of(struct warm *w, struct record_hop h)
{
	struct warm_spot *s = &w->spots[h.slot];

	if (s->hop.incarnation != h.incarnation) {
		unlist(s);
		s->hop.incarnation = h.incarnation;
		s->rtt_us = s->rtt_at_us = s->setup_us = 0;
		s->age_us = s->hold_us = 0;
		s->fails = 0;
	}
	return s;
}

bool
warm_take(struct warm *w, uint32_t row, struct attempt_warm *out)
{
	const struct table_row *r;
	struct warm_spot *s;
	int64_t now;

	if (!is_on(w))
		return false;
	r = &w->table->rows[row];
	s = spot_of(w, (struct record_hop){r->slot, r->incarnation});
	if (s->rtt_at_us == 0 || s->rtt_us < w->settings->warm_from_ms * 1000)
		return false;
	now = loop_now_us(w->loop);
	s->row = row;
	s->rank = r->tier;
	if (!is_well(s, r))
		return false;
	if (!s->listed) {
		LIST_INSERT_HEAD(&w->listed, s, next);
		s->listed = true;
		s->window_us = s->demand_us = now;
	}
	note(s, now);
	arm(w, now);
	if (s->n == 0)
		return false;
	*out = remove_conn(TAILQ_FIRST(&s->conns));
	return true;
}

void
warm_seen(struct warm *w, struct record_hop h, int fd, int64_t handshake_us)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	struct warm_spot *s;
	int64_t now;

	if (!is_on(w))
		return;
	s = spot_of(w, h);
	learn_setup(s, handshake_us);
	now = loop_now_us(w->loop);
	if (s->rtt_at_us != 0 && now - s->rtt_at_us < WARM_MEASURE_US)
		return;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		return;
	s->rtt_us = info.tcpi_rtt;
	s->rtt_at_us = now;
}

/* --- orders --- */

static void
clear(struct warm *w)
{
	struct warm_spot *s;

	while ((s = LIST_FIRST(&w->listed)) != NULL)
		unlist(s);
	loop_cancel(w->loop, &w->timer);
}

void
warm_use(struct warm *w, const struct settings *s)
{
	clear(w);
	w->settings = s;
}

void
warm_look(struct warm *w)
{
	struct warm_spot *s, *after;

	for (s = LIST_FIRST(&w->listed); s != NULL; s = after) {
		after = LIST_NEXT(s, next);
		if (!is_well(s, row_of(s)))
			unlist(s);
	}
}

void
warm_pause(struct warm *w)
{
	clear(w);
	w->hold_us = loop_now_us(w->loop) + WARM_PAUSE_US;
}

void
warm_stop(struct warm *w)
{
	clear(w);
	w->stopped = true;
}

void
warm_fini(struct warm *w)
{
	warm_stop(w);
	free(w->spots);
	w->spots = NULL;
}
