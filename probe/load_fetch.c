/* Owns one question for an intermediary's load; what the answer means is
 * load.c's. */
#include "probe/load_fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "wire/http.h"

#define REQUEST_MAX 1536

void
load_fetch_cancel(struct load_fetch *f)
{
	if (f->done == NULL)
		return;
	loop_cancel(f->loop, &f->timer);
	loop_cancel(f->loop, &f->recv);
	loop_cancel(f->loop, &f->send);
	loop_close(f->loop, f->fd);
	f->fd = -1;
	buf_free(f->in);
	f->in = NULL;
	f->done = NULL;
}

static void
finish(struct load_fetch *f, int error)
{
	struct load_answer answer = f->answer;
	load_fn *done = f->done;

	answer.error = error;
	load_fetch_cancel(f);
	done(f, &answer);
}

static void
on_deadline(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop, (void)r; /* time is the only news */
	finish(container_of(op, struct load_fetch, timer), -ETIMEDOUT);
}

/* The line of HAProxy's agent: it may end with the stream. */
static void
take_agent(struct load_fetch *f, bool over)
{
	const char *line = (const char *)buf_bytes(f->in);
	size_t len = f->in->len;
	bool whole =
	    memchr(line, '\n', len) != NULL || memchr(line, '\r', len) != NULL;

	if (!whole && !over && len <= LOAD_LINE_MAX)
		return;
	finish(f,
	    load_agent_parse(line, len, &f->answer.agent) == 0 ? 0 : -EBADMSG);
}

/* One line of the page: true when that was the end. */
static bool
take_sample(struct load_fetch *f, const char *line, size_t len)
{
	int rc =
	    load_sample_parse(line, len, f->ask.selector, &f->answer.value);

	if (rc == 0)
		return false;
	finish(f, rc == 1 ? 0 : -EBADMSG);
	return true;
}

static void
take_page(struct load_fetch *f, bool over)
{
	const char *line, *end;
	size_t len;

	for (;;) {
		line = (const char *)buf_bytes(f->in);
		end = memchr(line, '\n', f->in->len);
		if (end == NULL)
			break;
		len = (size_t)(end - line);
		if (take_sample(f, line, len))
			return;
		buf_consume(f->in, len + 1);
	}
	if (f->in->len > LOAD_SAMPLE_MAX || f->total > LOAD_PAGE_MAX)
		finish(f, -E2BIG);
	else if (over && !take_sample(f, line, f->in->len))
		finish(f, -ENOENT);
}

static void
take_head(struct load_fetch *f, bool over)
{
	int used = http_response_decode(
	    buf_bytes(f->in), f->in->len, &f->scanned, &f->answer.status);

	if (used == WIRE_MORE && !over)
		return;
	if (used <= 0 || f->answer.status != 200) {
		finish(f, -EPROTO);
		return;
	}
	buf_consume(f->in, (size_t)used);
	take_page(f, over);
}

static void
take(struct load_fetch *f, bool over)
{
	if (f->ask.kind == LOAD_AGENT)
		take_agent(f, over);
	else if (f->answer.status == 0)
		take_head(f, over);
	else
		take_page(f, over);
}

static void
on_recv(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct load_fetch *f = container_of(op, struct load_fetch, recv);

	(void)loop;
	if (r->res < 0) {
		finish(f, r->res);
		return;
	}
	if (r->res == 0) {
		if (f->in == NULL)
			finish(f, -ECONNRESET);
		else
			take(f, true);
		return;
	}
	f->total += (size_t)r->res;
	/* Bounded: what is kept is less than a line or a head. */
	if (buf_extend(&f->in, r->data, (size_t)r->res) != 0)
		finish(f, -ENOMEM);
	else
		take(f, false);
}

static void
on_sent(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct load_fetch *f = container_of(op, struct load_fetch, send);

	(void)loop;
	if (r->res < 0)
		finish(f, r->res);
}

/* By HTTP/1.0, so that the page comes as it is, up to the end. */
static int
send_request(struct load_fetch *f)
{
	char host[WIRE_HOST_STRLEN], text[REQUEST_MAX];
	struct buf *b;
	int len;

	len = snprintf(text, sizeof(text),
	    "GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: cagent-probe\r\n"
	    "Accept: text/plain;version=0.0.4\r\nConnection: close\r\n\r\n",
	    f->ask.path, wire_host_format(f->ask.host, host));
	if (len < 0 || (size_t)len >= sizeof(text))
		return -E2BIG;
	b = buf_copy(text, (size_t)len);
	if (b == NULL)
		return -ENOMEM;
	return loop_send(f->loop, &f->send, f->fd, b, on_sent);
}

static void
on_connect(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct load_fetch *f = container_of(op, struct load_fetch, send);
	int error = r->res;

	if (error == 0)
		error = loop_recv(loop, &f->recv, f->fd, on_recv);
	if (error == 0 && f->ask.kind == LOAD_METRIC)
		error = send_request(f);
	if (error != 0)
		finish(f, error);
}

int
load_fetch_start(struct load_fetch *f, struct loop *loop,
    const struct load_ask *ask, int64_t deadline_us, load_fn *done)
{
	union net_addr addr;
	socklen_t len = net_addr_make(&ask->ip, ask->port, &addr);
	int error;

	f->loop = loop;
	f->ask = *ask;
	f->answer = (struct load_answer){0};
	f->in = NULL;
	f->scanned = f->total = 0;
	f->fd = net_stream_socket(addr.sa.sa_family);
	if (f->fd < 0)
		return f->fd;
	f->done = done;
	error = loop_timer(loop, &f->timer, deadline_us, on_deadline);
	if (error == 0)
		error = loop_connect(
		    loop, &f->send, f->fd, &addr.sa, len, on_connect);
	if (error != 0)
		load_fetch_cancel(f);
	return error;
}
