/* Owns `cagent-ctl env`: how programs find the daemon; changes nothing. */
#include "cagent-ctl/env.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cagent-ctl/ask.h"
#include "cagent-ctl/check.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "conf/bundle.h"
#include "wire/ctl.h"

#define ASK_US 2000000

static const struct field fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when there is no answer; then \"code\" and \"error\" say why"},
    {"variables", NULL, "KEY=VALUE, a line each", FIELD_OTHER, false, NULL,
	"an object: the variables of the environment, by name"},
    {"rules", NULL, "a text", FIELD_TEXT, false, NULL,
	"with --transparent, in the place of variables: what nft -f takes"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};
static const struct field_list list = {"the answer", "", fields};

const struct field_list *const env_fields[] = {&list, NULL};

const union net_addr *
env_listener(const struct env *e, enum settings_listener kind, int family)
{
	const union net_addr *a;
	uint32_t i;

	for (i = 0; i < e->listeners_n; i++) {
		a = &e->listeners[i];
		if (e->kinds[i] == kind && net_addr_port(a) != 0 &&
		    (family == AF_UNSPEC || a->sa.sa_family == family))
			return a;
	}
	return NULL;
}

static void
from_settings(const struct settings *s, struct env *e)
{
	const uid_t uids[] = {
	    s->control_user.uid, s->worker_user.uid, s->resolver_user.uid};
	size_t i;

	memcpy(e->listeners, s->listeners, sizeof(e->listeners));
	memcpy(e->kinds, s->listener_kinds, sizeof(e->kinds));
	e->listeners_n = s->listeners_n;
	for (i = 0; i < sizeof(uids) / sizeof(*uids); i++) {
		if (uids[i] != (uid_t)-1)
			e->uids[e->uids_n++] = uids[i];
	}
}

/* Settings of the file alone: nothing that it names is needed. */
static int
from_file(const struct call *call, const char *file, struct env *e)
{
	struct conf_errors errors = {0};
	struct settings *s = NULL;
	struct bundle *b = bundle_new();
	int status = VERB_OK;

	if (b == NULL || bundle_put(b, SETTINGS_MAIN, file, strlen(file)) != 0)
		status = say_failure(
		    call, VERB_FAILED, "internal", "%s: too long", file);
	else if (settings_parse(b, &s, &errors) != 0)
		status = say_failure(
		    call, VERB_FAILED, "bad-config", "%s", errors.text);
	bundle_free(b);
	if (s != NULL)
		from_settings(s, e);
	settings_unref(s);
	return status;
}

static void
take_listener(struct env *e, const char *text)
{
	enum settings_listener kind = LISTENER_PROXY;
	const char *prefix;
	int i;

	for (i = LISTENER_REDIRECT; i <= LISTENER_TPROXY; i++) {
		prefix = settings_listener_prefix((enum settings_listener)i);
		if (strncmp(text, prefix, strlen(prefix)) == 0) {
			kind = (enum settings_listener)i;
			text += strlen(prefix);
		}
	}
	if (e->listeners_n == SETTINGS_LISTENERS_MAX ||
	    net_addr_parse(text, &e->listeners[e->listeners_n]) < 0)
		return;
	e->kinds[e->listeners_n++] = kind;
}

static void
from_status(const json_t *doc, struct env *e)
{
	const json_t *all = json_object_get(doc, "listeners");
	const char *text;
	size_t i;

	for (i = 0; i < json_array_size(all); i++) {
		text = json_string_value(json_array_get(all, i));
		if (text != NULL)
			take_listener(e, text);
	}
	all = json_object_get(doc, "uids");
	for (i = 0; i < json_array_size(all) && i < ENV_UIDS_MAX; i++)
		e->uids[e->uids_n++] =
		    (uid_t)json_integer_value(json_array_get(all, i));
}

static int
find(const struct call *call, struct env *e)
{
	json_t *doc = NULL;

	memset(e, 0, sizeof(*e));
	if (call->args[0] != NULL)
		return from_file(call, call->args[0], e);
	if (ask_quietly(call, "status", ASK_US, &doc) != 0)
		return from_file(call, CHECK_DEFAULT, e);
	from_status(doc, e);
	json_decref(doc);
	return VERB_OK;
}

