/* The policy server's configuration: defaults, every key, and what is refused,
 * where, and in which words. */
#include "policyd/common/pdconf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rundir.h"
#include "tests/unit/unit.h"

#define X10 "xxxxxxxxxx"
#define X70 X10 X10 X10 X10 X10 X10 X10

static int
parse(const char *text, struct pdconf **c, struct conf_errors *e)
{
	memset(e, 0, sizeof(*e));
	return pdconf_parse("f", text, strlen(text), c, e);
}

static struct pdconf *
good(const char *text)
{
	struct conf_errors e;
	struct pdconf *c;

	CHECK_INT(parse(text, &c, &e), 0);
	CHECK_STR(e.text, "");
	if (c == NULL)
		exit(1); /* no check can follow */
	return c;
}

static void
check_addr(const union net_addr *addr, const char *want)
{
	char text[NET_ADDR_STRLEN];

	CHECK_STR(net_addr_format(addr, text), want);
}

static void
check_host(const struct wire_host *host, const char *want)
{
	char text[WIRE_HOST_STRLEN];

	CHECK_STR(wire_host_format(host, text), want);
}

static void
check_default_places(const struct pdconf *c)
{
	char dir[sizeof(c->run_dir)], file[sizeof(dir) + 32];

	rundir_default("cagent-policyd", dir, sizeof(dir));
	snprintf(file, sizeof(file), "%s/cagent-policyd.pid", dir);
	CHECK_INT(c->refs, 1);
	CHECK_INT(c->listeners_n, 1);
	check_addr(&c->listeners[0], "127.0.0.1:7443");
	CHECK_INT(c->pages_n, 1);
	check_addr(&c->pages[0], "127.0.0.1:7480");
	CHECK_STR(c->run_dir, dir);
	CHECK_STR(c->pid_file, file);
	CHECK_STR(c->state_dir, "/var/lib/cagent-policyd");
	CHECK_STR(c->root, "/etc/cagent-policyd/root.1");
	CHECK_STR(c->rank_key, "/etc/cagent-policyd/online.key");
	CHECK_STR(c->seal_key, "/etc/cagent-policyd/seal.key");
	CHECK_INT(c->log_level, LOG_LEVEL_INFO);
	CHECK_STR(c->collector_user.name, "_cagentpc");
	CHECK_STR(c->prober_user.name, "_cagentpp");
	CHECK_STR(c->ranker_user.name, "_cagentpr");
	CHECK_STR(c->signer_user.name, "_cagentps");
	CHECK_STR(c->page_user.name, "_cagentpw");
}

static void
defaults(void)
{
	struct pdconf *c = good("");

	check_default_places(c);
	CHECK_INT(c->report_interval_ms, 60000);
	CHECK_INT(c->heartbeat_ms, 60000);
	CHECK_INT(c->rank_lifetime_ms, 3600000);
	CHECK_INT(c->agents_max, 15000);
	CHECK_INT(c->quota_messages, 60);
	CHECK_INT(c->quota_bytes, 4 << 20);
	CHECK_INT(c->targets_n + c->loads_n + c->logins_n, 0);
	CHECK_INT(c->probe_interval_ms, 10000);
	CHECK_INT(c->probe_timeout_ms, 5000);
	CHECK_INT(c->probe_throughput, 65536);
	CHECK_INT(c->probes_max, 64);
	CHECK_INT(c->window_ms, 60000);
	CHECK_INT(c->fuse.agents_min, 3);
	CHECK_INT(c->fuse.samples_min, 5);
	CHECK_INT(c->fuse.probe_fall, 3);
	CHECK_INT(c->fuse.probe_rise, 2);
	CHECK_INT(c->order.success_min_permille, 800);
	CHECK_INT(c->order.slow_factor_percent, 200);
	CHECK_INT(c->order.slow_over_us, 50000);
	CHECK_INT(c->order.bad_for_us, 30000000);
	CHECK_INT(c->order.good_for_us, 60000000);
	CHECK_INT(c->keep_reports_ms, 86400000ll);
	CHECK_INT(c->keep_probes_ms, 86400000ll);
	CHECK_INT(c->keep_ranks_ms, 30 * 86400000ll);
	CHECK_INT(c->keep_events_ms, 90 * 86400000ll);
	pdconf_unref(c);
}

