/* Owns the HTTP responses that the agent itself makes; must not choose their
 * status. */
#include <string.h>

#include "wire/http.h"
#include "wire/http_message.h"
#include "wire/http_out.h"

struct phrase {
	int status;
	const char *text;
	const char *name, *value; /* of a field that goes with it, or NULL */
};

#define ALLOWED "CONNECT, DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

static const struct phrase phrases[] = {
    {200, "OK", "Allow", ALLOWED},
    {400, "Bad Request", NULL, NULL},
    {403, "Forbidden", NULL, NULL},
    {405, "Method Not Allowed", "Allow", ALLOWED},
    {407, "Proxy Authentication Required", "Proxy-Authenticate",
	"Basic realm=\"cagent\""},
    {408, "Request Timeout", NULL, NULL},
    {411, "Length Required", NULL, NULL},
    {413, "Content Too Large", NULL, NULL},
    {414, "URI Too Long", NULL, NULL},
    {417, "Expectation Failed", NULL, NULL},
    {429, "Too Many Requests", "Retry-After", "1"},
    {431, "Request Header Fields Too Large", NULL, NULL},
    {500, "Internal Server Error", NULL, NULL},
    {501, "Not Implemented", NULL, NULL},
    {502, "Bad Gateway", NULL, NULL},
    {503, "Service Unavailable", "Retry-After", "1"},
    {504, "Gateway Timeout", NULL, NULL},
    {505, "HTTP Version Not Supported", NULL, NULL},
    {508, "Loop Detected", NULL, NULL},
};

static const struct phrase *
phrase_of(int status)
{
	size_t i;

	for (i = 0; i < sizeof(phrases) / sizeof(*phrases); i++) {
		if (phrases[i].status == status)
			return &phrases[i];
	}
	return NULL;
}

/* Visible ASCII and blanks: what a structured field may hold. */
static bool
is_field(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

static void
line_put(struct http_out *o, int status, const char *text)
{
	http_out_text(o, "HTTP/1.1 ");
	http_out_number(o, (uint64_t)status);
	http_out_text(o, " ");
	http_out_text(o, text);
	http_out_text(o, "\r\n");
}

int
http_own_encode(const struct http_own *own, const struct http_ask *ask,
    bool keep_alive, uint8_t *out, size_t cap)
{
	const struct phrase *phrase = phrase_of(own->status);
	const char *page = own->page != NULL ? own->page : "";
	struct http_out o = {.out = out, .cap = cap};
	size_t page_len = strlen(page);
	int len;

	if (phrase == NULL ||
	    (own->proxy_status != NULL && !is_field(own->proxy_status)))
		return WIRE_BAD;
	line_put(&o, phrase->status, phrase->text);
	if (own->proxy_status != NULL)
		http_out_line(&o, "Proxy-Status", own->proxy_status);
	if (phrase->name != NULL)
		http_out_line(&o, phrase->name, phrase->value);
	if (own->status >= 300 || page_len > 0)
		http_out_line(&o, "Content-Type", "text/plain; charset=utf-8");
	http_out_count(&o, "Content-Length", page_len);
	if (!keep_alive || ask == NULL || !ask->keep_alive)
		http_out_line(&o, "Connection", "close");
	len = http_out_end(&o);
	if (len == WIRE_BAD ||
	    (ask != NULL && strcmp(ask->request.method, "HEAD") == 0))
		return len;
	if (page_len > cap - (size_t)len)
		return WIRE_BAD;
	memcpy(out + len, page, page_len);
	return len + (int)page_len;
}

int
http_reply_encode(int status, const char *proxy_status, const char *page,
    uint8_t *out, size_t cap)
{
	struct http_own own = {status, proxy_status, page};
	struct http_out o = {.out = out, .cap = cap};

	if (status != 200)
		return http_own_encode(&own, NULL, false, out, cap);
	if (proxy_status != NULL && !is_field(proxy_status))
		return WIRE_BAD;
	line_put(&o, status, "Connection established");
	if (proxy_status != NULL)
		http_out_line(&o, "Proxy-Status", proxy_status);
	return http_out_end(&o);
}
