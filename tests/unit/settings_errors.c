/* The agent's settings: what is refused, where, and in which words. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/settings.h"
#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

#define HOP "[intermediary \"a\"]\ntype = socks5\naddress = a.example:1\n"
#define X10 "xxxxxxxxxx"
#define X80 X10 X10 X10 X10 X10 X10 X10 X10

#define E_LISTEN                                                   \
	"f:2: 'listen': expected an address like 127.0.0.1:1080, " \
	"[::1]:1080, "                                             \
	"unix:/path or redirect:127.0.0.1:1081, found "
#define E_USER "expected a user of this machine, a uid or uid:gid, found "
#define E_ADDRESS                                                         \
	"f:3: 'address': expected an address like proxy.example:1080 or " \
	"[2001:db8::1]:1080, found "
#define E_NET "expected a network like 192.0.2.0/24 or 2001:db8::/32, found "
#define E_DOMAIN                                                             \
	"expected a domain like corp.example, which means what is below it " \
	"too, found "
#define E_PORT \
	"f:2: 'port': expected a port like 443 or ports like 8000-8999, found "
#define E_VIA                                                    \
	"f:2: 'via': expected default, direct, deny, 'tier N', " \
	"'intermediary NAME', 'cache NAME' or 'service NAME', found "
#define E_NAME                                                              \
	"f:1: expected a name of lower-case letters, digits, '-', '_' and " \
	"'.', found "

static const struct {
	const char *text;
	const char *errors;
} bad[] = {
    /* [agent] */
    {"[agent]\nlisten = localhost:1080\n", E_LISTEN "'localhost:1080'\n"},
    {"[agent]\nlisten = 1080\n", E_LISTEN "'1080'\n"},
    {"[agent]\nlisten = 127.0.0.1\n", E_LISTEN "'127.0.0.1'\n"},
    {"[agent]\nlisten = ::1:1080\n", E_LISTEN "'::1:1080'\n"},
    {"[agent]\nlisten = 127.0.0.1:65536\n", E_LISTEN "'127.0.0.1:65536'\n"},
    {"[agent]\nlisten = unix:relative\n", E_LISTEN "'unix:relative'\n"},
    {"[agent]\nlisten = 127.0.0.1:1\nlisten = [::1]:1\nlisten = "
     "127.0.0.1:1\n",
	"f:4: 'listen': 127.0.0.1:1 stands at line 2 already\n"},
    {"[agent]\nlisten = 127.0.0.1:1080\nlisten = 0.0.0.0:1080\n",
	"f:3: 'listen': expected an [access] section that says who may use "
	"0.0.0.0:1080\n"},
    {"[agent]\nlisten = [::]:1080\n",
	"f:2: 'listen': expected an [access] section that says who may use "
	"[::]:1080\n"},
    {"[agent]\nlisten = 0.0.0.0:1080\n[access]\n",
	"f:3: [access] lacks 'network': expected a network like 192.0.2.0/24 "
	"or 2001:db8::/32\n"},
    {"[agent]\nlisten = 0.0.0.0:1080\n[access]\nnetwork = any\n",
	"f:4: 'network': " E_NET "'any'\n"},
    {"[agent]\nworkers = 0\n",
	"f:2: 'workers': expected auto or a number from 1 to 64, found '0'\n"},
    {"[agent]\nworkers = 65\n",
	"f:2: 'workers': expected auto or a number from 1 to 64, found '65'\n"},
    {"[agent]\nworkers = 4 \nworker = 4\n",
	"f:3: unknown key 'worker' in [agent]; did you mean 'workers'?\n"},
    {"[agent]\ngroup = New York\n",
	"f:2: expected a name of lower-case letters, digits, '-', '_' and "
	"'.', found 'New York'\n"},
    {"[agent]\nrun-dir = run\n",
	"f:2: 'run-dir': expected an absolute path of at most 75 bytes, found "
	"'run'\n"},
    {"[agent]\nrun-dir = /" X10 X10 X10 X10 X10 X10 X10 "xxxxx\n",
	"f:2: 'run-dir': expected an absolute path of at most 75 bytes, found "
	"'/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'\n"},
    {"[agent]\ndecisions = here\n",
	"f:2: 'decisions': expected an absolute path of at most 1023 bytes, "
	"found 'here'\n"},
    {"[agent]\nno-path = drop\n",
	"f:2: 'no-path': expected refuse or direct, found 'drop'\n"},
    {"[agent]\nevent-loop = uring\n",
	"f:2: 'event-loop': expected auto, io_uring or epoll, found "
	"'uring'\n"},
    {"[agent]\nlog-level = warning\n",
	"f:2: 'log-level': expected error, warn, info or debug, found "
	"'warning'\n"},
    {"[agent]\nworker-user = nobody-has-this-name\n",
	"f:2: 'worker-user': " E_USER "'nobody-has-this-name'\n"},
    {"[agent]\nworker-user = 1:x\n", "f:2: 'worker-user': " E_USER "'1:x'\n"},
    {"[agent]\nworker-user = 4294967295\n",
	"f:2: 'worker-user': " E_USER "'4294967295'\n"},
    {"[agent]\nnameserver = dns.example\n",
	"f:2: 'nameserver': expected an address like 192.0.2.53 or "
	"192.0.2.53:53, found 'dns.example'\n"},
    {"[agent]\nnameserver = 192.0.2.53:0\n",
	"f:2: 'nameserver': expected an address like 192.0.2.53 or "
	"192.0.2.53:53, found '192.0.2.53:0'\n"},
    {"[agent]\nnameserver = unix:/x\n",
	"f:2: 'nameserver': expected an address like 192.0.2.53 or "
	"192.0.2.53:53, found 'unix:/x'\n"},
    {"[agent]\nhandshake-timeout = 10\n",
	"f:2: 'handshake-timeout': expected a time like 250ms, 3s, 5m or 1h "
	"from 100ms to 5m, found '10'\n"},
    {"[agent]\nattempts = 9\n",
	"f:2: 'attempts': expected a number from 1 to 8, found '9'\n"},
    {"[agent]\nattempt-timeout = 10s\n",
	"f:1: expected an 'attempt-timeout' of at most the 'dial-timeout' of "
	"8000ms, found 10000ms\n"},
    {"[agent]\nmax-connections = -1\n",
	"f:2: 'max-connections': expected a number from 0 to 1000000, found "
	"'-1'\n"},
    {"[agent]\ncheck-target = www.example.org\n",
	"f:2: 'check-target': expected a host and a port like "
	"www.example.org:443, found 'www.example.org'\n"},
    {"[agent]\ncheck-target = 127.1:443\n",
	"f:2: 'check-target': expected a host and a port like "
	"www.example.org:443, found '127.1:443'\n"},
    {"[agent]\nrank = 1\n",
	"f:2: unknown key 'rank' in [agent]; it belongs to [tier]\n"},
    /* [access], [direct] */
    {"[access]\nnetwork = 10.0.0.1/8\n",
	"f:2: 'network': expected no bits beyond the prefix length, found "
	"'10.0.0.1/8'\n"},
    {"[access]\nnetwork = 10.0.0.0/33\n",
	"f:2: 'network': " E_NET "'10.0.0.0/33'\n"},
    {"[direct]\nlearn = 10.0.0.0/33\n",
	"f:2: 'learn': " E_NET "'10.0.0.0/33'\n"},
    {"[direct]\nlearn = corp.example\n",
	"f:2: 'learn': " E_NET "'corp.example'\n"},
    {"[direct]\nlearn-age = 999ms\n",
	"f:2: 'learn-age': expected a time like 250ms, 3s, 5m or 1h from 1s "
	"to 168h, found '999ms'\n"},
    {"[agent]\nlearn = 10.0.0.0/8\n",
	"f:2: unknown key 'learn' in [agent]; it belongs to [direct]\n"},
    {"[direct]\ndomain = *.example\n",
	"f:2: 'domain': " E_DOMAIN "'*.example'\n"},
    {"[direct]\ndomain = a..b\n", "f:2: 'domain': " E_DOMAIN "'a..b'\n"},
    {"[direct]\ndomain = .\n", "f:2: 'domain': " E_DOMAIN "'.'\n"},
    {"[direct]\ndomain = 10.0.0.0/8\n",
	"f:2: 'domain': " E_DOMAIN "'10.0.0.0/8'\n"},
    {"[direct]\ndomain = b\xc3\xbc"
     "cher.example\n",
	"f:2: 'domain': " E_DOMAIN "'b\xc3\xbc"
	"cher.example'\n"},
    /* [tier] */
    {"[tier \"gold\"]\n", "f:1: [tier \"gold\"] lacks 'rank'\n"},
    {"[tier \"gold\"]\nrank = 0\n",
	"f:2: 'rank': expected a number from 1 to 1000, found '0'\n"},
    {"[tier \"3\"]\nrank = 1\n",
	"f:1: expected a tier's name with a letter in it, found '3', which "
	"would be a rank\n"},
    {"[tier \"Gold\"]\nrank = 1\n", E_NAME "'Gold'\n"},
    {"[tier \"a\"]\nrank = 1\n[tier \"b\"]\nrank = 1\n",
	"f:3: expected another rank for tier 'b': 1 is that of 'a' at line "
	"1\n"},
    {"[tier \"a\"]\nrank = 1\nreserved-for = vip\n",
	"f:3: 'reserved-for': expected critical, interactive, normal or bulk, "
	"found 'vip'\n"},
    /* [intermediary] */
    {"[intermediary \"a\"]\n",
	"f:1: [intermediary \"a\"] lacks 'type': expected socks5, socks4a, http "
	"or https\n"
	"f:1: [intermediary \"a\"] lacks 'address': expected an address like "
	"proxy.example:1080 or [2001:db8::1]:1080\n"},
    {"[intermediary \"a/b\"]\n", E_NAME "'a/b'\n"},
    {"[intermediary \"a\"]\ntype = socks\naddress = a:1\n",
	"f:2: 'type': expected socks5, socks4a, http or https, found 'socks'; did "
	"you mean 'socks5'?\n"},
    {"[intermediary \"a\"]\ntype = http\naddress = a.example\n",
	E_ADDRESS "'a.example'\n"},
    {"[intermediary \"a\"]\ntype = http\naddress = a.example:0\n",
	E_ADDRESS "'a.example:0'\n"},
    {"[intermediary \"a\"]\ntype = http\naddress = http://a.example:80\n",
	E_ADDRESS "'http://a.example:80'\n"},
    {"[intermediary \"a\"]\ntype = http\naddress = 127.1:80\n",
	E_ADDRESS "'127.1:80'\n"},
    {"[intermediary \"a\"]\ntype = http\naddress = 127.0.0.1:1080\n",
	"f:1: [intermediary \"a\"]: its 'address' is the agent's own "
	"listener\n"},
    {"[intermediary \"a\"]\ntype = http\naddress = 127.0.0.2:99\n[agent]\n"
     "listen = 0.0.0.0:99\n[access]\nnetwork = ::/0\n",
	"f:1: [intermediary \"a\"]: its 'address' is the agent's own "
	"listener\n"},
    {HOP "tier = 0\n",
	"f:4: expected a rank from 1 to 1000 or a tier's name, found '0'\n"},
    {HOP "tier = 1001\n",
	"f:4: expected a rank from 1 to 1000 or a tier's name, found "
	"'1001'\n"},
    {HOP "tier = glod\n[tier \"gold\"]\nrank = 1\n",
	"f:4: expected a rank from 1 to 1000 or a tier's name, found 'glod'; "
	"did you mean 'gold'?\n"},
    {HOP "weight = 0\n",
	"f:4: 'weight': expected a number from 1 to 1000, found '0'\n"},
    {HOP "password-file = secret\n",
	"f:4: 'password-file': expected the absolute path of a private file, "
	"found 'secret'\n"},
    {HOP "password = hunter2\n",
	"f:4: unknown key 'password' in [intermediary]\n"},
    {HOP HOP, "f:4: [intermediary \"a\"] stands at line 1 already\n"},
    /* [rule] */
    {"[rule \"r\"]\nport = 80\n",
	"f:1: [rule \"r\"]: expected 'via', 'class' or 'replay', found "
	"none of them\n"},
    {"[rule \"r\"]\nport = 0\nvia = deny\n", E_PORT "'0'\n"},
    {"[rule \"r\"]\nport = 65536\nvia = deny\n", E_PORT "'65536'\n"},
    {"[rule \"r\"]\nport = 90-80\nvia = deny\n", E_PORT "'90-80'\n"},
    {"[rule \"r\"]\nport = 80-\nvia = deny\n", E_PORT "'80-'\n"},
    {"[rule \"r\"]\nport = 000000080\nvia = deny\n", E_PORT "'000000080'\n"},
    {"[rule \"r\"]\nnetwork = x\nvia = deny\n",
	"f:2: 'network': " E_NET "'x'\n"},
    {"[rule \"r\"]\ndomain = -\n[rule \"r\"]\n",
	"f:3: [rule \"r\"] stands at line 1 already\n"
	"f:1: [rule \"r\"]: expected 'via', 'class' or 'replay', found "
	"none of them\n"},
    {"[rule \"r\"]\nuser = nobody-has-this-name\nvia = deny\n",
	"f:2: 'user': expected a user of this machine or a uid; who logs in is a 'login', found "
	"'nobody-has-this-name'\n"},
    {"[rule \"r\"]\nuser = 1:2\nvia = deny\n",
	"f:2: 'user': expected a user of this machine or a uid; who logs in is a 'login', found "
	"'1:2'\n"},
    {"[rule \"r\"]\nprotocol = socks\nvia = deny\n",
	"f:2: 'protocol': expected socks4, socks4a, socks5 or http, found "
	"'socks'\n"},
    {"[rule \"r\"]\nclass = vip\n",
	"f:2: 'class': expected critical, interactive, normal or bulk, found "
	"'vip'\n"},
    {"[rule \"r\"]\nvia = tier\n", E_VIA "'tier'\n"},
    {"[rule \"r\"]\nvia = deny all\n", E_VIA "'deny all'\n"},
    {"[rule \"r\"]\nvia = proxy web\n", E_VIA "'proxy web'\n"},
    {"[rule \"r\"]\nvia = tier 7\n",
	"f:2: expected a rank from 1 to 1000 that is in use or a tier's name, "
	"found '7'\n"},
    {"[rule \"r\"]\nvia = intermediary hq1\n[intermediary \"hq-1\"]\n"
     "type = http\naddress = a:1\n",
	"f:2: expected the name of an [intermediary], found 'hq1'; did you "
	"mean 'hq-1'?\n"},
    {"[agnet]\n", "f:1: unknown section [agnet]; did you mean [agent]?\n"},
};

