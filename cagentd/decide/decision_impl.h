#ifndef CAGENTD_DECISION_IMPL_H
#define CAGENTD_DECISION_IMPL_H

#include "cagentd/decide/decision.h"
#include "wire/cursor.h"

/* What decision*.c share, private to them. */

/* A record's head; buf holds DECISION_RECORD_MAX bytes. */
void decision_begin(
    struct cursor_out *, uint8_t *buf, enum decision_kind, uint32_t worker);
/* And its end: the length of all, or 0 when it could not be expressed. */
size_t decision_end(const struct cursor_out *, uint8_t *buf);
/* 0 when all of the content was read and nothing was missing, else -EPROTO. */
int decision_whole(const struct cursor_in *);

/* Up to TABLE_NAME_MAX bytes. */
void decision_put_name(struct cursor_out *, const char *name);
void decision_get_name(struct cursor_in *, char out[TABLE_NAME_MAX + 1]);
/* How many come, at most max; 0 after a failure. */
uint32_t decision_get_count(struct cursor_in *, uint32_t max);

#endif
