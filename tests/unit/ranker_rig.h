#ifndef TESTS_UNIT_RANKER_RIG_H
#define TESTS_UNIT_RANKER_RIG_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mono.h"
#include "policyd/common/pdctl.h"
#include "policyd/common/pdfield.h"
#include "policyd/common/probelist.h"
#include "policyd/ranker/ranker.h"
#include "tests/unit/trust_sample.h"
#include "tests/unit/unit.h"

/*
 * A ranker in the test's own process.  The test is the collector, the signer,
 * the prober and the page: it has the other ends of their lines, and keeps
 * what came over them last.
 */
#define WAIT_US INT64_C(10000000)
#define BODY                                                        \
	"[tier \"gold\"]\nrank = 1\n[tier \"silver\"]\nrank = 2\n"  \
	"[tier \"vip\"]\nrank = 9\nreserved-for = critical\n"       \
	"[intermediary \"s1\"]\ntype = socks5\naddress = h1:1080\n" \
	"tier = 1\n"                                                \
	"[intermediary \"s2\"]\ntype = http\naddress = h2:8080\n"   \
	"tier = 1\nweight = 20\n"                                   \
	"[intermediary \"s3\"]\ntype = socks5\naddress = h3:1080\n" \
	"tier = 2\n"                                                \
	"[intermediary \"s9\"]\ntype = socks5\naddress = h9:1080\n" \
	"tier = 9\n"
#define CONF                                                              \
	"[policyd]\nlisten = 127.0.0.1:0\nstate-dir = /s\nrun-dir = /r\n" \
	"report-interval = 20s\nheartbeat = 1h\nrank-lifetime = 2h\n"     \
	"[probe]\ntarget = 127.0.0.1:1\ninterval = 10s\n"                 \
	"[ranking]\nwindow = 60s\nmin-agents = 1\nmin-samples = 1\n"

struct rig_line {
	struct rig *rig;
	struct chan *chan;
	struct blob blob;
};

struct rig {
	char dir[64], path[96];
	struct loop *loop;
	struct pdconf *conf;
	struct ranker ranker;
	struct ranker_why why;
	struct sample root;
	struct rig_line lines[PDPROC_COUNT];
	bool mute, forge; /* the signer answers not, or wrong */

	/* What came last, and how often. */
	struct pdmsg_welcome welcome;
	int welcomes, expelled_n, signs, states;
	int answered_n, stored_n, unstored_n;
	uint64_t stored, unstored, expelled; /* sequences; a connection */
	char code[MANAGE_CODE_MAX + 1];
	bool read_only;
	struct probelist probes;
	int published_n;
	struct {
		struct envelope e;
		char body[4096];
		char order[256]; /* types and audiences, in order */
	} published;
};

static inline void
rig_stored(struct rig *g, const struct chan_msg *m)
{
	struct pdfield f = {m->data, m->len, false};
	char text[MANAGE_TEXT_MAX + 1];

	while (f.left > 0) {
		(void)pdfield_get(&f, 8);
		g->answered_n++;
		if (m->type == PDMSG_STORED) {
			g->stored = pdfield_get(&f, 8);
			g->stored_n++;
			continue;
		}
		g->unstored = pdfield_get(&f, 8);
		pdfield_get_str(&f, g->code, sizeof(g->code));
		pdfield_get_str(&f, text, sizeof(text));
		g->unstored_n++;
	}
}

static inline void
rig_published(struct rig *g, const struct blob *b)
{
	enum envelope_fault fault;
	struct envelope *e = &g->published.e;
	size_t at = strlen(g->published.order);

	CHECK(envelope_decode(b->data, b->len, e, &fault) == (int)b->len,
	    "no message is published");
	snprintf(g->published.body, sizeof(g->published.body), "%.*s",
	    (int)e->body_len, (const char *)e->body);
	snprintf(g->published.order + at, sizeof(g->published.order) - at,
	    "%d%s ", (int)e->type, e->audience);
	g->published_n++;
}

/* Key 6 is the rank key. */
static inline void
rig_sign(struct rig *g, const struct blob *b)
{
	struct sample_key k = sample_key(g->forge ? 8 : 6);
	static uint8_t message[ENVELOPE_MAX];
	int len;

	g->signs++;
	if (g->mute)
		return;
	memcpy(message, b->data, b->len);
	len = envelope_sign(
	    message, b->len, sizeof(message), k.public_key, k.secret_key);
	CHECK(len > 0, "what is to be signed is none");
	CHECK_INT(blob_send(g->lines[PDPROC_SIGNER].chan, PDMSG_SIGNED, message,
		      (size_t)len),
	    0);
}