static void
refuses(void)
{
	struct conf_errors e;
	struct settings *s;
	size_t i;
	int error;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		error = sample_parse(bad[i].text, &s, &e);
		CHECK_INT(error, -EINVAL);
		CHECK(s == NULL, "settings after an error");
		CHECK_STR(e.text, bad[i].errors);
	}
}

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = write(fd, text, strlen(text));

	CHECK(n == (ssize_t)strlen(text), "%s: %s", path, strerror(errno));
	close(fd);
}

static const struct {
	const char *type, *username;
	bool password;
	const char *error; /* NULL: good */
} logins[] = {
    {"socks5", "", false, NULL},
    {"socks5", "username = me\n", true, NULL},
    {"socks5", "username = m:e\n", true, NULL},
    {"socks4a", "username = me\n", false, NULL},
    {"socks5", "username = me\n", false,
	"'username' wants a 'password-file' with it"},
    {"http", "username = me\n", false,
	"'username' wants a 'password-file' with it"},
    {"http", "", true, "'password-file' wants a 'username' with it"},
    {"socks4a", "username = me\n", true,
	"socks4a knows no password, only a 'username'"},
    {"http", "username = m:e\n", true,
	"a 'username' for http must not have a colon (RFC 7617)"},
    {"http", "fast-open = yes\n", false, NULL},
    {"https", "fast-open = yes\n", false,
	"'fast-open' is for types without TLS"},
};

