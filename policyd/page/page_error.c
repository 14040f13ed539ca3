/* Owns how the API says that something went wrong. */
#include "policyd/page/page_error.h"

#include <stddef.h>

#include <jansson.h>

#include "policyd/page/page_http.h"

static const struct {
	unsigned int status;
	const char *code;
} codes[] = {
    {400, "usage"},
    {403, "forbidden"},
    {404, "not-found"},
    {405, "method"},
    {414, "usage"},
    {503, "unavailable"},
};

static const char *
code_of(unsigned int status)
{
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		if (codes[i].status == status)
			return codes[i].code;
	}
	return "internal";
}

void
page_error(struct page_answer *out, unsigned int status, const char *why)
{
	json_t *doc = json_pack("{s:i, s:b, s:s, s:s}", "schema", 1, "ok", 0,
	    "code", code_of(status), "error", why);

	out->status = status;
	out->body = doc != NULL ? json_dumps(doc, JSON_COMPACT) : NULL;
	json_decref(doc);
}
