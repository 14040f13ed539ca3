/* Owns what a request that is passed on says, and the head that goes on in its
 * place; must not judge whether it is served. */
#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "wire/http_basic.h"
#include "wire/http_head.h"
#include "wire/http_hop.h"
#include "wire/http_message.h"
#include "wire/http_out.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* IANA's registry of methods as far as these are safe or idempotent. */
static const struct method {
	const char *name;
	bool safe; /* and so idempotent */
} methods[] = {
    {"GET", true},
    {"HEAD", true},
    {"OPTIONS", true},
    {"TRACE", true},
    {"PROPFIND", true},
    {"REPORT", true},
    {"SEARCH", true},
    {"PUT", false},
    {"DELETE", false},
    {"ACL", false},
    {"BIND", false},
    {"CHECKOUT", false},
    {"COPY", false},
    {"LINK", false},
    {"MERGE", false},
    {"MKACTIVITY", false},
    {"MKCALENDAR", false},
    {"MKCOL", false},
    {"MOVE", false},
    {"PROPPATCH", false},
    {"REBIND", false},
    {"UNBIND", false},
    {"UNLINK", false},
    {"UNLOCK", false},
};

/* While the fields are read. */
struct reading {
	struct http_ask *ask;
	bool expects; /* 100-continue */
	unsigned int upgrades_n;
};

static void
method_read(struct http_ask *ask)
{
	size_t i;

	for (i = 0; i < N(methods); i++) {
		if (strcmp(ask->request.method, methods[i].name) != 0)
			continue;
		ask->safe = methods[i].safe;
		ask->idempotent = true;
	}
}

static void
path_read(struct http_ask *ask)
{
	const char *target = ask->request.target;
	size_t at = http_target_path(&ask->request);

	if (target[at] != '/')
		return;
	ask->path_at = (uint16_t)at;
	ask->path_len = (uint16_t)strcspn(target + at, "?");
}

/* out is a string of cap bytes. */
static void
value_copy(const struct http_field *field, char *out, size_t cap)
{
	size_t len = field->value_len < cap ? field->value_len : cap - 1;

	memcpy(out, field->value, len);
	out[len] = '\0';
}

static int
expect_read(struct reading *r, const struct http_field *field)
{
	struct http_word word;
	size_t pos = 0;

	while (http_list_next(field, &pos, &word)) {
		if (!http_word_is(&word, "100-continue"))
			return 417;
		r->expects = true;
	}
	return 0;
}

static int
te_read(struct reading *r, const struct http_field *field)
{
	struct http_word word;
	size_t pos = 0;

	while (http_list_next(field, &pos, &word)) {
		if (http_word_is(&word, "trailers"))
			r->ask->trailers = r->ask->request.minor > 0;
	}
	return 0;
}

/*
 * What the connection may turn into must not be HTTP again: requests within it
 * would be seen by no rule of ours.
 */
static bool
is_protocol(const struct http_word *word)
{
	static const char *const never[] = {"h2c", "h2", "HTTP", "TLS"};
	struct http_word name = *word;
	const char *slash = memchr(word->text, '/', word->len);
	size_t i;

	if (slash != NULL) {
		name.len = (size_t)(slash - word->text);
		if (!http_is_token(slash + 1, word->len - name.len - 1))
			return false;
	}
	for (i = 0; i < N(never); i++) {
		if (http_word_is(&name, never[i]))
			return false;
	}
	return http_is_token(name.text, name.len);
}

static int
upgrade_read(struct reading *r, const struct http_field *field)
{
	struct http_word word;
	size_t pos = 0;

	r->upgrades_n++;
	if (field->value_len > HTTP_UPGRADE_MAX)
		return 0;
	while (http_list_next(field, &pos, &word)) {
		if (!is_protocol(&word))
			return 0;
	}
	value_copy(field, r->ask->upgrade, sizeof(r->ask->upgrade));
	return 0;
}

static int
max_forwards_read(struct reading *r, const struct http_field *field)
{
	const char *method = r->ask->request.method;
	uint64_t n;

	if (strcmp(method, "TRACE") != 0 && strcmp(method, "OPTIONS") != 0)
		return 0;
	if (r->ask->max_forwards >= 0 ||
	    http_number_read(field->value, field->value_len, &n) != 0)
		return 400;
	r->ask->max_forwards = (int64_t)n;
	return 0;
}

