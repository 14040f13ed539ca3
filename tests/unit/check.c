/* Active checks, made to fake intermediaries by a control process's picture
 * with a clock of ours. */
#include "cagentd/control/check.h"

#include "cagentd/common/resolve.h"
#include "cagentd/control/ranking_check.h"
#include "tests/unit/fake.h"
#include "tests/unit/ranking_rig.h"

#define S	  1000000ll
#define TURNS	  2000
#define EVERY	  (10 * S)
#define HEAD	  RIG_HEAD "check-timeout = 1s\n"
#define SCENE_LEN 16384

static struct loop *loop;
static struct resolve *resolve;
static struct check *check;
static int fds;
static char text[SCENE_LEN];

static void
look(void *arg)
{
	(void)arg;
	ranking_step(r);
	check_step(check);
}

/* Settings of these, and everything that a control process has. */
static void
scene_open(const char *head)
{
	char all[SCENE_LEN + 512];

	snprintf(all, sizeof(all), "%s%s", head, text);
	rig_open(all);
	rig_must(resolve_new(&resolve, loop), "resolve_new");
	rig_must(check_new(&check,
		     &(struct check_owner){loop, resolve, r, look, NULL}),
	    "check_new");
	check_settings(check, rig_control.settings);
	ranking_step(r);
	check_step(check);
}

static void
scene_close(void)
{
	check_free(check);
	resolve_free(resolve);
	rig_close();
}

static void
begin(void)
{
	fds = fake_open_fds();
	skew_us = 0;
	clock_stop();
	text[0] = '\0';
	loop = rig_loop();
}

static void
end(void)
{
	loop_free(loop);
	CHECK_INT(fake_open_fds(), fds);
}

static void
add(const char *name, uint16_t port, int tier)
{
	size_t len = strlen(text);

	snprintf(text + len, sizeof(text) - len,
	    "[intermediary \"%s\"]\ntype = socks5\naddress = 127.0.0.1:%u\n"
	    "tier = %d\n",
	    name, port, tier);
}

/* The clock goes on, and control looks. */
static void
later(int64_t us)
{
	skew_us += us;
	ranking_step(r);
	check_step(check);
}

/* What is set for now comes in the next moment. */
static void
turn(int64_t wait_us)
{
	skew_us++;
	loop_turn(loop, wait_us);
}

static bool
busy(void)
{
	uint32_t i;

	for (i = 0; i < r->table->rows_n; i++) {
		if (r->checks[r->table->rows[i].slot].under_way)
			return true;
	}
	return false;
}

/* Until that many checks have been made and none is under way. */
static void
await(uint64_t made)
{
	int turns = TURNS;

	while ((r->checks_made < made || busy()) && turns-- > 0)
		turn(10000);
	CHECK_INT(r->checks_made, made);
}

/* What would come, has come. */
static void
quiet(void)
{
	int i;

	for (i = 0; i < 20; i++)
		turn(1000);
}

static void
never_used(void)
{
	struct fake *f;

	begin();
	f = fake_new(loop, FAKE_ECHO);
	add("a", f->port, 2);
	scene_open(HEAD);
	quiet();
	later(DUE_SOON_US);
	await(1);
	CHECK_INT(f->accepted, 1);
	CHECK_INT(f->requests, 1);
	CHECK_INT(f->got_len, 0);
	CHECK_INT(published("a")->observed, TABLE_UP);
	CHECK_STR(published("a")->reason, "a check succeeded");
	CHECK_INT(published("a")->check_reason, REASON_OK);
	CHECK(published("a")->checked_us != 0, "not told when");
	CHECK_INT(published("a")->attempts, 0);
	CHECK_INT(rig_control.events.last_id, 1);
	/* The next one: no news, no event. */
	later(EVERY - S);
	quiet();
	CHECK_INT(r->checks_made, 1);
	later(2 * S);
	await(2);
	CHECK_INT(rig_control.events.last_id, 1);
	scene_close();
	fake_free(f);
	end();
}

