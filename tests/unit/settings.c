/* The agent's settings: defaults, every key, what travels in a bundle. */
#include "conf/settings.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rundir.h"
#include "conf/bundle.h"
#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"
#include "wire/intake.h"

#define X64  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X256 X64 X64 X64 X64

static void
check_addr(const union net_addr *addr, const char *want)
{
	char text[NET_ADDR_STRLEN];

	CHECK_STR(net_addr_format(addr, text), want);
}

static struct net_ip
ip(const char *text)
{
	struct net_ip out = {0};
	int error = net_ip_parse(text, &out);

	CHECK(error == 0, "%s is no address", text);
	return out;
}

static void
check_defaults(const struct settings *s)
{
	struct net_ip loopback = ip("127.9.9.9"), loopback6 = ip("::1");
	char dir[sizeof(s->run_dir)], file[sizeof(dir) + 32];

	rundir_default("cagent", dir, sizeof(dir));
	snprintf(file, sizeof(file), "%s/cagentd.pid", dir);
	CHECK_INT(s->refs, 1);
	CHECK_INT(s->listeners_n, 1);
	check_addr(&s->listeners[0], "127.0.0.1:1080");
	CHECK_STR(s->group, "default");
	CHECK_STR(s->run_dir, dir);
	CHECK_STR(s->state_dir, "/var/lib/cagent");
	CHECK_STR(s->pid_file, file);
	CHECK(!s->no_path_direct, "no-path");
	CHECK_STR(s->decisions, "");
	CHECK_INT(s->event_loop, SETTINGS_LOOP_AUTO);
	CHECK_INT(s->log_level, LOG_LEVEL_INFO);
	CHECK_STR(s->control_user.name, "_cagent");
	CHECK_STR(s->worker_user.name, "_cagentw");
	CHECK_STR(s->resolver_user.name, "_cagentr");
	CHECK_STR(s->verifier_user.name, "_cagentv");
	CHECK_INT(s->nameservers_n, 0);
	CHECK_INT(s->handshake_timeout_ms, 10000);
	CHECK_INT(s->attempt_timeout_ms, 3000);
	CHECK_INT(s->dial_timeout_ms, 8000);
	CHECK_INT(s->attempts, 4);
	CHECK_INT(s->attempts_each, 2);
	CHECK_INT(s->idle_timeout_ms, 3600000);
	CHECK_INT(s->http_idle_timeout_ms, 60000);
	CHECK_INT(s->drain_timeout_ms, 30000);
	CHECK_INT(s->warm_connections, 32);
	CHECK_INT(s->warm_from_ms, 2);
	CHECK_INT(s->check_interval_ms, 10000);
	CHECK_INT(s->check_timeout_ms, 3000);
	CHECK_INT(s->check_target.kind, WIRE_HOST_NONE);
	CHECK_INT(s->connections_max, 0);
	CHECK(s->splice, "splice");
	CHECK(s->workers >= 1 && s->workers <= SETTINGS_WORKERS_MAX,
	    "%u workers", s->workers);
	CHECK_INT(s->access_n, 2);
	CHECK(net_prefix_contains(&s->access[0], &loopback), "127/8");
	CHECK(net_prefix_contains(&s->access[1], &loopback6), "::1");
	CHECK_STR(s->users_file, "");
	CHECK(s->login_users == NULL, "users");
	CHECK_INT(s->login_exempt_n, 0);
	CHECK_INT(s->login_remember_ms, 300000);
	CHECK_INT(s->direct_networks_n + s->direct_domains_n, 0);
	CHECK_INT(s->direct_learn_n, 0);
	CHECK_INT(s->learn_age_ms, 3600000);
	CHECK_INT(s->tiers_n + s->intermediaries_n + s->rules_n, 0);
}

static void
has_defaults(void)
{
	struct conf_errors e;
	struct settings *s;
	struct bundle *b;
	int error = settings_load("-", &b, &s, &e);

	CHECK_INT(error, 0);
	CHECK_STR(e.text, "");
	check_defaults(s);
	settings_unref(s);
	bundle_free(b);
	error = sample_parse("", &s, &e);
	CHECK_INT(error, 0);
	check_defaults(s);
	settings_unref(s);
}

