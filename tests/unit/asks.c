/* What rules say of who asks, and how, against all kinds of clients. */
#include "cagentd/decide/asks.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

static struct settings *
parse(const char *text)
{
	struct settings *s = NULL;
	struct conf_errors e = {0};
	int error = sample_parse(text, &s, &e);

	CHECK(error == 0 && s != NULL, "%s: %s", text, e.text);
	return s;
}

/* Some clients, and some requests; each row says which of them match. */
enum {
	NOBODY,	    /* nothing is known */
	BACKUP,	    /* uid 34 in backup.service, from loopback */
	ALICE,	    /* who has logged in, from afar */
	ROOT_LOGIN, /* who logs in as "backup" and "root" are names alone */
	SESSION,
	CLIENTS
};
static struct client clients[CLIENTS];

static void
make_clients(void)
{
	memset(clients, 0, sizeof(clients));
	clients[NOBODY].protocol = PROTOCOL_SOCKS4;
	clients[BACKUP] = (struct client){.protocol = PROTOCOL_SOCKS5,
	    .has_uid = true,
	    .uid = 34,
	    .service = "backup.service"};
	net_ip_parse("127.0.0.1", &clients[BACKUP].source);
	clients[ALICE] =
	    (struct client){.protocol = PROTOCOL_HTTP, .login = "alice"};
	net_ip_parse("2001:db8::5", &clients[ALICE].source);
	clients[ROOT_LOGIN] = (struct client){.protocol = PROTOCOL_SOCKS5,
	    .has_uid = true,
	    .uid = 1234,
	    .login = "backup"};
	clients[SESSION] = (struct client){.protocol = PROTOCOL_SOCKS4A,
	    .has_uid = true,
	    .uid = 0,
	    .service = "user@0.service/backup.service"};
	net_ip_parse("192.0.2.77", &clients[SESSION].source);
}

#define B(c) (1u << (c))
#define ALL  (B(CLIENTS) - 1)

static const struct {
	const char *keys;
	unsigned int match;
} rows[] = {
    {"", ALL},
    {"user = backup\n", B(BACKUP)},
    {"user = 34\n", B(BACKUP)},
    {"user = someone\nuser = 0\n", B(ROOT_LOGIN) | B(SESSION)},
    {"login = alice\n", B(ALICE)},
    {"login = Alice\n", 0},
    {"login = backup\n", B(ROOT_LOGIN)},
    {"login = 34\n", 0},
    {"login = backup\nlogin = alice\n", B(ROOT_LOGIN) | B(ALICE)},
    {"login = backup\nuser = backup\n", 0},
    {"login = backup\nuser = someone\n", B(ROOT_LOGIN)},
    {"service = backup.service\n", B(BACKUP)},
    {"service = *\n", B(BACKUP) | B(SESSION)},
    {"service = user@*.service\n", B(SESSION)},
    {"service = user@0.service/backup.service\n", B(SESSION)},
    {"service = *.service/backup.*\n", B(SESSION)},
    {"service = backup.service/*\n", 0},
    {"service = Backup.service\n", 0},
    {"source = 127.0.0.0/8\n", B(BACKUP)},
    {"source = 0.0.0.0/0\n", B(BACKUP) | B(SESSION)},
    {"source = ::/0\n", B(ALICE)},
    {"source = 192.0.2.77\nsource = 2001:db8::/32\n", B(SESSION) | B(ALICE)},
    {"protocol = http\n", B(ALICE)},
    {"protocol = socks4\nprotocol = socks5\n",
	B(NOBODY) | B(BACKUP) | B(ROOT_LOGIN)},
    {"protocol = socks5\nuser = backup\nservice = backup.*\n"
     "source = 127.0.0.1\n",
	B(BACKUP)},
    {"protocol = socks4a\nuser = backup\n", 0},
    {"method = GET\n", 0},
    {"path = /\n", 0},
};

static void
each_key_is_for_its_clients(void)
{
	struct settings *s;
	char text[512];
	size_t i;
	int c;

	make_clients();
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(text, sizeof(text), "[rule \"r\"]\n%svia = deny\n",
		    rows[i].keys);
		s = parse(text);
		for (c = 0; s != NULL && c < CLIENTS; c++)
			CHECK(asks_match(s, 0, &clients[c], NULL) ==
				  ((rows[i].match & B(c)) != 0),
			    "client %d with: %s", c, rows[i].keys);
		settings_unref(s);
	}
}

