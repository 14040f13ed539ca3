/* Blobs over a real channel: every length around a piece, two in a row, and
 * pieces that do not follow. */
#include "policyd/common/blob.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/chan.h"
#include "base/loop.h"
#include "policyd/common/pdfield.h"
#include "tests/unit/unit.h"

enum {
	FROM,
	TO
};
static const struct chan_rule rows[] = {
    {"piece", 1u << FROM, 1u << TO, 8, CHAN_DATA_MAX, 0, 0}};
static const struct chan_rules rules = {rows, 1};

#define PIECE (CHAN_DATA_MAX - 8)

struct ends {
	struct loop *loop;
	struct chan *from, *to;
	struct blob blob;
	int error;     /* of blob_take() */
	size_t wholes; /* that came */
	size_t len;    /* of the last */
	bool right;    /* its bytes are those of pattern() */
};

static uint8_t
pattern(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

static void
on_message(void *arg, struct chan *c, const struct chan_msg *m)
{
	struct ends *e = arg;
	size_t i;
	int rc;

	(void)c; /* one has messages */
	rc = blob_take(&e->blob, m);
	if (rc < 0)
		e->error = rc;
	if (rc != 1)
		return;
	e->wholes++;
	e->len = e->blob.len;
	e->right = e->blob.data[e->len] == '\0';
	for (i = 0; i < e->len; i++)
		e->right &= e->blob.data[i] == pattern(i);
}

static void
on_closed(void *arg, struct chan *c, const char *why)
{
	(void)arg;
	(void)c;
	CHECK(false, "the channel ends: %s", why != NULL ? why : "gone");
}

static void
open_ends(struct ends *e)
{
	const struct chan_owner owner = {on_message, on_closed, e};
	int fds[2];

	memset(e, 0, sizeof(*e));
	CHECK_INT(loop_new(&e->loop), 0);
	CHECK_INT(chan_pair(fds), 0);
	CHECK_INT(
	    chan_new(&e->from, e->loop, fds[0], &rules, FROM, TO, &owner), 0);
	CHECK_INT(
	    chan_new(&e->to, e->loop, fds[1], &rules, TO, FROM, &owner), 0);
	chan_queue_max(e->from, BLOB_PIECES_MAX);
}

static void
close_ends(struct ends *e)
{
	chan_free(e->from);
	chan_free(e->to);
	blob_free(&e->blob);
	loop_free(e->loop);
}

static void
turn(struct ends *e, size_t wholes)
{
	int i;

	for (i = 0; i < 1000 && e->wholes < wholes && e->error == 0; i++)
		loop_turn(e->loop, 10000);
}

static void
lengths(void)
{
	const size_t lens[] = {0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE,
	    2 * PIECE + 1, BLOB_MAX - 1, BLOB_MAX};
	uint8_t *data = malloc(BLOB_MAX + 1);
	struct ends e;
	size_t i;

	for (i = 0; i <= BLOB_MAX; i++)
		data[i] = pattern(i);
	open_ends(&e);
	for (i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		CHECK_INT(blob_send(e.from, 0, data, lens[i]), 0);
		turn(&e, i + 1);
		CHECK_INT(e.wholes, i + 1);
		CHECK_INT(e.len, lens[i]);
		CHECK(e.right, "%zu bytes came as others", lens[i]);
	}
	CHECK_INT(e.error, 0);
	CHECK_INT(blob_send(e.from, 0, data, BLOB_MAX + 1), -EMSGSIZE);
	/* Two, of which the second is sent before the first is read. */
	CHECK_INT(blob_send(e.from, 0, data, 3 * PIECE), 0);
	CHECK_INT(blob_send(e.from, 0, data, 5), 0);
	turn(&e, i + 2);
	CHECK_INT(e.wholes, i + 2);
	CHECK_INT(e.len, 5);
	close_ends(&e);
	free(data);
}

/* A piece by hand. */
struct piece {
	uint32_t len, at;
	size_t bytes;
};

static int
take_all(const struct piece *p, size_t n)
{
	static uint8_t data[CHAN_DATA_MAX];
	struct chan_msg m = {.data = data};
	struct blob b = {0};
	int rc = 0;
	size_t i;

	for (i = 0; i < n && rc >= 0; i++) {
		pdfield_put(pdfield_put(data, p[i].len, 4), p[i].at, 4);
		m.len = 8 + p[i].bytes;
		rc = blob_take(&b, &m);
	}
	blob_free(&b);
	return rc;
}

#define TAKE(...)                                         \
	take_all((const struct piece[]){__VA_ARGS__},     \
	    sizeof((const struct piece[]){__VA_ARGS__}) / \
		sizeof(struct piece))

static void
what_does_not_follow(void)
{
	CHECK_INT(TAKE({10, 0, 4}), 0);
	CHECK_INT(TAKE({10, 0, 4}, {10, 4, 6}), 1);
	CHECK_INT(TAKE({10, 0, 4}, {10, 4, 6}, {3, 0, 3}), 1);
	CHECK_INT(TAKE({10, 4, 6}), -EPROTO);		    /* no beginning */
	CHECK_INT(TAKE({10, 0, 4}, {10, 0, 4}), -EPROTO);   /* a second one */
	CHECK_INT(TAKE({10, 0, 4}, {10, 5, 5}), -EPROTO);   /* a gap */
	CHECK_INT(TAKE({10, 0, 4}, {10, 3, 7}), -EPROTO);   /* overlap */
	CHECK_INT(TAKE({10, 0, 4}, {11, 4, 7}), -EPROTO);   /* grows */
	CHECK_INT(TAKE({10, 0, 4}, {10, 4, 7}), -EPROTO);   /* too much */
	CHECK_INT(TAKE({10, 0, 11}), -EPROTO);		    /* likewise */
	CHECK_INT(TAKE({10, 0, 0}), -EPROTO);		    /* for ever */
	CHECK_INT(TAKE({0, 0, 0}), 1);			    /* an empty one */
	CHECK_INT(TAKE({0, 0, 1}), -EPROTO);		    /* that is not */
	CHECK_INT(TAKE({10, 0, 10}, {10, 10, 0}), -EPROTO); /* after the end */
	CHECK_INT(TAKE({BLOB_MAX, 0, 1}), 0);
	CHECK_INT(TAKE({BLOB_MAX + 1, 0, 1}), -EPROTO);
	CHECK_INT(TAKE({UINT32_MAX, 0, 1}), -EPROTO);
	CHECK_INT(TAKE({10, UINT32_MAX, 1}), -EPROTO);
}

/* Who does not read is no reason to wait, nor to grow. */
static void
stuck(void)
{
	static uint8_t data[BLOB_MAX];
	struct ends e;
	int i, rc = 0;

	open_ends(&e);
	for (i = 0; i < 4 && rc == 0; i++)
		rc = blob_send(e.from, 0, data, sizeof(data));
	CHECK_INT(rc, -ENOBUFS);
	close_ends(&e);
}

static const struct unit_case cases[] = {
    {"every length comes as it was", lengths},
    {"pieces that do not follow", what_does_not_follow},
    {"a peer that is stuck", stuck},
};

UNIT_MAIN("blob", cases)
