/* Owns one look of `cagent-ctl top` at the agent; makes nothing of it. */
#include <errno.h>
#include <stdlib.h>

#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/peek.h"
#include "cagent-ctl/top/top.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"

static json_t *
read_table(const struct call *call)
{
	char path[ASK_PATH_MAX];
	struct table *t;
	json_t *doc;

	if (peek_table(ask_path(call, CTL_TABLE_NAME, path), &t) != 0)
		return NULL;
	doc = peek_json(t, mono_wall_us());
	free(t);
	return doc;
}

int
top_look(const struct call *call, int64_t timeout_us, struct top_look *out)
{
	struct {
		const char *line;
		json_t **doc;
	} all[] = {
	    {"status", &out->status},
	    {"classes", &out->classes},
	    {"tunnels", &out->tunnels},
	};
	size_t i;
	int error = 0;

	*out = (struct top_look){.at_us = mono_us()};
	for (i = 0; i < sizeof(all) / sizeof(*all) && error == 0; i++)
		error = ask_quietly(call, all[i].line, timeout_us, all[i].doc);
	if (error != 0) {
		top_look_fini(out);
		return error == -EREMOTEIO ? -EPROTO : error;
	}
	out->table = read_table(call);
	return 0;
}
