/* Classes of traffic, as the configuration and a policy say them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/settings.h"
#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

#define MBIT 125000 /* in bytes */
#define LINK "[link]\nbandwidth = 50mbit up, 200mbit down\n"
#define HOP(name, tier)                                \
	"[intermediary \"" name "\"]\ntype = socks5\n" \
	"address = " name ".example:1\ntier = " tier "\n"
#define POLICY                                                      \
	"[agent]\n[policy]\nroot = /root\nnetwork = 192.0.2.0/24\n" \
	"min-intermediaries = 0\n"

static struct settings *
parsed(const char *text)
{
	struct conf_errors e;
	struct settings *s;
	int error = sample_parse(text, &s, &e);

	CHECK_STR(e.text, "");
	if (error != 0)
		exit(1);
	return s;
}

static const struct settings_class *
class_of(const struct settings *s, const char *name)
{
	int i = settings_class(s, name);

	CHECK(i >= 0, "no %s", name);
	return &s->classes[i < 0 ? 0 : i];
}

static void
built_in(void)
{
	static const char *const names[] = {
	    "critical", "interactive", "normal", "bulk"};
	struct settings *s = parsed("");
	const struct settings_class *c = s->classes;
	uint32_t i;

	CHECK_INT(s->classes_n, CLASS_BUILT_IN);
	for (i = 0; i < CLASS_BUILT_IN; i++) {
		CHECK_STR(settings_class_name(s, i), names[i]);
		CHECK_INT(settings_class(s, names[i]), i);
		CHECK_INT(c[i].priority, i);
		CHECK_INT(c[i].weight, 1);
		CHECK_INT(c[i].dscp, -1);
		CHECK_INT(c[i].when_full, FULL_NEXT_TIER);
		CHECK_INT(c[i].guarantee.up + c[i].ceiling.up, 0);
		CHECK(settings_class_may(s, i, 1), "tier 1");
	}
	CHECK_STR(settings_class_name(s, CLASS_BUILT_IN), "?");
	CHECK_INT(settings_class(s, "vip"), -1);
	CHECK(settings_class_may(s, SETTINGS_CLASSES_MAX + 1, 1), "of none");
	CHECK_INT(s->link.up + s->link.down, 0);
	CHECK(s->behaviour, "behaviour");
	settings_unref(s);
}

static void
all_keys(void)
{
	struct settings *s = parsed(
	    "[rule \"r\"]\nport = 1\nclass = calls\n"
	    "[tier \"gold\"]\nrank = 7\nreserved-for = calls\n"
	    "reserved-for = bulk\n"
	    "[class \"calls\"]\npriority = 3\nweight = 6\n"
	    "guarantee = 10% up, 2mbit down\nceiling = 5mbit\n"
	    "user-ceiling = 3mbit up\ntunnel-ceiling = 256kbit down, 1mbit up\n"
	    "dscp = ef\ntier = gold\ntier = 2\ntier = 7\nwhen-full = wait\n"
	    "queue = 7\nqueue-wait = 250ms\n"
	    "[class \"interactive\"]\nwhen-full = refuse\n" LINK HOP("a", "1")
		HOP("b", "2"));
	const struct settings_class *c = class_of(s, "calls");

	CHECK_INT(s->link.up, 50 * MBIT);
	CHECK_INT(s->link.down, 200 * MBIT);
	CHECK_INT(c - s->classes, 4);
	CHECK_INT(s->rules[0].class, 4);
	CHECK_INT(settings_tier(s, 7)->reserved_for, 1 << 4 | 1 << CLASS_BULK);
	CHECK_INT(c->priority, 3);
	CHECK_INT(c->weight, 6);
	CHECK_INT(c->guarantee.up, 5 * MBIT);
	CHECK_INT(c->guarantee.down, 2 * MBIT);
	CHECK_INT(c->ceiling.up, 5 * MBIT);
	CHECK_INT(c->ceiling.down, 5 * MBIT);
	CHECK_INT(c->user_ceiling.up, 3 * MBIT);
	CHECK_INT(c->user_ceiling.down, 0);
	CHECK_INT(c->tunnel_ceiling.up, MBIT);
	CHECK_INT(c->tunnel_ceiling.down, 32000);
	CHECK_INT(c->dscp, 46);
	CHECK_INT(c->ranks_n, 2);
	CHECK(settings_class_may(s, 4, 7) && settings_class_may(s, 4, 2),
	    "its tiers");
	CHECK(!settings_class_may(s, 4, 1) && !settings_class_may(s, 4, 1000) &&
		  !settings_class_may(s, 4, UINT16_MAX),
	    "another tier");
	CHECK_INT(c->when_full, FULL_WAIT);
	CHECK_INT(c->queue_max, 7);
	CHECK_INT(c->queue_wait_ms, 250);
	CHECK_INT(s->classes[CLASS_INTERACTIVE].when_full, FULL_REFUSE);
	CHECK_INT(s->classes[CLASS_INTERACTIVE].priority, 1);
	settings_unref(s);
}

