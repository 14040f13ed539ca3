/* Owns the page's process: the line from the ranker, who says how the store
 * is, and the server with its API. */
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "base/chan.h"
#include "base/log.h"
#include "base/loop.h"
#include "policyd/common/pdchild.h"
#include "policyd/page/page_api.h"
#include "policyd/page/page_http.h"
#include "policyd/roles.h"

/* Silent: so many reports have not come. */
#define SILENT_REPORTS 3
#define SILENT_MIN_S   10

struct page {
	struct loop *loop;
	struct pdchild child;
	struct pdchild_start start;
	struct chan *ranker; /* NULL: there is none yet */
	struct page_http *http;
	struct page_api *api; /* NULL: before the store's path is known */
	struct page_state state;
};

static void
tell(struct page *p)
{
	if (p->api != NULL)
		page_api_state(p->api, &p->state);
}

/* u8 read-only, str why; of why only what is plain text. */
static void
on_state(void *arg, struct chan *chan, const struct chan_msg *m)
{
	struct page *p = arg;
	size_t len, i;

	(void)chan; /* p's */
	if (m->type != PDMSG_STATE || m->len < 2 || m->data[1] != m->len - 2)
		return;
	len = m->data[1];
	p->state.read_only = m->data[0] != 0;
	for (i = 0; i < len; i++) {
		uint8_t c = m->data[2 + i];

		p->state.why[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
	}
	p->state.why[len] = '\0';
	tell(p);
}

static void
on_closed(void *arg, struct chan *chan, const char *why)
{
	struct page *p = arg;

	(void)chan; /* freed when its successor comes */
	if (why != NULL)
		log_warnx("the ranker: %s", why);
	p->state = (struct page_state){.running = false};
	tell(p);
}

static void
on_line(void *arg, enum pdproc_role peer, int fd)
{
	struct page *p = arg;
	const struct chan_owner owner = {on_state, on_closed, p};
	struct chan *chan;
	int error = chan_new(
	    &chan, p->loop, fd, &pdproc_rules, PDPROC_PAGE, peer, &owner);

	if (error != 0) {
		log_warnx("the ranker: %s", strerror(-error));
		return;
	}
	chan_free(p->ranker);
	p->ranker = chan;
	p->state = (struct page_state){.running = true};
	tell(p);
}

static void
answer(void *arg, const char *target, struct page_answer *out)
{
	const struct page *p = arg;

	page_api_answer(p->api, target, out);
}

static void
start_api(struct page *p)
{
	int64_t silent_s =
	    SILENT_REPORTS * p->start.conf->report_interval_ms / 1000;
	char path[PDCHILD_STORE_MAX];

	if (silent_s < SILENT_MIN_S)
		silent_s = SILENT_MIN_S;
	if (page_api_new(
		pdchild_store_path(&p->start, path), silent_s, &p->api) != 0)
		fatalx("out of memory");
	tell(p);
}

int
page_main(void)
{
	static struct page p;
	const struct page_site site = {answer, &p, PAGE_HTTP_REQUEST_MS};
	int error;

	if (sodium_init() == -1)
		fatalx("libsodium does not start");
	pdchild_receive(PDPROC_PAGE, &p.start);
	error = loop_new(&p.loop);
	/* What serves is made while that may still be done; nothing is read
	 * from anybody until the loop turns. */
	if (error == 0)
		error = page_http_new(&p.http, p.loop, p.start.listeners,
		    p.start.listeners_n, &site);
	if (error != 0)
		fatalx("start: %s", strerror(-error));
	p.child.line = on_line;
	p.child.arg = &p;
	pdchild_join(&p.child, PDPROC_PAGE, p.loop, &p.start);
	start_api(&p);
	pdchild_ready(&p.child, &p.start);
	error = loop_run(p.loop);
	page_http_free(p.http);
	page_api_free(p.api);
	chan_free(p.ranker);
	pdchild_free(&p.child);
	pdconf_unref(p.start.conf);
	loop_free(p.loop);
	return error == 0 ? 0 : 1;
}