static inline void
rig_message(void *arg, struct chan *chan, const struct chan_msg *m)
{
	struct rig_line *l = arg;
	struct rig *g = l->rig;

	(void)chan; /* the line's */
	if (m->type == PDMSG_PUBLISH && blob_take(&l->blob, m) == 1)
		rig_published(g, &l->blob);
	else if (m->type == PDMSG_SIGN && blob_take(&l->blob, m) == 1)
		rig_sign(g, &l->blob);
	else if (m->type == PDMSG_PROBE && blob_take(&l->blob, m) == 1)
		CHECK_INT(
		    probelist_decode(l->blob.data, l->blob.len, &g->probes), 0);
	else if (m->type == PDMSG_STORED || m->type == PDMSG_UNSTORED)
		rig_stored(g, m);
	if (m->type == PDMSG_WELCOME) {
		CHECK_INT(
		    pdmsg_welcome_decode(m->data, m->len, &g->welcome), 0);
		g->welcomes++;
	} else if (m->type == PDMSG_EXPEL) {
		struct pdfield f = {m->data, m->len, false};

		g->expelled = pdfield_get(&f, 8);
		g->expelled_n++;
	} else if (m->type == PDMSG_STATE) {
		g->read_only = m->data[0] != 0;
		g->states++;
	}
}

static inline void
rig_closed(void *arg, struct chan *chan, const char *why)
{
	(void)arg, (void)chan;
	CHECK(why == NULL, "a rule is broken: %s", why);
}

static inline void
rig_unplug(struct rig *g, enum pdproc_role role)
{
	chan_free(g->lines[role].chan);
	g->lines[role].chan = NULL;
	blob_free(&g->lines[role].blob);
}

static inline void
rig_plug(struct rig *g, enum pdproc_role role)
{
	const struct chan_owner owner = {
	    rig_message, rig_closed, &g->lines[role]};
	int fds[2];

	rig_unplug(g, role);
	g->lines[role].rig = g;
	CHECK_INT(chan_pair(fds), 0);
	CHECK_INT(chan_new(&g->lines[role].chan, g->loop, fds[0], &pdproc_rules,
		      role, PDPROC_RANKER, &owner),
	    0);
	chan_queue_max(g->lines[role].chan, 65536);
	ranker_line(&g->ranker, role, fds[1]);
}

static inline struct envelope
rig_header(enum envelope_type type, uint32_t epoch, uint64_t serial)
{
	struct envelope e = sample_header(type, epoch, serial);

	e.issued_s = ranker_now_s() - 10;
	e.expires_s = ranker_now_s() + SAMPLE_DAY;
	return e;
}

static inline void
rig_root(struct sample *s, uint32_t version, const char *by)
{
	struct root root = sample_root(version);
	char text[ROOT_TEXT_MAX];

	CHECK(root_format(&root, text) > 0, "no room");
	sample_sign(s, rig_header(ENVELOPE_ROOT, version, 0), text, by);
}

static inline bool
rig_open(struct rig *g, const struct sample *root)
{
	ranker_init(&g->ranker, g->loop, g->conf);
	rig_plug(g, PDPROC_COLLECTOR);
	rig_plug(g, PDPROC_SIGNER);
	rig_plug(g, PDPROC_PROBER);
	rig_plug(g, PDPROC_PAGE);
	return ranker_open(&g->ranker, g->path, root->data, root->len, &g->why);
}

static inline void
rig_start(struct rig *g)
{
	if (g->root.len == 0)
		rig_root(&g->root, 1, "12");
	CHECK(rig_open(g, &g->root), "open: %s", g->why.text);
	ranker_start(&g->ranker);
}

static inline struct rig *
rig_new(void)
{
	struct rig *g = calloc(1, sizeof(*g));
	struct conf_errors *e = calloc(1, sizeof(*e));

	snprintf(g->dir, sizeof(g->dir), "/tmp/cagent-ranker-XXXXXX");
	CHECK(mkdtemp(g->dir) != NULL, "mkdtemp");
	snprintf(g->path, sizeof(g->path), "%s/policyd.db", g->dir);
	log_level_set(LOG_LEVEL_ERROR);
	CHECK_INT(loop_new(&g->loop), 0);
	CHECK_INT(pdconf_parse("c", CONF, strlen(CONF), &g->conf, e), 0);
	CHECK_STR(e->text, "");
	free(e);
	return g;
}

