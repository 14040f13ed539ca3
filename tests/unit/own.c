/* Which addresses lead to our own listeners. */
#include "cagentd/worker/own.h"

#include <stdio.h>

#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

static void
knows_ourselves(void)
{
	static const struct {
		const char *listen, *ip;
		uint16_t port;
		bool own;
	} rows[] = {
	    {"127.0.0.1:3128", "127.0.0.1", 3128, true},
	    {"127.0.0.1:3128", "127.0.0.1", 3129, false},
	    {"127.0.0.1:3128", "127.0.0.2", 3128, false},
	    {"127.0.0.1:3128", "0.0.0.0", 3128, true},
	    {"0.0.0.0:3128", "127.0.0.2", 3128, true},
	    /* For documentation: nobody has it. */
	    {"0.0.0.0:3128", "192.0.2.1", 3128, false},
	    {"[::]:3128", "::1", 3128, true},
	    {"[::]:3128", "2001:db8::1", 3128, false},
	};
	struct settings *s;
	struct conf_errors e;
	struct net_ip ip;
	char text[128];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(text, sizeof(text),
		    "[agent]\nlisten = %s\n[access]\nnetwork = 127.0.0.0/8\n",
		    rows[i].listen);
		s = NULL;
		CHECK(sample_parse(text, &s, &e) == 0, "%s", e.text);
		if (s == NULL)
			continue;
		CHECK_INT(net_ip_parse(rows[i].ip, &ip), 0);
		CHECK(own_listens(s, &ip, rows[i].port) == rows[i].own,
		    "%s: %s", rows[i].listen, rows[i].ip);
		settings_unref(s);
	}
}

static const struct unit_case cases[] = {
    {"knows ourselves", knows_ourselves},
};

UNIT_MAIN("own", cases)
