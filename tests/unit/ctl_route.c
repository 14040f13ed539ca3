/* The dry run of a request: rules, tiers, order, and what is left out why. */
#include "cagentd/control/ctl_route.h"

#include <string.h>

#include "tests/unit/ctl_rig.h"

#define CONFIG                                                                \
	RIG_HEAD                                                              \
	"attempts = 3\n"                                                      \
	"[direct]\n"                                                          \
	"network = 10.0.0.0/8\n"                                              \
	"domain = corp.example\n"                                             \
	"[tier \"gold\"]\nrank = 1\nreserved-for = critical\n"                \
	"[tier \"main\"]\nrank = 2\n"                                         \
	"[class \"calls\"]\ntier = main\n"                                    \
	"[intermediary \"g\"]\n"                                              \
	"type = socks5\naddress = 192.0.2.1:1080\ntier = gold\n"              \
	"[intermediary \"a\"]\n"                                              \
	"type = socks5\naddress = 192.0.2.2:1080\ntier = 2\n"                 \
	"[intermediary \"b\"]\n"                                              \
	"type = http\naddress = b.example:3128\ntier = 2\n"                   \
	"max-connections = 10\n"                                              \
	"[intermediary \"old\"]\n"                                            \
	"type = socks4a\naddress = 192.0.2.4:1080\ntier = 3\n"                \
	"[rule \"no-mail\"]\nport = 25\nvia = deny\n"                         \
	"[rule \"near\"]\ndomain = near.example\nvia = direct\n"              \
	"[rule \"backups\"]\nuser = 34\nclass = bulk\nvia = tier 3\n"         \
	"[rule \"one\"]\ndomain = one.example\nvia = intermediary b\n"        \
	"[rule \"vip\"]\ndomain = vip.example\nclass = critical\n"            \
	"[rule \"web\"]\nprotocol = http\ndomain = w.example\nvia = tier 3\n" \
	"[rule \"who\"]\nlogin = alice\nservice = mail.service\n"             \
	"source = 192.0.2.0/24\nvia = deny\n"

/* The names of the candidates in their order, and of the others. */
static const char *
order_of(const json_t *answer, bool eligible, char *out, size_t size)
{
	const json_t *list = json_object_get(answer, "candidates"), *c;
	size_t i;

	out[0] = '\0';
	for (i = 0; i < json_array_size(list); i++) {
		c = json_array_get(list, i);
		if (json_is_true(json_object_get(c, "eligible")) != eligible)
			continue;
		CHECK((rig_int(c, "order") != 0) == eligible, "%s: order %lld",
		    rig_str(c, "name"), rig_int(c, "order"));
		snprintf(out + strlen(out), size - strlen(out), "%s%s",
		    out[0] != '\0' ? " " : "", rig_str(c, "name"));
	}
	return out;
}

static const char *
steps_of(const json_t *answer, char *out, size_t size)
{
	const json_t *list = json_object_get(answer, "order");
	size_t i;

	out[0] = '\0';
	for (i = 0; i < json_array_size(list); i++)
		snprintf(out + strlen(out), size - strlen(out), "%s%s",
		    i > 0 ? " | " : "",
		    json_string_value(json_array_get(list, i)));
	return out;
}

static const json_t *
candidate(const json_t *answer, const char *name)
{
	const json_t *list = json_object_get(answer, "candidates"), *c;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		c = json_array_get(list, i);
		if (strcmp(rig_str(c, "name"), name) == 0)
			return c;
	}
	CHECK(0, "no candidate %s", name);
	return NULL;
}