/* Bulk has a little of what is left, if nothing else is said of it. */
static void
bulk_gets_something(void)
{
	static const struct {
		const char *text;
		int64_t up, down;
	} t[] = {
	    {LINK, 50 * MBIT / 20, 10 * MBIT},
	    {"[class \"bulk\"]\nguarantee = 0%\n" LINK, 0, 0},
	    {"[class \"bulk\"]\nceiling = 1mbit up\n" LINK, MBIT, 10 * MBIT},
	    {"[class \"normal\"]\nguarantee = 98% up\n" LINK, MBIT, 10 * MBIT},
	    {"[class \"normal\"]\nguarantee = 60%\n"
	     "[class \"critical\"]\nguarantee = 40%\n" LINK,
		0, 0},
	    {"[link]\nbandwidth = 8kbit down\n", 0, 50},
	};
	struct settings *s;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		s = parsed(t[i].text);
		CHECK_INT(s->classes[CLASS_BULK].guarantee.up, t[i].up);
		CHECK_INT(s->classes[CLASS_BULK].guarantee.down, t[i].down);
		settings_unref(s);
	}
}

static void
marks(void)
{
	static const struct {
		const char *word;
		int dscp;
	} t[] = {{"0", 0}, {"63", 63}, {"cs0", 0}, {"cs7", 56}, {"af11", 10},
	    {"af23", 22}, {"af43", 38}, {"ef", 46}, {"le", 1}};
	char text[64];
	struct settings *s;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		snprintf(text, sizeof(text), "[class \"x\"]\ndscp = %s\n",
		    t[i].word);
		s = parsed(text);
		CHECK_INT(class_of(s, "x")->dscp, t[i].dscp);
		settings_unref(s);
	}
}

#define E_RATE "expected a rate like 50mbit or 10mbit up, 50mbit down, found "
#define E_DSCP                                                              \
	"f:2: 'dscp': expected a number from 0 to 63, cs0 to cs7, af11 to " \
	"af43, ef or le, found "
#define E_BAND                                                          \
	"f:2: 'bandwidth': expected a rate like 100mbit or 50mbit up, " \
	"200mbit down, found "

