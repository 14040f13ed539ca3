#ifndef TESTS_INTEG_RIG_WEB_H
#define TESTS_INTEG_RIG_WEB_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/*
 * A client that says what it is told to, on 127.0.0.1, and what it got.
 */
struct rig_web {
	int status; /* 0: none, the connection was closed */
	char *text; /* all that came, NUL-terminated; free()d by the caller */
	size_t len;
	const char *body; /* in text; "" */
	int ms;		  /* until the end */
};

/* Send len bytes and read to the end, at most timeout_ms. */
void rig_web_raw(struct rig_web *, uint16_t port, const void *request,
    size_t len, int timeout_ms);
/* GET target; more: header lines, each with its end, or "". */
void rig_web_get(
    struct rig_web *, uint16_t port, const char *target, const char *more);
void rig_web_free(struct rig_web *);

/* GET: it must be that status, JSON, of schema 1, "ok" as the status is.  The
 * caller json_decref()s it. */
json_t *rig_web_json(uint16_t port, const char *target, int status);

#endif
