/* Owns the channel to the ranker and what is under way on it; knows agents by
 * number only. */
#include "policyd/collector/pdline.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "policyd/common/pdfield.h"
#include "policyd/common/pdproc.h"

#define ANSWER_MAX  1024
#define DROPPED_LOG 1024 /* one line for as many */

void
pdline_init(
    struct pdline *l, struct loop *loop, const struct pdline_owner *owner)
{
	memset(l, 0, sizeof(*l));
	l->loop = loop;
	l->owner = *owner;
}

static void
on_welcome(struct pdline *l, const struct chan_msg *m)
{
	struct pdmsg_welcome w;

	if (pdmsg_welcome_decode(m->data, m->len, &w) != 0) {
		l->owner.broken(l->owner.arg, "a welcome that is none");
		return;
	}
	if (l->hellos_n > 0)
		l->hellos_n--;
	l->owner.welcome(l->owner.arg, &w);
}

/* A report has been answered: there is room for another. */
static void
settle(struct pdline *l, uint64_t agent, uint64_t sequence)
{
	struct pdline_report *r;
	uint32_t i;

	for (i = 0; i < l->reports_n; i++) {
		r = &l->reports[i];
		if (r->agent != agent || r->sequence != sequence)
			continue;
		l->bytes -= r->len;
		memmove(r, r + 1, (--l->reports_n - i) * sizeof(*r));
		return;
	}
}

static void
on_stored(struct pdline *l, const struct chan_msg *m)
{
	struct pdfield f = {m->data, m->len, false};
	uint64_t agent, sequence;

	if (m->len % 16 != 0) {
		l->owner.broken(l->owner.arg, "half of what is stored");
		return;
	}
	while (f.left > 0) {
		agent = pdfield_get(&f, 8);
		sequence = pdfield_get(&f, 8);
		settle(l, agent, sequence);
		l->owner.stored(l->owner.arg, agent, sequence);
	}
}

static void
on_unstored(struct pdline *l, const struct chan_msg *m)
{
	struct pdfield f = {m->data, m->len, false};
	char code[MANAGE_CODE_MAX + 1], text[MANAGE_TEXT_MAX + 1];
	uint64_t agent, sequence;

	while (f.left > 0) {
		agent = pdfield_get(&f, 8);
		sequence = pdfield_get(&f, 8);
		pdfield_get_str(&f, code, sizeof(code));
		pdfield_get_str(&f, text, sizeof(text));
		if (f.bad) {
			l->owner.broken(l->owner.arg, "half a refusal");
			return;
		}
		settle(l, agent, sequence);
		l->owner.unstored(l->owner.arg, agent, sequence, code, text);
	}
}

static void
on_publish(struct pdline *l, const struct chan_msg *m)
{
	int rc = blob_take(&l->publish, m);

	if (rc < 0) {
		l->owner.broken(l->owner.arg, "pieces that do not follow");
		return;
	}
	if (rc > 0)
		l->owner.publish(l->owner.arg, l->publish.data, l->publish.len);
}

static void
on_message(void *arg, struct chan *c, const struct chan_msg *m)
{
	struct pdline *l = arg;
	struct pdfield f = {m->data, m->len, false};

	(void)c; /* there is but one */
	switch (m->type) {
	case PDMSG_WELCOME:
		on_welcome(l, m);
		return;
	case PDMSG_STORED:
		on_stored(l, m);
		return;
	case PDMSG_UNSTORED:
		on_unstored(l, m);
		return;
	case PDMSG_EXPEL:
		l->owner.expel(l->owner.arg, pdfield_get(&f, 8));
		return;
	case PDMSG_PUBLISH:
		on_publish(l, m);
		return;
	default: /* the rules let nothing else through */
		return;
	}
}

/* What was under way will not be answered. */
static void
forget(struct pdline *l)
{
	chan_free(l->chan);
	l->chan = NULL;
	blob_free(&l->publish);
	l->hellos_n = l->reports_n = 0;
	l->bytes = 0;
}