static const struct {
	const char *text, *errors;
} bad[] = {
    /* What is not there. */
    {"[rule \"r\"]\nport = 1\nclass = call\n[class \"calls\"]\n",
	"f:3: 'class': expected critical, interactive, normal, bulk or calls, "
	"found 'call'; did you mean 'calls'?\n"},
    {"[tier \"t\"]\nrank = 1\nreserved-for = bulk\nreserved-for = vip\n",
	"f:4: 'reserved-for': expected critical, interactive, normal or bulk, "
	"found 'vip'\n"},
    {"[class \"a\"]\ntier = 2\n" HOP("a", "1"),
	"f:2: expected a rank from 1 to 1000 that is in use or a tier's name, "
	"found '2'\n"},
    {"[class \"Calls\"]\n",
	"f:1: expected a name of lower-case letters, digits, '-', '_' and "
	"'.', found 'Calls'\n"},
    /* Shares. */
    {"[class \"a\"]\nguarantee = 60%\n[class \"bulk\"]\nguarantee = 41% "
     "down\n" LINK,
	"f:4: 'guarantee': expected at most 100% of the link down for all "
	"classes, found 101%\n"},
    {"[class \"a\"]\nguarantee = 60%\n[class \"bulk\"]\nguarantee = 21mbit "
     "up\n" LINK,
	"f:4: 'guarantee': expected at most the link's 50mbit up for all "
	"classes, found 51mbit\n"},
    {"[class \"a\"]\nguarantee = 10%\n",
	"f:2: 'guarantee': expected a [link] that says of what it is 10% "
	"up\n"},
    {"[class \"a\"]\nguarantee = 10%\n[link]\nbandwidth = 1mbit up\n",
	"f:2: 'guarantee': expected a [link] that says of what it is 10% "
	"down\n"},
    /* Ceilings. */
    {"[class \"a\"]\nguarantee = 20% down\nceiling = 39mbit\n" LINK,
	"f:2: 'guarantee': expected at most the ceiling down\n"},
    {"[class \"a\"]\nceiling = 51mbit\n" LINK,
	"f:2: 'ceiling': expected at most the link up\n"},
    {"[class \"a\"]\nceiling = 5mbit\nuser-ceiling = 6mbit down\n",
	"f:3: 'user-ceiling': expected at most the ceiling down\n"},
    {"[class \"a\"]\nuser-ceiling = 5mbit\ntunnel-ceiling = 6mbit up\n",
	"f:3: 'tunnel-ceiling': expected at most the user's ceiling up\n"},
    {"[class \"a\"]\ntunnel-ceiling = 1gbit\n" LINK,
	"f:2: 'tunnel-ceiling': expected at most the link up\n"},
    /* What is of no use. */
    {"[class \"bulk\"]\nweight = 3\n",
	"f:1: [class \"bulk\"]: 'weight' is of use among classes of one "
	"'priority', and no other has this one's\n"},
    {"[class \"a\"]\nqueue = 3\n",
	"f:1: [class \"a\"]: 'queue' wants 'when-full = wait' with it\n"},
    {"[class \"a\"]\nqueue-wait = 3s\nwhen-full = refuse\n",
	"f:1: [class \"a\"]: 'queue-wait' wants 'when-full = wait' with it\n"},
    /* Values. */
    {"[class \"a\"]\npriority = 8\n",
	"f:2: 'priority': expected a number from 0 to 7, found '8'\n"},
    {"[class \"a\"]\nweight = 0\n",
	"f:2: 'weight': expected a number from 1 to 1000, found '0'\n"},
    {"[class \"a\"]\nwhen-full = queue\n",
	"f:2: 'when-full': expected wait, next-tier or refuse, found "
	"'queue'\n"},
    {"[class \"a\"]\ndscp = 64\n", E_DSCP "'64'\n"},
    {"[class \"a\"]\ndscp = af14\n", E_DSCP "'af14'\n"},
    {"[class \"a\"]\ndscp = af01\n", E_DSCP "'af01'\n"},
    {"[class \"a\"]\ndscp = cs8\n", E_DSCP "'cs8'\n"},
    {"[class \"a\"]\nceiling = 10%\n", "f:2: 'ceiling': " E_RATE "'10%'\n"},
    {"[class \"a\"]\nceiling = 10\n", "f:2: 'ceiling': " E_RATE "'10'\n"},
    {"[class \"a\"]\nceiling = mbit\n", "f:2: 'ceiling': " E_RATE "'mbit'\n"},
    {"[class \"a\"]\nceiling = 0mbit\n", "f:2: 'ceiling': " E_RATE "'0mbit'\n"},
    {"[class \"a\"]\nceiling = 7999bit\n",
	"f:2: 'ceiling': " E_RATE "'7999bit'\n"},
    {"[class \"a\"]\nceiling = 1001gbit\n",
	"f:2: 'ceiling': " E_RATE "'1001gbit'\n"},
    {"[class \"a\"]\nceiling = 1mbit, 2mbit\n",
	"f:2: 'ceiling': " E_RATE "'1mbit, 2mbit'\n"},
    {"[class \"a\"]\nceiling = 1mbit up, 2mbit up\n",
	"f:2: 'ceiling': " E_RATE "'1mbit up, 2mbit up'\n"},
    {"[class \"a\"]\nceiling = 1mbit up,\n",
	"f:2: 'ceiling': " E_RATE "'1mbit up,'\n"},
    {"[class \"a\"]\nceiling = 1mbit upward\n",
	"f:2: 'ceiling': " E_RATE "'1mbit upward'\n"},
    {"[class \"a\"]\nceiling = 1mbit up down\n",
	"f:2: 'ceiling': " E_RATE "'1mbit up down'\n"},
    {"[class \"a\"]\nguarantee = 101%\n" LINK,
	"f:2: 'guarantee': expected a rate like 50mbit or 10mbit up, 50mbit "
	"down, or a share like 20%, found '101%'\n"},
    {"[link]\nbandwidth = 10%\n", E_BAND "'10%'\n"},
    {"[link]\nbandwidth = fast\n", E_BAND "'fast'\n"},
    {"[link]\n",
	"f:1: [link] lacks 'bandwidth': expected a rate like 100mbit or "
	"50mbit up, 200mbit down\n"},
};