static inline void
rig_stop(struct rig *g)
{
	int role;

	ranker_fini(&g->ranker);
	for (role = 0; role < PDPROC_COUNT; role++)
		rig_unplug(g, (enum pdproc_role)role);
	loop_free(g->loop);
	g->loop = NULL;
}

static inline void
rig_restart(struct rig *g)
{
	rig_stop(g);
	CHECK_INT(loop_new(&g->loop), 0);
	rig_start(g);
}

static inline void
rig_free(struct rig *g)
{
	char command[128];

	if (g->loop != NULL)
		rig_stop(g);
	pdconf_unref(g->conf);
	snprintf(command, sizeof(command), "rm -r %s", g->dir);
	CHECK_INT(system(command), 0);
	free(g);
}

/* Turn the loop until that counter has reached n. */
static inline void
rig_await(struct rig *g, const int *counter, int n, const char *what)
{
	int64_t until_us = mono_us() + WAIT_US;

	while (*counter < n && mono_us() < until_us)
		CHECK_INT(loop_turn(g->loop, 100000), 0);
	CHECK(*counter >= n, "%s: %d, not %d", what, *counter, n);
}

/* The same until that holds. */
#define UNTIL(g, cond)                                              \
	do {                                                        \
		int64_t end_us = mono_us() + WAIT_US;               \
		while (!(cond) && mono_us() < end_us)               \
			CHECK_INT(loop_turn((g)->loop, 100000), 0); \
		CHECK((cond), "never: %s", #cond);                  \
	} while (0)
#define AWAIT(g, counter, n) rig_await((g), &(g)->counter, (n), #counter)

static inline int
rig_publish_body(
    struct rig *g, const char *audience, uint64_t serial, const char *body)
{
	struct envelope e = rig_header(ENVELOPE_POLICY, 1, serial);
	struct sample s;

	snprintf(e.audience, sizeof(e.audience), "%s", audience);
	sample_sign(&s, e, body, "4");
	return ranker_publish_message(
	    &g->ranker, s.data, s.len, "test", &g->why);
}

static inline int
rig_publish(struct rig *g, const char *audience, uint64_t serial)
{
	return rig_publish_body(g, audience, serial, BODY);
}

/* A hello, as whoever has that key; its answer is awaited. */
static inline const char *
rig_hello(struct rig *g, uint64_t conn, uint64_t sequence, const char *name,
    const char *token)
{
	struct pdmsg_hello h = {.agent = conn,
	    .sequence = sequence,
	    .issued_s = ranker_now_s(),
	    .said = {.group = "said", .software = "test"}};
	uint8_t buf[CHAN_DATA_MAX];
	int n = g->welcomes;

	memset(h.key, name[0], sizeof(h.key));
	snprintf(h.said.name, sizeof(h.said.name), "%s", name + 1);
	snprintf(h.said.token, sizeof(h.said.token), "%s", token);
	CHECK_INT(chan_send(g->lines[PDPROC_COLLECTOR].chan, PDMSG_HELLO, buf,
		      pdmsg_hello_encode(&h, buf), NULL, 0),
	    0);
	AWAIT(g, welcomes, n + 1);
	CHECK_INT(g->welcome.agent, conn);
	CHECK_INT(g->welcome.sequence, sequence);
	return g->welcome.welcome ? g->welcome.group : g->welcome.code;
}

static inline void
rig_token(struct rig *g, const char *token, const char *group)
{
	uint8_t hash[STORE_HASH_LEN];

	pdctl_token_hash(token, hash);
	CHECK_INT(ranker_token_add(&g->ranker, hash, group, ranker_now_s() + 60,
		      "test", &g->why),
	    0);
}

/* A report of one intermediary; the answer is not awaited. */
static inline void
rig_report(struct rig *g, uint64_t conn, uint64_t sequence,
    const struct manage_row *row)
{
	const struct manage_report head = {
	    .instance = 1, .why = MANAGE_INTERVAL, .rows_n = 1};
	uint8_t body[1024], *p = body;

	p = pdfield_put(p, conn, 8);
	p = pdfield_put(p, sequence, 8);
	p = pdfield_put(p, (uint64_t)ranker_now_s(), 8);
	p += manage_report_encode(&head, p, 512);
	p += manage_row_encode(row, p, 256);
	CHECK_INT(blob_send(g->lines[PDPROC_COLLECTOR].chan, PDMSG_REPORT, body,
		      (size_t)(p - body)),
	    0);
}

#endif
