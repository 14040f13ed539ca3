/* Asking an intermediary for its load, against servers of the test's. */
#include "probe/load_fetch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mono.h"
#include "tests/unit/canned.h"
#include "tests/unit/fake.h"
#include "tests/unit/unit.h"

#define N(a)	 (sizeof(a) / sizeof(*(a)))
#define SHORT_US 60000

struct rig {
	struct loop *loop;
	struct load_fetch fetch;
	struct load_ask ask;
	struct load_answer a;
	struct wire_host host;
	int n, fds;
};

static struct rig *
rig_new(enum load_kind kind)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig->fds = fake_open_fds();
	rig->loop = rig_loop();
	wire_host_set(&rig->host, "h.example", 9);
	rig->host.port = 9100;
	rig->ask.kind = kind;
	net_ip_parse("127.0.0.1", &rig->ask.ip);
	rig->ask.host = &rig->host;
	rig->ask.path = "/metrics";
	rig->ask.selector = "load{is=\"1m\"}";
	return rig;
}

static void
rig_free(struct rig *rig)
{
	load_fetch_cancel(&rig->fetch);
	load_fetch_cancel(&rig->fetch);
	loop_free(rig->loop);
	CHECK_INT(fake_open_fds(), rig->fds);
	free(rig);
}

static void
done(struct load_fetch *f, const struct load_answer *a)
{
	struct rig *rig = container_of(f, struct rig, fetch);

	rig->n++;
	rig->a = *a;
}

static void
run(struct rig *rig, int64_t limit_us)
{
	rig->n = 0;
	rig_must(load_fetch_start(&rig->fetch, rig->loop, &rig->ask,
		     mono_us() + limit_us, done),
	    "load_fetch_start");
	CHECK_INT(rig->n, 0);
	RIG_UNTIL(rig->loop, rig->n > 0);
	CHECK_INT(rig->n, 1);
}

/* An agent speaks first: what it says stands in the listener's queue. */
static void
say_and_close(struct rig *rig, const char *text, size_t len)
{
	struct sockaddr_in sin;
	int lfd = rig_listen(&sin), fd;

	rig->ask.port = ntohs(sin.sin_port);
	rig->n = 0;
	rig_must(load_fetch_start(&rig->fetch, rig->loop, &rig->ask,
		     mono_us() + RIG_DEADLINE_US, done),
	    "load_fetch_start");
	rig_told(rig->loop);
	fd = rig_must(accept4(lfd, NULL, NULL, SOCK_CLOEXEC), "accept4");
	if (len > 0)
		CHECK(write(fd, text, len) == (ssize_t)len, "write");
	shutdown(fd, SHUT_WR);
	RIG_UNTIL(rig->loop, rig->n > 0);
	close(fd);
	close(lfd);
}

static void
asks_agents(void)
{
	static const struct {
		const char *text;
		int error, percent;
	} all[] = {{"up 75%\n", 0, 75}, {"50%", 0, 50}, {"5%\r\n40%", 0, 5},
	    {"what\n", -EBADMSG, -1}, {"", -ECONNRESET, -1}};
	struct rig *rig = rig_new(LOAD_AGENT);
	char text[LOAD_LINE_MAX + 10];
	size_t i;

	for (i = 0; i < N(all); i++) {
		say_and_close(rig, all[i].text, strlen(all[i].text));
		CHECK(rig->a.error == all[i].error, "\"%s\": %d", all[i].text,
		    rig->a.error);
		if (rig->a.error == 0)
			CHECK_INT(rig->a.agent.percent, all[i].percent);
	}
	memset(text, ' ', sizeof(text));
	say_and_close(rig, text, sizeof(text));
	CHECK_INT(rig->a.error, -EBADMSG);
	rig_free(rig);
}

#define PAGE "HTTP/1.1 200 OK\r\n\r\n# HELP load\n"

