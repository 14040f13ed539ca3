/* Clients, intermediaries and a destination that do anything at any time: for
 * a sanitizer, and for the counts that must come to nothing in the end. */
#include <string.h>

#include "cagentd/worker/session.h"
#include "tests/unit/session_rig.h"
#include "tests/unit/unit.h"

#define HOPS  6
#define STEPS 1500
#define CONF                                                     \
	"[agent]\nhedge-percent = 50\nattempt-timeout = 300ms\n" \
	"dial-timeout = 900ms\nidle-timeout = 2s\n"              \
	"[direct]\nlearn = 127.0.0.0/8\n"                        \
	"[rule \"any\"]\nport = 443\nreplay = always\n"

struct storm {
	struct rig *rig;
	struct learn learn;
	struct fake *dest;
	uint64_t seed;
};

static uint32_t
chance(struct storm *st, uint32_t n)
{
	uint64_t z = st->seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (uint32_t)((z ^ z >> 31) % n);
}

static void
new_client(struct storm *st)
{
	uint8_t ask[] = {5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 0, 0};
	struct rig *rig = st->rig;
	int fd, i;

	if (rig->clients_n == CLIENTS_MAX)
		return;
	fd = connect_client(rig);
	if (chance(st, 3) == 0) {
		ask[11] = (uint8_t)(st->dest->port >> 8);
		ask[12] = (uint8_t)st->dest->port;
		say(fd, (const char *)ask, sizeof(ask));
		return;
	}
	i = (int)chance(st, SHAKES);
	say(fd, shakes[i].ask, shakes[i].ask_len);
}

/* Whatever a client may do. */
static void
act(struct storm *st)
{
	static const char *const texts[] = {"GET / HTTP/1.1\r\n\r\n", "\r\n",
	    "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n\r\n",
	    "\x16\x03\x01\x01\x20\x01 hello", "SSH-2.0-x\r\n"};
	struct rig *rig = st->rig;
	const char *text = texts[chance(st, 6)];
	char drain[4096];
	int i, fd;

	if (rig->clients_n == 0)
		return;
	i = (int)chance(st, (uint32_t)rig->clients_n);
	fd = rig->client[i];
	if (fd == -1)
		return;
	switch (chance(st, 60)) {
	case 0:
		close_client(rig, i, true);
		break;
	case 1:
		close_client(rig, i, false);
		break;
	case 2:
		shutdown(fd, SHUT_WR);
		break;
	case 3:
	case 4:
	case 5:
		(void)recv(fd, drain, sizeof(drain), MSG_DONTWAIT);
		break;
	default:
		(void)send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	}
}

static void
disturb(struct storm *st)
{
	struct rig *rig = st->rig;
	struct agent *a = rig->agent;
	struct fake *f = rig->fakes[chance(st, HOPS)];
	struct table_row *row = &a->table.rows[chance(st, HOPS)];
	struct fake_conn *c;

	switch (chance(st, 16)) {
	case 8:
	case 9:
	case 10:
		f->script = FAKE_SILENT;
		break;
	case 11:
	case 12:
		f->script = FAKE_MUTE;
		break;
	case 0:
		f->script = (enum fake_script)chance(st, FAKE_RUBBISH + 1);
		f->code = (uint8_t)chance(st, 10);
		break;
	case 1:
		c = LIST_FIRST(&f->conns);
		if (c != NULL)
			fake_drop(c, chance(st, 2) == 0);
		break;
	case 2:
		st->dest->script =
		    chance(st, 2) == 0 ? FAKE_CLOSED : FAKE_STALLED;
		break;
	case 3:
		row->observed = TABLE_HALF_OPEN;
		row->tier = 0;
		row->trials = 2;
		path_index_build(&a->index, &a->table);
		break;
	case 4:
		row->observed = TABLE_UP;
		row->tier = row->tier_conf;
		path_index_build(&a->index, &a->table);
		break;
	case 5:
		row->incarnation++;
		path_index_build(&a->index, &a->table);
		break;
	case 6:
		if (!LIST_EMPTY(&rig->sessions))
			session_kill(LIST_FIRST(&rig->sessions));
		break;
	default:
		break;
	}
}

static void
storm(uint64_t seed)
{
	struct storm st = {.seed = seed};
	struct agent *a;
	struct rig *rig;
	uint32_t i, round;

	st.rig = rig = rig_new();
	a = rig->agent;
	for (i = 0; i < HOPS; i++) {
		add(rig, (enum fake_script)chance(&st, FAKE_RUBBISH + 1));
		a->table.rows[i].tier = a->table.rows[i].tier_conf =
		    (uint16_t)(i % 2 + 1);
		a->table.rows[i].first_byte_p95_us = 1000;
		a->table.rows[i].recent_p95_us = 1000;
	}
	path_index_build(&a->index, &a->table);
	st.dest = fake_new(a->loop, FAKE_STALLED);
	configure(rig, CONF);
	learn_init(&st.learn, a->loop, a->resolve, &a->slab.learned);
	rig->env.learn = &st.learn;
	for (round = 0; round < STEPS; round++) {
		if (chance(&st, 10) == 0)
			new_client(&st);
		if (chance(&st, 3) == 0)
			act(&st);
		if (chance(&st, 20) == 0)
			disturb(&st);
		loop_turn(a->loop, 1000);
	}
	for (i = 0; i < (uint32_t)rig->clients_n; i++) {
		if (rig->client[i] != -1)
			close_client(rig, (int)i, chance(&st, 2) == 0);
	}
	RIG_UNTIL(a->loop, LIST_EMPTY(&rig->sessions));
	learn_fini(&st.learn);
	fake_free(st.dest);
	rig_free(rig);
}

static void
weathers_a_storm(void)
{
	storm(1);
}

static const struct unit_case cases[] = {
    {"weathers a storm", weathers_a_storm},
};

UNIT_MAIN("session_storm", cases)
