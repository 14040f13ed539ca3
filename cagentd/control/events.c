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
	case EVENT_NOTE:
		return "note";
	case EVENT_KIND_COUNT:
		break;
	}
	return "?";
}

void
events_add(struct events *ev, enum event_kind kind, const char *name,
    const char *fmt, ...)
{
	struct event *e = &ev->ring[++ev->last_id % EVENTS_MAX];
	va_list ap;

	e->id = ev->last_id;
	e->wall_us = mono_wall_us();
	e->kind = kind;
	snprintf(e->name, sizeof(e->name), "%s", name);
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	if (kind != EVENT_NOTE) /* the master has logged its own */
		log_info(
		    "%s%s%s", e->name, name[0] != '\0' ? ": " : "", e->text);
	if (ev->added != NULL)
		ev->added(ev->arg, e);
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