/* A listener on all addresses is found on the loopback. */
static void
reachable(const union net_addr *a, char out[NET_ADDR_STRLEN])
{
	union net_addr at = *a;

	if (at.sa.sa_family == AF_INET && at.in.sin_addr.s_addr == 0)
		at.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (at.sa.sa_family == AF_INET6 &&
	    memcmp(&at.in6.sin6_addr, &in6addr_any, 16) == 0)
		at.in6.sin6_addr = in6addr_loopback;
	net_addr_format(&at, out);
}

static const struct {
	const char *key;
	const char *scheme; /* NULL: what goes without a proxy */
} variables[] = {
    {"ALL_PROXY", "socks5h"},
    {"all_proxy", "socks5h"},
    {"HTTPS_PROXY", "http"},
    {"https_proxy", "http"},
    /* In capitals it is what a CGI program gets for a request's "Proxy:". */
    {"http_proxy", "http"},
    {"NO_PROXY", NULL},
    {"no_proxy", NULL},
};

/* More is the agent's to decide, by [direct] and the rules. */
static const char no_proxy[] = "localhost,127.0.0.1,127.0.0.0/8,::1";

static void
put_variable(
    const struct call *call, json_t *all, const char *key, const char *value)
{
	if (call->json)
		json_object_set_new(all, key, field_json_string(value));
	else if (call->shell)
		/* Of letters, digits and :/.,[] alone. */
		fprintf(call->out, "export %s='%s'\n", key, value);
	else
		fprintf(call->out, "%s=%s\n", key, value);
}

static void
answer(const struct call *call, const char *key, json_t *value)
{
	json_t *doc = json_pack(
	    "{s:i, s:b, s:o}", "schema", CTL_SCHEMA, "ok", 1, key, value);

	if (doc != NULL)
		render_json(call, doc);
	json_decref(doc);
}

static int
put_variables(const struct call *call, const struct env *e)
{
	const union net_addr *a = env_listener(e, LISTENER_PROXY, AF_UNSPEC);
	char at[NET_ADDR_STRLEN], value[NET_ADDR_STRLEN + 16];
	json_t *all = call->json ? json_object() : NULL;
	size_t i;

	if (a == NULL) {
		json_decref(all);
		return say_failure(call, VERB_FAILED, "no-listener",
		    "cagentd has no listener with a port that programs could "
		    "be told of");
	}
	reachable(a, at);
	for (i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		if (variables[i].scheme != NULL)
			snprintf(value, sizeof(value), "%s://%s",
			    variables[i].scheme, at);
		put_variable(call, all, variables[i].key,
		    variables[i].scheme != NULL ? value : no_proxy);
	}
	if (call->json)
		answer(call, "variables", all);
	return VERB_OK;
}

static int
put_rules(const struct call *call, const struct env *e)
{
	char *text = NULL;
	size_t len;
	FILE *f;

	if (env_listener(e, LISTENER_REDIRECT, AF_UNSPEC) == NULL &&
	    env_listener(e, LISTENER_TPROXY, AF_UNSPEC) == NULL)
		return say_failure(call, VERB_FAILED, "no-listener",
		    "cagentd has no transparent listener: add \"listen = "
		    "redirect:127.0.0.1:1081\" to [agent]");
	/* Without them its own connections would come back to it. */
	if (e->uids_n == 0)
		return say_failure(call, VERB_FAILED, "no-user",
		    "the users that cagentd runs as are not known on this "
		    "host: ask again while it runs");
	if (!call->json) {
		env_rules(e, call->out);
		return VERB_OK;
	}
	f = open_memstream(&text, &len);
	if (f == NULL)
		return say_failure(
		    call, VERB_FAILED, "internal", "%s", strerror(errno));
	env_rules(e, f);
	fclose(f);
	answer(call, "rules", field_json_string(text));
	free(text);
	return VERB_OK;
}

int
env_run(const struct call *call)
{
	struct env e;
	int status;

	if (call->shell && call->transparent)
		return say_usage(
		    call, "env takes --shell or --transparent, not both");
	status = find(call, &e);
	if (status != VERB_OK)
		return status;
	return call->transparent ? put_rules(call, &e)
				 : put_variables(call, &e);
}
