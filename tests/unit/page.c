/* What a browser gets from the port itself, and which address it is told. */
#include "cagentd/worker/web/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

static struct settings *
parse(const char *text)
{
	struct settings *s = NULL;
	struct conf_errors e = {0};

	CHECK(
	    sample_parse(text, &s, &e) == 0 && s != NULL, "sample: %s", e.text);
	return s;
}

/* The answer as text; free() it. */
static char *
ask(const struct settings *s, const char *own, const char *head)
{
	union net_addr addr;
	struct buf *b;
	char *text;

	CHECK(net_addr_parse(own, &addr) > 0, "address %s", own);
	b = page_answer(s, &addr, (const uint8_t *)head, strlen(head));
	CHECK(b != NULL, "an answer to %s", head);
	text = b != NULL ? strndup((const char *)buf_bytes(b), b->len)
			 : strdup("");
	buf_free(b);
	return text;
}

/* Content-Length, and the bytes that follow the head. */
static void
check_length(const char *text, bool head, const char *what)
{
	const char *length = strstr(text, "\r\nContent-Length: ");
	const char *end = strstr(text, "\r\n\r\n");
	unsigned long n = 0;

	CHECK(length != NULL && end != NULL && length < end &&
		  sscanf(length + 18, "%lu", &n) == 1 && n > 100,
	    "%s: has a length", what);
	if (end != NULL)
		CHECK(strlen(end + 4) == (head ? 0 : n), "%s: %zu of %lu", what,
		    strlen(end + 4), n);
}

#define PAC  "application/x-ns-proxy-autoconfig\r\n"
#define HTML "text/html; charset=utf-8\r\n"

static void
answers_by_method_and_path(void)
{
	static const struct {
		const char *line;
		const char *status;
		const char *type;
	} rows[] = {
	    {"GET /proxy.pac HTTP/1.1", "200 OK", PAC},
	    {"GET /wpad.dat HTTP/1.0", "200 OK", PAC},
	    {"GET /proxy.pac?x=/ HTTP/1.1", "200 OK", PAC},
	    {"HEAD /proxy.pac HTTP/1.1", "200 OK", PAC},
	    {"GET / HTTP/1.1", "200 OK", HTML},
	    {"HEAD / HTTP/1.1", "200 OK", HTML},
	    {"GET /?q HTTP/1.1", "200 OK", HTML},
	    {"GET /proxy.pac/ HTTP/1.1", "404 Not Found", HTML},
	    {"GET /proxy.pa HTTP/1.1", "404 Not Found", HTML},
	    {"GET //proxy.pac HTTP/1.1", "404 Not Found", HTML},
	    {"GET /favicon.ico HTTP/1.1", "404 Not Found", HTML},
	    {"HEAD /favicon.ico HTTP/1.1", "404 Not Found", HTML},
	    {"POST /proxy.pac HTTP/1.1", "405 Method Not Allowed", HTML},
	    {"PUT / HTTP/1.1", "405 Method Not Allowed", HTML},
	    {"OPTIONS / HTTP/1.1", "405 Method Not Allowed", HTML},
	    {"DELETE /x HTTP/1.1", "405 Method Not Allowed", HTML},
	};
	struct settings *s = parse("");
	char head[256], want[64], *text;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(
		    head, sizeof(head), "%s\r\nHost: x\r\n\r\n", rows[i].line);
		text = ask(s, "127.0.0.1:1080", head);
		snprintf(want, sizeof(want), "HTTP/1.1 %s\r\n", rows[i].status);
		CHECK(strncmp(text, want, strlen(want)) == 0, "%s: %s",
		    rows[i].line, text);
		CHECK(strstr(text, rows[i].type) != NULL, "%s: type in %s",
		    rows[i].line, text);
		CHECK(strstr(text, "\r\nConnection: close\r\n") != NULL &&
			  strstr(text, "\r\nCache-Control: no-cache\r\n") !=
			      NULL &&
			  strstr(text, "\r\nX-Content-Type-Options: nosniff") !=
			      NULL,
		    "%s: fields in %s", rows[i].line, text);
		CHECK((strstr(text, "\r\nAllow: GET, HEAD\r\n") != NULL) ==
			  (rows[i].status[2] == '5'),
		    "%s: Allow", rows[i].line);
		check_length(text, rows[i].line[0] == 'H', rows[i].line);
		free(text);
	}
	settings_unref(s);
}

