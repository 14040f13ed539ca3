/* Sessions of users who have enough: what they are told, and when they may
 * again. */
#include "tests/unit/session_rig.h"

struct limits {
	struct quota quota;
	struct slab *slabs[SETTINGS_WORKERS_MAX];
};

static struct rig *
limited(struct limits *l, const char *conf)
{
	struct rig *rig = rig_new();

	log_level_set(LOG_LEVEL_ERROR);
	add(rig, FAKE_ECHO);
	configure(rig, conf);
	memset(l, 0, sizeof(*l));
	l->slabs[0] = &rig->agent->slab;
	quota_init(&l->quota, l->slabs[0], l->slabs);
	rig->env.quota = &l->quota;
	return rig;
}

static void
too_many_connections_are_refused(void)
{
	static const struct {
		const char *text;
		size_t len;
	} refused[] = {{LIT("\5\0\5\2\0\1\0\0\0\0\0\0")},
	    {LIT("\0\133\0\0\0\0\0\0")}, {LIT("HTTP/1.1 429 ")}};
	struct limits l;
	struct rig *rig = limited(&l, "[agent]\nuser-connections = 2\n");
	size_t i;
	int fd;

	open_tunnel(rig, 0);
	open_tunnel(rig, 1);
	for (i = 0; i < SHAKES; i++) {
		fd = connect_client(rig);
		say(fd, shakes[i].ask, shakes[i].ask_len);
		expect(rig, fd, refused[i].text, refused[i].len);
		if (i == 2)
			skip_head(rig, fd);
	}
	CHECK_INT(AGENT_GET(&rig->agent->slab.refused[REASON_LIMITED]), SHAKES);
	close_client(rig, 0, false);
	RIG_UNTIL(rig->agent->loop, gauge(&rig->agent->slab.tunnels) == 1);
	open_tunnel(rig, 2);
	rig_free(rig);
}

/* One that says nothing has a place of its own, and gives it back. */
static void
who_says_nothing_counts_too(void)
{
	struct limits l;
	struct rig *rig = limited(&l, "[agent]\nuser-connections = 1\n");
	int fd;

	connect_client(rig);
	fd = connect_client(rig);
	say(fd, shakes[0].ask, shakes[0].ask_len);
	expect(rig, fd, LIT("\5\0\5\2\0\1\0\0\0\0\0\0"));
	close_client(rig, 0, false);
	RIG_UNTIL(rig->agent->loop, rig->ended >= 1);
	open_tunnel(rig, 0);
	rig_free(rig);
}

/* Who had no place when it came gets one that was left meanwhile. */
static void
a_place_that_comes_free_is_taken(void)
{
	struct limits l;
	struct rig *rig = limited(&l, "[agent]\nuser-connections = 1\n");
	int fd;

	open_tunnel(rig, 0);
	fd = connect_client(rig);
	close_client(rig, 0, false);
	RIG_UNTIL(rig->agent->loop, rig->ended == 1);
	say(fd, shakes[0].ask, shakes[0].ask_len);
	get_tunnel(rig, fd, 0);
	rig_free(rig);
}

static void
too_many_requests_are_refused(void)
{
	struct limits l;
	struct rig *rig =
	    limited(&l, "[agent]\nuser-rate = 1\nuser-burst = 5\n");
	int i, fd;

	for (i = 0; i < 5; i++)
		open_tunnel(rig, 0);
	fd = connect_client(rig);
	say(fd, shakes[2].ask, shakes[2].ask_len);
	expect(rig, fd, LIT("HTTP/1.1 429 "));
	skip_head(rig, fd);
	rig_free(rig);
}

static const struct unit_case cases[] = {
    {"too many connections are refused", too_many_connections_are_refused},
    {"who says nothing counts, too", who_says_nothing_counts_too},
    {"a place that comes free is taken", a_place_that_comes_free_is_taken},
    {"too many requests are refused", too_many_requests_are_refused},
};

UNIT_MAIN("session_limits", cases)
