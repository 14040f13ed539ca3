/* Owns how the ranker writes to the store: transactions, events, what is done
 * when the disk cannot be written, and what is deleted for its age. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mono.h"
#include "policyd/ranker/ranker.h"

/* How often a disk that cannot be written is tried again. */
#define RETRY_US INT64_C(3000000)
/* How often rows are looked for that are too old; while there are more. */
#define PRUNE_US      INT64_C(60000000)
#define PRUNE_MORE_US INT64_C(200000)

int64_t
ranker_now_s(void)
{
	return mono_wall_us() / 1000000;
}

static void
arm(struct ranker *r, struct op *op, int64_t in_us, op_fn *fn)
{
	if (loop_timer(r->loop, op, loop_now_us(r->loop) + in_us, fn) != 0)
		fatalx("out of memory");
}

/* --- events --- */

static int
add_event(struct ranker *r, const char *kind, const char *group,
    const char *subject, const char *text)
{
	struct store_event e = {.at_s = ranker_now_s()};

	snprintf(e.kind, sizeof(e.kind), "%s", kind);
	snprintf(e.group, sizeof(e.group), "%s", group);
	snprintf(e.subject, sizeof(e.subject), "%s", subject);
	snprintf(e.text, sizeof(e.text), "%s", text);
	return store_event_add(r->store, &e);
}

int
ranker_event(struct ranker *r, const char *kind, const char *group,
    const char *subject, const char *fmt, ...)
{
	char text[STORE_REASON_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return add_event(r, kind, group, subject, text);
}

/* --- transactions --- */

void
ranker_disk_tell(struct ranker *r)
{
	uint8_t buf[2 + STORE_REASON_MAX];
	size_t len = strlen(r->why);

	buf[0] = r->read_only;
	buf[1] = (uint8_t)len;
	memcpy(buf + 2, r->why, len);
	(void)ranker_send(r, PDPROC_PAGE, PDMSG_STATE, buf, 2 + len);
}

/* Is it the disk, and not the row? */
static bool
of_the_disk(int error)
{
	return error != -EEXIST && error != -ENOENT && error != -EINVAL;
}

static void on_retry(struct loop *, struct op *, const struct op_result *);

static void
failed(struct ranker *r)
{
	arm(r, &r->retry, RETRY_US, on_retry);
	snprintf(r->why, sizeof(r->why), "%s", store_why(r->store));
	if (r->read_only)
		return;
	r->read_only = true;
	log_errx("the store cannot be written: %s; what was signed last stays "
		 "in force",
	    r->why);
	ranker_disk_tell(r);
}

static void
recovered(struct ranker *r)
{
	log_info("the store can be written again");
	r->read_only = false;
	r->why[0] = '\0';
	ranker_disk_tell(r);
	ranker_soon(r);
}

int
ranker_begin(struct ranker *r)
{
	int error = store_begin(r->store);

	if (error != 0)
		failed(r);
	return error;
}

int
ranker_end(struct ranker *r, int error)
{
	if (error == 0)
		error = store_commit(r->store);
	if (error == 0) {
		if (r->read_only)
			recovered(r);
		return 0;
	}
	store_rollback(r->store);
	if (of_the_disk(error))
		failed(r);
	return error;
}

int
ranker_disk_why(const struct ranker *r, int error, struct ranker_why *why)
{
	snprintf(why->code, sizeof(why->code), "%s",
	    of_the_disk(error) ? "read-only" : "internal");
	snprintf(why->text, sizeof(why->text),
	    "the store cannot be written: %.200s", store_why(r->store));
	return error;
}

static void
on_retry(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct ranker *r = container_of(op, struct ranker, retry);
	char was[sizeof(r->why)];
	int error;

	(void)loop, (void)res; /* time is the only news */
	if (!r->read_only)
		return;
	memcpy(was, r->why, sizeof(was));
	error = ranker_begin(r);
	if (error == 0)
		/* It has armed the next try. */
		(void)ranker_end(
		    r, ranker_event(r, "store", "", "",
			   "it could not be written: %.200s", was));
}

/* --- age --- */

/* Also when there is no room, as this makes some.  That nothing had to be
 * deleted says nothing of the disk: it is the retry's to find out. */
static int
prune(struct ranker *r, const struct store_ages *ages, bool *more)
{
	int error = store_begin(r->store);

	if (error == 0)
		error = store_prune(r->store, ages, more);
	if (error == 0)
		error = store_commit(r->store);
	if (error != 0)
		store_rollback(r->store);
	return error;
}

static void
on_prune(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct ranker *r = container_of(op, struct ranker, prune);
	int64_t now_s = ranker_now_s();
	const struct store_ages ages = {
	    .seen_before_s = now_s - r->conf->keep_reports_ms / 1000,
	    .probes_before_s = now_s - r->conf->keep_probes_ms / 1000,
	    .places_before_s = now_s - r->conf->keep_ranks_ms / 1000,
	    .events_before_s = now_s - r->conf->keep_events_ms / 1000,
	};
	bool more = false;
	int error;

	(void)loop, (void)res; /* time is the only news */
	error = prune(r, &ages, &more);
	arm(r, op, error == 0 && more ? PRUNE_MORE_US : PRUNE_US, on_prune);
}

void
ranker_disk_start(struct ranker *r)
{
	arm(r, &r->prune, PRUNE_MORE_US, on_prune);
}