static void
tells_an_address_of_ours_and_no_other(void)
{
	static const struct {
		const char *own, *host, *want;
	} rows[] = {
	    {"127.0.0.1:1080", "127.0.0.1:1080", "127.0.0.1:1080"},
	    {"127.0.0.1:1080", "localhost:1080", "localhost:1080"},
	    {"[::1]:1080", "LocalHost:1080", "localhost:1080"},
	    {"[::1]:1080", "[::1]:1080", "[::1]:1080"},
	    {"127.0.0.1:80", "localhost", "localhost:80"},
	    {"[::1]:80", "[::1]", "[::1]:80"},
	    /* Another listener of ours: a forwarded port. */
	    {"127.0.0.1:1080", "192.0.2.7:8080", "192.0.2.7:8080"},
	    {"127.0.0.1:1080", "[::ffff:192.0.2.7]:8080", "192.0.2.7:8080"},
	    /* Not ours. */
	    {"127.0.0.1:1080", "192.0.2.7:8081", "127.0.0.1:1080"},
	    {"127.0.0.1:1080", "0.0.0.0:1080", "127.0.0.1:1080"},
	    {"127.0.0.1:1080", "evil.example:1080", "127.0.0.1:1080"},
	    {"127.0.0.1:1080", "wpad", "127.0.0.1:1080"},
	    {"192.0.2.7:8080", "localhost:8080", "192.0.2.7:8080"},
	    {"127.0.0.1:1080", "localhost:1081", "127.0.0.1:1080"},
	    {"127.0.0.1:1080", "localhost');alert(1):1080", "127.0.0.1:1080"},
	    {"127.0.0.1:1080", "127.1:1080", "127.0.0.1:1080"},
	    {"127.0.0.1:1080", "[::1%25lo]:1080", "127.0.0.1:1080"},
	    {"127.0.0.1:1080", "127.0.0.1:01080", "127.0.0.1:1080"},
	    {"127.0.0.1:1080", "127.0.0.1:1080 ", "127.0.0.1:1080"},
	    {"127.0.0.1:1080", "", "127.0.0.1:1080"},
	    {"127.0.0.1:1080",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		"127.0.0.1:1080"},
	    /* By a unix socket, which is nothing to tell a browser. */
	    {"unix:/run/x", "localhost", "192.0.2.7:8080"},
	};
	struct settings *s = parse("[agent]\nlisten = 192.0.2.7:8080\n"
				   "listen = 0.0.0.0:3128\n"
				   "[access]\nnetwork = 0.0.0.0/0\n");
	char head[512], want[128], *text;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(head, sizeof(head),
		    "GET /proxy.pac HTTP/1.1\r\nHost: %s\r\n\r\n",
		    rows[i].host);
		text = ask(s, rows[i].own, head);
		snprintf(want, sizeof(want), "\"PROXY %s; SOCKS5 %s\"",
		    rows[i].want, rows[i].want);
		CHECK(strstr(text, want) != NULL, "%s at %s: %.600s",
		    rows[i].host, rows[i].own, text);
		CHECK(strstr(text, "evil") == NULL &&
			  strstr(text, "alert") == NULL,
		    "%s: not repeated", rows[i].host);
		free(text);
	}
	settings_unref(s);
}

static void
has_no_script_without_a_port(void)
{
	struct settings *s = parse("[agent]\nlisten = unix:/run/x\n");
	char *text = ask(s, "unix:/run/x",
	    "GET /proxy.pac HTTP/1.1\r\nHost: localhost\r\n\r\n");

	CHECK(strncmp(text, "HTTP/1.1 404 ", 13) == 0, "got %s", text);
	free(text);
	settings_unref(s);
}

static void
repeats_nothing_in_its_page(void)
{
	struct settings *s = parse("");
	char *text = ask(s, "127.0.0.1:1080",
	    "GET /<script>evil HTTP/1.1\r\nHost: evil\r\nX: evil\r\n\r\n");

	CHECK(strstr(text, "evil") == NULL, "got %s", text);
	CHECK(strstr(text, "http://127.0.0.1:1080<a href=\"/proxy.pac\">") !=
		  NULL,
	    "the script's address: %s", text);
	free(text);
	settings_unref(s);
}

static const struct unit_case cases[] = {
    {"answers by method and path", answers_by_method_and_path},
    {"tells an address of ours and no other",
	tells_an_address_of_ours_and_no_other},
    {"has no script without a port", has_no_script_without_a_port},
    {"repeats nothing in its page", repeats_nothing_in_its_page},
};

UNIT_MAIN("page", cases)
