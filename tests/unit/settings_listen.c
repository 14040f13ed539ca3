/* The kinds of listeners, and what has become of their ports. */
#include "conf/settings.h"

#include <errno.h>
#include <unistd.h>

#include "tests/unit/settings_sample.h"

static void
check_addr(const union net_addr *a, const char *want)
{
	char text[NET_ADDR_STRLEN];

	CHECK_STR(net_addr_format(a, text), want);
}

static void
tells_kinds_apart(void)
{
	static const char conf[] = "[agent]\nlisten = 127.0.0.1:1080\n"
				   "listen = redirect:127.0.0.1:1081\n"
				   "listen = tproxy:[::1]:1082\n"
				   "listen = unix:/run/x\n";
	struct conf_errors e;
	struct settings *s;

	CHECK_INT(sample_parse(conf, &s, &e), 0);
	CHECK_STR(e.text, "");
	CHECK_INT(s->listeners_n, 4);
	CHECK_INT(s->listener_kinds[0], LISTENER_PROXY);
	CHECK_INT(s->listener_kinds[1], LISTENER_REDIRECT);
	check_addr(&s->listeners[1], "127.0.0.1:1081");
	CHECK_INT(s->listener_kinds[2], LISTENER_TPROXY);
	check_addr(&s->listeners[2], "[::1]:1082");
	CHECK_INT(s->listener_kinds[3], LISTENER_PROXY);
	settings_unref(s);
}

static void
refuses(void)
{
	static const struct {
		const char *conf, *says;
	} rows[] = {
	    {"[agent]\nlisten = redirect:unix:/run/x\n",
		"f:2: 'listen': expected an address"},
	    {"[agent]\nlisten = redirect:\n",
		"f:2: 'listen': expected an address"},
	    {"[agent]\nlisten = redirect:tproxy:127.0.0.1:1\n",
		"f:2: 'listen': expected an address"},
	    {"[agent]\nlisten = Redirect:127.0.0.1:1\n",
		"f:2: 'listen': expected an address"},
	    {"[agent]\nlisten = tproxy:127.0.0.1:1\n"
	     "listen = redirect:127.0.0.1:1\n",
		"f:3: 'listen': 127.0.0.1:1 stands at line 2 already"},
	    {"[agent]\nlisten = redirect:0.0.0.0:1\n",
		"f:2: 'listen': expected an [access] section"},
	    {"[agent]\nlisten = tproxy:[::]:1\n",
		"f:2: 'listen': expected an [access] section"},
	};
	struct conf_errors e;
	struct settings *s;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK_INT(sample_parse(rows[i].conf, &s, &e), -EINVAL);
		CHECK(strncmp(e.text, rows[i].says, strlen(rows[i].says)) == 0,
		    "%s: %s", rows[i].conf, e.text);
	}
}

/* As a child gets them: out of a sealed bundle that the master has noted the
 * ports in. */
static void
check_bound(const char *noted, const char *first, const char *second)
{
	static const char conf[] = "[agent]\nlisten = 127.0.0.1:0\n"
				   "listen = redirect:[::1]:0\n"
				   "listen = unix:/run/x\n";
	struct bundle *b = bundle_new(), *sealed = NULL;
	struct conf_errors e;
	struct settings *s;
	int fd;

	CHECK_INT(bundle_put(b, SETTINGS_MAIN, "f", 1), 0);
	CHECK_INT(bundle_put(b, "conf:f", conf, strlen(conf)), 0);
	if (noted != NULL)
		CHECK_INT(
		    bundle_set(b, SETTINGS_BOUND, noted, strlen(noted)), 0);
	fd = bundle_seal(b, false);
	CHECK_INT(bundle_open(&sealed, fd), 0);
	CHECK_INT(settings_parse(sealed, &s, &e), 0);
	check_addr(&s->listeners[0], "127.0.0.1:0");
	check_addr(&s->bound[0], first);
	check_addr(&s->bound[1], second);
	check_addr(&s->bound[2], "unix:/run/x");
	settings_unref(s);
	bundle_free(sealed);
	bundle_free(b);
	close(fd);
}

static void
knows_the_ports_it_got(void)
{
	check_bound(NULL, "127.0.0.1:0", "[::1]:0");
	check_bound("127.0.0.1:4711\n[::1]:4712\nunix:/run/x\n",
	    "127.0.0.1:4711", "[::1]:4712");
	check_bound("127.0.0.1:4711\n", "127.0.0.1:4711", "[::1]:0");
	check_bound("rubbish\n\n\n\n\n", "127.0.0.1:0", "[::1]:0");
}

static const struct unit_case cases[] = {
    {"tells kinds apart", tells_kinds_apart},
    {"refuses", refuses},
    {"knows the ports it got", knows_the_ports_it_got},
};

UNIT_MAIN("settings_listen", cases)
