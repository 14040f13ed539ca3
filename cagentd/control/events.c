/* Owns the ring of events; decides nothing. */
#include "cagentd/control/events.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mono.h"

const char *
events_kind_word(enum event_kind kind)
{
	switch (kind) {
	case EVENT_STATE:
		return "state";
	case EVENT_TIER:
		return "tier";
	case EVENT_ADMIN:
		return "admin";
	case EVENT_CONFIG:
		return "config";
	case EVENT_UPLINK:
		return "uplink";
	case EVENT_POLICY:
		return "policy";
	case EVENT_LINK:
		return "link";
	case EVENT_NOTE:
		return "note";
	case EVENT_KIND_COUNT:
		break;
	}
	return "?";
}

static struct event *
begin(struct events *ev, enum event_kind kind, enum table_why why,
    const char *name)
{
	struct event *e = &ev->ring[++ev->last_id % EVENTS_MAX];

	e->id = ev->last_id;
	e->wall_us = mono_wall_us();
	e->kind = kind;
	e->why = why;
	snprintf(e->name, sizeof(e->name), "%s", name);
	return e;
}

static void
tell(const struct events *ev, const struct event *e)
{
	if (e->kind != EVENT_NOTE) /* the master has logged its own */
		log_info(
		    "%s%s%s", e->name, e->name[0] != '\0' ? ": " : "", e->text);
	if (ev->added != NULL)
		ev->added(ev->arg, e);
}

void
events_add(struct events *ev, enum event_kind kind, const char *name,
    const char *fmt, ...)
{
	struct event *e = begin(ev, kind, TABLE_WHY_NONE, name);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	tell(ev, e);
}

void
events_add_why(struct events *ev, enum event_kind kind, enum table_why why,
    const char *name, const char *fmt, ...)
{
	struct event *e = begin(ev, kind, why, name);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	tell(ev, e);
}

const struct event *
events_get(const struct events *ev, uint64_t id)
{
	if (id < events_first(ev) || id > ev->last_id)
		return NULL;
	return &ev->ring[id % EVENTS_MAX];
}

uint64_t
events_first(const struct events *ev)
{
	return ev->last_id > EVENTS_MAX ? ev->last_id - EVENTS_MAX + 1 : 1;
}