static void
on_closed(void *arg, struct chan *c, const char *why)
{
	struct pdline *l = arg;

	(void)c; /* there is but one */
	if (why != NULL)
		log_errx("ranker: %s", why);
	else
		log_info("the ranker is away");
	forget(l);
	l->owner.lost(l->owner.arg);
}

int
pdline_open(struct pdline *l, int fd)
{
	const struct chan_owner owner = {on_message, on_closed, l};
	bool had = l->chan != NULL;
	int error;

	forget(l);
	if (had)
		l->owner.lost(l->owner.arg);
	error = chan_new(&l->chan, l->loop, fd, &pdproc_rules, PDPROC_COLLECTOR,
	    PDPROC_RANKER, &owner);
	if (error == 0)
		chan_queue_max(l->chan, PDLINE_QUEUE_MAX);
	return error;
}

void
pdline_free(struct pdline *l)
{
	forget(l);
}

bool
pdline_has_hello_room(const struct pdline *l)
{
	return l->chan != NULL && l->hellos_n < PDLINE_HELLOS_MAX;
}

bool
pdline_has_report_room(const struct pdline *l, size_t len)
{
	return l->chan != NULL && l->reports_n < PDLINE_REPORTS_MAX &&
	       (l->reports_n == 0 || l->bytes + len <= PDLINE_BYTES_MAX);
}

int
pdline_hello(struct pdline *l, const struct pdmsg_hello *h)
{
	uint8_t buf[CHAN_DATA_MAX];
	int error;

	if (l->chan == NULL)
		return -EPIPE;
	error = chan_send(
	    l->chan, PDMSG_HELLO, buf, pdmsg_hello_encode(h, buf), NULL, 0);
	if (error == 0)
		l->hellos_n++;
	return error;
}

int
pdline_report(struct pdline *l, uint64_t agent, const struct sealed *what,
    uint8_t *data, size_t len)
{
	uint8_t *p = data;
	int error;

	if (l->chan == NULL)
		return -EPIPE;
	p = pdfield_put(p, agent, 8);
	p = pdfield_put(p, what->sequence, 8);
	(void)pdfield_put(
	    p, (uint64_t)what->issued_s, 8); /* the body is next */
	error = blob_send(l->chan, PDMSG_REPORT, data, len);
	if (error != 0)
		return error;
	l->reports[l->reports_n++] = (struct pdline_report){
	    .agent = agent, .sequence = what->sequence, .len = len};
	l->bytes += len;
	return 0;
}

/* What may be left unsaid when more than most messages wait. */
static bool
say(struct pdline *l, uint32_t type, const uint8_t *data, size_t len,
    size_t most)
{
	int error;

	chan_queue_max(l->chan, most);
	error = chan_send(l->chan, type, data, len, NULL, 0);
	chan_queue_max(l->chan, PDLINE_QUEUE_MAX);
	return error == 0;
}

void
pdline_answer(struct pdline *l, uint64_t agent, bool nack, const uint8_t *body,
    size_t len)
{
	uint8_t buf[ANSWER_MAX], *p = buf;

	if (l->chan == NULL || len > sizeof(buf) - 9)
		return;
	p = pdfield_put(p, agent, 8);
	p = pdfield_put(p, nack, 1);
	memcpy(p, body, len);
	if (say(l, PDMSG_ANSWER, buf, 9 + len, PDLINE_ANSWERS_MAX))
		return;
	if (l->dropped++ % DROPPED_LOG == 0)
		log_warnx("the ranker is behind: agents' answers are dropped");
}

void
pdline_gone(struct pdline *l, uint64_t agent)
{
	uint8_t buf[8];

	if (l->chan == NULL)
		return;
	(void)pdfield_put(buf, agent, sizeof(buf)); /* nothing is behind */
	if (!say(l, PDMSG_GONE, buf, sizeof(buf), PDLINE_GONE_MAX))
		log_warnx("the ranker cannot be told that one has gone");
}