/* Ejected by checks alone, and back by checks alone. */
static void
dead_and_back(void)
{
	struct fake *good, *back;
	int i;

	begin();
	good = fake_new(loop, FAKE_ECHO);
	back = fake_new(loop, FAKE_CLOSED);
	add("good", good->port, 1);
	add("bad", back->port, 2);
	scene_open(HEAD);
	later(DUE_SOON_US);
	await(2);
	for (i = 3; i <= 4; i++) {
		later(DUE_AGAIN_US);
		await((uint64_t)i);
	}
	CHECK_INT(published("bad")->observed, TABLE_EJECTED);
	CHECK_STR(published("bad")->reason,
	    "the intermediary closed the connection during the handshake, 3 in "
	    "a row");
	CHECK_INT(published("good")->observed, TABLE_UP);
	quiet();
	CHECK_INT(r->checks_made, 4);
	/* Half-open, and still dead: out again at the first check. */
	works(0, "good", 1);
	later(RANK_EJECT_MIN_US);
	await(5);
	CHECK_INT(published("bad")->observed, TABLE_EJECTED);
	back->script = FAKE_ECHO;
	works(0, "good", 1);
	later(RANK_EJECT_MIN_US * 2);
	await(6);
	CHECK_INT(published("bad")->observed, TABLE_HALF_OPEN);
	later(DUE_TRIAL_US);
	await(7);
	CHECK_INT(published("bad")->observed, TABLE_SLOW_START);
	CHECK_INT(published("bad")->tier, 2);
	CHECK_INT(good->accepted, 1);
	scene_close();
	fake_free(good);
	fake_free(back);
	end();
}

/* Mute for real requests: what a check says to that is nothing. */
static void
mute(void)
{
	struct fake *good, *f;

	begin();
	good = fake_new(loop, FAKE_ECHO);
	f = fake_new(loop, FAKE_MUTE);
	add("good", good->port, 1);
	add("mute", f->port, 1);
	scene_open(HEAD);
	fails(0, "mute", 3);
	atomic_store(&rig_counts(0, "mute")->last_failure, REASON_HOP_MUTE);
	works(0, "good", 1);
	later(DUE_SOON_US);
	CHECK_INT(published("mute")->observed, TABLE_EJECTED);
	works(0, "good", 1);
	later(RANK_EJECT_MIN_US);
	await(1);
	later(EVERY * 2);
	await(3);
	later(EVERY * 2);
	await(5);
	CHECK_INT(published("mute")->check_reason, REASON_OK);
	CHECK_INT(published("mute")->observed, TABLE_HALF_OPEN);
	works(0, "mute", RANK_TRIALS_OK);
	later(0);
	CHECK_INT(published("mute")->observed, TABLE_SLOW_START);
	scene_close();
	fake_free(good);
	fake_free(f);
	end();
}

static void
fresh_evidence(void)
{
	struct fake *f;
	int i;

	begin();
	f = fake_new(loop, FAKE_ECHO);
	add("a", f->port, 1);
	scene_open(HEAD);
	for (i = 0; i < 5; i++) {
		works(i % 2, "a", 1);
		later(EVERY - S);
		quiet();
	}
	/* Also what came since the last look. */
	skew_us += EVERY * 2;
	works(0, "a", 1);
	quiet();
	CHECK_INT(f->accepted, 0);
	later(EVERY + S);
	await(1);
	CHECK_INT(f->accepted, 1);
	scene_close();
	fake_free(f);
	end();
}

/* Given up by workers for another: one check that has all its time ejects. */
static void
given_up(void)
{
	struct fake *good, *hole;

	begin();
	good = fake_new(loop, FAKE_ECHO);
	hole = fake_new(loop, FAKE_STALLED);
	add("good", good->port, 1);
	add("hole", hole->port, 1);
	scene_open(HEAD);
	works(0, "good", 1);
	works(0, "hole", 1);
	later(0);
	slab_add(&rig_counts(0, "hole")->attempts, 5);
	slab_add(&rig_counts(0, "hole")->hedged, 5);
	later(S / 10);
	quiet();
	CHECK_INT(hole->accepted, 1);
	/* Meanwhile others are served: it is not our uplink. */
	skew_us += S / 2;
	works(0, "good", 1);
	later(0);
	skew_us += S / 2;
	await(1);
	CHECK_INT(published("hole")->observed, TABLE_EJECTED);
	CHECK_INT(published("hole")->check_reason, REASON_HOP_TIMEOUT);
	CHECK_INT(good->accepted, 0);
	scene_close();
	fake_free(good);
	fake_free(hole);
	end();
}

/* However many are due. */
static void
budget(void)
{
	struct fake *f;
	char name[16];
	int i;

	begin();
	f = fake_new(loop, FAKE_ECHO);
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "i%d", i);
		add(name, f->port, 1);
	}
	scene_open(HEAD);
	/* By now the lots of all have come. */
	later(DUE_SOON_US);
	await(CHECK_BURST);
	skew_us += S;
	await(CHECK_BURST + CHECK_RATE);
	skew_us += S / 2;
	await(CHECK_BURST + CHECK_RATE + CHECK_RATE / 2);
	scene_close();
	fake_free(f);
	end();
}