static const char agent[] = "[agent]\n"
			    "listen = 127.0.0.1:1081\n"
			    "listen = [2001:db8::5]:0\n"
			    "listen = [2001:db8::5]:0\n"
			    "listen = unix:/run/x.sock\n"
			    "workers = 64\n"
			    "event-loop = epoll\n"
			    "group = new-york\n"
			    "run-dir = /r\n"
			    "state-dir = /s\n"
			    "decisions = /d/x\n"
			    "no-path = direct\n"
			    "log-level = debug\n"
			    "control-user = 7\n"
			    "worker-user = 8:9\n"
			    "resolver-user = someone\n"
			    "verifier-user = 10:11\n"
			    "nameserver = 192.0.2.53\n"
			    "nameserver = [2001:db8::53]:5353\n"
			    "handshake-timeout = 1s\n"
			    "attempt-timeout = 2s\n"
			    "dial-timeout = 2s\n"
			    "attempts = 3\n"
			    "attempts-each = 1\n"
			    "idle-timeout = 2h\n"
			    "http-idle-timeout = 90s\n"
			    "drain-timeout = 0s\n"
			    "warm-connections = 0\n"
			    "warm-from = 5ms\n"
			    "splice = no\n"
			    "max-connections = 500\n"
			    "check-interval = 0s\n"
			    "check-timeout = 1s\n"
			    "check-target = WWW.example.org:443\n"
			    "[access]\n"
			    "network = 10.0.0.0/8\n"
			    "users-file = /nowhere/users\n"
			    "login-exempt = 10.1.0.0/16\n"
			    "login-exempt = 2001:db8::/32\n"
			    "login-remember = 10s\n"
			    "[direct]\n"
			    "network = 192.0.2.0/24\n"
			    "network = 2001:db8::/32\n"
			    "domain = .Corp.Example\n"
			    "domain = intranet\n"
			    "domain = c\n"
			    "learn = 172.16.0.0/12\n"
			    "learn = fd00::/8\n"
			    "learn-age = 90s\n";

static void
reads_the_agent(void)
{
	struct conf_errors e;
	struct settings *s;
	int error = sample_parse(agent, &s, &e);

	CHECK_STR(e.text, "");
	CHECK_INT(error, 0);
	CHECK_INT(s->listeners_n, 4);
	check_addr(&s->listeners[0], "127.0.0.1:1081");
	check_addr(&s->listeners[1], "[2001:db8::5]:0");
	check_addr(&s->listeners[3], "unix:/run/x.sock");
	CHECK_INT(s->workers, 64);
	CHECK_STR(s->group, "new-york");
	CHECK_STR(s->run_dir, "/r");
	CHECK_STR(s->state_dir, "/s");
	CHECK_STR(s->pid_file, "/r/cagentd.pid");
	CHECK_STR(s->decisions, "/d/x");
	CHECK(s->no_path_direct, "no-path");
	CHECK_INT(s->event_loop, SETTINGS_LOOP_EPOLL);
	CHECK_INT(s->log_level, LOG_LEVEL_DEBUG);
	CHECK_INT(s->control_user.uid, 7);
	CHECK_INT(s->control_user.gid, 7);
	CHECK_INT(s->worker_user.uid, 8);
	CHECK_INT(s->worker_user.gid, 9);
	CHECK_INT(s->resolver_user.uid, 1234);
	CHECK_INT(s->resolver_user.gid, 5678);
	CHECK_INT(s->verifier_user.uid, 10);
	CHECK_INT(s->verifier_user.gid, 11);
	CHECK_STR(s->users_file, "/nowhere/users");
	CHECK_INT(s->login_exempt_n, 2);
	CHECK_INT(s->login_remember_ms, 10000);
	CHECK_INT(s->nameservers_n, 2);
	check_addr(&s->nameservers[0], "192.0.2.53:53");
	check_addr(&s->nameservers[1], "[2001:db8::53]:5353");
	CHECK_INT(s->handshake_timeout_ms, 1000);
	CHECK_INT(s->attempt_timeout_ms, 2000);
	CHECK_INT(s->dial_timeout_ms, 2000);
	CHECK_INT(s->attempts, 3);
	CHECK_INT(s->attempts_each, 1);
	CHECK_INT(s->idle_timeout_ms, 7200000);
	CHECK_INT(s->http_idle_timeout_ms, 90000);
	CHECK_INT(s->drain_timeout_ms, 0);
	CHECK_INT(s->warm_connections, 0);
	CHECK_INT(s->warm_from_ms, 5);
	CHECK(!s->splice, "splice");
	CHECK_INT(s->connections_max, 500);
	CHECK_INT(s->check_interval_ms, 0);
	CHECK_INT(s->check_timeout_ms, 1000);
	CHECK_STR(s->check_target.name, "www.example.org");
	CHECK_INT(s->check_target.port, 443);
	CHECK_INT(s->access_n, 1);
	CHECK_INT(s->access[0].len, 8);
	CHECK_INT(s->direct_networks_n, 2);
	CHECK_INT(s->direct_networks[1].len, 32);
	CHECK_INT(s->direct_domains_n, 3);
	CHECK_STR(s->direct_domains[0], "corp.example");
	CHECK_STR(s->direct_domains[2], "c");
	CHECK_INT(s->direct_learn_n, 2);
	CHECK_INT(s->direct_learn[1].len, 8);
	CHECK_INT(s->learn_age_ms, 90000);
	settings_unref(s);
}