/* "1.1 cagent (comment)" (RFC 9110 section 7.6.3). */
static int
via_read(struct reading *r, const struct http_field *field)
{
	struct http_word word, by;
	const char *blank;
	size_t pos = 0;

	while (http_list_next(field, &pos, &word)) {
		by = word;
		while (by.len > 0 && *by.text != ' ' && *by.text != '\t') {
			by.text++;
			by.len--;
		}
		while (by.len > 0 && (*by.text == ' ' || *by.text == '\t')) {
			by.text++;
			by.len--;
		}
		for (blank = by.text; blank < by.text + by.len; blank++) {
			if (memchr(" \t(", *blank, 3) != NULL)
				break;
		}
		by.len = (size_t)(blank - by.text);
		if (http_word_is(&by, "cagent"))
			r->ask->vias_n++;
	}
	return 0;
}

static int
accept_read(struct reading *r, const struct http_field *field)
{
	if (r->ask->accept[0] == '\0')
		value_copy(field, r->ask->accept, sizeof(r->ask->accept));
	return 0;
}

static int
fetch_dest_read(struct reading *r, const struct http_field *field)
{
	value_copy(field, r->ask->fetch_dest, sizeof(r->ask->fetch_dest));
	return 0;
}

static int
login_read(struct reading *r, const struct http_field *field)
{
	r->ask->binds |= http_field_binds(field);
	return 0;
}

static const struct reader {
	const char *name;
	int (*fn)(struct reading *, const struct http_field *);
} readers[] = {
    {"Expect", expect_read},
    {"TE", te_read},
    {"Upgrade", upgrade_read},
    {"Max-Forwards", max_forwards_read},
    {"Via", via_read},
    {"Authorization", login_read},
    {"Accept", accept_read},
    {"Sec-Fetch-Dest", fetch_dest_read},
};

static int
field_read(struct reading *r, const struct http_field *field)
{
	size_t i;

	for (i = 0; i < N(readers); i++) {
		if (http_field_is(field, readers[i].name))
			return readers[i].fn(r, field);
	}
	return 0;
}

static int
ask_read(const uint8_t *in, size_t len, struct http_ask *out)
{
	struct reading r = {.ask = out};
	struct http_field field;
	struct http_hop hop;
	size_t pos = 0;
	int status;

	status = http_hop_read(in, len, out->request.minor, &hop);
	out->framing = hop.framing;
	out->length = hop.length;
	out->max_forwards = -1;
	method_read(out);
	path_read(out);
	while (status == 0 && http_head_next(in, len, &pos, &field))
		status = field_read(&r, &field);
	if (status != 0)
		return status;

	/* A client of HTTP/1.0 may be a proxy that passes on what it does not
	 * know (RFC 9112 section 9.3). */
	out->keep_alive = out->request.minor > 0 && !hop.close;
	out->expects_continue = r.expects && out->request.minor > 0 &&
				out->framing != HTTP_BODY_NONE;
	/* While a content is on its way nobody can say where the other
	 * protocol begins. */
	if (!hop.upgrade || r.upgrades_n != 1 || out->request.minor == 0 ||
	    out->framing != HTTP_BODY_NONE)
		out->upgrade[0] = '\0';
	/* RFC 9110 section 9.3.8. */
	if (out->framing != HTTP_BODY_NONE &&
	    strcmp(out->request.method, "TRACE") == 0)
		return 400;
	return 0;
}

int
http_ask_decode(const uint8_t *in, size_t len, size_t *scanned,
    struct http_ask *out, int *status)
{
	int n;

	memset(out, 0, sizeof(*out));
	n = http_request_decode(in, len, scanned, &out->request, status);
	if (n <= 0)
		return n;
	*status = ask_read(in, (size_t)n, out);
	if (*status == 0)
		return n;
	sodium_memzero(out, sizeof(*out));
	return WIRE_BAD;
}

/* As Host has it: the port where it is not the scheme's. */
static void
authority_format(const struct wire_host *host, char out[WIRE_HOST_STRLEN])
{
	wire_host_format(host, out);
	if (host->port == 80)
		out[strlen(out) - strlen(":80")] = '\0';
}