static void
methods_and_paths_are_of_plain_requests(void)
{
	static const struct {
		const char *keys, *method, *path;
		bool match;
	} cases[] = {
	    {"method = GET\n", "GET", "/", true},
	    {"method = GET\n", "get", "/", false},
	    {"method = GET\n", "GETS", "/", false},
	    {"method = GET\nmethod = HEAD\n", "HEAD", "/", true},
	    {"method = GET\nmethod = HEAD\n", "POST", "/", false},
	    {"path = /docs\n", "GET", "/docs", true},
	    {"path = /docs\n", "GET", "/docs/a", true},
	    {"path = /docs\n", "GET", "/docsy", true},
	    {"path = /docs/\n", "GET", "/docs", false},
	    {"path = /docs/\n", "GET", "/Docs/", false},
	    {"path = /docs/\n", "GET", "/%64ocs/", false},
	    {"path = /docs/\n", "GET", "/a/docs/", false},
	    {"path = /a\npath = /b\n", "GET", "/bc", true},
	    {"path = /a\nmethod = PUT\n", "GET", "/a", false},
	    {"path = /a\nmethod = PUT\n", "PUT", "/a", true},
	    {"path = /\n", "OPTIONS", "*", false},
	    {"", "GET", "/", true},
	};
	const struct client c = {.protocol = PROTOCOL_HTTP};
	struct settings *s;
	char text[512];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct asked a = {
		    .method = cases[i].method, .path = cases[i].path};

		snprintf(text, sizeof(text), "[rule \"r\"]\n%svia = deny\n",
		    cases[i].keys);
		s = parse(text);
		if (s == NULL)
			continue;
		CHECK(asks_match(s, 0, &c, &a) == cases[i].match,
		    "%s %s with: %s", a.method, a.path, cases[i].keys);
		if (cases[i].keys[0] != '\0')
			CHECK(!asks_match(s, 0, &c, NULL), "a tunnel with: %s",
			    cases[i].keys);
		settings_unref(s);
	}
}

static void
services_are_found_by_pattern(void)
{
	static const struct {
		const char *pattern, *service;
		bool match;
	} cases[] = {
	    {"a.service", "a.service", true},
	    {"a.service", "a.service/b", true},
	    {"a.service", "b/a.service", false},
	    {"a.service", "aa.service", false},
	    {"a.service", "a.servic", false},
	    {"a.service", "", false},
	    {"*", "", false},
	    {"*", "x", true},
	    {"**", "x", true},
	    {"*.service", "a.service", true},
	    {"*.service", "a.service.d", false},
	    {"a*b*c", "a1b2c", true},
	    {"a*b*c", "abcbc", true},
	    {"a*b*c", "acb", false},
	    {"*aab", "aaab", true},
	    {"docker/4f*", "docker/4f1c", true},
	    {"docker/4f*", "docker/5f1c", false},
	    {"docker/4f*", "docker", false},
	    {"docker", "docker/4f1c", true},
	    {"*/*", "a", false},
	    {"*/*", "a/b", true},
	};
	char many[200], text[200];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		CHECK(asks_service(cases[i].pattern, cases[i].service) ==
			  cases[i].match,
		    "%s and %s", cases[i].pattern, cases[i].service);
	/* Stars do not multiply the work. */
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	for (i = 0; i < sizeof(many) - 2; i += 2)
		memcpy(many + i, "*a", 3);
	many[i - 1] = 'b';
	CHECK(!asks_service(many, text), "no b");
}

static void
bad_values_are_refused(void)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
	    {"user = nosuchuser-zz",
		"expected a user of this machine or a uid; who logs in is a "
		"'login', found 'nosuchuser-zz'"},
	    {"service = a b", "expected a service"},
	    {"service = /a", "expected a service"},
	    {"service = a/", "expected a service"},
	    {"service = a/b/c", "expected a service"},
	    {"source = here", "expected a network"},
	    {"source = 10.0.0.1/8", "beyond the prefix length"},
	    {"method = get", "expected a method"},
	    {"method = GET,PUT", "expected a method"},
	    {"path = docs", "expected how a path begins"},
	    {"path = /a?b", "expected how a path begins"},
	    {"path = /a*", "expected how a path begins"},
	};
	struct conf_errors e;
	struct settings *s;
	char text[256];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "[rule \"r\"]\n%s\nvia = deny\n",
		    cases[i].line);
		CHECK(sample_parse(text, &s, &e) != 0, "%s", cases[i].line);
		CHECK(strncmp(e.text, "f:2: ", 5) == 0 &&
			  strstr(e.text, cases[i].want) != NULL,
		    "%s: %s", cases[i].line, e.text);
	}
}

/* A policy is for many machines. */
static void
a_policy_may_name_strangers(void)
{
	static const char body[] =
	    "[rule \"r\"]\nuser = nosuchuser-zz\nvia = deny\n"
	    "[rule \"s\"]\nlogin = carol\nservice = x.service\n"
	    "source = 10.0.0.0/8\nmethod = GET\npath = /\nvia = deny\n";
	const struct settings_body b = {body, sizeof(body) - 1, 1, 1};
	const struct client strange = {.has_uid = true, .uid = 65534};
	struct conf_errors e;
	struct settings *s;

	CHECK_INT(settings_read_policy("policy", &b, &s, &e), 0);
	CHECK_STR(e.text, "");
	if (s == NULL)
		return;
	CHECK(!asks_match(s, 0, &strange, NULL), "nobody's rule");
	CHECK_INT(s->rules[1].logins_n, 1);
	settings_unref(s);
}

static const struct unit_case cases[] = {
    {"each key is for its clients", each_key_is_for_its_clients},
    {"methods and paths are of plain requests",
	methods_and_paths_are_of_plain_requests},
    {"services are found by pattern", services_are_found_by_pattern},
    {"bad values are refused", bad_values_are_refused},
    {"a policy may name strangers", a_policy_may_name_strangers},
};

UNIT_MAIN("asks", cases)
