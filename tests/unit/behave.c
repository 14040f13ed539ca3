/* What a tunnel turns out to be: traces of seven kinds of use, made by a seed,
 * and what is made of them. */
#include "cagentd/decide/behave.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define MS     1000ll
#define SECOND 1000000ll
#define START  (77 * SECOND)
#define EACH   400 /* traces of a kind */

enum use {
	SSH,
	CHAT,
	DNS,
	WEB,
	VIDEO,
	DOWNLOAD,
	BACKUP,
	USES
};

static const struct {
	const char *name;
	enum behave_kind is;
} uses[USES] = {
    {"ssh typing", BEHAVE_INTERACTIVE},
    {"chat", BEHAVE_INTERACTIVE},
    {"DNS over TLS", BEHAVE_INTERACTIVE},
    {"web", BEHAVE_NORMAL},
    {"video", BEHAVE_NORMAL},
    {"download", BEHAVE_BULK},
    {"backup", BEHAVE_BULK},
};

/* One trace as it is played to the classifier: until it is judged, at 64 KiB
 * or 5 s, whichever comes first, and then to its end. */
struct play {
	struct behave b;
	uint64_t seed;
	int64_t now_us;
	int64_t byte_ns; /* of the link */
	int64_t trip_us; /* round trip */
	uint64_t bytes;
	bool judged;
	enum behave_kind early;
	int changes;
};

static uint32_t
draw(struct play *p)
{
	p->seed = p->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(p->seed >> 33);
}

static int64_t
between(struct play *p, int64_t least, int64_t most)
{
	return least + draw(p) % (uint32_t)(most - least + 1);
}

/* Log-normal, as sizes on the web and times of people are. */
static int64_t
spread(struct play *p, double median, double sigma, int64_t least, int64_t most)
{
	double u = (draw(p) + 1.0) / 2147483649.0;
	double v = (draw(p) + 1.0) / 2147483649.0;
	double n = sqrt(-2 * log(u)) * cos(2 * 3.14159265358979 * v);
	int64_t x = (int64_t)(median * exp(sigma * n));

	return x < least ? least : x > most ? most : x;
}

static void
judge(struct play *p)
{
	if (p->judged)
		return;
	p->judged = true;
	p->early = (enum behave_kind)p->b.kind;
}

static void
wait_us(struct play *p, int64_t us)
{
	p->now_us += us;
	if (p->now_us - START >= 5 * SECOND)
		judge(p);
}

/* In receives of at most 16 KiB, at the link's speed. */
static void
move(struct play *p, bool up, int64_t len)
{
	int64_t n;

	for (; len > 0; len -= n) {
		n = len < 16384 ? len : 16384;
		wait_us(p, n * p->byte_ns / 1000);
		p->changes += behave_saw(&p->b, up, (size_t)n, p->now_us);
		p->bytes += (uint64_t)n;
		if (p->bytes >= 65536)
			judge(p);
	}
}

static void
ask(struct play *p, int64_t up, int64_t down)
{
	move(p, true, up);
	wait_us(p, p->trip_us);
	move(p, false, down);
}

/* The request comes with the last flight of TLS 1.3. */
static void
tls(struct play *p)
{
	ask(p, between(p, 280, 1900), between(p, 2500, 5500));
	move(p, true, between(p, 64, 90));
}

static void
ssh_begins(struct play *p)
{
	int i;

	ask(p, 40, 40);
	ask(p, between(p, 1000, 1600), between(p, 900, 1200));
	ask(p, between(p, 48, 1300), between(p, 450, 1600));
	for (i = 0; i < 5; i++)
		ask(p, between(p, 44, 600), between(p, 44, 600));
}

