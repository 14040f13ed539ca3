/* What a worker learns of direct destinations, and what it makes of it. */
#include "cagentd/worker/dial/learn.h"

#include <stdio.h>
#include <string.h>

#include "base/chan.h"
#include "base/log.h"
#include "tests/unit/fake.h"
#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

#define LOOPBACK "[direct]\nlearn = 127.0.0.0/8\n"

/* A worker's loop and store, and the far end of the resolver's channel. */
struct rig {
	struct loop *loop;
	struct resolve *resolve;
	struct chan *resolver;
	struct msg_resolved answer; /* to every question */
	bool mute;
	int asked;
	struct settings *settings;
	struct learned store;
	struct learn learn;
	int fds;
};

static void
question(void *arg, struct chan *c, const struct chan_msg *m)
{
	struct rig *rig = arg;
	struct msg_resolve q;
	uint8_t buf[CHAN_DATA_MAX];
	size_t len;

	CHECK_INT(msg_resolve_decode(m->data, m->len, &q), 0);
	rig->asked++;
	if (rig->mute)
		return;
	rig->answer.id = q.id;
	len = msg_resolved_encode(&rig->answer, buf);
	CHECK_INT(chan_send(c, MSG_RESOLVED, buf, len, NULL, 0), 0);
}

static void
gone(void *arg, struct chan *c, const char *why)
{
	(void)arg, (void)c;
	CHECK(why == NULL, "the resolver's channel: %s", why);
}

static struct settings *
parse(const char *text)
{
	struct conf_errors e;
	struct settings *s = NULL;

	rig_must(sample_parse(text, &s, &e), e.text);
	return s;
}

static struct rig *
rig_new(const char *conf)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	const struct chan_owner owner = {question, gone, rig};
	int fds[2];

	log_level_set(LOG_LEVEL_WARN);
	rig->fds = fake_open_fds();
	rig->settings = parse(conf);
	rig->loop = rig_loop();
	rig_must(resolve_new(&rig->resolve, rig->loop), "resolve_new");
	rig_must(chan_pair(fds), "chan_pair");
	rig_must(chan_new(&rig->resolver, rig->loop, fds[0], &procs_rules,
		     ROLE_RESOLVER, ROLE_WORKER, &owner),
	    "chan_new");
	rig_must(resolve_attach(rig->resolve, ROLE_WORKER, fds[1]),
	    "resolve_attach");
	learn_init(&rig->learn, rig->loop, rig->resolve, &rig->store);
	return rig;
}

static void
rig_free(struct rig *rig)
{
	learn_fini(&rig->learn);
	CHECK_INT(rig->settings->refs, 1);
	settings_unref(rig->settings);
	resolve_free(rig->resolve);
	chan_free(rig->resolver);
	loop_free(rig->loop);
	CHECK_INT(fake_open_fds(), rig->fds);
	free(rig);
}

static struct wire_host
host_of(const char *text, uint16_t port)
{
	struct wire_host h = {.port = port};

	CHECK(wire_host_set(&h, text, strlen(text)) == 0, "%s", text);
	return h;
}

static bool
busy(const struct rig *rig)
{
	int i;

	for (i = 0; i < LEARN_PARALLEL; i++) {
		if (rig->learn.tries[i].settings != NULL)
			return true;
	}
	return false;
}

/* It has answered through an intermediary, nobody having ruled anything. */
static void
start(struct rig *rig, const char *text, uint16_t port)
{
	const struct verdict v = {.rule = -1};
	struct wire_host h = host_of(text, port);

	learn_proved(&rig->learn, rig->settings, &h, &v, false);
}

static void
proved(struct rig *rig, const char *text, uint16_t port)
{
	start(rig, text, port);
	RIG_UNTIL(rig->loop, !busy(rig));
}

static enum learned_state
state_of(struct rig *rig, const char *text, uint16_t port)
{
	struct wire_host h = host_of(text, port);
	char key[WIRE_HOST_STRLEN];
	struct learned_fact f;

	if (!learned_find(
		&rig->store, wire_host_format(&h, key), INT64_MAX, &f))
		return LEARNED_NOTHING;
	return f.state;
}

