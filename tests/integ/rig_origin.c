/* What origins do with a connection; the server itself is rig_server.c. */
#include "tests/integ/rig_origin.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_pattern.h"

#define CHUNK	      16384
#define CHUNKS_A_STEP 16
#define SLOW_MS	      10

enum state {
	STATE_HEAD,
	STATE_THINKING,
	STATE_BODY
};

/* Read and verify what is there: false when the connection is broken. */
static bool
take_up(struct rig_link *l, int chunks)
{
	uint8_t buf[CHUNK];
	size_t good;
	long got = 1;

	while (chunks-- > 0 && got > 0) {
		got = rig_link_read(l, buf, sizeof(buf));
		if (got < 0)
			return false;
		good = rig_pattern_check(RIG_SEED_UP, l->got, buf, (size_t)got);
		if (good < (size_t)got) {
			rig_server_error(l->server, "byte %llu is wrong",
			    (unsigned long long)(l->got + good));
			return false;
		}
		l->got += (uint64_t)got;
	}
	if (l->fin && l->server->size != 0 && l->got != l->server->size) {
		rig_server_error(l->server, "ended after %llu bytes of %llu",
		    (unsigned long long)l->got,
		    (unsigned long long)l->server->size);
		return false;
	}
	return true;
}

/* Send the stream up to byte end: false when the connection is broken. */
static bool
give(struct rig_link *l, uint64_t seed, uint64_t end)
{
	uint8_t buf[CHUNK];
	int chunks = CHUNKS_A_STEP;
	size_t len;
	long put;

	while (chunks-- > 0 && l->put < end) {
		len = end - l->put < CHUNK ? (size_t)(end - l->put) : CHUNK;
		rig_pattern_fill(seed, l->put, buf, len);
		put = rig_link_write(l, buf, len);
		if (put < 0)
			return false;
		l->put += (uint64_t)put;
		if ((size_t)put < len)
			break;
	}
	return true;
}

/* How much may have been sent by now. */
static uint64_t
allowed(const struct rig_link *l)
{
	uint64_t size = l->server->size;

	if (l->fin || l->server->kind == RIG_ORIGIN_DOWN_FIRST ||
	    l->server->kind == RIG_ORIGIN_EXCHANGE)
		return size;
	return l->server->kind == RIG_ORIGIN_DUPLEX ? size / 2 : 0;
}

static unsigned int
step_transfer(struct rig_link *l)
{
	bool down_first = l->server->kind == RIG_ORIGIN_DOWN_FIRST;
	uint64_t size = l->server->size;
	bool had_fin = l->fin;

	if (!had_fin && (!down_first || l->put == size)) {
		if (!take_up(l, CHUNKS_A_STEP))
			return RIG_RESET;
	}
	if (l->put < allowed(l)) {
		if (!give(l, RIG_SEED_DOWN, allowed(l)))
			return RIG_RESET;
		if (l->put == size && down_first)
			shutdown(l->fd, SHUT_WR);
	}
	if (l->put == size && l->fin) {
		atomic_fetch_add(&l->server->served, 1);
		return RIG_CLOSE;
	}
	return (l->put < allowed(l) ? (unsigned int)RIG_WANT_OUT : 0u) |
	       (!l->fin && (!down_first || l->put == size)
		       ? (unsigned int)RIG_WANT_IN
		       : 0u);
}

static unsigned int
step_slow(struct rig_link *l)
{
	if (!take_up(l, 1))
		return RIG_RESET;
	if (l->fin) {
		atomic_fetch_add(&l->server->served, 1);
		return RIG_CLOSE;
	}
	l->due_ms = rig_now_ms() + SLOW_MS;
	return 0;
}

static unsigned int
step_echo(struct rig_link *l)
{
	long n;

	if (l->in_len == 0 && !l->fin) {
		n = rig_link_read(l, l->in, sizeof(l->in));
		if (n < 0)
			return RIG_CLOSE;
		l->in_len = (size_t)n;
		l->put = 0;
	}
	if (l->put < l->in_len) {
		n = rig_link_write(
		    l, l->in + l->put, l->in_len - (size_t)l->put);
		if (n < 0)
			return RIG_CLOSE;
		l->put += (uint64_t)n;
	}
	if (l->put < l->in_len)
		return RIG_WANT_OUT;
	l->in_len = 0;
	l->put = 0;
	return l->fin ? RIG_CLOSE : RIG_WANT_IN;
}

/* The body of a path: its size, and l->file when it is one; -1 for none. */
static long
find_body(struct rig_link *l, const char *path)
{
	char file[2 * RIG_PATH_MAX];
	struct stat st;
	char *end;
	long size;

	if (strncmp(path, "/bytes/", 7) == 0) {
		size = strtol(path + 7, &end, 10);
		return *end == '\0' && size >= 0 ? size : -1;
	}
	if (l->server->dir == NULL || strstr(path, "..") != NULL)
		return -1;
	snprintf(file, sizeof(file), "%s%.*s", l->server->dir,
	    (int)strcspn(path, "?"), path);
	l->file = open(file, O_RDONLY | O_CLOEXEC);
	if (l->file == -1 || fstat(l->file, &st) == -1 || !S_ISREG(st.st_mode))
		return -1;
	return st.st_size;
}