static void
play_ssh(struct play *p)
{
	int i, keys, line;

	ssh_begins(p);
	for (line = 0; line < 20; line++) {
		keys = (int)between(p, 2, 30);
		for (i = 0; i < keys; i++) {
			wait_us(
			    p, spread(p, 150 * MS, 0.7, 20 * MS, 3000 * MS));
			ask(p, 36, between(p, 36, 100));
		}
		move(p, true, 36);
		wait_us(p, p->trip_us);
		move(p, false, spread(p, 400, 1.3, 36, 12000));
		wait_us(p, spread(p, 1500 * MS, 1, 200 * MS, 20 * SECOND));
	}
}

static void
play_chat(struct play *p)
{
	int i, n;

	tls(p);
	ask(p, between(p, 200, 900), between(p, 200, 1500));
	ask(p, between(p, 100, 500), spread(p, 2000, 0.8, 200, 15000));
	for (i = 0; i < 60; i++) {
		wait_us(p, spread(p, 2500 * MS, 1, 100 * MS, 30 * SECOND));
		if (between(p, 0, 1) == 0) {
			ask(p, spread(p, 150, 0.6, 50, 1200),
			    between(p, 40, 120));
			continue;
		}
		for (n = (int)between(p, 1, 3); n > 0; n--) {
			move(p, false, spread(p, 250, 0.7, 60, 3000));
			wait_us(p, between(p, 50, 800) * MS);
		}
	}
}

static void
play_dns(struct play *p)
{
	int i;

	tls(p);
	for (i = 0; i < 80; i++) {
		ask(p, between(p, 50, 180), spread(p, 200, 0.7, 70, 1600));
		wait_us(p, spread(p, 200 * MS, 1.2, MS, 20 * SECOND));
	}
}

/* A page, what it consists of while it still comes, and the next page. */
static void
play_web(struct play *p)
{
	int64_t html, head;
	int page, i, parts;

	tls(p);
	for (page = 0; page < 5; page++) {
		html = spread(p, 25000, 0.8, 1500, 300000);
		head = html * between(p, 30, 100) / 100;
		if (head > 40000)
			head = 40000;
		ask(p, between(p, 350, 1400), head);
		parts = (int)between(p, 4, 30);
		for (i = 0; i < parts; i++) {
			move(p, true, between(p, 80, 700));
			if (i == 0)
				move(p, false, html - head);
			if (between(p, 0, 2) > 0)
				wait_us(p, p->trip_us);
			move(p, false, spread(p, 12000, 1.2, 200, 250000));
		}
		wait_us(p, spread(p, 6 * SECOND, 1, SECOND, 60 * SECOND));
	}
}

/* Playlists and openings, then pieces of some seconds each. */
static void
play_video(struct play *p)
{
	int64_t rate = spread(p, 350000, 0.7, 60000, 1500000), piece;
	int i;

	tls(p);
	ask(p, between(p, 300, 1200), spread(p, 3000, 0.7, 500, 20000));
	ask(p, between(p, 300, 1200), spread(p, 6000, 0.7, 500, 25000));
	ask(p, between(p, 300, 1200), between(p, 700, 1800));
	ask(p, between(p, 300, 1200), between(p, 600, 1200));
	for (i = 0; i < 15; i++) {
		piece = rate * between(p, 2, 5) / (i < 3 ? 4 : 1);
		ask(p, between(p, 300, 1200), piece / 12);
		ask(p, between(p, 300, 1200), piece);
		wait_us(p, i < 3 ? between(p, 10, 100) * MS
				 : between(p, 1500, 4500) * MS);
	}
}

static void
play_download(struct play *p)
{
	int64_t left = spread(p, 20e6, 1, 2000000, 200000000), n;

	tls(p);
	if (between(p, 0, 3) == 0)
		ask(p, between(p, 200, 900), between(p, 300, 900));
	move(p, true, between(p, 100, 900));
	wait_us(p, p->trip_us);
	for (; left > 0; left -= n) {
		n = between(p, 100000, 1000000);
		move(p, false, n);
		move(p, true, between(p, 35, 60));
		if (between(p, 0, 30) == 0)
			wait_us(p, between(p, 50, 900) * MS);
	}
}

