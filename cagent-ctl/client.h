#ifndef CAGENT_CTL_CLIENT_H
#define CAGENT_CTL_CLIENT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One question on the control socket (wire/ctl.h): a line out, objects back.
 * Every step ends by the deadline of the question.
 */
#define CLIENT_TIMEOUT_US 5000000
#define CLIENT_LINE_MAX	  (32u << 20)

struct client;

/* Connect to the socket at path and send the line (without its newline).
 * 0 or -errno; *out is NULL after an error. */
int client_open(struct client **out, const char *path, const char *line,
    int64_t timeout_us);
void client_free(struct client *); /* NULL allowed */
/* What follows the line.  0 or -errno; 0 also when the other side wants no
 * more of it: it has answered then. */
int client_send(struct client *, const void *data, size_t len);

/*
 * The next object.  deadline_us: mono_us(), INT64_MAX to wait for ever (then
 * -EPIPE as well, when nobody reads stdout any more).
 * returns 1 and *doc (caller frees), 0 at the end, -ETIMEDOUT, -EPROTO for
 * what is no JSON object, -EMSGSIZE, or another -errno.
 */
int client_next(struct client *, int64_t deadline_us, json_t **doc);
/* The deadline of the question. */
int64_t client_deadline_us(const struct client *);

#endif
