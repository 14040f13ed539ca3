#ifndef TESTS_UNIT_DIAL_CALL_H
#define TESTS_UNIT_DIAL_CALL_H

#include "cagentd/worker/dial/dial.h"
#include "tests/unit/agent.h"

/* One dial of a test. */
struct call {
	struct agent *agent;
	struct dial dial;
	struct wire_host host;
	struct verdict verdict;
	int client;
	bool reuse;
	int n; /* callbacks */
	enum wire_reason reason;
	int fd;
	char early[64];
	char via[TABLE_NAME_MAX + 1];
};

static inline struct call *
call_new(struct agent *a)
{
	struct call *c = calloc(1, sizeof(*c));

	c->agent = a;
	c->client = -1;
	c->fd = -1;
	c->verdict = (struct verdict){.class = CLASS_NORMAL, .rule = -1};
	c->host.port = 443;
	wire_host_set(&c->host, "www.example.com", 15);
	return c;
}

static inline void
call_done(struct dial *d, struct dialed *r)
{
	struct call *c = container_of(d, struct call, dial);

	c->n++;
	c->reason = r->reason;
	c->fd = r->stream.fd;
	memset(c->early, 0, sizeof(c->early));
	if (r->early != NULL)
		memcpy(c->early, buf_bytes(r->early), r->early->len);
	buf_free(r->early);
	CHECK((r->try != NULL) == (r->reason == REASON_OK), "try");
	if (r->try != NULL)
		memcpy(c->via, r->try->name, sizeof(c->via));
}

static inline void
call_start(struct call *c)
{
	struct dial_request r = {.settings = c->agent->settings,
	    .host = &c->host,
	    .verdict = &c->verdict,
	    .client = c->client,
	    .reuse = c->reuse};

	dial_start(&c->dial, &c->agent->env, &r, call_done);
	CHECK_INT(c->n, 0);
}

static inline void
call_run(struct call *c)
{
	call_start(c);
	RIG_UNTIL(c->agent->loop, c->n > 0);
	CHECK_INT(c->n, 1);
}

static inline void
call_leave(struct call *c)
{
	if (c->fd != -1) {
		loop_close(c->agent->loop, c->fd);
		if (c->dial.tries[c->dial.tries_n - 1].direct == false)
			record_leave(&c->agent->record,
			    c->dial.tries[c->dial.tries_n - 1].hop);
	}
	dial_cancel(&c->dial);
	free(c);
}

/* What ends with the first byte, as the session says it. */
static inline void
call_leave_proved(struct call *c)
{
	dial_judge(&c->dial, REASON_OK, true);
	call_leave(c);
}

#endif
