#ifndef TESTS_INTEG_RIG_APPS_H
#define TESTS_INTEG_RIG_APPS_H

#include "tests/integ/rig_origin.h"
#include "tests/integ/rig_proc.h"

/*
 * Applications as Debian ships them, pointed at one port of an agent: each
 * fetches something and proves that it came whole.
 */
enum rig_app {
	RIG_APP_CURL4,
	RIG_APP_CURL4A,
	RIG_APP_CURL5,
	RIG_APP_CURL5H,
	RIG_APP_CURL_CONNECT,
	RIG_APP_CURL_HTTP,
	RIG_APP_GIT,
	RIG_APP_GIT_HTTP,
	RIG_APP_WGET,
	RIG_APP_WGET_HTTP,
	RIG_APP_SSH4,
	RIG_APP_SSH5,
	RIG_APP_SSH_CONNECT,
	RIG_APP_GIT_SSH,
	RIG_APP_SOCAT4A,
	RIG_APP_SOCAT_CONNECT,
	RIG_APP_PROXYCHAINS,
	RIG_APPS
};
const char *rig_app_word(enum rig_app);
/* Is it a plain HTTP request, not a tunnel? */
bool rig_app_is_web(enum rig_app);

/* What they fetch from. */
struct rig_places {
	struct rig_server origin;
	struct rig_proc tls, sshd;
	uint16_t tls_port, sshd_port;
	const char *host; /* the origin's name */
	char dir[RIG_PATH_MAX];
};

/* Start them; a resolver, too, where the case has its own network. */
void rig_places_start(struct rig_places *);
void rig_places_stop(struct rig_places *);
/* Run one by the agent's port: was it served?  *o is to be freed. */
bool rig_app_run(
    enum rig_app, struct rig_places *, uint16_t port, struct rig_output *o);

#define RIG_APP_BYTES 100000
/* Are these the origin's RIG_APP_BYTES? */
bool rig_app_bytes(const char *data, size_t len);

#endif