static const struct {
	const char *line;
	int rule; /* 0: none */
	const char *via, *class, *pick;
	const char *order, *left_out, *steps;
} routes[] = {
    {"route example.com 443", 0, "default", "normal", "a", "a b old", "g",
	"tier 2 (main): a, b | tier 3: old | refused, when all of that has "
	"failed"},
    {"route EXAMPLE.com. 443", 0, "default", "normal", "a", "a b old", "g",
	"tier 2 (main): a, b | tier 3: old | refused, when all of that has "
	"failed"},
    {"route example.com 443 class=critical", 0, "default", "critical", "g",
	"g a b old", "",
	"tier 1 (gold): g | tier 2 (main): a, b | tier 3: old | refused, when "
	"all of that has failed"},
    {"route example.com 443 class=calls", 0, "default", "calls", "a", "a b",
	"g old", "tier 2 (main): a, b | refused, when all of that has failed"},
    {"route vip.example 443", 5, "default", "critical", "g", "g a b old", "",
	"tier 1 (gold): g | tier 2 (main): a, b | tier 3: old | refused, when "
	"all of that has failed"},
    {"route x.corp.example 22", 0, "default", "normal", "direct", "a b old",
	"g",
	"direct: the destination is listed in [direct] | tier 2 (main): a, b "
	"| tier 3: old | refused, when all of that has failed"},
    {"route 10.1.2.3 22", 0, "default", "normal", "direct", "a b old", "g",
	"direct: the destination is listed in [direct] | tier 2 (main): a, b "
	"| tier 3: old | refused, when all of that has failed"},
    {"route mx.example 25", 1, "deny", "normal", NULL, "", "",
	"refused: rule 1 \"no-mail\" denies it"},
    {"route near.example 80", 2, "direct", "normal", "direct", "", "",
	"direct: rule 2 \"near\" says so"},
    {"route example.com 443 user=34", 3, "tier 3", "bulk", "old", "old",
	"g a b", "tier 3: old | refused, when all of that has failed"},
    {"route example.com 443 user=35", 0, "default", "normal", "a", "a b old",
	"g",
	"tier 2 (main): a, b | tier 3: old | refused, when all of that has "
	"failed"},
    {"route one.example 443", 4, "intermediary b", "normal", "b", "b",
	"g a old", "tier 2 (main): b | refused, when all of that has failed"},
    {"route w.example 443 protocol=http", 6, "tier 3", "normal", "old", "old",
	"g a b", "tier 3: old | refused, when all of that has failed"},
    {"route w.example 443 login=alice service=mail.service "
     "source=192.0.2.9",
	7, "deny", "normal", NULL, "", "", "refused: rule 7 \"who\" denies it"},
    {"route w.example 443 login=alice service=mail.service "
     "source=192.0.3.9",
	0, "default", "normal", "a", "a b old", "g",
	"tier 2 (main): a, b | tier 3: old | refused, when all of that has "
	"failed"},
    {"route w.example 443", 0, "default", "normal", "a", "a b old", "g",
	"tier 2 (main): a, b | tier 3: old | refused, when all of that has "
	"failed"},
    /* SOCKS4a has no way to say an IPv6 address. */
    {"route 2001:db8::1 443", 0, "default", "normal", "a", "a b", "g old",
	"tier 2 (main): a, b | refused, when all of that has failed"},
    {"route [2001:db8::1] 443", 0, "default", "normal", "a", "a b", "g old",
	"tier 2 (main): a, b | refused, when all of that has failed"},
};

static void
check_route(size_t i)
{
	json_t *lines = rig_answer(routes[i].line, false);
	const json_t *a = rig_first(lines, true);
	const json_t *rule = json_object_get(a, "rule");
	char text[1024];

	CHECK(routes[i].rule == 0 ? json_is_null(rule)
				  : rig_int(rule, "number") == routes[i].rule,
	    "%s: rule", routes[i].line);
	CHECK_STR(rig_str(a, "via"), routes[i].via);
	CHECK_STR(rig_str(a, "class"), routes[i].class);
	CHECK_STR(rig_str(a, "pick"), routes[i].pick);
	CHECK_STR(order_of(a, true, text, sizeof(text)), routes[i].order);
	CHECK_STR(order_of(a, false, text, sizeof(text)), routes[i].left_out);
	CHECK_STR(steps_of(a, text, sizeof(text)), routes[i].steps);
	json_decref(lines);
}

