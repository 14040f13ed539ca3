/* Fuzzes the parameters of a request: what is taken keeps its rules, and
 * whatever is not is refused in words of our own. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/page/page_host.h"
#include "policyd/page/page_query.h"
#include "tests/fuzz/fuzz.h"

#define NOW_S INT64_C(1800000000)

static void
check_taken(const struct page_query *q, const struct page_query_rules *r)
{
	assert((q->given & ~r->allowed) == 0);
	assert((r->required & ~q->given) == 0);
	assert(
	    ((q->given & PAGE_QUERY_GROUP) != 0) == manage_name_ok(q->group));
	assert(((q->given & PAGE_QUERY_NAME) != 0) == manage_name_ok(q->name));
	assert(
	    ((q->given & PAGE_QUERY_AFTER) != 0) == manage_name_ok(q->after));
	assert(q->since_s >= 0 && q->since_s <= NOW_S);
	assert(q->limit >= 0 && q->limit <= PAGE_QUERY_LIMIT_MAX);
	assert((q->limit > 0) == ((q->given & PAGE_QUERY_LIMIT) != 0));
	assert((q->before > 0) == ((q->given & PAGE_QUERY_BEFORE) != 0));
}

/* The rules are the first two bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char why[PAGE_QUERY_WHY_MAX] = "", *text;
	struct page_query_rules r = {0, 0};
	struct page_query q;
	const char *c;

	if (len < 2)
		return 0;
	r.allowed = data[0] & 0x7f; /* the bits that there are */
	r.required = data[1] & r.allowed;
	text = calloc(1, len - 1);
	assert(text != NULL);
	memcpy(text, data + 2, len - 2);
	if (page_query_parse(text, &r, NOW_S, &q, why) == 0)
		check_taken(&q, &r);
	else
		assert(why[0] != '\0');
	for (c = why; *c != '\0'; c++)
		assert(isprint((unsigned char)*c));
	if (page_host_is_loopback(text))
		assert(text[0] == '[' || text[0] == '1' ||
		       tolower((unsigned char)text[0]) == 'l');
	free(text);
	return 0;
}
