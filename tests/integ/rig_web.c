/* Owns a small HTTP client for tests of servers: one request a connection. */
#include "tests/integ/rig_web.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig.h"
#include "tests/integ/rig_net.h"

#define WAIT_MS 20000
#define CHUNK	65536

/* More of the answer: false at its end. */
static bool
take(struct rig_web *h, int fd)
{
	char *text = realloc(h->text, h->len + CHUNK + 1);
	ssize_t n;

	REQUIRE(text != NULL, "out of memory");
	h->text = text;
	n = read(fd, h->text + h->len, CHUNK);
	if (n > 0)
		h->len += (size_t)n;
	h->text[h->len] = '\0';
	return n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR));
}

void
rig_web_raw(struct rig_web *h, uint16_t port, const void *request, size_t len,
    int timeout_ms)
{
	int64_t begin_ms = rig_now_ms(), until_ms = begin_ms + timeout_ms;
	int fd = rig_net_connect("127.0.0.1", port, timeout_ms);
	const char *at = request, *head;
	bool open = true;

	memset(h, 0, sizeof(*h));
	h->text = calloc(1, 1);
	REQUIRE(fd >= 0 && h->text != NULL, "connect: %s", strerror(-fd));
	while (open && rig_left_ms(until_ms) > 0) {
		struct pollfd p = {
		    fd, (short)(POLLIN | (len > 0 ? POLLOUT : 0)), 0};
		ssize_t n;

		if (poll(&p, 1, rig_left_ms(until_ms)) <= 0)
			continue;
		if ((p.revents & POLLOUT) != 0 && len > 0) {
			n = write(fd, at, len);
			/* One that answers and closes need not read it all. */
			len = n == -1 && errno != EAGAIN ? 0 : len;
			at += n > 0 ? n : 0;
			len -= n > 0 ? (size_t)n : 0;
		}
		if ((p.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
			open = take(h, fd);
	}
	close(fd);
	h->ms = (int)(rig_now_ms() - begin_ms);
	if (strncmp(h->text, "HTTP/1.", 7) == 0)
		h->status = (int)strtol(h->text + 9, NULL, 10);
	head = strstr(h->text, "\r\n\r\n");
	h->body = head != NULL ? head + 4 : "";
}

void
rig_web_get(
    struct rig_web *h, uint16_t port, const char *target, const char *more)
{
	char request[8192];
	int len = snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%sConnection: close\r\n"
	    "\r\n",
	    target, port, more);

	REQUIRE(len > 0 && (size_t)len < sizeof(request), "too long");
	rig_web_raw(h, port, request, (size_t)len, WAIT_MS);
}

void
rig_web_free(struct rig_web *h)
{
	free(h->text);
	h->text = NULL;
}

json_t *
rig_web_json(uint16_t port, const char *target, int status)
{
	struct rig_web h;
	json_t *doc;

	rig_web_get(&h, port, target, "");
	doc = json_loads(h.body, JSON_REJECT_DUPLICATES, NULL);
	CHECK(h.status == status && doc != NULL, "%s: %d, not %d: %.300s",
	    target, h.status, status, h.text);
	CHECK(strstr(h.text, "\r\nContent-Type: application/json\r\n") != NULL,
	    "%s: it is not said to be JSON", target);
	CHECK(json_integer_value(json_object_get(doc, "schema")) == 1 &&
		  json_is_true(json_object_get(doc, "ok")) == (status == 200),
	    "%s: %.200s", target, h.body);
	rig_web_free(&h);
	return doc;
}