static void
every_key_of_policyd(void)
{
	struct pdconf *c = good("[policyd]\n"
				"listen = 0.0.0.0:1\nlisten = [::]:2\n"
				"page = 127.0.0.1:3\npage = [::1]:0\n"
				"page = 127.0.0.1:0\npage = 127.0.0.1:0\n"
				"run-dir = /r\nstate-dir = /s\n"
				"pid-file = /p\nlog-level = warn\n"
				"collector-user = 11\nprober-user = 12:22\n"
				"ranker-user = 13\nsigner-user = 14\n"
				"page-user = 15\nroot = /a\nrank-key = /b\n"
				"seal-key = /c\nreport-interval = 7s\n"
				"heartbeat = 8s\nrank-lifetime = 16s\n"
				"max-agents = 9\n");

	CHECK_INT(c->listeners_n, 2);
	check_addr(&c->listeners[0], "0.0.0.0:1");
	check_addr(&c->listeners[1], "[::]:2");
	CHECK_INT(c->pages_n, 4);
	check_addr(&c->pages[1], "[::1]:0");
	CHECK_STR(c->run_dir, "/r");
	CHECK_STR(c->state_dir, "/s");
	CHECK_STR(c->pid_file, "/p");
	CHECK_INT(c->log_level, LOG_LEVEL_WARN);
	CHECK_INT(c->collector_user.uid, 11);
	CHECK_INT(c->collector_user.gid, 11);
	CHECK_INT(c->prober_user.uid, 12);
	CHECK_INT(c->prober_user.gid, 22);
	CHECK_INT(c->ranker_user.uid, 13);
	CHECK_INT(c->signer_user.uid, 14);
	CHECK_INT(c->page_user.uid, 15);
	CHECK_STR(c->root, "/a");
	CHECK_STR(c->rank_key, "/b");
	CHECK_STR(c->seal_key, "/c");
	CHECK_INT(c->report_interval_ms, 7000);
	CHECK_INT(c->heartbeat_ms, 8000);
	CHECK_INT(c->rank_lifetime_ms, 16000);
	CHECK_INT(c->agents_max, 9);
	pdconf_unref(c);
	c = good("[policyd]\npage = none\nrun-dir = /q\nranker-user = root\n");
	CHECK_INT(c->pages_n, 0);
	CHECK_STR(c->pid_file, "/q/cagent-policyd.pid");
	CHECK_INT(
	    c->ranker_user.uid, 0); /* that it may not be so is pdload's */
	pdconf_unref(c);
}