static struct verdict
ask(struct rig *rig, const char *text, uint16_t port)
{
	struct wire_host h = host_of(text, port);
	struct verdict v = {.rule = -1};

	learn_consult(&rig->learn, rig->settings, &h, &v);
	CHECK(v.learned == v.direct_first, "%s: half a verdict", text);
	return v;
}

static void
resolves_to(struct rig *rig, const char *const *ips)
{
	rig->answer = (struct msg_resolved){.outcome = NAMES_OK};
	for (; *ips != NULL; ips++)
		rig_must(
		    net_ip_parse(*ips, &rig->answer.ips[rig->answer.ips_n++]),
		    *ips);
}
#define RESOLVES_TO(rig, ...) \
	resolves_to((rig), (const char *const[]){__VA_ARGS__, NULL})

static void
learns_what_stands(void)
{
	struct rig *rig = rig_new(LOOPBACK);
	struct fake *f = fake_new(rig->loop, FAKE_CLOSED);

	CHECK(!ask(rig, "127.0.0.1", f->port).learned, "known before");
	proved(rig, "127.0.0.1", f->port);
	CHECK_INT(state_of(rig, "127.0.0.1", f->port), LEARNED_DIRECT);
	CHECK(ask(rig, "127.0.0.1", f->port).learned, "not used");
	CHECK(!ask(rig, "127.0.0.2", f->port).learned, "another address");
	CHECK(!ask(rig, "127.0.0.1", f->port + 1).learned, "another port");
	RIG_UNTIL(rig->loop, f->accepted == 1);
	/* Known now: not tried again. */
	proved(rig, "127.0.0.1", f->port);
	CHECK_INT(rig->store.tried, 1);
	CHECK_INT(rig->store.found, 1);
	fake_free(f);
	rig_free(rig);
}

static void
leaves_alone_what_fails(void)
{
	struct rig *rig = rig_new(LOOPBACK);
	uint16_t port;
	int fd = fake_refusing(&port);

	proved(rig, "127.0.0.1", port);
	CHECK_INT(state_of(rig, "127.0.0.1", port), LEARNED_FAILED);
	CHECK(!ask(rig, "127.0.0.1", port).learned, "used");
	proved(rig, "127.0.0.1", port);
	CHECK_INT(rig->store.tried, 1);
	CHECK_INT(rig->store.found, 0);
	close(fd);
	rig_free(rig);
}

/* A listener everywhere, so that only the prefix keeps it from being tried. */
static void
stays_inside(void)
{
	struct rig *rig = rig_new("[direct]\nlearn = 127.0.0.0/16\n");
	struct fake *f = fake_new(rig->loop, FAKE_CLOSED);
	struct rig *none = rig_new("[direct]\nnetwork = 10.0.0.0/8\n");

	proved(rig, "127.1.0.1", f->port);
	proved(rig, "::1", f->port);
	CHECK_INT(rig->store.tried, 0);
	CHECK_INT(state_of(rig, "127.1.0.1", f->port), LEARNED_NOTHING);
	proved(none, "127.0.0.1", f->port);
	proved(none, "www.example", f->port);
	CHECK_INT(none->store.tried, 0);
	CHECK_INT(none->asked, 0);
	proved(rig, "127.0.0.1", f->port);
	CHECK_INT(rig->store.tried, 1);
	rig_told(rig->loop); /* or what it has closed is counted */
	rig_free(none);
	fake_free(f);
	rig_free(rig);
}

static void
never_reaches_ourselves(void)
{
	char conf[256];
	struct rig *rig = rig_new(LOOPBACK);
	struct fake *f = fake_new(rig->loop, FAKE_CLOSED);
	struct fake *other = fake_new(rig->loop, FAKE_CLOSED);

	settings_unref(rig->settings);
	snprintf(conf, sizeof(conf),
	    "[agent]\nlisten = 127.0.0.1:%u\nlisten = 127.0.0.9:%u\n" LOOPBACK,
	    f->port, other->port);
	rig->settings = parse(conf);
	proved(rig, "127.0.0.1", f->port);
	CHECK_INT(rig->store.tried, 0);
	RESOLVES_TO(rig, "127.0.0.1");
	proved(rig, "www.example", f->port);
	CHECK(!ask(rig, "www.example", f->port).learned, "by a name");
	CHECK_INT(f->accepted, 0);
	/* On an address that the configuration does not tell. */
	proved(rig, "127.0.0.1", other->port);
	CHECK(!ask(rig, "127.0.0.1", other->port).learned, "by its port");
	CHECK_INT(rig->store.found, 0);
	fake_free(other);
	fake_free(f);
	rig_free(rig);
}

