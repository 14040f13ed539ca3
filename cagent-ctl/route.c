/* Owns `cagent-ctl route`: the dry run of the choice of a path. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/row.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/target.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"

static void
rule_cell(const json_t *doc, int64_t now_us, char *out, size_t size)
{
	const json_t *rule = json_object_get(doc, "rule");

	(void)now_us; /* a number and a name */
	if (json_is_object(rule))
		snprintf(out, size, "%lld \"%s\"",
		    (long long)field_number(rule, "number"),
		    field_string(rule, "name"));
	else
		snprintf(out, size, "none matched");
}

static void
learned_cell(const json_t *doc, int64_t now_us, char *out, size_t size)
{
	const json_t *learned = json_object_get(doc, "learned");
	char ago[FORMAT_LEN];

	if (json_is_object(learned))
		snprintf(out, size, "%s ago (%lld of %lld workers)",
		    format_between(
			field_number(learned, "since_us"), now_us, ago),
		    (long long)field_number(learned, "workers"),
		    (long long)field_number(learned, "of"));
	else
		snprintf(out, size, "no");
}

static void
content_cell(const json_t *doc, int64_t now_us, char *out, size_t size)
{
	const json_t *content = json_object_get(doc, "content");

	(void)now_us; /* words */
	if (json_is_object(content))
		snprintf(out, size, "%s, by %s", field_string(content, "type"),
		    field_string(content, "by"));
}

static void
order_cell(const json_t *candidate, int64_t now_us, char *out, size_t size)
{
	int64_t order = field_number(candidate, "order");

	(void)now_us; /* a number */
	if (order > 0)
		snprintf(out, size, "%lld.", (long long)order);
}