static void
play_backup(struct play *p)
{
	int64_t left = spread(p, 30e6, 1, 3000000, 200000000), n;
	bool over_ssh = between(p, 0, 1) == 0;

	if (over_ssh)
		ssh_begins(p);
	else
		tls(p);
	ask(p, between(p, 100, 1500), between(p, 100, 1500));
	for (; left > 0; left -= n) {
		n = between(p, 16000, over_ssh ? 65000 : 4000000);
		move(p, true, n);
		move(p, false, between(p, 36, 250));
		if (between(p, 0, 20) == 0)
			wait_us(p, between(p, 20, 700) * MS);
	}
}

static void (*const plays[USES])(struct play *) = {play_ssh, play_chat,
    play_dns, play_web, play_video, play_download, play_backup};

static void
play(struct play *p, enum use use, uint32_t i)
{
	*p = (struct play){.seed = 1000003ull * use + i, .now_us = START};
	p->byte_ns = spread(p, 200, 1.0, 8, 4000);
	p->trip_us = spread(p, 40 * MS, 0.7, MS, 300 * MS);
	behave_start(&p->b, BEHAVE_NORMAL, START);
	plays[use](p);
	judge(p);
}

static void
tells_what_it_is(void)
{
	static const char *const heads[] = {"interactive", "normal", "bulk"};
	int early[USES][BEHAVE_KINDS] = {0}, late[USES][BEHAVE_KINDS] = {0};
	int right[2] = {0}, changes = 0, u, i;
	struct play p;

	for (u = 0; u < USES; u++) {
		for (i = 0; i < EACH; i++) {
			play(&p, (enum use)u, (uint32_t)i);
			early[u][p.early]++;
			late[u][p.b.kind]++;
			right[0] += p.early == uses[u].is;
			right[1] += p.b.kind == uses[u].is;
			changes += p.changes;
		}
		CHECK(early[u][uses[u].is] >= EACH * 85 / 100, "%s: %d of %d",
		    uses[u].name, early[u][uses[u].is], EACH);
	}
	printf("%-14s %36s   %36s\n", "", "after 64 KiB or 5 s", "at the end");
	printf("%-14s %12s %12s %10s   %12s %12s %10s\n", "", heads[0],
	    heads[1], heads[2], heads[0], heads[1], heads[2]);
	for (u = 0; u < USES; u++)
		printf("%-14s %12d %12d %10d   %12d %12d %10d\n", uses[u].name,
		    early[u][0], early[u][1], early[u][2], late[u][0],
		    late[u][1], late[u][2]);
	printf("right: %.1f %%, %.1f %%; changes of class: %.2f a tunnel\n",
	    100.0 * right[0] / (USES * EACH), 100.0 * right[1] / (USES * EACH),
	    (double)changes / (USES * EACH));
	CHECK(right[0] >= USES * EACH * 95 / 100, "%d right", right[0]);
	CHECK(right[1] >= USES * EACH * 95 / 100, "%d right in the end",
	    right[1]);
}

static bool
saw(struct behave *b, bool up, size_t len, int64_t *now_us, int64_t wait_us)
{
	*now_us += wait_us;
	return behave_saw(b, up, len, *now_us);
}

static void
keys(struct behave *b, int n, int64_t *now_us)
{
	while (n-- > 0) {
		saw(b, true, 36, now_us, 150 * MS);
		saw(b, false, 40, now_us, 20 * MS);
	}
}