static void
learns_names(void)
{
	struct rig *rig = rig_new(LOOPBACK);
	struct fake *f = fake_new(rig->loop, FAKE_CLOSED);

	RESOLVES_TO(rig, "127.0.0.1");
	proved(rig, "in.example", f->port);
	CHECK_INT(state_of(rig, "in.example", f->port), LEARNED_DIRECT);
	CHECK(ask(rig, "in.example", f->port).learned, "not used");
	/* All its addresses count, whichever comes first. */
	RESOLVES_TO(rig, "127.0.0.1", "192.0.2.1");
	proved(rig, "half.example", f->port);
	CHECK_INT(state_of(rig, "half.example", f->port), LEARNED_OUTSIDE);
	RESOLVES_TO(rig, "192.0.2.1");
	proved(rig, "out.example", f->port);
	CHECK_INT(state_of(rig, "out.example", f->port), LEARNED_OUTSIDE);
	CHECK(!ask(rig, "out.example", f->port).learned, "used");
	rig->answer = (struct msg_resolved){.outcome = NAMES_UNKNOWN};
	proved(rig, "none.example", f->port);
	CHECK_INT(state_of(rig, "none.example", f->port), LEARNED_OUTSIDE);
	/* What was asked is not asked again for a while. */
	CHECK_INT(rig->asked, 4);
	proved(rig, "none.example", f->port);
	proved(rig, "out.example", f->port);
	CHECK_INT(rig->asked, 4);
	fake_free(f);
	rig_free(rig);
}

static void
ends_when_nobody_answers(void)
{
	struct rig *rig =
	    rig_new("[agent]\nattempt-timeout = 100ms\n" LOOPBACK);

	rig->mute = true;
	proved(rig, "in.example", 443);
	CHECK_INT(state_of(rig, "in.example", 443), LEARNED_OUTSIDE);
	/* In the middle of one, the worker ends. */
	start(rig, "other.example", 443);
	CHECK(busy(rig), "nothing under way");
	rig_free(rig);
}

static void
is_limited(void)
{
	struct rig *rig = rig_new(LOOPBACK);
	char text[32];
	uint16_t port;
	int i, fd = fake_refusing(&port);

	/* A second that does not end. */
	rig->learn.second_us = INT64_MAX / 2;
	rig->mute = true;
	for (i = 0; i < LEARN_PARALLEL + 2; i++) {
		snprintf(text, sizeof(text), "n%d.example", i / 2);
		start(rig, text, port);
	}
	/* Three different ones so far. */
	CHECK_INT(rig->store.tried, LEARN_PARALLEL / 2 + 1);
	for (i = 0; i < LEARN_PARALLEL; i++) {
		snprintf(text, sizeof(text), "m%d.example", i);
		start(rig, text, port);
	}
	CHECK_INT(rig->store.tried, LEARN_PARALLEL);
	learn_fini(&rig->learn);
	for (i = 0; i < LEARN_RATE * 2; i++) {
		snprintf(text, sizeof(text), "127.0.0.%d", i + 1);
		proved(rig, text, port);
	}
	CHECK_INT(rig->store.tried, LEARN_RATE);
	rig->learn.second_us = loop_now_us(rig->loop) - 1000000;
	proved(rig, "127.0.1.1", port);
	CHECK_INT(rig->store.tried, LEARN_RATE + 1);
	close(fd);
	rig_free(rig);
}