static void
says_what_is_wrong(void)
{
	struct conf_errors e;
	struct settings *s;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_INT(sample_parse(bad[i].text, &s, &e), -EINVAL);
		CHECK_STR(e.text, bad[i].errors);
		settings_unref(s);
	}
}

static void
at_most_sixteen(void)
{
	char text[1024] = "";
	struct conf_errors e;
	struct settings *s;
	size_t at = 0;
	int i;

	for (i = 0; i < SETTINGS_CLASSES_MAX - CLASS_BUILT_IN; i++)
		at += (size_t)snprintf(
		    text + at, sizeof(text) - at, "[class \"c%d\"]\n", i);
	/* One that is built in is there already. */
	at += (size_t)snprintf(
	    text + at, sizeof(text) - at, "[class \"bulk\"]\n");
	s = parsed(text);
	CHECK_INT(s->classes_n, SETTINGS_CLASSES_MAX);
	CHECK_INT(settings_class(s, "c11"), 15);
	settings_unref(s);
	snprintf(text + at, sizeof(text) - at, "[class \"more\"]\n");
	CHECK_INT(sample_parse(text, &s, &e), -EINVAL);
	CHECK_STR(e.text,
	    "f:14: expected at most 16 classes, the 4 built in among them\n");
}

/* --- a policy's --- */

static int
with_policy(const char *conf, const char *policy, struct settings **s,
    struct conf_errors *e)
{
	struct bundle *b = bundle_new();
	int error;

	error = bundle_put(b, SETTINGS_MAIN, "f", 1);
	if (error == 0)
		error = bundle_put(b, "conf:f", conf, strlen(conf));
	CHECK_INT(error, 0);
	error = settings_parse_policy(b, policy, strlen(policy), s, e);
	bundle_free(b);
	return error;
}

static void
the_configuration_wins(void)
{
	struct conf_errors e;
	struct settings *s;
	int error;

	error = with_policy(POLICY LINK "[class \"ours\"]\npriority = 1\n"
					"[class \"critical\"]\ndscp = ef\n",
	    "[class \"ours\"]\npriority = 5\nguarantee = 99%\nqueue = 3\n"
	    "[class \"critical\"]\ndscp = le\n"
	    "[class \"normal\"]\npriority = 6\n"
	    "[class \"theirs\"]\nguarantee = 50%\nceiling = 10mbit up, 1gbit "
	    "down\nweight = 4\n"
	    "[tier \"t\"]\nrank = 2\nreserved-for = ours\n"
	    "[rule \"r\"]\nport = 1\nclass = theirs\n",
	    &s, &e);
	CHECK_STR(e.text, "");
	CHECK_INT(error, 0);
	if (error != 0)
		return;
	CHECK_INT(s->classes_n, 6);
	CHECK_INT(class_of(s, "ours")->priority, 1);
	CHECK_INT(class_of(s, "ours")->guarantee.up, 0);
	CHECK(!class_of(s, "ours")->by_policy, "by the policy");
	CHECK_INT(class_of(s, "critical")->dscp, 46);
	CHECK_INT(class_of(s, "normal")->priority, 6);
	CHECK(class_of(s, "normal")->by_policy, "not by the policy");
	/* A share is as much as its own ceiling at most. */
	CHECK_INT(class_of(s, "theirs")->guarantee.up, 10 * MBIT);
	CHECK_INT(class_of(s, "theirs")->guarantee.down, 100 * MBIT);
	CHECK_INT(class_of(s, "theirs")->weight, 4);
	CHECK_INT(settings_tier(s, 2)->reserved_for, 1 << 4);
	CHECK_INT(s->rules[0].class, 5);
	settings_unref(s);
}

