/* Owns what becomes of a dial's tries: counts, blame and the telling of it. */
#include "cagentd/worker/dial/dial_tries.h"

#include <stdio.h>
#include <string.h>

#include "cagentd/decide/blame.h"
#include "cagentd/worker/dial/dial_steps.h"

static struct path_tried *
tried(struct dial *d, const struct dial_try *t)
{
	uint32_t i;

	for (i = 0; i < d->tried_n; i++) {
		if (d->tried[i].slot == t->hop.slot &&
		    d->tried[i].incarnation == t->hop.incarnation)
			return &d->tried[i];
	}
	d->tried[d->tried_n++] =
	    (struct path_tried){t->hop.slot, t->hop.incarnation, 0};
	return &d->tried[i];
}

static void
charge(struct dial *d, struct dial_try *t, bool charged)
{
	t->settled = true;
	record_failed(d->env->record, t->hop, t->reason, charged,
	    loop_now_us(d->env->loop));
}

/* What was given no time to answer cannot be blamed for silence, and who will
 * relay no datagrams may do well for all else. */
static enum blame
blame_for(const struct dial *d, const struct dial_try *t)
{
	if (d->associate && blame_of(t->reason) == BLAME_IF_CORROBORATED)
		return BLAME_NOBODY;
	if (t->hurried &&
	    (t->reason == REASON_HOP_TIMEOUT || t->reason == REASON_HOP_SILENT))
		return BLAME_NOBODY;
	return blame_of(t->reason);
}

void
dial_tries_enter(struct dial *d, struct dial_try *t)
{
	record_enter(d->env->record, t->hop);
	if (t->trial)
		record_trial(d->env->record, t->hop, loop_now_us(d->env->loop));
	tried(d, t)->times++;
}

void
dial_tries_failed(struct dial *d, struct dial_try *t)
{
	enum blame blame = blame_for(d, t);

	if (t->direct)
		return;
	if (blame_answered(t->reason) || d->associate)
		tried(d, t)->times = UINT32_MAX;
	if (blame == BLAME_HOP)
		budget_failed(d->env->budget);
	if (blame != BLAME_IF_CORROBORATED)
		charge(d, t, blame == BLAME_HOP);
}

void
dial_tries_outrun(struct dial *d, struct dial_try *t, int64_t waited_us)
{
	t->handshake_us = waited_us;
	if (t->direct)
		return;
	record_outrun(
	    d->env->record, t->hop, waited_us, loop_now_us(d->env->loop));
	charge(d, t, false);
}

void
dial_tries_forget(struct dial *d, struct dial_try *t)
{
	size_t after = (size_t)(d->tries + d->tries_n - (t + 1));
	struct path_tried *counted;

	if (!t->direct) {
		counted = tried(d, t);
		if (counted->times > 0 && counted->times != UINT32_MAX)
			counted->times--;
	}
	memmove(t, t + 1, after * sizeof(*t));
	d->tries_n--;
}

void
dial_tries_leave(struct dial *d, struct dial_try *t)
{
	if (t->trial)
		record_trial_over(d->env->record, t->hop);
	if (!t->direct && t->reason != REASON_OK)
		record_leave(d->env->record, t->hop);
}

/* A silence that nobody broke says something only of one who should have
 * spoken first. */
static bool
says_something(const struct dial_try *t, bool asked)
{
	if (t->reason == REASON_HOP_MUTE && t->unasked)
		return !asked;
	return true;
}

void
dial_tries_settle(struct dial *d, bool reached, bool asked)
{
	struct dial_try *t;
	uint32_t i;

	for (i = 0; i < d->tries_n; i++) {
		t = &d->tries[i];
		if (!t->direct && !t->settled && t->reason != REASON_OK)
			charge(d, t,
			    reached && says_something(t, asked) &&
				blame_for(d, t) == BLAME_IF_CORROBORATED);
	}
}

/* Is it an answer of which two make a verdict?  A path that was closed before
 * its first byte is one; silence is none, as destinations take their time. */
static bool
answered_for_it(const struct dial_try *t)
{
	if (t->stood)
		return !t->direct && t->reason != REASON_HOP_MUTE;
	return blame_definite(t->reason);
}

bool
dial_tries_suffice(const struct dial *d)
{
	const struct dial_try *t;
	uint32_t i, n = 0;

	if (d->associate) /* there is none that they could be about */
		return false;
	for (i = 0; i < d->tries_n; i++) {
		t = &d->tries[i];
		if (t->direct && t->reason == REASON_REFUSED &&
		    !d->verdict.learned)
			return true;
		/* A cache or service speaks of itself, if of anything. */
		n += !dial_steps_is(t) && answered_for_it(t);
	}
	return n >= 2;
}

enum wire_reason
dial_tries_reason(const struct dial *d, enum wire_reason reason)
{
	uint32_t i;

	for (i = 0; i < d->tries_n; i++)
		reason = blame_truest(reason, d->tries[i].reason);
	return reason;
}

bool
dial_tries_all(const struct dial *d)
{
	uint32_t n = dial_steps_others(d);
	uint32_t allowed = (uint32_t)d->settings->attempts;

	/* A try of what was only learned takes none from the others. */
	if (d->verdict.learned)
		allowed++;
	return n >= DIAL_ATTEMPTS_MAX || n >= allowed;
}

const char *
dial_why(const struct dial *d, char *out, size_t size)
{
	const struct dial_try *t = &d->tries[d->standing];
	size_t len;
	uint32_t i;

	if (t->direct)
		snprintf(out, size, "direct, as %s",
		    d->verdict.learned	      ? "that was learned"
		    : d->verdict.rule >= 0    ? "its rule says"
		    : d->verdict.direct_first ? "its destination is listed"
					      : "no intermediary is left");
	else
		path_why_text(&d->leg.pick, d->leg.rival, out, size);
	for (i = 0; i < d->tries_n; i++) {
		t = &d->tries[i];
		if (i == d->standing)
			continue;
		len = strlen(out);
		if (t->reason == REASON_CANCELLED)
			snprintf(
			    out + len, size - len, "; faster than %s", t->name);
		else
			snprintf(out + len, size - len, "; after %s: %s",
			    t->name, wire_reason_word(t->reason));
	}
	return out;
}

size_t
dial_report(const struct dial *d, char *out, size_t size)
{
	const struct dial_try *t;
	char rank[TABLE_RANK_TEXT_LEN + 3], text[TABLE_RANK_TEXT_LEN];
	size_t len = 0;
	uint32_t i;
	int n;

	out[0] = '\0';
	for (i = 0; i < d->tries_n; i++) {
		t = &d->tries[i];
		rank[0] = '\0';
		if (!t->direct)
			snprintf(rank, sizeof(rank), " (%s)",
			    table_rank_text(t->rank, text));
		n = snprintf(out + len, size - len, "%s%s: %s, %lld ms\n",
		    t->name, rank, wire_reason_text(t->reason),
		    (long long)(t->handshake_us / 1000));
		if (n < 0 || (size_t)n >= size - len) {
			out[len] = '\0';
			break;
		}
		len += (size_t)n;
	}
	return len;
}
