#ifndef POLICYD_PAGE_HTTP_H
#define POLICYD_PAGE_HTTP_H

#include <stddef.h>
#include <stdint.h>

struct loop;

/*
 * The HTTP server: the embedded files, and what else is asked for under
 * PAGE_HTTP_API by a callback.  GET and HEAD alone, no cookies, no state.  By
 * libmicrohttpd, driven from the loop, without threads.
 *
 * A listener on a loopback address answers only those that call it by a name
 * of loopback, so that no site on the Internet can give itself a name that
 * leads here and read the answers in somebody's browser.
 */
#define PAGE_HTTP_API	     "/api/"
#define PAGE_HTTP_TARGET_MAX 1024
#define PAGE_HTTP_HEAD_MAX   16384 /* a connection's memory, for its head */
#define PAGE_HTTP_MAX	     512   /* connections of a listener, ... */
#define PAGE_HTTP_IP_MAX     256   /* of those, from one address */
#define PAGE_HTTP_IDLE_S     15	   /* without a byte */
#define PAGE_HTTP_REQUEST_MS 30000 /* from one answer to the end of the next */
/* What is asked later in a turn of the loop that has lasted so long is refused:
 * the process has to show that it lives. */
#define PAGE_HTTP_TURN_US INT64_C(2000000)

struct page_answer {
	unsigned int status;
	char *body; /* JSON; malloc, whoever gets the answer frees it; NULL: out
		       of memory, the connection is closed */
};

struct page_site {
	/* target: path and query as sent, at most PAGE_HTTP_TARGET_MAX. */
	void (*answer)(void *arg, const char *target, struct page_answer *);
	void *arg;
	int64_t request_ms; /* PAGE_HTTP_REQUEST_MS */
};

struct page_http;

/* The listeners are its own from here on; it serves once the loop turns.  0,
 * or -errno: some of them are closed, and only leaving is right. */
int page_http_new(struct page_http **, struct loop *, const int *listeners,
    uint32_t n, const struct page_site *);
void page_http_free(struct page_http *); /* NULL allowed */

#endif