static uint64_t
scope_of(const char *text)
{
	struct conf_errors e;
	struct settings *s;
	uint64_t scope;

	CHECK(sample_parse(text, &s, &e) == 0, "%s", e.text);
	scope = s->direct_learn_scope;
	settings_unref(s);
	return scope;
}

static void
tells_what_may_be_learned_apart(void)
{
	uint64_t one = scope_of("[direct]\nlearn = 10.0.0.0/8\n");

	CHECK(one == scope_of("[direct]\ndomain = a\nlearn = 10.0.0.0/8\n"
			      "learn-age = 5s\n"),
	    "the same list");
	CHECK(one != scope_of("[direct]\nlearn = 10.0.0.0/9\n"), "length");
	CHECK(one != scope_of("[direct]\nlearn = 11.0.0.0/8\n"), "address");
	CHECK(one != scope_of("[direct]\nlearn = a00::/8\n"), "family");
	CHECK(one != scope_of("[direct]\nlearn = 10.0.0.0/8\n"
			      "learn = 11.0.0.0/8\n"),
	    "one more");
	CHECK(one != scope_of(""), "none");
}

static void
shortens_the_attempt_with_the_dial(void)
{
	struct conf_errors e;
	struct settings *s;
	int error = sample_parse("[agent]\ndial-timeout = 1s\n", &s, &e);

	CHECK_INT(error, 0);
	CHECK_INT(s->attempt_timeout_ms, 1000);
	CHECK_INT(s->check_timeout_ms, 1000);
	settings_unref(s);
}

/* The rule stands before what it names. */
static const char hops[] = "[rule \"r1\"]\n"
			   "domain = Example.COM\n"
			   "domain = org\n"
			   "network = 192.0.2.0/24\n"
			   "port = 443\n"
			   "port = 8000-8999\n"
			   "user = someone\n"
			   "user = 7\n"
			   "protocol = socks5\n"
			   "protocol = http\n"
			   "class = bulk\n"
			   "via = tier \t gold\n"
			   "[rule \"r2\"]\n"
			   "via = intermediary c\n"
			   "[rule \"r3\"]\nvia = deny\n"
			   "[rule \"r4\"]\nvia = direct\n"
			   "[rule \"r5\"]\nvia = default\n"
			   "[rule \"r6\"]\nclass = critical\n"
			   "[rule \"r7\"]\nvia = tier 5\n"
			   "[intermediary \"a\"]\n"
			   "type = socks5\n"
			   "address = Proxy.Example:1080\n"
			   "tier = gold\n"
			   "weight = 1000\n"
			   "max-connections = 77\n"
			   "fast-open = yes\n"
			   "[intermediary \"b\"]\n"
			   "type = socks4a\n"
			   "address = [2001:DB8:0::1]:1\n"
			   "tier = 5\n"
			   "username = ident\n"
			   "[intermediary \"c\"]\n"
			   "type = http\n"
			   "address = 192.0.2.1:65535\n"
			   "[tier \"gold\"]\n"
			   "rank = 3\n"
			   "reserved-for = critical\n"
			   "reserved-for = interactive\n"
			   "[tier \"spare\"]\n"
			   "rank = 2\n";