static void
every_key_of_probes(void)
{
	struct pdconf *c =
	    good("[probe]\ntarget = 192.0.2.1:80\n"
		 "target = http://www.example.org/a?b=c\n"
		 "target = http://[2001:db8::1]:8080\ninterval = 1s\n"
		 "timeout = 200ms\nthroughput = 0\nmax-probes = 2\n"
		 "[load \"a\"]\nagent-check = Load.example:5\n"
		 "[load \"b\"]\nmetric = http://h/m\n"
		 "selector = c{k=\"v\"}\nfull = 3\n"
		 "[login \"a\"]\nusername = u\npassword-file = /f\n"
		 "[login \"b\"]\nusername = only\n");

	CHECK_INT(c->targets_n, 3);
	check_host(&c->targets[0].host, "192.0.2.1:80");
	CHECK_STR(c->targets[0].path, "");
	check_host(&c->targets[1].host, "www.example.org:80");
	CHECK_STR(c->targets[1].path, "/a?b=c");
	check_host(&c->targets[2].host, "[2001:db8::1]:8080");
	CHECK_STR(c->targets[2].path, "/");
	CHECK_INT(c->probe_interval_ms, 1000);
	CHECK_INT(c->probe_timeout_ms, 200);
	CHECK_INT(c->probe_throughput, 0);
	CHECK_INT(c->probes_max, 2);
	CHECK_INT(c->loads_n, 2);
	CHECK_STR(c->loads[0].name, "a");
	CHECK(!c->loads[0].metric && c->loads[1].metric, "which is which");
	check_host(&c->loads[0].host, "load.example:5");
	check_host(&c->loads[1].host, "h:80");
	CHECK_STR(c->loads[1].path, "/m");
	CHECK_STR(c->loads[1].selector, "c{k=\"v\"}");
	CHECK_INT(c->loads[1].full, 3);
	CHECK_INT(c->logins_n, 2);
	CHECK_STR(c->logins[0].name, "a");
	CHECK_STR(c->logins[0].username, "u");
	CHECK_STR(c->logins[0].password_file, "/f");
	CHECK_STR(c->logins[1].password_file, "");
	pdconf_unref(c);
}

static void
every_other_key(void)
{
	struct pdconf *c =
	    good("[quota]\nmessages = 2\nbytes = 64k\n"
		 "[ranking]\nwindow = 2m\nmin-agents = 4\nmin-samples = 6\n"
		 "probe-fall = 7\nprobe-rise = 8\nmin-success = 99\n"
		 "slow-factor = 150\nslow-over = 10ms\nlower-after = 1s\n"
		 "raise-after = 2s\n"
		 "[store]\nkeep-reports = 1m\nkeep-probes = 2m\n"
		 "keep-ranks = 3m\nkeep-events = 4m\n");

	CHECK_INT(c->quota_messages, 2);
	CHECK_INT(c->quota_bytes, 65536);
	CHECK_INT(c->window_ms, 120000);
	CHECK_INT(c->fuse.agents_min, 4);
	CHECK_INT(c->fuse.samples_min, 6);
	CHECK_INT(c->fuse.probe_fall, 7);
	CHECK_INT(c->fuse.probe_rise, 8);
	CHECK_INT(c->order.success_min_permille, 990);
	CHECK_INT(c->order.slow_factor_percent, 150);
	CHECK_INT(c->order.slow_over_us, 10000);
	CHECK_INT(c->order.bad_for_us, 1000000);
	CHECK_INT(c->order.good_for_us, 2000000);
	CHECK_INT(c->keep_reports_ms, 60000);
	CHECK_INT(c->keep_probes_ms, 120000);
	CHECK_INT(c->keep_ranks_ms, 180000);
	CHECK_INT(c->keep_events_ms, 240000);
	pdconf_unref(c);
}

#define E_LISTEN \
	"'listen': expected an address like 192.0.2.1:7443 or [::]:7443, found "
#define E_USER "expected a user of this machine, a uid or uid:gid, found "
#define E_TARGET                                               \
	"'target': expected a host and a port, or a URL like " \
	"http://host/path, found "
#define E_SELECTOR                                                         \
	"'selector': expected a metric like connections{kind=\"socks\"}, " \
	"found "
#define METRIC "[load \"a\"]\nmetric = http://h/m\n"

