/* Owns what waits to be stored, and that it is answered only then. */
#include "policyd/ranker/ranker_batch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policyd/common/pdfield.h"

/* Of acknowledgements that go in one message. */
#define STORED_LEN 16

void
ranker_refuse(struct ranker_item *item, const char *code, const char *fmt, ...)
{
	va_list ap;

	snprintf(item->why.code, sizeof(item->why.code), "%s", code);
	va_start(ap, fmt);
	vsnprintf(item->why.text, sizeof(item->why.text), fmt, ap);
	va_end(ap);
}

/* --- answers to reports --- */

struct answers {
	uint8_t buf[CHAN_DATA_MAX];
	size_t len;
};

static void
say_stored(struct ranker *r, struct answers *a)
{
	if (a->len > 0)
		(void)ranker_send(
		    r, PDPROC_COLLECTOR, PDMSG_STORED, a->buf, a->len);
	a->len = 0;
}

static void
stored(struct ranker *r, struct answers *a, const struct ranker_item *item)
{
	uint8_t *p = a->buf + a->len;

	p = pdfield_put(p, item->conn, 8);
	p = pdfield_put(p, item->sequence, 8);
	a->len = (size_t)(p - a->buf);
	if (a->len > sizeof(a->buf) - STORED_LEN)
		say_stored(r, a);
}

static void
unstored(struct ranker *r, const struct ranker_item *item)
{
	uint8_t buf[2 * 8 + 2 + MANAGE_CODE_MAX + MANAGE_TEXT_MAX], *p = buf;
	char text[MANAGE_TEXT_MAX + 1];

	snprintf(
	    text, sizeof(text), "%.*s", (int)sizeof(text) - 1, item->why.text);
	p = pdfield_put(p, item->conn, 8);
	p = pdfield_put(p, item->sequence, 8);
	p = pdfield_put_str(p, item->why.code);
	p = pdfield_put_str(p, text);
	r->reports_refused++;
	(void)ranker_send(
	    r, PDPROC_COLLECTOR, PDMSG_UNSTORED, buf, (size_t)(p - buf));
	if (ranker_agent_of(r, item->conn) == NULL)
		ranker_expel(r, item->conn);
}

/* --- a transaction --- */

static int
store_one(struct ranker *r, struct ranker_item *item)
{
	switch (item->kind) {
	case RANKER_HELLO:
		return ranker_hello_store(r, item);
	case RANKER_REPORT:
		return ranker_report_store(r, item);
	case RANKER_ANSWER:
		return ranker_answer_store(r, item);
	case RANKER_PROBE:
		return store_probe_add(r->store, &item->probe);
	}
	return 0;
}

static int
store_all(struct ranker *r)
{
	struct ranker_item *item;
	int error;

	if (r->read_only)
		return -EROFS;
	error = ranker_begin(r);
	if (error != 0)
		return error;
	STAILQ_FOREACH(item, &r->items, next)
	{
		error = store_one(r, item);
		if (error != 0)
			break;
	}
	return ranker_end(r, error);
}

static void
on_disk(struct ranker *r, struct ranker_item *item, struct answers *a)
{
	switch (item->kind) {
	case RANKER_HELLO:
		ranker_hello_stored(r, item);
		return;
	case RANKER_REPORT:
		if (item->why.code[0] != '\0') {
			unstored(r, item);
			return;
		}
		ranker_report_stored(r, item);
		stored(r, a, item);
		return;
	case RANKER_ANSWER:
	case RANKER_PROBE:
		return;
	}
}

static void
not_on_disk(struct ranker *r, struct ranker_item *item, int error)
{
	switch (item->kind) {
	case RANKER_HELLO:
		ranker_hello_unstored(r, item);
		return;
	case RANKER_REPORT:
		ranker_disk_why(r, error, &item->why);
		unstored(r, item);
		return;
	case RANKER_ANSWER:
	case RANKER_PROBE:
		return; /* there will be others */
	}
}

static void
unqueue(struct ranker *r, const struct ranker_item *item)
{
	struct ranker_agent *a = ranker_agent_of(r, item->conn);

	if (item->kind == RANKER_REPORT && a != NULL)
		a->queued = false;
}