static void
parallel(void)
{
	struct fake *f;
	char name[16];
	int i;

	begin();
	f = fake_new(loop, FAKE_STALLED);
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "i%d", i);
		add(name, f->port, 1);
	}
	scene_open(HEAD);
	later(DUE_SOON_US);
	for (i = 0; i < TURNS && f->accepted < CHECK_PARALLEL; i++)
		turn(10000);
	skew_us += S / 2; /* the budget has room, the slots have none */
	quiet();
	CHECK_INT(f->accepted, CHECK_PARALLEL);
	scene_close(); /* with all of them under way */
	fake_free(f);
	end();
}

static void
reload(const char *head, const char *more)
{
	struct settings *s;
	char all[SCENE_LEN + 512];

	snprintf(all, sizeof(all), "%s%s", head, more);
	s = rig_settings(all);
	check_settings(check, s);
	settings_unref(rig_control.settings);
	rig_control.settings = s;
	ranking_settings(r, s);
	later(0);
}

static void
switched_off(void)
{
	struct fake *f;

	begin();
	f = fake_new(loop, FAKE_STALLED);
	add("a", f->port, 1);
	scene_open(HEAD "check-interval = 0s\n");
	later(EVERY * 3);
	quiet();
	CHECK_INT(f->accepted, 0);
	reload(HEAD, text);
	later(DUE_SOON_US);
	quiet();
	CHECK_INT(f->accepted, 1);
	CHECK(busy(), "no check under way");
	reload(HEAD "check-interval = 0s\n", text);
	CHECK(!busy(), "it goes on");
	later(EVERY);
	quiet();
	CHECK_INT(f->accepted, 1);
	CHECK_INT(r->checks_made, 0);
	scene_close();
	fake_free(f);
	end();
}

/* Its row is another's by the time the answer comes. */
static void
gone(void)
{
	struct fake *f, *other;

	begin();
	f = fake_new(loop, FAKE_STALLED);
	other = fake_new(loop, FAKE_ECHO);
	add("a", f->port, 1);
	scene_open(HEAD);
	later(DUE_SOON_US);
	quiet();
	CHECK_INT(f->accepted, 1);
	text[0] = '\0';
	add("b", other->port, 1);
	reload(HEAD, text);
	CHECK_INT(rig_row("b")->slot, 0);
	skew_us += 2 * S;
	quiet();
	CHECK_INT(r->checks_made, 1);
	CHECK_INT(rig_row("b")->check_reason, REASON_OK);
	CHECK_INT(published("b")->observed, TABLE_UP);
	scene_close();
	fake_free(f);
	fake_free(other);
	end();
}

/* Asked for the target, which it must then reach; and a target that is down
 * is nobody's fault. */
static void
target(void)
{
	struct fake *good, *cut;
	int i;

	begin();
	good = fake_new(loop, FAKE_ECHO);
	cut = fake_new(loop, FAKE_REPLY);
	cut->code = 4; /* host unreachable */
	add("good", good->port, 1);
	add("cut", cut->port, 2);
	scene_open(HEAD "check-target = www.example.org:443\n");
	works(0, "good", 1); /* fresh, and asked all the same */
	later(DUE_SOON_US);
	await(2);
	CHECK_INT(good->accepted, 1);
	CHECK_INT(published("cut")->check_reason, REASON_HOST_UNREACHABLE);
	for (i = 0; i < 2; i++) {
		works(0, "good", 1);
		later(DUE_AGAIN_US);
		await((uint64_t)(4 + 2 * i));
	}
	CHECK_INT(published("cut")->observed, TABLE_EJECTED);
	/* Now nobody reaches it. */
	good->script = FAKE_REPLY;
	good->code = 4;
	for (i = 0; i < 20; i++) {
		later(DUE_AGAIN_US);
		quiet();
	}
	CHECK_INT(published("good")->charged, 0);
	CHECK_INT(published("good")->observed, TABLE_UP);
	CHECK_INT(published("good")->check_reason, REASON_HOST_UNREACHABLE);
	scene_close();
	fake_free(good);
	fake_free(cut);
	end();
}

/* Without a target the same answer is one: it lives. */
static void
any_answer(void)
{
	struct fake *f;

	begin();
	f = fake_new(loop, FAKE_REPLY);
	f->code = 2;
	add("a", f->port, 1);
	scene_open(HEAD);
	later(DUE_SOON_US);
	await(1);
	CHECK_INT(published("a")->observed, TABLE_UP);
	CHECK_INT(published("a")->check_reason, REASON_OK);
	scene_close();
	fake_free(f);
	end();
}

static const struct unit_case cases[] = {
    {"never used", never_used},
    {"dead and back", dead_and_back},
    {"mute", mute},
    {"fresh evidence", fresh_evidence},
    {"given up", given_up},
    {"budget", budget},
    {"parallel", parallel},
    {"switched off", switched_off},
    {"gone", gone},
    {"target", target},
    {"any answer", any_answer},
};

UNIT_MAIN("check", cases)