static void
check_login(size_t i, const char *conf, const char *secret)
{
	struct conf_errors e;
	struct settings *s;
	struct bundle *b;
	char text[512], want[256] = "";

	snprintf(text, sizeof(text),
	    "[intermediary \"a\"]\ntype = %s\naddress = a:1\n%s%s%s\n",
	    logins[i].type, logins[i].username,
	    logins[i].password ? "password-file = " : ";", secret);
	write_file(conf, text);
	settings_load(conf, &b, &s, &e);
	if (logins[i].error != NULL)
		snprintf(want, sizeof(want), "%s:1: [intermediary \"a\"]: %s\n",
		    conf, logins[i].error);
	CHECK_STR(e.text, want);
	settings_unref(s);
	bundle_free(b);
}

static void
refuses_half_a_login(void)
{
	char dir[] = "/tmp/unit-settings-XXXXXX";
	char conf[64], secret[64];
	char *made = mkdtemp(dir);
	size_t i;
	int error;

	CHECK(made != NULL, "mkdtemp: %s", strerror(errno));
	snprintf(conf, sizeof(conf), "%s/c.ini", dir);
	snprintf(secret, sizeof(secret), "%s/secret", dir);
	write_file(secret, "x");
	for (i = 0; i < sizeof(logins) / sizeof(*logins); i++)
		check_login(i, conf, secret);
	unlink(conf);
	unlink(secret);
	error = rmdir(dir);
	CHECK(error == 0, "rmdir: %s", strerror(errno));
}

