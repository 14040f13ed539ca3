/* Owns the checks of where requests come in and go out. */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mono.h"
#include "base/net.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/doctor/doctor.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/peek.h"
#include "cagent-ctl/row.h"
#include "wire/ctl.h"

#define ANSWER_US 2000000

static json_t *
table_rows(const struct doctor *d)
{
	char path[ASK_PATH_MAX];
	json_t *doc, *rows;
	struct table *t;

	if (peek_table(ask_path(d->call, CTL_TABLE_NAME, path), &t) != 0)
		return NULL;
	doc = peek_json(t, d->now_us);
	free(t);
	rows = json_incref(json_object_get(doc, "rows"));
	json_decref(doc);
	return rows;
}

/* Why one is not usable, in short. */
static void
add_unusable(char *text, size_t size, const json_t *row)
{
	size_t len = strlen(text);

	if (strcmp(field_string(row, "admin"), "drain") == 0)
		snprintf(text + len, size - len, "; %s is drained",
		    field_string(row, "name"));
	else
		snprintf(text + len, size - len, "; %s: %s",
		    field_string(row, "name"), field_string(row, "reason"));
}

static void
check_intermediaries(struct doctor *d)
{
	json_t *rows = table_rows(d);
	size_t i, n = 0, usable = 0;
	const json_t *row;
	enum doctor_result result = DOCTOR_OK;
	char text[512] = "";

	if (rows == NULL)
		return;
	for (i = 0; i < json_array_size(rows); i++) {
		row = json_array_get(rows, i);
		n += row_ranked(row);
		if (!row_usable(row))
			add_unusable(text, sizeof(text), row);
		else
			usable += row_ranked(row);
	}
	if (n == 0 || text[0] != '\0')
		result = usable == 0 && n > 0 ? DOCTOR_FAIL : DOCTOR_WARN;
	doctor_add(d, "intermediaries", result,
	    n == 0 ? "name some in the configuration, [intermediary \"NAME\"]"
		   : "\"cagent-ctl why NAME\" tells more; a drained one "
		     "returns by \"cagent-ctl enable NAME\"",
	    "%zu of %zu usable%s", usable, n, text);
	json_decref(rows);
}

static void
check_uplink(struct doctor *d)
{
	int64_t since_us = field_number(d->status, "uplink_us");
	char span[FORMAT_LEN];

	if (since_us == 0)
		return;
	doctor_add(d, "uplink", DOCTOR_FAIL,
	    "see whether this host reaches anything on that way: its link, "
	    "routes, firewall, name servers",
	    "no intermediary answers for %s: this host's own uplink is "
	    "suspected, and ranks are held",
	    format_between(since_us, d->now_us, span));
}

/* The address at which a wildcard listener is reached from here. */
static void
make_local(union net_addr *a)
{
	if (a->sa.sa_family == AF_INET && a->in.sin_addr.s_addr == 0)
		a->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (a->sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr))
		a->in6.sin6_addr = in6addr_loopback;
}

/* 0 once the socket is ready for events, or -ETIMEDOUT. */
static int
await(int fd, short events, int64_t deadline_us)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left_us;

	for (;;) {
		left_us = deadline_us - mono_us();
		if (left_us <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)((left_us + 999) / 1000)) == 1)
			return 0;
	}
}

static int
connected(int fd, const union net_addr *a, int64_t deadline_us)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (connect(fd, &a->sa, net_addr_len(a)) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	if (await(fd, POLLOUT, deadline_us) != 0)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return -errno;
	return -error;
}

/* A greeting in SOCKS5 (RFC 1928 section 3) proves that a worker serves, not
 * only that the kernel accepts: 0, or -errno. */
static int
greet(int fd, int64_t deadline_us)
{
	static const unsigned char hello[] = {5, 1, 0};
	unsigned char answer[2];

	if (send(fd, hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello))
		return -errno;
	if (await(fd, POLLIN, deadline_us) != 0)
		return -ETIMEDOUT;
	if (recv(fd, answer, sizeof(answer), 0) != sizeof(answer))
		return -ECONNRESET;
	return answer[0] == 5 && answer[1] == 0 ? 0 : -EPROTO;
}

static void
add_listener(struct doctor *d, const char *name, int connect_error, int error)
{
	if (connect_error != 0)
		doctor_add(d, "listener", DOCTOR_FAIL,
		    "is a packet filter in the way, or was the configuration "
		    "changed without a reload?",
		    "%s cannot be reached: %s", name, strerror(-connect_error));
	else if (error == -ETIMEDOUT)
		doctor_add(d, "listener", DOCTOR_FAIL,
		    "workers may be out of file descriptors or hung: see "
		    "\"cagent-ctl status\" and the log",
		    "%s accepts, but does not answer", name);
	else if (error != 0)
		doctor_add(d, "listener", DOCTOR_WARN,
		    "[access] may not name this host: then it is as you want "
		    "it",
		    "%s hangs up on this host", name);
	else
		doctor_add(
		    d, "listener", DOCTOR_OK, "", "%s answers in SOCKS5", name);
}

static void
check_listener(struct doctor *d, const char *name)
{
	int64_t deadline_us = mono_us() + ANSWER_US;
	union net_addr a;
	int fd, error = 0, greeted = 0;

	if (strncmp(name, "redirect:", 9) == 0 ||
	    strncmp(name, "tproxy:", 7) == 0) {
		doctor_add(d, "listener", DOCTOR_SKIP, "",
		    "%s: there is nothing to say to it", name);
		return;
	}
	if (net_addr_parse(name, &a) < 0 ||
	    (a.sa.sa_family != AF_UNIX && net_addr_port(&a) == 0)) {
		doctor_add(d, "listener", DOCTOR_SKIP, "",
		    "%s: which port it got is in the log only", name);
		return;
	}
	make_local(&a);
	fd = net_stream_socket(a.sa.sa_family);
	if (fd < 0)
		error = fd;
	else
		error = connected(fd, &a, deadline_us);
	if (error == 0)
		greeted = greet(fd, deadline_us);
	if (fd >= 0)
		close(fd);
	add_listener(d, name, error, greeted);
}

void
doctor_paths(struct doctor *d)
{
	const json_t *listeners;
	size_t i;

	if (d->status == NULL)
		return;
	check_intermediaries(d);
	check_uplink(d);
	listeners = json_object_get(d->status, "listeners");
	for (i = 0; i < json_array_size(listeners); i++)
		check_listener(
		    d, json_string_value(json_array_get(listeners, i)));
}