static const struct {
	const char *conf, *policy, *errors;
} refused[] = {
    {POLICY, "[link]\nbandwidth = 1mbit\n",
	"policy:1: unknown section [link]\n"},
    {POLICY "[class \"a\"]\nguarantee = 60%\n" LINK,
	"[class \"b\"]\nguarantee = 50%\n",
	"policy:2: 'guarantee': expected at most 100% of the link up for all "
	"classes, found 110%\n"},
    {POLICY LINK, "[class \"b\"]\nguarantee = 60mbit\n",
	"policy:2: 'guarantee': expected at most the link's 50mbit up for all "
	"classes, found 60mbit\n"},
    {POLICY, "[class \"b\"]\nguarantee = 6mbit\nceiling = 5mbit\n",
	"policy:2: 'guarantee': expected at most the ceiling up\n"},
    {POLICY, "[rule \"r\"]\nport = 1\nclass = b\n",
	"policy:3: 'class': expected critical, interactive, normal or bulk, "
	"found 'b'\n"},
    /* It comes and goes. */
    {POLICY "[rule \"r\"]\nport = 1\nclass = b\n", "[class \"b\"]\n",
	"f:8: 'class': expected critical, interactive, normal or bulk, found "
	"'b'\n"},
};

static void
refuses_a_policy(void)
{
	struct conf_errors e;
	struct settings *s;
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		CHECK_INT(
		    with_policy(refused[i].conf, refused[i].policy, &s, &e),
		    -EINVAL);
		CHECK_STR(e.text, refused[i].errors);
	}
}

/* Of its body alone, whose link nobody knows. */
static void
a_body_alone(void)
{
	static const char text[] =
	    "[class \"a\"]\nguarantee = 60%\nweight = 3\nceiling = 1gbit\n"
	    "[class \"b\"]\nguarantee = 40%\n";
	static const char more[] = "[class \"a\"]\nguarantee = 60%\n"
				   "[class \"b\"]\nguarantee = 41%\n";
	struct settings_body body = {.text = text, .len = strlen(text)};
	struct conf_errors e;
	struct settings *s = NULL;

	CHECK_INT(settings_read_policy("p", &body, &s, &e), 0);
	CHECK_STR(e.text, "");
	if (s == NULL)
		return;
	CHECK_INT(s->classes_n, 6);
	CHECK_INT(s->classes[4].weight, 3);
	CHECK_INT(s->classes[4].guarantee.up, 0);
	CHECK_INT(s->classes[4].ceiling.up, 1000 * MBIT);
	settings_unref(s);
	body = (struct settings_body){.text = more, .len = strlen(more)};
	CHECK_INT(settings_read_policy("p", &body, &s, &e), -EINVAL);
	CHECK_STR(e.text,
	    "p:4: 'guarantee': expected at most 100% of the link up for all "
	    "classes, found 101%\n");
	/* A host without a link has none either. */
	CHECK_INT(with_policy(POLICY, text, &s, &e), 0);
	CHECK_INT(class_of(s, "a")->guarantee.up, 0);
	settings_unref(s);
}

static const struct unit_case cases[] = {
    {"those that are built in", built_in},
    {"all keys", all_keys},
    {"bulk gets something", bulk_gets_something},
    {"marks", marks},
    {"says what is wrong", says_what_is_wrong},
    {"at most sixteen", at_most_sixteen},
    {"the configuration wins", the_configuration_wins},
    {"refuses a policy", refuses_a_policy},
    {"a policy's body alone", a_body_alone},
};

UNIT_MAIN("settings_class", cases)
