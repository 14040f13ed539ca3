#ifndef TESTS_UNIT_ATTEMPT_RIG_H
#define TESTS_UNIT_ATTEMPT_RIG_H

#include <errno.h>
#include <string.h>

#include "base/chan.h"
#include "cagentd/common/attempt.h"
#include "tests/unit/fake.h"
#include "tests/unit/unit.h"

/* A loop, one attempt, and the far end of the channel to the resolver. */
struct rig {
	struct loop *loop;
	struct resolve *resolve;
	struct chan *resolver;
	struct msg_resolved answer; /* to every question */
	bool mute;
	int asked;
	struct attempt attempt;
	struct attempt_target target;
	struct wire_host dest;
	int n; /* callbacks */
	struct attempt_result r;
	int fds;
};

static inline void
question(void *arg, struct chan *c, const struct chan_msg *m)
{
	struct rig *rig = arg;
	struct msg_resolve q;
	uint8_t buf[CHAN_DATA_MAX];
	size_t len;

	CHECK_INT(m->type, MSG_RESOLVE);
	CHECK_INT(msg_resolve_decode(m->data, m->len, &q), 0);
	CHECK_STR(q.name, "hop.example");
	rig->asked++;
	if (rig->mute)
		return;
	rig->answer.id = q.id;
	len = msg_resolved_encode(&rig->answer, buf);
	CHECK_INT(chan_send(c, MSG_RESOLVED, buf, len, NULL, 0), 0);
}

static inline void
gone(void *arg, struct chan *c, const char *why)
{
	(void)arg, (void)c;
	CHECK(why == NULL, "the resolver's channel: %s", why);
}

static inline void
attach(struct rig *rig)
{
	const struct chan_owner owner = {question, gone, rig};
	int fds[2];

	rig_must(chan_pair(fds), "chan_pair");
	rig_must(chan_new(&rig->resolver, rig->loop, fds[0], &procs_rules,
		     ROLE_RESOLVER, ROLE_WORKER, &owner),
	    "chan_new");
	rig_must(resolve_attach(rig->resolve, ROLE_WORKER, fds[1]),
	    "resolve_attach");
}

static inline struct rig *
rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig->fds = fake_open_fds();
	rig->loop = rig_loop();
	rig_must(resolve_new(&rig->resolve, rig->loop), "resolve_new");
	rig->dest.port = 443;
	wire_host_set(&rig->dest, "www.example.com", 15);
	rig->target.host = "127.0.0.1";
	rig->target.dest = &rig->dest;
	rig->target.type = HOP_SOCKS5;
	return rig;
}

static inline void
rig_free(struct rig *rig)
{
	attempt_cancel(&rig->attempt);
	attempt_cancel(&rig->attempt);
	buf_free(rig->r.early);
	loop_close(rig->loop, rig->r.stream.fd);
	resolve_free(rig->resolve);
	chan_free(rig->resolver);
	loop_free(rig->loop);
	CHECK_INT(fake_open_fds(), rig->fds);
	free(rig);
}

static inline void
done(struct attempt *a, struct attempt_result *r)
{
	struct rig *rig = container_of(a, struct rig, attempt);

	rig->n++;
	rig->r = *r;
}

static inline void
start(struct rig *rig, int64_t limit_us)
{
	rig->r.stream = STREAM_NONE;
	attempt_start(&rig->attempt, rig->loop, rig->resolve, &rig->target,
	    mono_us() + limit_us, done);
	CHECK_INT(rig->n, 0);
}

static inline void
run(struct rig *rig, int64_t limit_us)
{
	start(rig, limit_us);
	RIG_UNTIL(rig->loop, rig->n > 0);
	CHECK_INT(rig->n, 1);
	CHECK_INT(rig->attempt.state, ATTEMPT_IDLE);
}

#define LONG_US	 RIG_DEADLINE_US
#define SHORT_US 50000

static inline void
check_reason(const struct rig *rig, enum wire_reason want)
{
	CHECK(rig->r.reason == want, "%s, not %s",
	    wire_reason_word(rig->r.reason), wire_reason_word(want));
	CHECK((rig->r.stream.fd != -1) == (want == REASON_OK), "fd %d",
	    rig->r.stream.fd);
}

static inline void
answer_with(struct rig *rig, const char *const *ips)
{
	rig->target.host = "hop.example";
	rig->answer.outcome = NAMES_OK;
	for (; *ips != NULL; ips++)
		CHECK_INT(
		    net_ip_parse(*ips, &rig->answer.ips[rig->answer.ips_n++]),
		    0);
	attach(rig);
}

#endif