static void
put(struct rig *rig, const char *text, uint16_t port, int64_t used_us)
{
	struct wire_host h = host_of(text, port);
	struct learned_fact f = {.state = LEARNED_DIRECT,
	    .scope = rig->settings->direct_learn_scope,
	    .since_us = used_us,
	    .used_us = used_us};
	char key[WIRE_HOST_STRLEN];

	snprintf(f.key, sizeof(f.key), "%s", wire_host_format(&h, key));
	CHECK(learned_put(&rig->store, &f, 0), "no room");
}

static void
rules_and_lists_come_first(void)
{
	static const struct verdict others[] = {{.via = VIA_DIRECT},
	    {.via = VIA_TIER}, {.via = VIA_INTERMEDIARY}, {.via = VIA_DENY}};
	struct rig *rig = rig_new(LOOPBACK);
	struct wire_host h = host_of("127.0.0.1", 443);
	struct verdict v;
	size_t i;

	put(rig, "127.0.0.1", 443, loop_now_us(rig->loop));
	for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
		v = others[i];
		learn_consult(&rig->learn, rig->settings, &h, &v);
		CHECK(!v.learned && !v.direct_first, "via %d", v.via);
		h.port = 444;
		learn_proved(&rig->learn, rig->settings, &h, &v, false);
		h.port = 443;
	}
	v = (struct verdict){.direct_first = true};
	learn_consult(&rig->learn, rig->settings, &h, &v);
	CHECK(!v.learned, "listed");
	h.port = 444;
	learn_proved(&rig->learn, rig->settings, &h, &v, false);
	learn_proved(&rig->learn, rig->settings, &h, &v, true);
	CHECK_INT(rig->store.tried, 0);
	CHECK_INT(rig->store.used, 0);
	CHECK(ask(rig, "127.0.0.1", 443).learned, "the control");
	/* Without a worker's store. */
	v = (struct verdict){.rule = -1};
	learn_consult(NULL, rig->settings, &h, &v);
	learn_proved(NULL, rig->settings, &h, &v, false);
	learn_failed(NULL, rig->settings, &h, REASON_REFUSED, true);
	CHECK(!v.learned, "learned of nothing");
	rig_free(rig);
}

static void
ages_unless_used(void)
{
	struct rig *rig = rig_new(LOOPBACK "learn-age = 10s\n");
	int64_t now = loop_now_us(rig->loop);
	struct wire_host h = host_of("127.0.0.1", 443);
	struct verdict v;

	put(rig, "127.0.0.1", 443, now - 9000000);
	v = ask(rig, "127.0.0.1", 443);
	CHECK(v.learned, "too early");
	learn_proved(&rig->learn, rig->settings, &h, &v, false);
	CHECK(ask(rig, "127.0.0.1", 443).learned, "not used");
	put(rig, "127.0.0.1", 443, now - 11000000);
	CHECK(!ask(rig, "127.0.0.1", 443).learned, "too old");
	learn_proved(&rig->learn, rig->settings, &h, &v, true);
	CHECK(ask(rig, "127.0.0.1", 443).learned, "used");
	CHECK_INT(rig->store.used, 1);
	rig_free(rig);
}

static void
a_reload_that_changes_the_list_ends_it(void)
{
	struct rig *rig = rig_new(LOOPBACK);
	struct settings *first = rig->settings;
	struct fake *f = fake_new(rig->loop, FAKE_CLOSED);

	put(rig, "127.0.0.1", f->port, loop_now_us(rig->loop));
	put(rig, "www.example", f->port, loop_now_us(rig->loop));
	rig->settings = parse("[direct]\nlearn = 10.0.0.0/8\n");
	CHECK(!ask(rig, "127.0.0.1", f->port).learned, "by address");
	CHECK(!ask(rig, "www.example", f->port).learned, "by name");
	settings_unref(rig->settings);
	rig->settings = parse("");
	CHECK(!ask(rig, "127.0.0.1", f->port).learned, "without a list");
	settings_unref(rig->settings);
	/* And it is learned anew where it may be. */
	rig->settings = parse(LOOPBACK "learn = 10.0.0.0/8\n");
	CHECK(!ask(rig, "127.0.0.1", f->port).learned, "with a longer list");
	proved(rig, "127.0.0.1", f->port);
	CHECK(ask(rig, "127.0.0.1", f->port).learned, "not learned anew");
	settings_unref(first);
	fake_free(f);
	rig_free(rig);
}