static void
table(void)
{
	size_t i;

	rig_open(CONFIG);
	for (i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		check_route(i);
	rig_close();
}

static void
head(void)
{
	json_t *lines;
	const json_t *a;

	rig_open(CONFIG);
	lines = rig_answer("route [2001:db8::1] 443 protocol=socks4", false);
	a = rig_first(lines, true);
	CHECK_STR(rig_str(a, "destination"), "[2001:db8::1]:443");
	CHECK_STR(rig_str(a, "protocol"), "socks4");
	json_decref(lines);
	lines = rig_answer("route example.com 443", false);
	CHECK_STR(rig_str(rig_first(lines, true), "protocol"), "socks5");
	json_decref(lines);
	lines = rig_answer("route mx.example 25", false);
	a = json_object_get(rig_first(lines, true), "rule");
	CHECK_STR(rig_str(a, "name"), "no-mail");
	json_decref(lines);
	rig_close();
}

/* Each reason for which a row is left out. */
static void
left_out(void)
{
	static const struct {
		const char *name, *reason;
	} want[] = {
	    {"g", "its tier is reserved for other classes"},
	    {"a", "draining"},
	    {"b", "at its connection limit"},
	    {"old", "ejected"},
	};
	json_t *lines;
	const json_t *a;
	char text[256];
	size_t i;

	rig_open(CONFIG);
	rig_row("a")->admin = TABLE_DRAIN;
	rig_row("old")->observed = TABLE_EJECTED;
	rank_settle(rig_row("old"));
	/* Live, and over both workers: the table says 0. */
	atomic_store(&rig_counts(0, "b")->in_flight, 4);
	atomic_store(&rig_counts(1, "b")->in_flight, 6);
	lines = rig_answer("route example.com 443", false);
	a = rig_first(lines, true);
	for (i = 0; i < sizeof(want) / sizeof(*want); i++)
		CHECK_STR(rig_str(candidate(a, want[i].name), "reason"),
		    want[i].reason);
	CHECK_INT(rig_int(candidate(a, "b"), "in_flight"), 10);
	CHECK(json_is_null(json_object_get(a, "pick")), "a pick");
	CHECK_STR(
	    steps_of(a, text, sizeof(text)), "refused: no usable intermediary");
	json_decref(lines);
	atomic_store(&rig_counts(1, "b")->in_flight, 5);
	lines = rig_answer("route example.com 443", false);
	CHECK_STR(rig_str(rig_first(lines, true), "pick"), "b");
	json_decref(lines);
	rig_row("old")->observed = TABLE_UP;
	rank_settle(rig_row("old"));
	lines = rig_answer("route example.com 443 class=calls", false);
	a = rig_first(lines, true);
	CHECK_STR(rig_str(candidate(a, "old"), "reason"),
	    "its tier is none that the class may use");
	json_decref(lines);
	rig_close();
}

/* The order is that of cost, by the formula of path.c; the weight is 10. */
static void
by_cost(void)
{
	json_t *lines;
	const json_t *a;
	char text[256];

	rig_open(CONFIG);
	rig_row("a")->handshake_p50_us = 90000;
	rig_row("b")->handshake_p50_us = 20000;
	lines = rig_answer("route example.com 443", false);
	a = rig_first(lines, true);
	CHECK_STR(order_of(a, true, text, sizeof(text)), "b a old");
	CHECK_INT(rig_int(candidate(a, "a"), "handshake_us"), 90000);
	CHECK_INT(rig_int(candidate(a, "a"), "cost"), 9000ll * 1024);
	CHECK_INT(rig_int(candidate(a, "b"), "cost"), 2000ll * 1024);
	json_decref(lines);
	/* Two workers with 4 tunnels each: five times the cost. */
	atomic_store(&rig_counts(0, "b")->in_flight, 8);
	lines = rig_answer("route example.com 443", false);
	a = rig_first(lines, true);
	CHECK_STR(order_of(a, true, text, sizeof(text)), "a b old");
	CHECK_INT(rig_int(candidate(a, "b"), "cost"), 10000ll * 1024);
	json_decref(lines);
	rig_close();
}

static void
on_trial(void)
{
	json_t *lines;
	const json_t *a;
	char text[512];

	rig_open(CONFIG);
	rig_row("a")->observed = TABLE_HALF_OPEN;
	rig_row("a")->tier = 0;
	rig_row("a")->trials = 2;
	lines = rig_answer("route example.com 443", false);
	a = rig_first(lines, true);
	CHECK_STR(order_of(a, true, text, sizeof(text)), "b old a");
	CHECK_STR(steps_of(a, text, sizeof(text)),
	    "tier 2 (main): b | tier 3: old | on trial, of tier 2 (main): a | "
	    "refused, when all of that has failed");
	json_decref(lines);
	rig_row("b")->admin = TABLE_DRAIN;
	rig_row("old")->admin = TABLE_DRAIN;
	lines = rig_answer("route example.com 443", false);
	CHECK_STR(rig_str(rig_first(lines, true), "pick"), "a");
	json_decref(lines);
	rig_close();
}

static void
nothing_configured(void)
{
	static const struct {
		const char *config, *pick, *steps;
	} want[] = {
	    {RIG_HEAD, NULL, "refused: no usable intermediary"},
	    {RIG_HEAD "no-path = direct\n", "direct",
		"direct: no usable intermediary, and no-path = direct"},
	    {RIG_HEAD "no-path = direct\n[tier \"t\"]\nrank = 1\n"
		      "[rule \"r\"]\nvia = tier t\n",
		NULL, "refused: no usable intermediary"},
	    {RIG_HEAD "[direct]\ndomain = example.com\n", "direct",
		"direct: the destination is listed in [direct] | refused, when "
		"all of that has failed"},
	};
	json_t *lines;
	const json_t *a;
	char text[256];
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(*want); i++) {
		rig_open(want[i].config);
		lines = rig_answer("route example.com 443", false);
		a = rig_first(lines, true);
		CHECK_STR(rig_str(a, "pick"), want[i].pick);
		CHECK_STR(steps_of(a, text, sizeof(text)), want[i].steps);
		CHECK_INT(json_array_size(json_object_get(a, "candidates")), 0);
		json_decref(lines);
		rig_close();
	}
}

