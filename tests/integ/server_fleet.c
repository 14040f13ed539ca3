/* A policy server among many agents, some of which lie, flood or are left
 * out; and one that cannot write any more. */
#include <sys/mount.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/integ/rig_member.h"
#include "tests/integ/rig_policyd.h"
#include "trust/keyfile.h"

#define MEMBERS	  30
#define LIARS	  3
#define ROUNDS	  60
#define LOOKS	  6
#define GOOD_US	  2000
#define SETTLE_MS 30000
#define FLOOD	  200

static const char policy[] = "[intermediary \"s1\"]\n"
			     "type = socks5\naddress = 127.0.0.1:9\ntier = 1\n"
			     "[intermediary \"s2\"]\n"
			     "type = socks5\naddress = 127.0.0.2:9\ntier = 1\n"
			     "[intermediary \"s3\"]\n"
			     "type = socks5\naddress = 127.0.0.3:9\ntier = 1\n"
			     "[tier \"second\"]\nrank = 2\n";

static struct rig_member members[MEMBERS];

static void
seal_key(const struct rig_policyd *s, uint8_t out[SEALED_KEY_LEN])
{
	struct keyfile_public p;
	char path[RIG_PATH_MAX + 16], why[KEYFILE_WHY_MAX];

	snprintf(path, sizeof(path), "%s/seal.pub", s->keys);
	REQUIRE(keyfile_read_public(path, &p, why) == 0, "%s", why);
	memcpy(out, p.key, SEALED_KEY_LEN);
}

static void
join(struct rig_policyd *s, struct rig_member *m)
{
	char path[RIG_PATH_MAX];
	char *token;
	size_t len;

	rig_policyd_token(s, m->group, path);
	token = rig_read(path, &len);
	REQUIRE(token != NULL, "%s", path);
	token[strcspn(token, "\n")] = '\0';
	REQUIRE(rig_member_join(m, s->port, token), "%s was not let in: %s: %s",
	    m->name, m->answer.code, m->answer.text);
	free(token);
}

static void
setup(struct rig_policyd *s, unsigned int n, const char *sections)
{
	uint8_t key[SEALED_KEY_LEN];
	unsigned int i;

	rig_policyd_init(s, "server");
	rig_policyd_key(s, "heartbeat = 1s");
	rig_policyd_key(s, "report-interval = 5s");
	rig_policyd_add(s, "%s", sections);
	rig_policyd_start(s);
	rig_policyd_publish(s, "*", policy);
	seal_key(s, key);
	for (i = 0; i < n; i++) {
		rig_member_init(&members[i], i, "york", key);
		join(s, &members[i]);
		REQUIRE(rig_member_await(
			    &members[i], ENVELOPE_POLICY, 1, SETTLE_MS),
		    "%s got no policy", members[i].name);
	}
}

static void
teardown(struct rig_policyd *s, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		rig_member_free(&members[i]);
	rig_policyd_stop(s);
}

/* Where s1, s2 and s3 stand: "1 1 1"; 0: no new requests. */
static void
places(struct rig_policyd *s, char out[64])
{
	const char *const args[] = {"ranks", "--group", "york", "--json", NULL};
	int tier[3] = {-1, -1, -1};
	struct rig_output o;
	const char *name;
	json_t *doc, *row;
	size_t i;

	rig_policyd_ask(s, &o, args);
	doc = json_loads(o.out, 0, NULL);
	CHECK(doc != NULL, "ranks: exit %d: %s%s", o.code, o.out, o.err);
	json_array_foreach(json_object_get(doc, "ranks"), i, row)
	{
		name = json_string_value(json_object_get(row, "name"));
		if (name == NULL || name[0] != 's' || name[1] < '1' ||
		    name[1] > '3')
			continue;
		tier[name[1] - '1'] =
		    json_is_true(json_object_get(row, "drain"))
			? 0
			: (int)json_integer_value(json_object_get(row, "tier"));
	}
	snprintf(out, 64, "%d %d %d", tier[0], tier[1], tier[2]);
	json_decref(doc);
	rig_output_free(&o);
}

/* What everybody says: of s1 and s3 nothing but good, of s2 what `honest`
 * says, or, if it is one of the first `liars`, the contrary. */
static void
say_all(unsigned int liars, bool s2_good)
{
	unsigned int i;
	bool lies;

	for (i = 0; i < MEMBERS; i++) {
		lies = i < liars;
		rig_member_saw(&members[i], "s1", 20, lies ? 0 : 20, GOOD_US);
		rig_member_saw(&members[i], "s2", 20, s2_good != lies ? 20 : 0,
		    lies ? 70 : GOOD_US);
		rig_member_saw(&members[i], "s3", 20, lies ? 0 : 20, GOOD_US);
		REQUIRE(rig_member_report(&members[i], false),
		    "%s cannot report", members[i].name);
	}
	for (i = 0; i < MEMBERS; i++)
		CHECK(rig_member_await_answer(&members[i], SETTLE_MS) &&
			  !members[i].nack,
		    "%s: %s %s", members[i].name, members[i].answer.code,
		    members[i].answer.text);
}

/* A look of the ranker is behind us: a heartbeat's rank has come. */
static void
await_look(void)
{
	CHECK(rig_member_await(&members[0], ENVELOPE_RANK,
		  members[0].serial[ENVELOPE_RANK] + 1, SETTLE_MS),
	    "no heartbeat");
}

static void
expect(struct rig_policyd *s, const char *want, unsigned int liars,
    bool s2_good, const char *when)
{
	char is[64];
	int i;

	for (i = 0; i < ROUNDS; i++) {
		say_all(liars, s2_good);
		await_look();
		places(s, is);
		if (strcmp(is, want) == 0)
			return;
	}
	CHECK(false, "%s: places %s, not %s", when, is, want);
}