/* A screenful in a terminal: worse at once, better only a second later. */
static void
comes_back_slowly(void)
{
	int64_t now = START, back;
	struct behave b;
	int i, n;

	behave_start(&b, BEHAVE_NORMAL, now);
	keys(&b, 10, &now);
	CHECK_INT(b.kind, BEHAVE_INTERACTIVE);
	CHECK_INT(b.why, BEHAVE_WORDS);
	CHECK(!saw(&b, false, 15 * 1024, &now, MS), "15 KiB are a word");
	CHECK(saw(&b, false, 2048, &now, MS), "more is not");
	CHECK_INT(b.kind, BEHAVE_NORMAL);
	for (back = now, i = 0; i < 100 && b.kind == BEHAVE_NORMAL; i++)
		keys(&b, 1, &now);
	CHECK_INT(b.kind, BEHAVE_INTERACTIVE);
	CHECK(now - back >= BEHAVE_DWELL_MS * MS && now - back < 3 * SECOND,
	    "back after %lld us", (long long)(now - back));
	/* And a long file: bulk, and no longer than that takes. */
	for (n = 0; n < 400; n++)
		saw(&b, false, 16 * 1024, &now, MS);
	CHECK_INT(b.kind, BEHAVE_BULK);
	CHECK_INT(b.why, BEHAVE_FLOOD);
	for (n = 0; b.kind != BEHAVE_INTERACTIVE && n < 100; n++) {
		now += SECOND;
		saw(&b, true, 80, &now, 0);
		saw(&b, false, 40, &now, 20 * MS);
	}
	CHECK(n >= BEHAVE_CALM - 1 && n <= 2 * BEHAVE_CALM, "%d requests", n);
}

/* Known from before: until it shows something else. */
static void
begins_as_it_was(void)
{
	int64_t now = START;
	struct behave b;
	int i;

	behave_start(&b, BEHAVE_BULK, now);
	saw(&b, true, 400, &now, MS);
	saw(&b, false, 3000, &now, MS);
	CHECK_INT(b.kind, BEHAVE_BULK);
	CHECK(!behave_knows(&b), "nothing shown yet");
	for (i = 0; i < 20; i++) {
		saw(&b, true, 400, &now, SECOND);
		saw(&b, false, 9000, &now, MS);
	}
	CHECK_INT(b.kind, BEHAVE_NORMAL);
	CHECK_INT(b.why, BEHAVE_ASKS);
	CHECK(behave_knows(&b), "it has shown itself");

	behave_start(&b, BEHAVE_INTERACTIVE, now);
	saw(&b, true, 400, &now, MS);
	saw(&b, false, 3000, &now, MS);
	CHECK_INT(b.kind, BEHAVE_INTERACTIVE);
	saw(&b, false, 60000, &now, MS);
	CHECK_INT(b.kind, BEHAVE_BULK);
}

/* What was sent an hour ago does not make a terminal an upload. */
static void
forgets(void)
{
	int64_t now = START;
	struct behave b;
	int i;

	behave_start(&b, BEHAVE_NORMAL, now);
	for (i = 0; i < 1000; i++)
		saw(&b, true, 64 * 1024, &now, MS);
	CHECK_INT(b.kind, BEHAVE_BULK);
	for (i = 0; i < 60; i++) {
		saw(&b, true, 100, &now, SECOND);
		saw(&b, false, 100, &now, MS);
	}
	CHECK_INT(b.kind, BEHAVE_INTERACTIVE);
}

/* Lengths at the ends of their ranges, and a clock that wraps. */
static void
bears_anything(void)
{
	static const size_t lens[] = {1, 2, 63, 64, 65, SIZE_MAX, 1u << 31};
	int64_t now = (1ll << 32) * 1000 - SECOND;
	struct behave b;
	size_t i;

	behave_start(&b, BEHAVE_NORMAL, now);
	for (i = 0; i < 7 * 1000; i++)
		saw(&b, i % 3 == 0, lens[i % 7], &now, i % 11 * 50 * MS);
	CHECK_INT(b.kind, BEHAVE_BULK);
	CHECK(sizeof(b) <= 48, "%zu bytes a tunnel", sizeof(b));
	CHECK_STR(behave_kind_text(BEHAVE_BULK), "bulk");
	CHECK_STR(behave_why_text(BEHAVE_RUN), "one side goes on and on");
}

static const struct unit_case cases[] = {
    {"tells what it is", tells_what_it_is},
    {"comes back slowly", comes_back_slowly},
    {"begins as it was", begins_as_it_was},
    {"forgets", forgets},
    {"bears anything", bears_anything},
};

UNIT_MAIN("behave", cases)
