/* Owns what becomes of signed messages that managers send, and the answers;
 * knows nothing of connections. */
#include "cagentd/control/manager.h"

#include <string.h>

#include "base/mono.h"
#include "cagentd/control/control.h"
#include "cagentd/control/link.h"
#include "trust/verify.h"

static void
ack(struct link *l, uint8_t of, struct manage_mark mark)
{
	const struct manage_answer a = {.of = of, .what = mark};

	link_answer(l, &a, false);
}

static void
nack(struct link *l, const struct manage_answer *what, const char *code,
    const char *text)
{
	struct manage_answer a = *what;

	strlcpy(a.code, code, sizeof(a.code));
	manage_text_set(a.text, text);
	link_answer(l, &a, true);
}

/* Nobody waits any more; the link that did goes on. */
static struct link *
done(struct manager *m)
{
	struct link *l = m->link;

	m->link = NULL;
	loop_cancel(m->control->loop, &m->timer);
	return l;
}

static void
on_late(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct manager *m = container_of(op, struct manager, timer);
	const struct manage_answer what = {
	    .of = ENVELOPE_POLICY, .what = m->mark};
	struct link *l = done(m);

	(void)loop, (void)r; /* time is the only news */
	nack(l, &what, "not-in-force",
	    "it was accepted, but is not in force: the agent's log says why");
	link_resume(l);
}

static bool
await_force(struct manager *m, struct link *l, struct manage_mark mark)
{
	struct loop *loop = m->control->loop;

	if (loop_timer(loop, &m->timer, loop_now_us(loop) + MANAGER_APPLY_US,
		on_late) != 0)
		return true; /* then it goes without an answer */
	m->link = l;
	m->mark = mark;
	return false;
}

/* Of what type, and which, as far as it says; it was framed by that. */
static struct manage_answer
about(const uint8_t *message, size_t len)
{
	struct envelope e = {.type = ENVELOPE_POLICY};
	enum envelope_fault fault;

	(void)envelope_decode(message, len, &e, &fault);
	return (struct manage_answer){
	    .of = (uint8_t)e.type, .what = {e.epoch, e.serial}};
}

bool
manager_take(
    struct manager *m, struct link *l, const uint8_t *message, size_t len)
{
	struct control *c = m->control;
	struct manage_answer what = about(message, len);
	struct policy_answer a;

	switch (policy_take(
	    &c->policy, message, len, mono_wall_us() / 1000000, &a)) {
	case POLICY_REFUSED:
		nack(l, &what, a.code, a.text);
		return true;
	case POLICY_ALREADY:
		if (what.of == ENVELOPE_POLICY && !policy_in_force(&c->policy))
			return await_force(m, l, what.what);
		ack(l, what.of, what.what);
		return true;
	case POLICY_TAKEN:
		/* A root may end the connection that it came by; that it was
		 * taken is said by the next register then. */
		c->apply_ranks(c);
		ack(l, what.of, what.what);
		return true;
	case POLICY_TO_APPLY:
		if (what.of == ENVELOPE_ROOT) { /* by which there is none */
			c->apply_policy(c);
			c->apply_ranks(c);
			ack(l, what.of, what.what);
			return true;
		}
		if (await_force(m, l, what.what)) {
			c->apply_policy(c);
			return true;
		}
		c->apply_policy(c);
		return false;
	}
	return true;
}

void
manager_settled(struct manager *m)
{
	const struct policy *p = &m->control->policy;
	struct manage_answer what = {.of = ENVELOPE_POLICY, .what = m->mark};
	struct trust_mark held;
	struct link *l;

	if (m->link == NULL || p->held.policy == NULL)
		return;
	held = verified_mark(p->held.policy);
	l = done(m);
	if (held.epoch == m->mark.epoch && held.serial == m->mark.serial)
		ack(l, ENVELOPE_POLICY, m->mark);
	else
		nack(l, &what, "superseded", "a newer one came meanwhile");
	link_resume(l);
}

void
manager_forget(struct manager *m, const struct link *l)
{
	if (m->link == l)
		done(m);
}

void
manager_stop(struct manager *m)
{
	done(m);
}