static void
reads_intermediaries_and_tiers(void)
{
	struct conf_errors e;
	struct settings *s;
	int error = sample_parse(hops, &s, &e);

	CHECK_STR(e.text, "");
	CHECK_INT(error, 0);
	CHECK_INT(s->intermediaries_n, 3);
	CHECK_STR(s->intermediaries[0].name, "a");
	CHECK_INT(s->intermediaries[0].type, HOP_SOCKS5);
	CHECK_STR(s->intermediaries[0].host, "proxy.example");
	CHECK_INT(s->intermediaries[0].port, 1080);
	CHECK_INT(s->intermediaries[0].tier, 3);
	CHECK_INT(s->intermediaries[0].weight, 1000);
	CHECK_INT(s->intermediaries[0].connections_max, 77);
	CHECK(s->intermediaries[0].fast_open && !s->intermediaries[1].fast_open,
	    "fast-open");
	CHECK_INT(s->intermediaries[1].type, HOP_SOCKS4A);
	CHECK_STR(s->intermediaries[1].host, "2001:db8::1");
	CHECK_INT(s->intermediaries[1].tier, 5);
	CHECK_STR(s->intermediaries[1].username, "ident");
	CHECK(s->intermediaries[1].password == NULL, "a password");
	CHECK_INT(s->intermediaries[2].type, HOP_HTTP);
	CHECK_INT(s->intermediaries[2].tier, 1);
	CHECK_INT(s->intermediaries[2].weight, 10);
	CHECK_INT(s->intermediaries[2].connections_max, 0);
	CHECK_INT(settings_intermediary(s, "b"), 1);
	CHECK_INT(settings_intermediary(s, "z"), -1);
	CHECK_INT(s->tiers_n, 4);
	CHECK_INT(s->tiers[0].rank, 1);
	CHECK_STR(s->tiers[0].name, "");
	CHECK_INT(s->tiers[1].rank, 2);
	CHECK_STR(s->tiers[1].name, "spare");
	CHECK_INT(s->tiers[1].reserved_for, 0);
	CHECK_STR(s->tiers[2].name, "gold");
	CHECK_INT(s->tiers[2].reserved_for,
	    1u << CLASS_CRITICAL | 1u << CLASS_INTERACTIVE);
	CHECK(settings_tier(s, 5) == &s->tiers[3], "tier 5");
	CHECK(settings_tier(s, 4) == NULL, "tier 4");
	settings_unref(s);
}

static void
reads_rules(void)
{
	struct conf_errors e;
	struct settings *s;
	const struct settings_rule *r;
	int error = sample_parse(hops, &s, &e);

	CHECK_INT(error, 0);
	CHECK_INT(s->rules_n, 7);
	r = s->rules;
	CHECK_STR(r->name, "r1");
	CHECK_INT(r->domains_n, 2);
	CHECK_STR(r->domains[0], "example.com");
	CHECK_INT(r->networks_n, 1);
	CHECK_INT(r->ports_n, 2);
	CHECK_INT(r->ports[0].first, 443);
	CHECK_INT(r->ports[0].last, 443);
	CHECK_INT(r->ports[1].first, 8000);
	CHECK_INT(r->ports[1].last, 8999);
	CHECK_INT(r->users_n, 2);
	CHECK_INT(r->users[0], 1234);
	CHECK_INT(r->users[1], 7);
	CHECK_INT(r->protocols, 1u << PROTOCOL_SOCKS5 | 1u << PROTOCOL_HTTP);
	CHECK(r->has_class, "class");
	CHECK_INT(r->class, CLASS_BULK);
	CHECK_INT(r->via, VIA_TIER);
	CHECK_INT(r->via_tier, 3);
	CHECK_INT(r[1].via, VIA_INTERMEDIARY);
	CHECK_INT(r[1].via_intermediary, 2);
	CHECK(!r[1].has_class, "class");
	CHECK_INT(r[2].via, VIA_DENY);
	CHECK_INT(r[3].via, VIA_DIRECT);
	CHECK_INT(r[4].via, VIA_DEFAULT);
	CHECK_INT(r[5].via, VIA_DEFAULT);
	CHECK_INT(r[5].class, CLASS_CRITICAL);
	CHECK_INT(r[6].via_tier, 5);
	settings_unref(s);
}

static void
counts_references(void)
{
	struct conf_errors e;
	struct settings *s;
	int error = sample_parse("", &s, &e);

	CHECK_INT(error, 0);
	CHECK(settings_ref(s) == s, "another");
	CHECK_INT(s->refs, 2);
	settings_unref(s);
	CHECK_INT(s->refs, 1);
	settings_unref(s);
	settings_unref(NULL);
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n = write(fd, text, strlen(text));
	int error = fchmod(fd, mode);

	CHECK(n == (ssize_t)strlen(text) && error == 0, "%s", strerror(errno));
	close(fd);
}

/* Parse what a bundle holds after it has been sealed. */
static struct settings *
sealed(const struct bundle *b, bool secrets)
{
	struct bundle *copy = NULL;
	struct settings *s = NULL;
	struct conf_errors e = {.n = 0};
	int fd = bundle_seal(b, secrets ? BUNDLE_SECRETS : 0);
	int error = bundle_open(&copy, fd);

	CHECK_INT(error, 0);
	error = settings_parse(copy, &s, &e);
	CHECK_STR(e.text, "");
	CHECK_INT(error, 0);
	bundle_free(copy);
	close(fd);
	return s;
}

