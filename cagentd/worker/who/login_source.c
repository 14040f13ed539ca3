/* Owns whom a login comes from, and whether one is asked of him. */
#include "cagentd/worker/who/login_source.h"

#include <stdio.h>
#include <string.h>

#include "cagentd/worker/who/login.h"

void
login_source_of(const struct client *c, struct login_source *out)
{
	memset(out, 0, sizeof(*out));
	if (c->has_uid) {
		out->bytes[0] = 'u';
		memcpy(out->bytes + 1, &c->uid, sizeof(c->uid));
		return;
	}
	out->bytes[0] = c->source.family;
	memcpy(out->bytes + 1, c->source.bytes, c->source.family == 4 ? 4 : 8);
}

bool
login_source_same(const struct login_source *a, const struct login_source *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

const char *
login_source_format(const struct client *c, char out[LOGIN_SOURCE_STRLEN])
{
	char ip[NET_IP_STRLEN];

	if (c->has_uid)
		snprintf(
		    out, LOGIN_SOURCE_STRLEN, "uid %lu", (unsigned long)c->uid);
	else
		snprintf(out, LOGIN_SOURCE_STRLEN, "%s",
		    c->source.family != 0 ? net_ip_format(&c->source, ip)
					  : "somebody");
	return out;
}

enum login_need
login_need(const struct settings *s, const struct client *c)
{
	if (s->users_file[0] == '\0')
		return LOGIN_NONE;
	/* By a unix socket's peer; no other has no address. */
	if (c->source.family == 0)
		return c->has_uid ? LOGIN_MAY : LOGIN_MUST;
	return classify_exempt(s, &c->source) ? LOGIN_MAY : LOGIN_MUST;
}