static void
line_put(struct http_out *o, const struct http_ask *ask,
    const struct http_onward *onward, const char *authority)
{
	const char *rest =
	    ask->request.target + http_target_path(&ask->request);
	bool is_server =
	    *rest == '\0' && strcmp(ask->request.method, "OPTIONS") == 0;

	http_out_text(o, ask->request.method);
	http_out_text(o, " ");
	if (onward->proxy) {
		http_out_text(o, "http://");
		http_out_text(o, authority);
	}
	/* Of the server itself (RFC 9112 section 3.2.4); what goes to a proxy
	 * says so by having no path. */
	if (is_server)
		http_out_text(o, onward->proxy ? "" : "*");
	else if (*rest != '/')
		http_out_text(o, "/");
	http_out_text(o, rest);
	http_out_text(o, " HTTP/1.1\r\n");
}

/* The fields that are the client's, without those that are made anew. */
static void
fields_put(struct http_out *o, const struct http_ask *ask, const uint8_t *head,
    size_t len, const struct http_hop *hop)
{
	struct http_field field;
	size_t pos = 0;

	while (http_head_next(head, len, &pos, &field)) {
		if (http_hop_owns(hop, &field) ||
		    http_field_is(&field, "Host") ||
		    http_field_is(&field, "Expect"))
			continue;
		if (http_field_is(&field, "Content-Length"))
			http_out_count(o, "Content-Length", hop->length);
		else if (ask->max_forwards > 0 &&
			 http_field_is(&field, "Max-Forwards"))
			http_out_count(
			    o, "Max-Forwards", (uint64_t)ask->max_forwards - 1);
		else
			http_out_field(o, &field);
	}
}

static void
connection_put(struct http_out *o, const struct http_ask *ask, bool keep_alive)
{
	if (ask->framing == HTTP_BODY_CHUNKED)
		http_out_line(o, "Transfer-Encoding", "chunked");
	if (ask->expects_continue)
		http_out_line(o, "Expect", "100-continue");
	http_out_text(o, "Connection: ");
	http_out_text(o, keep_alive ? "keep-alive" : "close");
	if (ask->trailers)
		http_out_text(o, ", TE");
	if (ask->upgrade[0] != '\0')
		http_out_text(o, ", Upgrade");
	http_out_text(o, "\r\n");
	if (ask->trailers)
		http_out_line(o, "TE", "trailers");
	if (ask->upgrade[0] != '\0')
		http_out_line(o, "Upgrade", ask->upgrade);
}

static int
login_put(struct http_out *o, const struct http_ask *ask,
    const struct http_onward *onward)
{
	char login[HTTP_BASIC_STRLEN];

	if (!onward->proxy || onward->user == NULL)
		return 0;
	/* Whoever reflects it tells the client our login. */
	if (strcmp(ask->request.method, "TRACE") == 0)
		return WIRE_BAD;
	if (http_basic_encode(onward->user, onward->password, login) ==
	    WIRE_BAD)
		return WIRE_BAD;
	http_out_line(o, "Proxy-Authorization", login);
	sodium_memzero(login, sizeof(login));
	return 0;
}

int
http_ask_encode(const struct http_ask *ask, const uint8_t *head, size_t len,
    const struct http_onward *onward, uint8_t *out, size_t cap)
{
	struct http_out o = {.out = out, .cap = cap};
	char authority[WIRE_HOST_STRLEN];
	struct http_hop hop;

	if (ask->request.form != HTTP_FORM_ABSOLUTE || ask->max_forwards == 0 ||
	    http_hop_read(head, len, ask->request.minor, &hop) != 0)
		return WIRE_BAD;
	authority_format(&ask->request.host, authority);
	line_put(&o, ask, onward, authority);
	http_out_line(&o, "Host", authority);
	if (login_put(&o, ask, onward) == WIRE_BAD)
		return WIRE_BAD;
	fields_put(&o, ask, head, len, &hop);
	http_out_via(&o, ask->request.minor);
	connection_put(&o, ask, onward->keep_alive);
	return http_out_end(&o);
}