static void
forgets_what_fails(void)
{
	static const struct {
		enum wire_reason reason;
		bool reached;
		enum learned_state left;
	} rows[] = {
	    {REASON_REFUSED, true, LEARNED_FAILED},
	    {REASON_TIMEOUT, true, LEARNED_FAILED},
	    {REASON_DENIED, true, LEARNED_FAILED},
	    {REASON_HOP_HUNG_UP, true, LEARNED_FAILED},
	    {REASON_CANCELLED, true, LEARNED_FAILED},  /* too slow */
	    {REASON_CANCELLED, false, LEARNED_DIRECT}, /* the client left */
	    {REASON_OVERLOAD, true, LEARNED_DIRECT},
	    {REASON_OVERLOAD, false, LEARNED_DIRECT},
	    /* Perhaps our own uplink's fault: not held against it. */
	    {REASON_NET_UNREACHABLE, false, LEARNED_NOTHING},
	    {REASON_REFUSED, false, LEARNED_NOTHING},
	};
	struct rig *rig = rig_new(LOOPBACK);
	struct wire_host h = host_of("127.0.0.1", 443);
	uint64_t forgotten = 0;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		put(rig, "127.0.0.1", 443, loop_now_us(rig->loop));
		learn_failed(&rig->learn, rig->settings, &h, rows[i].reason,
		    rows[i].reached);
		CHECK(state_of(rig, "127.0.0.1", 443) == rows[i].left,
		    "row %zu", i);
		CHECK(ask(rig, "127.0.0.1", 443).learned ==
			  (rows[i].left == LEARNED_DIRECT),
		    "row %zu", i);
		forgotten += rows[i].left != LEARNED_DIRECT;
		CHECK_INT(rig->store.forgotten, forgotten);
	}
	/* Nothing was known. */
	learn_failed(&rig->learn, rig->settings, &h, REASON_REFUSED, true);
	CHECK_INT(state_of(rig, "127.0.0.1", 443), LEARNED_NOTHING);
	rig_free(rig);
}

/* It takes connections and then hangs up: each time it is left alone longer. */
static void
waits_longer_each_time(void)
{
	struct rig *rig = rig_new(LOOPBACK);
	struct fake *f = fake_new(rig->loop, FAKE_CLOSED);
	struct wire_host h = host_of("127.0.0.1", f->port);
	char key[WIRE_HOST_STRLEN];
	struct learned_fact fact;
	unsigned int i;

	wire_host_format(&h, key);
	for (i = 1; i <= 3; i++) {
		proved(rig, "127.0.0.1", f->port);
		CHECK(ask(rig, "127.0.0.1", f->port).learned, "round %u", i);
		learn_failed(
		    &rig->learn, rig->settings, &h, REASON_HOP_HUNG_UP, true);
		/* Told twice, by the tunnel and by the dial. */
		learn_failed(
		    &rig->learn, rig->settings, &h, REASON_HOP_HUNG_UP, true);
		CHECK(learned_find(&rig->store, key, INT64_MAX, &fact), "lost");
		CHECK_INT(fact.failures, i);
		/* The time has come. */
		fact.since_us -= LEARNED_AGAIN_US << (i - 1);
		learned_put(&rig->store, &fact, 0);
	}
	CHECK_INT(rig->store.tried, 3);
	fake_free(f);
	rig_free(rig);
}

static const struct unit_case cases[] = {
    {"learns what stands", learns_what_stands},
    {"leaves alone what fails", leaves_alone_what_fails},
    {"stays inside the prefixes", stays_inside},
    {"never reaches a listener of ours", never_reaches_ourselves},
    {"learns names by all their addresses", learns_names},
    {"a try ends, also with the worker", ends_when_nobody_answers},
    {"tries few at once, and few a second", is_limited},
    {"rules and lists come first", rules_and_lists_come_first},
    {"ages unless used", ages_unless_used},
    {"a reload that changes the list ends it",
	a_reload_that_changes_the_list_ends_it},
    {"forgets what fails", forgets_what_fails},
    {"waits longer each time", waits_longer_each_time},
};

UNIT_MAIN("learn", cases)