/* n sections from a format with one number. */
static char *
many(const char *before, const char *middle, const char *after, int n)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int i;

	for (i = 1; i <= n; i++)
		fprintf(f, "%s%d%s%d%s", before, i, middle, i, after);
	fclose(f);
	return text;
}

static const struct {
	const char *before, *middle, *after; /* number between them */
	int max;
	const char *error;
} limits[] = {
    {"[tier \"t", "\"]\nrank = ", "\n", SETTINGS_TIERS_MAX,
	"f:129: expected at most 64 tiers\n"},
    {"[intermediary \"i", "\"]\ntype = http\naddress = a:1\ntier = ", "\n",
	SETTINGS_TIERS_MAX,
	"f:260: expected at most 64 tiers, found one more\n"},
    {"[intermediary \"i", "\"]\ntype = http\naddress = a:", "\n",
	SETTINGS_INTERMEDIARIES_MAX,
	"f:3073: expected at most 1024 intermediaries\n"},
    {"[rule \"r", "\"]\nvia = deny\n;", "\n", SETTINGS_RULES_MAX,
	"f:30001: expected at most 10000 rules\n"},
    {"[agent]\nlisten = 127.0.0.1:", "\n;", "\n", SETTINGS_LISTENERS_MAX,
	"f:50: 'listen': expected at most 16 of them\n"},
    {"[agent]\nnameserver = 192.0.2.", "\n;", "\n", SETTINGS_NAMESERVERS_MAX,
	"f:26: 'nameserver': expected at most 8 of them\n"},
};

static void
holds_limits(void)
{
	struct conf_errors e;
	struct settings *s;
	char *text;
	size_t i;
	int error;

	for (i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		text = many(limits[i].before, limits[i].middle, limits[i].after,
		    limits[i].max);
		error = sample_parse(text, &s, &e);
		CHECK(error == 0, "limit %zu: %s", i, e.text);
		settings_unref(s);
		free(text);
		text = many(limits[i].before, limits[i].middle, limits[i].after,
		    limits[i].max + 1);
		error = sample_parse(text, &s, &e);
		CHECK_INT(error, -EINVAL);
		CHECK_STR(e.text, limits[i].error);
		free(text);
	}
}

static const struct unit_case cases[] = {
    {"refuses, and says what and where", refuses},
    {"refuses half a login", refuses_half_a_login},
    {"holds its limits", holds_limits},
};

UNIT_MAIN("settings_errors", cases)