/* The head, and of generated bodies the beginning in the same segment: who
 * is cut off after the first byte cannot be helped by anybody, so that there
 * be few of them. */
static bool
send_head(struct rig_link *l, const char *head, size_t len)
{
	uint8_t buf[512 + CHUNK];
	size_t body = l->size < CHUNK ? (size_t)l->size : CHUNK;

	if (l->file != -1)
		body = 0;
	memcpy(buf, head, len);
	rig_pattern_fill(RIG_SEED_HTTP, 0, buf + len, body);
	l->put = body;
	/* A fresh socket takes this whole. */
	return rig_link_write(l, buf, len + body) == (long)(len + body);
}

static unsigned int
answer_head(struct rig_link *l)
{
	char method[16], path[RIG_PATH_MAX], head[512];
	bool ok;
	long size;
	int len;

	l->in[l->in_len < sizeof(l->in) ? l->in_len : sizeof(l->in) - 1] = 0;
	if (sscanf((char *)l->in, "%15s %255s HTTP/1.", method, path) != 2 ||
	    strcmp(method, "GET") != 0) {
		rig_server_error(l->server, "request \"%.60s\"", (char *)l->in);
		return RIG_RESET;
	}
	ok = strcmp(path, "/ok") == 0;
	size = ok ? 3 : find_body(l, path);
	len = snprintf(head, sizeof(head),
	    "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %ld\r\n"
	    "Connection: close\r\n\r\n%s",
	    size < 0 ? "404 Not Found" : "200 OK",
	    ok ? "text/plain" : "application/octet-stream",
	    size < 0 ? 0L : size, ok ? "ok\n" : "");
	l->size = size < 0 || ok ? 0 : (uint64_t)size;
	l->state = STATE_BODY;
	return send_head(l, head, (size_t)len) ? RIG_WANT_OUT : RIG_RESET;
}

static unsigned int
send_file(struct rig_link *l)
{
	uint8_t buf[CHUNK];
	ssize_t got;
	long put;

	got = pread(l->file, buf, sizeof(buf), (off_t)l->put);
	if (got <= 0)
		return RIG_RESET;
	put = rig_link_write(l, buf, (size_t)got);
	if (put < 0)
		return RIG_RESET;
	l->put += (uint64_t)put;
	return RIG_WANT_OUT;
}

static unsigned int
step_http(struct rig_link *l)
{
	long len;

	if (l->state == STATE_HEAD) {
		len = rig_link_read_head(l);
		if (len < 0)
			return RIG_CLOSE;
		if (len == 0)
			return RIG_WANT_IN;
		if (l->server->delay_ms == 0)
			return answer_head(l);
		l->state = STATE_THINKING;
		l->due_ms = rig_now_ms() + l->server->delay_ms;
		return 0;
	}
	if (l->state == STATE_THINKING)
		return answer_head(l);
	if (l->put == l->size) {
		atomic_fetch_add(&l->server->served, 1);
		return RIG_CLOSE;
	}
	if (l->file != -1)
		return send_file(l);
	return give(l, RIG_SEED_HTTP, l->size) ? RIG_WANT_OUT : RIG_RESET;
}

static unsigned int
step_silent(struct rig_link *l)
{
	(void)l;
	return 0;
}

static unsigned int
step_reset(struct rig_link *l)
{
	(void)l;
	return RIG_RESET;
}

void
rig_origin_start(struct rig_server *s, enum rig_origin_kind kind,
    const char *address, uint64_t size, const char *dir)
{
	static rig_step *const steps[] = {
	    [RIG_ORIGIN_HTTP] = step_http,
	    [RIG_ORIGIN_ECHO] = step_echo,
	    [RIG_ORIGIN_UP_FIRST] = step_transfer,
	    [RIG_ORIGIN_DOWN_FIRST] = step_transfer,
	    [RIG_ORIGIN_EXCHANGE] = step_transfer,
	    [RIG_ORIGIN_DUPLEX] = step_transfer,
	    [RIG_ORIGIN_SLOW] = step_slow,
	    [RIG_ORIGIN_SILENT] = step_silent,
	    [RIG_ORIGIN_RESET] = step_reset,
	};

	memset(s, 0, sizeof(*s));
	s->address = address;
	s->step = steps[kind];
	s->kind = (int)kind;
	s->size = size;
	s->dir = dir;
	rig_server_start(s);
}

void
rig_origin_http_at(struct rig_server *s, const char *address, uint16_t port)
{
	memset(s, 0, sizeof(*s));
	s->address = address;
	s->port = port;
	s->step = step_http;
	s->kind = RIG_ORIGIN_HTTP;
	rig_server_start(s);
}