static void
stays(struct rig_policyd *s, const char *want, unsigned int liars, bool s2_good,
    const char *when)
{
	char is[64];
	int i;

	for (i = 0; i < LOOKS; i++) {
		say_all(liars, s2_good);
		await_look();
		places(s, is);
		CHECK(strcmp(is, want) == 0, "%s: places %s, not %s", when, is,
		    want);
	}
}

#define QUICK                                           \
	"[ranking]\nwindow = 5s\nlower-after = 500ms\n" \
	"raise-after = 1s\n[quota]\nmessages = 6000\n"

static void
t_liars(void)
{
	static struct rig_policyd s;

	setup(&s, MEMBERS, QUICK);
	stays(&s, "1 1 1", LIARS, true, "three of thirty say all fails");
	expect(&s, "1 2 1", 0, false, "all say that s2 fails");
	stays(&s, "1 2 1", LIARS, false, "three of thirty say it is perfect");
	/* And this test can see a lie that works. */
	expect(&s, "1 1 1", 0, true, "all say that s2 is well again");
	expect(&s, "1 2 1", 0, false, "everybody lies");
	teardown(&s, MEMBERS);
}

static void
t_flood(void)
{
	static struct rig_policyd s;
	unsigned int i;

	setup(&s, 3, "[quota]\nmessages = 60\n");
	/* No more than the buffers on the way can hold. */
	for (i = 0; i < FLOOD; i++) {
		rig_member_saw(&members[0], "s1", 1, 1, GOOD_US);
		REQUIRE(rig_member_report(&members[0], false), "report %u", i);
	}
	for (i = 1; i < 3; i++) {
		rig_member_saw(&members[i], "s1", 1, 1, GOOD_US);
		CHECK(rig_member_report(&members[i], true),
		    "%s pays for it: %s %s", members[i].name,
		    members[i].answer.code, members[i].answer.text);
	}
	CHECK(rig_member_await_nack(&members[0], "quota", SETTLE_MS),
	    "%d reports at once, and no word of a quota", FLOOD);
	teardown(&s, 3);
}

static bool
fill(const char *path)
{
	static char block[65536];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t size = sizeof(block);
	ssize_t n;

	if (fd == -1)
		return false;
	while (size > 0) {
		n = write(fd, block, size);
		if (n <= 0)
			size /= 2;
	}
	close(fd);
	return true;
}

static bool
await_read_only(struct rig_policyd *s, bool want)
{
	const char *const args[] = {"status", "--json", NULL};
	int64_t deadline = rig_now_ms() + SETTLE_MS;
	struct rig_output o;
	json_t *doc;
	bool is;

	do {
		rig_policyd_ask(s, &o, args);
		doc = json_loads(o.out, 0, NULL);
		is = json_is_true(json_object_get(doc, "read_only"));
		json_decref(doc);
		rig_output_free(&o);
	} while (is != want && rig_pause(deadline));
	return is == want;
}

static void
t_disk_full(void)
{
	static struct rig_policyd s;
	uint8_t key[SEALED_KEY_LEN];
	char dir[RIG_PATH_MAX], file[RIG_PATH_MAX + 8];
	char token_path[RIG_PATH_MAX];

	rig_policyd_init(&s, "server");
	rig_path(dir, "state");
	CHECK(mkdir(dir, 0755) == 0 &&
		  mount("small", dir, "tmpfs", 0, "size=2m,mode=755") == 0,
	    "a small disk");
	strlcpy(s.state_dir, dir, sizeof(s.state_dir));
	rig_policyd_key(&s, "heartbeat = 1s");
	rig_policyd_add(&s, QUICK);
	rig_policyd_start(&s);
	rig_policyd_publish(&s, "*", policy);
	seal_key(&s, key);
	rig_member_init(&members[0], 0, "york", key);
	rig_member_init(&members[1], 1, "york", key);
	join(&s, &members[0]);
	join(&s, &members[1]);
	rig_member_close(&members[1]);
	rig_policyd_token(&s, "york", token_path);
	snprintf(file, sizeof(file), "%s/filler", dir);
	REQUIRE(fill(file), "%s", file);
	/* Sooner or later there is something to write that has no room. */
	do {
		rig_member_saw(&members[0], "s1", 1, 1, GOOD_US);
	} while (rig_member_report(&members[0], true));
	CHECK(
	    members[0].nack && strcmp(members[0].answer.code, "read-only") == 0,
	    "a report on a full disk: %s %s", members[0].answer.code,
	    members[0].answer.text);
	CHECK(await_read_only(&s, true), "status is silent about it");
	/* It keeps pushing what it has said last. */
	CHECK(rig_member_join(&members[1], s.port, "") || members[1].nack,
	    "no answer to a register");
	CHECK(rig_member_await(&members[1], ENVELOPE_POLICY, 1, SETTLE_MS),
	    "no policy on a full disk: %s %s", members[1].answer.code,
	    members[1].answer.text);
	CHECK(unlink(file) == 0, "%s", file);
	CHECK(await_read_only(&s, false), "it stays read-only");
	CHECK(rig_member_report(&members[0], true), "a report: %s %s",
	    members[0].answer.code, members[0].answer.text);
	rig_member_free(&members[0]);
	rig_member_free(&members[1]);
	rig_policyd_stop(&s);
}

static const struct rig_case cases[] = {
    {"three of thirty lie", t_liars, 180, 0},
    {"one floods", t_flood, 60, 0},
    {"the disk is full", t_disk_full, 90, RIG_NEEDS_NETNS},
};

RIG_MAIN("server_fleet", cases, NULL)