static const struct field answer_fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when there is no answer; then \"code\" and \"error\" say why"},
    {"destination", NULL, "destination", FIELD_TEXT, false, NULL,
	"where the request wants to go"},
    {"protocol", NULL, "asked by", FIELD_TEXT, false, NULL,
	"the client's protocol: socks4, socks4a, socks5, http, redirect, "
	"tproxy, or udp for datagrams over SOCKS5"},
    {"class", NULL, "class", FIELD_TEXT, false, NULL,
	"of its traffic: critical, interactive, normal, bulk or another"},
    {"rule", NULL, "rule", FIELD_OTHER, false, rule_cell,
	"the first rule that matches: its \"number\" in the configuration, "
	"from 1, and its \"name\"; null: none does"},
    {"via", NULL, "goes via", FIELD_TEXT, false, NULL,
	"what that rule says: default, direct, tier N, intermediary NAME, "
	"deny"},
    {"direct_first", NULL, "direct first", FIELD_BOOL, false, NULL,
	"whether it is first tried without an intermediary"},
    {"learned", NULL, "learned as direct", FIELD_OTHER, false, learned_cell,
	"null, or it goes directly because that was learned: \"since_us\", "
	"and \"workers\" that know it \"of\" how many"},
    {"content", NULL, "content", FIELD_OTHER, false, content_cell,
	"null, or what a plain HTTP request is for: a media \"type\", and \"by\" "
	"what that is told: sec-fetch-dest, extension or accept (what workers "
	"have learned is not known here)"},
    {"service", NULL, "service", FIELD_TEXT, false, NULL,
	"the special service that this is meant for; null (\"-\"): none"},
    {"caches", NULL, "caches", FIELD_LIST, false, NULL,
	"the caches that may serve it, by name"},
    {"pick", NULL, "would be picked", FIELD_TEXT, false, NULL,
	"who would get the request now; null (\"-\"): nobody"},
    {"order", NULL, NULL, FIELD_LIST, false, NULL,
	"the steps, in words, in the order in which they would be tried"},
    {"candidates", NULL, NULL, FIELD_OTHER, false, NULL,
	"all intermediaries, those left out too, see below"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field candidate_fields[] = {
    {"order", "ORDER", NULL, FIELD_TEXT, false, order_cell,
	"its place in the order of attempts; 0 (\"-\"): it is not in it"},
    {"name", "NAME", NULL, FIELD_TEXT, false, NULL, "the intermediary"},
    {"duty", "FOR", NULL, FIELD_TEXT, false, NULL,
	"what it is there for: ranked, cache or service"},
    {"tier", "TIER", NULL, FIELD_RANK, false, NULL,
	"its tier in force; 0 (\"-\"): not to be used now"},
    {"eligible", "ELIGIBLE", NULL, FIELD_BOOL, false, NULL,
	"whether this request may be given to it"},
    {"cost", "COST", NULL, FIELD_COUNT, false, NULL,
	"handshake time times requests in flight by weight: of two in one "
	"tier the cheaper is picked"},
    {"in_flight", "OPEN", NULL, FIELD_COUNT, false, NULL,
	"tunnels and attempts through it now"},
    {"handshake_us", "HANDSHAKE", NULL, FIELD_SPAN, false, NULL,
	"how long its handshakes take of late, in microseconds"},
    {"reason", "REASON", NULL, FIELD_TEXT, false, NULL,
	"why it was left out, or \"eligible\""},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field_list answer_list = {"the answer", "", answer_fields};
static const struct field_list candidate_list = {
    "a candidate", "candidates", candidate_fields};

const struct field_list *const route_fields[] = {
    &answer_list, &candidate_list, NULL};

/* Of a word for the request's line, what keeps it from being one. */
static int
check_word(const struct call *call, const char *option, const char *word)
{
	char text[72];
	size_t len;

	if (word == NULL)
		return VERB_OK;
	len = strlen(word);
	if (len > 0 && len < sizeof(text) &&
	    strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789") == len)
		return VERB_OK;
	return say_usage(call,
	    "%s \"%s\": expected one word in lower-case letters and digits",
	    option, format_quote(word, text, sizeof(text)));
}

/* The daemon knows users by number alone: in its sandbox it cannot ask. */
static int
find_user(const struct call *call, char out[24])
{
	const struct passwd *pw;
	char text[72];
	const char *bad;

	snprintf(
	    out, 24, "%lld", strtonum(call->user, 0, UINT32_MAX - 1ll, &bad));
	if (bad == NULL)
		return VERB_OK;
	pw = getpwnam(call->user);
	if (pw == NULL)
		return say_usage(call, "there is no user \"%s\" here",
		    format_quote(call->user, text, sizeof(text)));
	snprintf(out, 24, "%u", (unsigned int)pw->pw_uid);
	return VERB_OK;
}

/* A name that goes onto the request's line as it is. */
static int
check_name(const struct call *call, const char *option, const char *word)
{
	char text[72];
	size_t i;

	if (word == NULL)
		return VERB_OK;
	for (i = 0; (unsigned char)word[i] > ' ' && word[i] != 0x7f;)
		i++;
	if (i > 0 && i < 128 && word[i] == '\0')
		return VERB_OK;
	return say_usage(call,
	    "%s \"%s\": expected one word of at most 127 bytes", option,
	    format_quote(word, text, sizeof(text)));
}

static int
check_asker(const struct call *call)
{
	int status = check_name(call, "--login", call->login);

	if (status == VERB_OK)
		status = check_name(call, "--service", call->service);
	if (status == VERB_OK)
		status = check_name(call, "--source", call->source);
	return status;
}

static void
add_word(char *line, const char *key, const char *word)
{
	size_t len = strlen(line);

	if (word != NULL)
		snprintf(line + len, CTL_LINE_MAX - len, " %s=%s", key, word);
}

/* HOST and PORT apart, an address without brackets. */
static void
put_host(const struct wire_host *host, char line[CTL_LINE_MAX])
{
	char text[WIRE_HOST_STRLEN], *from = text;

	wire_host_format(host, text);
	*strrchr(text, ':') = '\0';
	if (*from == '[') {
		from++;
		from[strlen(from) - 1] = '\0';
	}
	snprintf(line, CTL_LINE_MAX, "route %s %u", from, host->port);
}

/* A plain HTTP request, unless somebody asks by SOCKS; the words go to a line
 * whose parts blanks separate. */
static int
add_request(const struct call *call, const struct target *t, char *line)
{
	const char *const words[] = {call->method, call->accept, call->dest};
	size_t i, len = strlen(line);

	if (t->path == NULL ||
	    (call->protocol != NULL && strcmp(call->protocol, "http") != 0)) {
		for (i = 0; i < 3; i++) {
			if (words[i] != NULL)
				return say_usage(call,
				    "--method, --accept and --dest are of "
				    "plain HTTP requests: of URLs with "
				    "http://");
		}
		return VERB_OK;
	}
	for (i = 0; i < 3; i++) {
		if (words[i] != NULL && (strpbrk(words[i], " \t\n") != NULL ||
					    strlen(words[i]) > 127))
			return say_usage(call, "expected one word of at most "
					       "127 bytes without a blank");
	}
	if (t->path_len > CTL_LINE_MAX / 2 ||
	    strcspn(t->path, " \t\r\n") < t->path_len)
		return say_usage(call,
		    "expected a path of at most %d bytes without a blank",
		    CTL_LINE_MAX / 2);
	snprintf(line + len, CTL_LINE_MAX - len, "%s path=%.*s",
	    call->protocol == NULL ? " protocol=http" : "",
	    t->path_len > 0 ? (int)t->path_len : 1,
	    t->path_len > 0 ? t->path : "/");
	add_word(line, "method", call->method);
	add_word(line, "accept", call->accept);
	add_word(line, "dest", call->dest);
	return VERB_OK;
}

static int
ask_route(const struct call *call, const struct target *t, json_t **doc)
{
	char line[CTL_LINE_MAX], user[24];
	int status;

	*doc = NULL;
	status = check_word(call, "--protocol", call->protocol);
	if (status == VERB_OK)
		status = check_word(call, "--class", call->class);
	if (status == VERB_OK)
		status = check_asker(call);
	if (status == VERB_OK && call->user != NULL)
		status = find_user(call, user);
	if (status != VERB_OK)
		return status;
	put_host(&t->host, line);
	add_word(line, "user", call->user != NULL ? user : NULL);
	add_word(line, "login", call->login);
	add_word(line, "service", call->service);
	add_word(line, "source", call->source);
	add_word(line, "protocol", call->protocol);
	add_word(line, "class", call->class);
	status = add_request(call, t, line);
	if (status != VERB_OK)
		return status;
	return ask(call, doc, "%s", line);
}

static void
render(const struct call *call, const json_t *doc)
{
	const json_t *order = json_object_get(doc, "order");
	char text[256];
	const char *s;
	size_t i;

	render_pairs(call, answer_fields, doc, mono_wall_us());
	if (json_array_size(order) > 0)
		fputs("\nIt would be tried in this order:\n", call->out);
	for (i = 0; i < json_array_size(order); i++) {
		s = json_string_value(json_array_get(order, i));
		fprintf(call->out, "  %zu. %s\n", i + 1,
		    format_quote(s != NULL ? s : "", text, sizeof(text)));
	}
	if (json_array_size(json_object_get(doc, "candidates")) > 0)
		fputc('\n', call->out);
	render_table(
	    call, candidate_fields, json_object_get(doc, "candidates"), 0);
}

int
route_run(const struct call *call)
{
	char quoted[72], text[WIRE_HOST_STRLEN];
	struct target t;
	json_t *doc;
	int status;

	if (target_parse(call->args[0], &t) != 0)
		return say_usage(call, "\"%s\": %s",
		    format_quote(call->args[0], quoted, sizeof(quoted)), t.why);
	status = ask_route(call, &t, &doc);
	if (doc == NULL)
		return status;
	if (t.guessed && strstr(call->args[0], "://") == NULL)
		say(call, "no port given: asked for %s",
		    wire_host_format(&t.host, text));
	if (call->json)
		render_json(call, doc);
	else
		render(call, doc);
	json_decref(doc);
	return status;
}