void
ranker_flush(struct ranker *r)
{
	struct answers a = {.len = 0};
	struct ranker_item *item;
	int error;

	loop_cancel(r->loop, &r->flush);
	if (r->items_n == 0)
		return;
	error = store_all(r);
	while ((item = STAILQ_FIRST(&r->items)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->items, next);
		unqueue(r, item);
		if (error == 0)
			on_disk(r, item, &a);
		else
			not_on_disk(r, item, error);
		free(item);
	}
	r->items_n = 0;
	r->items_len = 0;
	say_stored(r, &a);
}

/* --- what comes in --- */

static void
on_flush(struct loop *loop, struct op *op, const struct op_result *res)
{
	(void)loop, (void)res; /* time is the only news */
	ranker_flush(container_of(op, struct ranker, flush));
}

/* Never NULL: a ranker without memory is of no use. */
static struct ranker_item *
item_new(enum ranker_item_kind kind, const uint8_t *body, size_t len)
{
	struct ranker_item *item = calloc(1, sizeof(*item) + len);

	if (item == NULL)
		fatalx("out of memory");
	item->kind = kind;
	item->len = len;
	if (len > 0)
		memcpy(item->body, body, len);
	return item;
}

static void
queue(struct ranker *r, struct ranker_item *item)
{
	STAILQ_INSERT_TAIL(&r->items, item, next);
	r->items_n++;
	r->items_len += item->len;
	if (r->items_n >= RANKER_BATCH_N || r->items_len >= RANKER_BATCH_LEN) {
		ranker_flush(r);
		return;
	}
	if (!loop_op_active(&r->flush) &&
	    loop_timer(r->loop, &r->flush,
		loop_now_us(r->loop) + RANKER_BATCH_US, on_flush) != 0)
		fatalx("out of memory");
}

void
ranker_batch_hello(struct ranker *r, const struct chan_msg *m)
{
	struct ranker_item *item = item_new(RANKER_HELLO, NULL, 0);

	if (pdmsg_hello_decode(m->data, m->len, &item->hello) != 0) {
		log_errx("the collector sends a hello that is none");
		free(item);
		return;
	}
	item->conn = item->hello.agent;
	item->sequence = item->hello.sequence;
	queue(r, item);
}

/* Of each agent one at a time: the next is compared with it. */
void
ranker_batch_report(struct ranker *r, const uint8_t *data, size_t len)
{
	struct pdfield f = {data, len, false};
	uint64_t conn = pdfield_get(&f, 8), sequence = pdfield_get(&f, 8);
	struct ranker_item *item;
	struct ranker_agent *a;

	(void)pdfield_get(&f, 8); /* when it was made: ours counts */
	if (f.bad) {
		log_errx("the collector sends a report that is none");
		return;
	}
	a = ranker_agent_of(r, conn);
	if (a != NULL && a->queued)
		ranker_flush(r);
	item = item_new(RANKER_REPORT, f.at, f.left);
	item->conn = conn;
	item->sequence = sequence;
	if (a != NULL)
		a->queued = true;
	queue(r, item);
}

void
ranker_batch_answer(struct ranker *r, const struct chan_msg *m)
{
	struct pdfield f = {m->data, m->len, false};
	uint64_t conn = pdfield_get(&f, 8);
	bool nack = pdfield_get_bool(&f);
	struct ranker_item *item;

	if (f.bad || ranker_agent_of(r, conn) == NULL)
		return;
	item = item_new(RANKER_ANSWER, NULL, 0);
	item->conn = conn;
	item->answer.nack = nack;
	if (manage_answer_decode(f.at, f.left, nack, &item->answer.what) ==
	    WIRE_BAD) {
		free(item);
		return;
	}
	queue(r, item);
}

void
ranker_batch_probe(struct ranker *r, const struct store_probe *probe)
{
	struct ranker_item *item = item_new(RANKER_PROBE, NULL, 0);

	item->probe = *probe;
	queue(r, item);
}
