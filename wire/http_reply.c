/* Owns the HTTP responses that the agent itself makes; must not choose their
 * status. */
#include <stdio.h>
#include <string.h>

#include "wire/http.h"

struct phrase {
	int status;
	const char *text;
	const char *fields; /* that go with this status, or "" */
};

static const struct phrase phrases[] = {
    {200, "Connection established", ""},
    {400, "Bad Request", ""},
    {403, "Forbidden", ""},
    {405, "Method Not Allowed", "Allow: CONNECT\r\n"},
    {407, "Proxy Authentication Required",
	"Proxy-Authenticate: Basic realm=\"cagent\"\r\n"},
    {414, "URI Too Long", ""},
    {431, "Request Header Fields Too Large", ""},
    {500, "Internal Server Error", ""},
    {501, "Not Implemented", ""},
    {502, "Bad Gateway", ""},
    {503, "Service Unavailable", ""},
    {504, "Gateway Timeout", ""},
    {505, "HTTP Version Not Supported", ""},
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

int
http_reply_encode(int status, const char *proxy_status, const char *page,
    uint8_t *out, size_t cap)
{
	const struct phrase *phrase = phrase_of(status);
	const char *name = "Proxy-Status: ", *end = "\r\n";
	char *text = (char *)out;
	int len;

	if (phrase == NULL)
		return WIRE_BAD;
	if (proxy_status == NULL)
		name = end = proxy_status = "";
	else if (!is_field(proxy_status))
		return WIRE_BAD;

	if (status < 300) {
		len = snprintf(text, cap, "HTTP/1.1 %d %s\r\n%s%s%s%s\r\n",
		    status, phrase->text, name, proxy_status, end,
		    phrase->fields);
	} else {
		if (page == NULL)
			page = "";
		len = snprintf(text, cap,
		    "HTTP/1.1 %d %s\r\n%s%s%s%s"
		    "Content-Type: text/plain; charset=utf-8\r\n"
		    "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
		    status, phrase->text, name, proxy_status, end,
		    phrase->fields, strlen(page), page);
	}
	/* snprintf() wrote a NUL too, which is not part of the message. */
	return len < 0 || (size_t)len >= cap ? WIRE_BAD : len;
}