static const struct {
	const char *text, *errors;
} bad[] = {
    {"[policyd]\nlissten = 127.0.0.1:1\n",
	"f:2: unknown key 'lissten' in [policyd]; did you mean 'listen'?\n"},
    {"[policyd]\nrank-keys = /a\n",
	"f:2: unknown key 'rank-keys' in [policyd]; did you mean "
	"'rank-key'?\n"},
    {"[polycyd]\n", "f:1: unknown section [polycyd]; did you mean "
		    "[policyd]?\n"},
    {"[policyd]\nlisten = localhost:1\n", "f:2: " E_LISTEN "'localhost:1'\n"},
    {"[policyd]\nlisten = unix:/a\n", "f:2: " E_LISTEN "'unix:/a'\n"},
    {"[policyd]\nlisten = 127.0.0.1:1\nlisten = 127.0.0.1:1\n",
	"f:3: 'listen': 127.0.0.1:1 stands at line 2 already\n"},
    {"[policyd]\npage = 127.0.0.1:1\npage = 127.0.0.1:1\n",
	"f:3: 'page': 127.0.0.1:1 stands at line 2 already\n"},
    {"[policyd]\npage = none\npage = 127.0.0.1:1\n",
	"f:1: 'page': expected none, or addresses, found both\n"},
    {"[policyd]\nlisten = 127.0.0.1:0\nlisten = 127.0.0.1:0\n"
     "listen = 127.0.0.1:0\nlisten = 127.0.0.1:0\nlisten = 127.0.0.1:0\n"
     "listen = 127.0.0.1:0\nlisten = 127.0.0.1:0\nlisten = 127.0.0.1:0\n"
     "listen = 127.0.0.1:0\n",
	"f:10: 'listen': expected at most 8 of them\n"},
    {"[policyd]\nrun-dir = /" X70 "xxxxx\n",
	"f:2: 'run-dir': expected an absolute path of at most 75 bytes, found "
	"'/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'\n"},
    {"[policyd]\nroot = root.1\n",
	"f:2: 'root': expected an absolute path of at most 1023 bytes, found "
	"'root.1'\n"},
    {"[policyd]\npage-user = no such user\n",
	"f:2: 'page-user': " E_USER "'no such user'\n"},
    {"[policyd]\npage-user = -1\n", "f:2: 'page-user': " E_USER "'-1'\n"},
    {"[policyd]\npage-user = 1:x\n", "f:2: 'page-user': " E_USER "'1:x'\n"},
    {"[policyd]\npage-user = 4294967295\n",
	"f:2: 'page-user': " E_USER "'4294967295'\n"},
    {"[policyd]\nheartbeat = 1m\nrank-lifetime = 119s\n",
	"f:1: 'rank-lifetime': expected at least twice the 'heartbeat'\n"},
    {"[policyd]\nheartbeat = 60\n",
	"f:2: 'heartbeat': expected a time like 250ms, 3s, 5m or 1h from 1s "
	"to 24h, found '60'\n"},
    {"[policyd]\nmax-agents = 0\n",
	"f:2: 'max-agents': expected a number from 1 to 1000000, found "
	"'0'\n"},
    {"[quota]\nbytes = 65535\n",
	"f:2: 'bytes': expected a size like 64k, 1m or 2g from 64k to 1g, "
	"found '65535'\n"},
    {"[probe]\ntarget = www.example.org\n",
	"f:2: " E_TARGET "'www.example.org'\n"},
    {"[probe]\ntarget = https://h/\n", "f:2: " E_TARGET "'https://h/'\n"},
    {"[probe]\ntarget = http:///a\n", "f:2: " E_TARGET "'http:///a'\n"},
    {"[probe]\ntarget = http://h/a#b\n", "f:2: " E_TARGET "'http://h/a#b'\n"},
    {"[probe]\ntarget = http://h/a b\n", "f:2: " E_TARGET "'http://h/a b'\n"},
    {"[probe]\ntarget = http://u@h/\n", "f:2: " E_TARGET "'http://u@h/'\n"},
    {"[probe]\ntarget = 127.1:80\n", "f:2: " E_TARGET "'127.1:80'\n"},
    {"[probe]\nthroughput = 65m\n",
	"f:2: 'throughput': expected a size like 64k, 1m or 2g from 0 to 64m, "
	"found '65m'\n"},
    {"[load \"A\"]\nagent-check = h:1\n",
	"f:1: expected a name of lower-case letters, digits, '-', '_' and "
	"'.', found 'A'\n"},
    {"[load \"a\"]\n",
	"f:1: [load \"a\"]: expected 'agent-check' or 'metric'\n"},
    {"[load \"a\"]\nagent-check = h:1\nmetric = http://h/\n",
	"f:3: expected one of 'agent-check' and 'metric'\n"},
    {"[load \"a\"]\nagent-check = h:1\nfull = 1\n",
	"f:1: [load \"a\"]: 'selector' and 'full' belong to 'metric'\n"},
    {METRIC, "f:1: [load \"a\"]: expected 'selector', as 'metric' wants\n"},
    {METRIC "selector = a\n",
	"f:1: [load \"a\"]: expected 'full', as 'metric' wants\n"},
    {METRIC "selector = a{\nfull = 1\n", "f:3: " E_SELECTOR "'a{'\n"},
    {METRIC "selector = a\nfull = 0\n",
	"f:4: 'full': expected a number from 1 to 9223372036854775807, found "
	"'0'\n"},
    {"[load \"a\"]\nagent-check = h:1\n[load \"a\"]\nagent-check = h:2\n",
	"f:3: [load \"a\"] stands at line 1 already\n"},
    {"[login \"a\"]\npassword-file = /f\n",
	"f:1: [login \"a\"] lacks 'username': expected a user's name there, of at most 255 "
	"bytes\n"},
    {"[login \"a\"]\nusername = u\npassword-file = f\n",
	"f:3: 'password-file': expected the absolute path of a private file, "
	"found 'f'\n"},
    {"[ranking]\nwindow = 500ms\n",
	"f:2: 'window': expected a time like 250ms, 3s, 5m or 1h from 1s to "
	"1h, found '500ms'\n"},
    {"[ranking]\nmin-success = 101\n",
	"f:2: 'min-success': expected a number from 0 to 100, found '101'\n"},
    {"[store]\nkeep-events = 1s\n",
	"f:2: 'keep-events': expected a time like 250ms, 3s, 5m or 1h from 1m "
	"to 87600h, found '1s'\n"},
};

