#ifndef TESTS_INTEG_RIG_NGINX_H
#define TESTS_INTEG_RIG_NGINX_H

#include <stdint.h>

#include "tests/integ/rig_proc.h"

/*
 * A real nginx as the origin of a case, on 127.0.0.1:
 *   /files/f  RIG_NGINX_FILE bytes, the one at i being rig_nginx_byte(i), with
 *             validators and ranges
 *   /put/...  PUT, GET and DELETE of files
 *   /say      200 and "METHOD LENGTH", to any method
 *   /none     204
 */
#define RIG_NGINX_FILE 5000

static inline char
rig_nginx_byte(size_t i)
{
	return (char)('a' + i * 7 % 23);
}

struct rig_nginx {
	struct rig_proc proc;
	uint16_t port;
	char log[RIG_PATH_MAX]; /* "CONNECTION METHOD TARGET" a line */
};

void rig_nginx_start(struct rig_nginx *);
/* How many connections and requests it has had, from the log on disk; in:
 * only of targets that contain that. */
struct rig_nginx_seen {
	unsigned int connections, requests;
};
void rig_nginx_seen(
    const struct rig_nginx *, const char *in, struct rig_nginx_seen *);

#endif
