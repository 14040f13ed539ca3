/* Owns the messages by which services' names are asked for; keeps none. */
#include "cagentd/worker/who/who_master.h"

#include "cagentd/common/msg.h"

static void
ask(void *arg, uint64_t cgroup)
{
	struct chan **chan = arg;
	uint8_t buf[CHAN_DATA_MAX];

	/* Without an answer there is no name, after a while. */
	(void)chan_send(
	    *chan, MSG_CGROUP, buf, msg_u64_encode(cgroup, buf), NULL, 0);
}

void
who_master(struct who *w, struct chan **chan)
{
	w->ask = ask;
	w->arg = chan;
}

void
who_master_answer(struct who *w, const struct chan_msg *m)
{
	struct msg_service s;

	if (msg_service_decode(m->data, m->len, &s) == 0)
		who_answer(w, s.cgroup, s.name);
}