/* Over SOCKS5 alone, and so through it alone. */
static void
datagrams(void)
{
	json_t *lines;
	const json_t *a;
	char text[256];

	rig_open(CONFIG);
	lines = rig_answer("route www.example.com 53 protocol=udp", false);
	a = rig_first(lines, true);
	CHECK_STR(rig_str(a, "protocol"), "udp");
	CHECK_STR(order_of(a, true, text, sizeof(text)), "a");
	CHECK_STR(rig_str(candidate(a, "b"), "reason"),
	    path_skip_text(PATH_SKIP_TYPE));
	CHECK_STR(rig_str(candidate(a, "old"), "reason"),
	    path_skip_text(PATH_SKIP_TYPE));
	json_decref(lines);
	rig_close();
}

/* Dry means dry. */
static void
changes_nothing(void)
{
	struct table *before = malloc(sizeof(*before));
	uint64_t last_id;
	json_t *lines;

	rig_open(CONFIG);
	memcpy(before, rig_control.ranking.table, sizeof(*before));
	last_id = rig_control.events.last_id;
	lines = rig_answer("route example.com 443", false);
	json_decref(lines);
	CHECK(memcmp(before, rig_control.ranking.table, sizeof(*before)) == 0,
	    "the table changed");
	CHECK_INT(rig_control.events.last_id, last_id);
	free(before);
	rig_close();
}

static void
many_names(void)
{
	char config[4096] = RIG_HEAD, text[1024];
	json_t *lines;
	int i;

	for (i = 0; i < 11; i++)
		snprintf(config + strlen(config),
		    sizeof(config) - strlen(config),
		    "[intermediary \"n%d\"]\ntype = http\n"
		    "address = 192.0.2.1:%d\ntier = 1\n",
		    i, i + 1);
	rig_open(config);
	lines = rig_answer("route example.com 443", false);
	CHECK_STR(steps_of(rig_first(lines, true), text, sizeof(text)),
	    "tier 1: n0, n1, n2, n3, n4, n5, n6, n7 and 3 more | refused, "
	    "when all of that has failed");
	json_decref(lines);
	rig_close();
}

