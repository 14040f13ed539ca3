/* Which signed messages an agent lacks. */
#include "policyd/collector/pdshelf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define LEN(a) (sizeof(a) / sizeof(*(a)))

/* A message that is well formed, which is all that is asked here. */
static size_t
make(uint8_t *out, size_t cap, const struct envelope *what)
{
	struct envelope e = *what;
	int n;

	e.expires_s = 100;
	e.body = (const uint8_t *)"";
	if (e.audience[0] == '\0')
		e.audience[0] = '*';
	n = envelope_encode(&e, out, cap);
	CHECK(n > 0, "encode");
	memset(out + n, 1, 1 + 80); /* one signature */
	return (size_t)n + 81;
}

static void
put(struct pdshelf *s, enum envelope_type type, uint32_t epoch, uint64_t serial,
    const char *audience)
{
	struct envelope e = {.type = type, .epoch = epoch, .serial = serial};
	uint8_t message[512];

	memcpy(e.audience, audience, strlen(audience));
	CHECK_INT(
	    pdshelf_put(s, message, make(message, sizeof(message), &e)), 0);
}

/* What an agent of that group is sent, one after the other: "r2 p2.5 k2.7". */
static const char *
lacks(struct pdshelf *s, const char *group, struct pdmarks m)
{
	static const char letters[] = "?rpk";
	static char out[256];
	struct pdgroup *g = pdshelf_join(s, group);
	struct pdnote *n;
	size_t used = 0;
	int i;

	out[0] = '\0';
	for (i = 0; i < 20 && (n = pdshelf_next(s, g, &m)) != NULL; i++)
		used += (size_t)snprintf(out + used, sizeof(out) - used,
		    "%s%c%u.%u", i > 0 ? " " : "", letters[n->type],
		    n->mark.epoch, (unsigned int)n->mark.serial);
	CHECK(i < 20, "it ends");
	pdshelf_leave(g);
	return out;
}

static void
lacks_what_is_newer(void)
{
	static const struct {
		const char *group;
		struct pdmarks has;
		const char *lacks;
	} rows[] = {
	    {"ny", {0}, "r1.1 r2.1 r3.1 p3.5 k3.8"},
	    {"paris", {0}, "r1.1 r2.1 r3.1 p3.4 k3.7"},
	    {"rome", {0}, "r1.1 r2.1 r3.1 p3.4 k3.9"},
	    {"ny", {.root_epoch = 2}, "r3.1 p3.5 k3.8"},
	    {"ny", {.root_epoch = 3}, "p3.5 k3.8"},
	    {"ny", {.root_epoch = 9}, "p3.5 k3.8"},
	    {"ny", {3, {3, 4}, {3, 7}}, "p3.5 k3.8"},
	    {"ny", {3, {3, 5}, {3, 7}}, "k3.8"},
	    {"ny", {3, {3, 5}, {3, 8}}, ""},
	    {"ny", {3, {3, 6}, {3, 9}}, ""},
	    {"ny", {3, {2, 99}, {4, 0}}, "p3.5"},
	    {"ny", {3, {4, 0}, {2, 99}}, "k3.8"},
	};
	struct pdshelf s;
	size_t i;

	pdshelf_init(&s);
	CHECK_STR(lacks(&s, "ny", (struct pdmarks){0}), "");
	put(&s, ENVELOPE_ROOT, 2, 1, "*");
	put(&s, ENVELOPE_ROOT, 1, 1, "*");
	put(&s, ENVELOPE_ROOT, 3, 1, "*");
	put(&s, ENVELOPE_POLICY, 3, 4, "*");
	put(&s, ENVELOPE_POLICY, 3, 5, "ny");
	put(&s, ENVELOPE_RANK, 3, 7, "*");
	put(&s, ENVELOPE_RANK, 3, 8, "ny");
	put(&s, ENVELOPE_RANK, 3, 9, "rome");
	for (i = 0; i < LEN(rows); i++) {
		CHECK(strcmp(lacks(&s, rows[i].group, rows[i].has),
			  rows[i].lacks) == 0,
		    "row %zu: %s", i, lacks(&s, rows[i].group, rows[i].has));
	}
	pdshelf_free(&s);
}

static void
keeps_the_newest_alone(void)
{
	struct pdshelf s;

	pdshelf_init(&s);
	put(&s, ENVELOPE_RANK, 1, 1, "ny");
	put(&s, ENVELOPE_RANK, 1, 2, "ny");
	put(&s, ENVELOPE_ROOT, 1, 1, "*");
	put(&s, ENVELOPE_ROOT, 1, 1, "*");
	CHECK_STR(lacks(&s, "ny", (struct pdmarks){0}), "r1.1 k1.2");
	CHECK_INT(s.roots_n, 1);
	/* The ranker's word counts, also for less. */
	put(&s, ENVELOPE_RANK, 1, 1, "ny");
	CHECK_STR(lacks(&s, "ny", (struct pdmarks){0}), "r1.1 k1.1");
	pdshelf_free(&s);
}

static void
keeps_what_is_being_sent(void)
{
	struct pdshelf s;
	struct pdmarks m = {0};
	struct pdgroup *g;
	struct pdnote *n;

	pdshelf_init(&s);
	put(&s, ENVELOPE_RANK, 1, 1, "ny");
	g = pdshelf_join(&s, "ny");
	n = pdnote_ref(pdshelf_next(&s, g, &m));
	put(&s, ENVELOPE_RANK, 1, 2, "ny");
	CHECK_INT(n->mark.serial, 1);
	CHECK_INT(n->refs, 1);
	pdnote_unref(n);
	CHECK_INT(pdshelf_next(&s, g, &m)->mark.serial, 2);
	pdshelf_leave(g);
	pdshelf_free(&s);
}

static void
forgets_groups_of_nobody(void)
{
	struct pdshelf s;
	struct pdgroup *a, *b;

	pdshelf_init(&s);
	a = pdshelf_join(&s, "ny");
	b = pdshelf_join(&s, "ny");
	CHECK(a == b, "one group");
	pdshelf_leave(a);
	CHECK(!LIST_EMPTY(&s.groups), "one is left");
	pdshelf_leave(b);
	CHECK(LIST_EMPTY(&s.groups), "nobody is");
	put(&s, ENVELOPE_POLICY, 1, 1, "ny");
	pdshelf_leave(pdshelf_join(&s, "ny"));
	CHECK_STR(lacks(&s, "ny", (struct pdmarks){0}), "p1.1");
	pdshelf_leave(NULL);
	pdshelf_free(&s);
}

static void
takes_messages_alone(void)
{
	struct envelope e = {.type = ENVELOPE_RANK, .epoch = 1, .serial = 1};
	uint8_t message[512];
	struct pdshelf s;
	size_t n, i;

	pdshelf_init(&s);
	n = make(message, sizeof(message), &e);
	for (i = 0; i < n; i++)
		CHECK_INT(pdshelf_put(&s, message, i), -EPROTO);
	CHECK_INT(pdshelf_put(&s, message, n + 1), -EPROTO);
	message[0] = 'X';
	CHECK_INT(pdshelf_put(&s, message, n), -EPROTO);
	CHECK(s.all.rank == NULL, "nothing was taken");
	pdshelf_free(&s);
}

static const struct unit_case cases[] = {
    {"lacks what is newer", lacks_what_is_newer},
    {"keeps the newest alone", keeps_the_newest_alone},
    {"keeps what is being sent", keeps_what_is_being_sent},
    {"forgets groups of nobody", forgets_groups_of_nobody},
    {"takes messages alone", takes_messages_alone},
};

UNIT_MAIN("pdshelf", cases)