static void
check_load(const char *conf, const char *secret)
{
	struct conf_errors e;
	struct settings *s, *with, *without;
	struct bundle *b;
	int error = settings_load(conf, &b, &s, &e);

	CHECK_STR(e.text, "");
	CHECK_INT(error, 0);
	if (error != 0)
		return;
	CHECK_STR(s->intermediaries[0].password, "s3cret ;#");
	unlink(conf);
	unlink(secret);
	with = sealed(b, true);
	without = sealed(b, false);
	CHECK_STR(with->intermediaries[0].password, "s3cret ;#");
	CHECK(without->intermediaries[0].password == NULL, "a secret got out");
	CHECK_STR(without->intermediaries[0].username, "me");
	CHECK_INT(with->workers, s->workers);
	CHECK_INT(without->worker_user.uid, s->worker_user.uid);
	settings_unref(s);
	settings_unref(with);
	settings_unref(without);
	bundle_free(b);
}

static const struct {
	const char *text; /* NULL: no file */
	mode_t mode;
	const char *before, *after; /* the secret's name in the error */
} bad_secrets[] = {
    {NULL, 0, "", ": No such file or directory"},
    {"x", 0644, "", ": others may read or change it (chmod go= it)"},
    {"x", 0620, "", ": others may read or change it (chmod go= it)"},
    {"\nx", 0600, "expected a first line of 1 to 255 bytes in ", ", found 0"},
    {X256, 0600, "expected a first line of 1 to 255 bytes in ", ", found 256"},
};

static void
check_secrets(const char *conf, const char *secret)
{
	struct conf_errors e;
	struct settings *s;
	struct bundle *b;
	char want[256];
	size_t i;
	int error;

	for (i = 0; i < sizeof(bad_secrets) / sizeof(*bad_secrets); i++) {
		if (bad_secrets[i].text != NULL)
			write_file(
			    secret, bad_secrets[i].text, bad_secrets[i].mode);
		error = settings_load(conf, &b, &s, &e);
		CHECK_INT(error, -EINVAL);
		CHECK(s == NULL && b == NULL, "something after an error");
		snprintf(want, sizeof(want), "%s:5: 'password-file': %s%s%s\n",
		    conf, bad_secrets[i].before, secret, bad_secrets[i].after);
		CHECK_STR(e.text, want);
	}
}

static void
loads_files(void)
{
	char dir[] = "/tmp/unit-settings-XXXXXX";
	char conf[64], secret[64], text[256];
	char *made = mkdtemp(dir);

	CHECK(made != NULL, "mkdtemp: %s", strerror(errno));
	snprintf(conf, sizeof(conf), "%s/c.ini", dir);
	snprintf(secret, sizeof(secret), "%s/secret", dir);
	snprintf(text, sizeof(text),
	    "[intermediary \"a\"]\ntype = socks5\naddress = a.example:1\n"
	    "username = me\npassword-file = %s\n",
	    secret);
	write_file(conf, text, 0644);
	check_secrets(conf, secret);
	write_file(secret, "s3cret ;#\nrest", 0600);
	check_load(conf, secret);
	CHECK(rmdir(dir) == 0, "rmdir: %s", strerror(errno));
}

static void
refuses_files(void)
{
	static const struct {
		const char *path, *text;
	} cases[] = {
	    {"/none/c.ini", "/none/c.ini: No such file or directory\n"},
	    {"/", "/: it is not a regular file\n"},
	    {"/dev/null", "/dev/null: it is not a regular file\n"},
	};
	static char name[BUNDLE_KEY_MAX];
	struct conf_errors e;
	struct settings *s;
	struct bundle *b;
	size_t i;
	int error;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		error = settings_load(cases[i].path, &b, &s, &e);
		CHECK_INT(error, -EINVAL);
		CHECK_INT(e.n, 1);
		CHECK_STR(e.text, cases[i].text);
		CHECK(b == NULL && s == NULL, "something after an error");
	}
	memset(name, '/', sizeof(name) - 1);
	error = settings_load(name, &b, &s, &e);
	CHECK_INT(error, -EINVAL);
	CHECK_STR(e.text, "the file's name is too long\n");
}

static const struct unit_case cases[] = {
    {"has defaults", has_defaults},
    {"reads [agent], [access], [direct]", reads_the_agent},
    {"tells lists of what may be learned apart",
	tells_what_may_be_learned_apart},
    {"shortens the attempt with the dial", shortens_the_attempt_with_the_dial},
    {"reads intermediaries and tiers", reads_intermediaries_and_tiers},
    {"reads rules", reads_rules},
    {"counts references", counts_references},
    {"loads files, and keeps secrets", loads_files},
    {"refuses files", refuses_files},
};

UNIT_MAIN("settings", cases)