static void
refused(void)
{
	struct conf_errors e;
	struct pdconf *c;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK(parse(bad[i].text, &c, &e) == -EINVAL && c == NULL,
		    "row %zu is taken", i);
		CHECK_STR(e.text, bad[i].errors);
	}
}

/* One more than there may be. */
static void
too_many(void)
{
	static char text[MANAGE_ROWS_MAX * 64];
	struct conf_errors e;
	struct pdconf *c;
	size_t len = 0;
	int i;

	for (i = 0; i < MANAGE_ROWS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "[login \"n%d\"]\nusername = u\n", i);
	c = good(text);
	CHECK_INT(c->logins_n, MANAGE_ROWS_MAX);
	CHECK_STR(c->logins[MANAGE_ROWS_MAX - 1].name, "n1023");
	pdconf_unref(c);
	snprintf(
	    text + len, sizeof(text) - len, "[login \"more\"]\nusername = u\n");
	CHECK_INT(parse(text, &c, &e), -EINVAL);
	CHECK_STR(e.text, "f:2049: expected at most 1024 of them\n");
}

static void
references(void)
{
	struct pdconf *c = good("");

	CHECK(pdconf_ref(c) == c, "another one");
	CHECK_INT(c->refs, 2);
	pdconf_unref(c);
	CHECK_INT(c->refs, 1);
	pdconf_unref(c);
	pdconf_unref(NULL);
}

static const struct unit_case cases[] = {
    {"defaults", defaults},
    {"every key of [policyd]", every_key_of_policyd},
    {"every key of probes", every_key_of_probes},
    {"every other key", every_other_key},
    {"what is refused, and in which words", refused},
    {"too many", too_many},
    {"references", references},
};

UNIT_MAIN("pdconf", cases)