static void
asks_pages(void)
{
	static const struct {
		struct canned_piece pieces[2];
		int error, status;
		double value;
	} all[] = {
	    {{CANNED(PAGE "load{is=\"5m\"} 1\nload{is=\"1m\"} 2.5\nx 1\n")}, 0,
		200, 2.5},
	    {{CANNED(PAGE "load{is=\"1m\"} 2")}, 0, 200, 2},
	    {{CANNED(PAGE "load{is=\"5m\"} 1\n")}, -ENOENT, 200, 0},
	    {{CANNED(PAGE)}, -ENOENT, 200, 0},
	    {{CANNED(PAGE "load{is=\"1m\"} x\n")}, -EBADMSG, 200, 0},
	    {{CANNED("HTTP/1.1 404 No\r\n\r\nload{is=\"1m\"} 2\n")}, -EPROTO,
		404, 0},
	    {{CANNED("HTTP/1.1 200 OK\r\n")}, -EPROTO, 0, 0},
	    {{CANNED("load{is=\"1m\"} 2\n")}, -EPROTO, 0, 0},
	    {{CANNED("")}, -ECONNRESET, 0, 0},
	};
	struct rig *rig = rig_new(LOAD_METRIC);
	struct canned c;
	size_t i;

	for (i = 0; i < N(all); i++) {
		canned_open(&c, rig->loop, all[i].pieces, CANNED_CLOSE);
		rig->ask.port = c.port;
		run(rig, RIG_DEADLINE_US);
		CHECK(rig->a.error == all[i].error, "%zu: %s", i,
		    strerror(-rig->a.error));
		CHECK(rig->a.status == all[i].status, "%zu: status %d", i,
		    rig->a.status);
		if (rig->a.error == 0)
			CHECK(rig->a.value == all[i].value, "%zu: %f", i,
			    rig->a.value);
		canned_shut(&c);
	}
	CHECK_INT(strncmp(c.got,
		      "GET /metrics HTTP/1.0\r\nHost: h.example:9100\r\n", 45),
	    0);
	rig_free(rig);
}

static void
bounds_lines(void)
{
	static char page[LOAD_SAMPLE_MAX + 100];
	const struct canned_piece pieces[] = {{page, sizeof(page)}, {0}};
	struct rig *rig = rig_new(LOAD_METRIC);
	struct canned c;

	memset(page, 'x', sizeof(page));
	memcpy(page, PAGE, sizeof(PAGE) - 1);
	canned_open(&c, rig->loop, pieces, CANNED_HOLD);
	rig->ask.port = c.port;
	run(rig, RIG_DEADLINE_US);
	CHECK_INT(rig->a.error, -E2BIG);
	canned_shut(&c);
	rig_free(rig);
}

static void
gives_up(void)
{
	static const struct canned_piece pieces[] = {CANNED(PAGE), {0}};
	struct rig *rig = rig_new(LOAD_METRIC);
	struct canned c;
	uint16_t port;
	int fd = fake_refusing(&port);

	rig->ask.port = port;
	run(rig, RIG_DEADLINE_US);
	CHECK_INT(rig->a.error, -ECONNREFUSED);
	close(fd);
	canned_open(&c, rig->loop, pieces, CANNED_HOLD);
	rig->ask.port = c.port;
	run(rig, SHORT_US);
	CHECK_INT(rig->a.error, -ETIMEDOUT);
	/* Cancelled, it says nothing. */
	rig->n = 0;
	rig_must(load_fetch_start(&rig->fetch, rig->loop, &rig->ask,
		     mono_us() + RIG_DEADLINE_US, done),
	    "load_fetch_start");
	RIG_UNTIL(rig->loop, c.next == 1);
	load_fetch_cancel(&rig->fetch);
	rig_settle(rig->loop);
	CHECK_INT(rig->n, 0);
	canned_shut(&c);
	rig_free(rig);
}

static const struct unit_case cases[] = {
    {"asks agents", asks_agents},
    {"asks pages", asks_pages},
    {"bounds lines", bounds_lines},
    {"gives up", gives_up},
};

UNIT_MAIN("load_fetch", cases)