static void
bad_arguments(void)
{
	static const char *const lines[] = {"route", "route example.com",
	    "route example.com 0", "route example.com 65536",
	    "route example.com 80x", "route example.com -1",
	    "route exa_mple..com 80", "route 127.1 80", "route 0x7f000001 80",
	    "route :: 80 x", "route [::1 80", "route example.com 80 user=root",
	    "route example.com 80 user=-1", "route example.com 80 user=",
	    "route example.com 80 user=4294967295",
	    "route example.com 80 protocol=gopher",
	    "route example.com 80 protocol=none",
	    "route example.com 80 class=vip", "route example.com 80 color=red",
	    "route example.com 80 login=", "route example.com 80 service=",
	    "route example.com 80 source=10.0.0.0/8",
	    ("route example.com 80 login="
	     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
	    "route example.com 80 user", "route h 1 user=1 user=2 user=3 x=1"};
	size_t i;

	rig_open(CONFIG);
	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		rig_refused(lines[i], true, "usage");
	rig_close();
}

#define STEPS                                                               \
	CONFIG "[cache \"web\"]\ntype = http\naddress = 192.0.2.7:3128\n"   \
	       "[cache \"deb\"]\ntype = http\naddress = 192.0.2.8:3128\n"   \
	       "extension = deb\n"                                          \
	       "[service \"notes\"]\ntype = http\naddress = 192.0.2.9:80\n" \
	       "content = text/html\n"                                      \
	       "[rule \"odd\"]\ndomain = odd.example\nvia = cache deb\n"

static const struct {
	const char *line, *via, *service, *pick, *content, *by, *steps;
	size_t caches;
} plain[] = {
    {"route x.corp.example 80 protocol=http path=/", "default", NULL, "web",
	NULL, NULL,
	"cache: web | direct: the destination is listed in [direct] | tier 2 "
	"(main): a, b | tier 3: old | refused, when all of that has failed",
	1},
    {"route example.com 80 protocol=http path=/a.deb", "default", NULL, "web",
	"application/vnd.debian.binary-package", "extension",
	"cache: web, deb | tier 2 (main): a, b | tier 3: old | refused, when "
	"all of that has failed",
	2},
    {"route example.com 80 path=/ accept=text/html,*/*;q=0.8", "default",
	"notes", "notes", "text/html", "accept",
	"service: notes | cache: web | tier 2 (main): a, b | tier 3: old | "
	"refused, when all of that has failed",
	1},
    {"route example.com 80 path=/ dest=image accept=text/html", "default", NULL,
	"web", "image/*", "sec-fetch-dest",
	"cache: web | tier 2 (main): a, b | tier 3: old | refused, when all "
	"of that has failed",
	1},
    {"route example.com 80 path=/ method=PUT", "default", NULL, "a", NULL, NULL,
	"tier 2 (main): a, b | tier 3: old | refused, when all of that has "
	"failed",
	0},
    {"route odd.example 80 path=/", "cache deb", NULL, "deb", NULL, NULL,
	"cache: deb | tier 2 (main): a, b | tier 3: old | refused, when all "
	"of that has failed",
	1},
    {"route near.example 80 path=/", "direct", NULL, "direct", NULL, NULL,
	"direct: rule 2 \"near\" says so", 0},
    /* A tunnel. */
    {"route example.com 80 protocol=http", "default", NULL, "a", NULL, NULL,
	"tier 2 (main): a, b | tier 3: old | refused, when all of that has "
	"failed",
	0},
};

static void
check_plain(size_t i)
{
	json_t *lines = rig_answer(plain[i].line, false);
	const json_t *a = rig_first(lines, true);
	const json_t *content = json_object_get(a, "content");
	char text[1024];

	CHECK_STR(rig_str(a, "via"), plain[i].via);
	CHECK_STR(rig_str(a, "service"), plain[i].service);
	CHECK_STR(rig_str(a, "pick"), plain[i].pick);
	CHECK_INT(
	    json_array_size(json_object_get(a, "caches")), plain[i].caches);
	CHECK_STR(steps_of(a, text, sizeof(text)), plain[i].steps);
	CHECK(json_is_null(content) == (plain[i].content == NULL), "%s",
	    plain[i].line);
	if (plain[i].content != NULL) {
		CHECK_STR(rig_str(content, "type"), plain[i].content);
		CHECK_STR(rig_str(content, "by"), plain[i].by);
	}
	json_decref(lines);
}

static void
steps_before(void)
{
	json_t *lines;
	const json_t *a;
	size_t i;

	rig_open(STEPS);
	for (i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		check_plain(i);
	lines = rig_answer("route example.com 80 path=/x", false);
	a = rig_first(lines, true);
	CHECK_STR(rig_str(candidate(a, "web"), "duty"), "cache");
	CHECK_STR(rig_str(candidate(a, "web"), "reason"), "eligible");
	CHECK_INT(rig_int(candidate(a, "web"), "tier"), 0);
	CHECK_STR(
	    rig_str(candidate(a, "notes"), "reason"), "not for this request");
	CHECK_STR(rig_str(candidate(a, "a"), "duty"), "ranked");
	json_decref(lines);
	rig_close();
}

#define FULL                                                  \
	RIG_HEAD                                              \
	"[class \"bulk\"]\nwhen-full = refuse\n"              \
	"[class \"calls\"]\npriority = 1\nwhen-full = wait\n" \
	"queue-wait = 2s\n"                                   \
	"[intermediary \"a\"]\n"                              \
	"type = socks5\naddress = 192.0.2.2:1080\ntier = 1\n" \
	"max-connections = 1\n"                               \
	"[intermediary \"b\"]\n"                              \
	"type = socks5\naddress = 192.0.2.3:1080\ntier = 2\n"

/* Where a tier is full its class says what becomes of a request. */
static void
full(void)
{
	static const struct {
		const char *line, *pick, *steps, *reason;
	} rows[] = {
	    {"route example.com 443", "b",
		"tier 2: b | refused, when all of that has failed", "eligible"},
	    {"route example.com 443 class=bulk", NULL,
		"refused: tier 1 is at its connection limits, and class bulk "
		"takes no other",
		"below a tier that is full, and that its class keeps to"},
	    {"route example.com 443 class=calls", NULL,
		"tier 1 is at its connection limits: class calls waits, with "
		"priority 1, for 2000 ms at most, and is refused then",
		"below a tier that is full, and that its class keeps to"},
	};
	char text[512];
	json_t *lines;
	const json_t *a;
	size_t i;

	rig_open(FULL);
	atomic_store(&slab_row(rig_slabs[0], 0, 1)->in_flight, 1);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		lines = rig_answer(rows[i].line, false);
		a = rig_first(lines, true);
		CHECK_STR(rig_str(a, "pick"), rows[i].pick);
		CHECK_STR(steps_of(a, text, sizeof(text)), rows[i].steps);
		CHECK_STR(rig_str(candidate(a, "b"), "reason"), rows[i].reason);
		CHECK_STR(rig_str(candidate(a, "a"), "reason"),
		    "at its connection limit");
		json_decref(lines);
	}
	rig_close();
}

static const struct unit_case cases[] = {
    {"routes", table},
    {"destination, protocol, rule", head},
    {"who is left out and why", left_out},
    {"by cost", by_cost},
    {"on trial", on_trial},
    {"nothing configured", nothing_configured},
    {"datagrams", datagrams},
    {"changes nothing", changes_nothing},
    {"many names in a step", many_names},
    {"bad arguments", bad_arguments},
    {"steps before the others", steps_before},
    {"a tier is full", full},
};

UNIT_MAIN("ctl_route", cases)
