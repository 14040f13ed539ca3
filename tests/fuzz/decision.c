/* Fuzzes the record of decisions as a file that anybody may have written:
 * what is decoded can be chosen from, and comes to the same every time. */
#include <string.h>

#include "cagentd/decide/decision.h"
#include "tests/fuzz/fuzz.h"

static struct table table;
static struct path_index index_of;
static struct decision decision;
static struct decision_replay replay;
static bool has_table;

static void
take_table(const struct decision_record *r)
{
	uint32_t i;

	has_table = decision_table_decode(r, &table) == 0;
	if (!has_table)
		return;
	assert(table.rows_n <= TABLE_ROWS_MAX);
	for (i = 0; i < table.rows_n; i++)
		assert(table.rows[i].slot < TABLE_ROWS_MAX &&
		       memchr(table.rows[i].name, '\0', TABLE_NAME_MAX + 1));
	path_index_build(&index_of, &table);
}

static bool
equal(const struct decision_outcome *a, const struct decision_outcome *b)
{
	return a->picked == b->picked && a->slot == b->slot &&
	       a->incarnation == b->incarnation && a->rank == b->rank &&
	       a->cost == b->cost && a->why == b->why;
}

static void
take_pick(const struct decision_record *r)
{
	struct decision_outcome one, two;
	bool same;

	if (decision_decode(r, &decision) != 0 || !has_table)
		return;
	same = decision_replay(&replay, &table, &index_of, &decision, &one);
	assert(decision_replay(&replay, &table, &index_of, &decision, &two) ==
	       same);
	assert(equal(&one, &two));
	decision.outcome = one;
	assert(decision_replay(&replay, &table, &index_of, &decision, &two));
}

static void
take(const struct decision_record *r)
{
	if (r->kind == DECISION_TABLE)
		take_table(r);
	else
		take_pick(r);
}

/* As cagentd -r goes through a file. */
static void
fuzz_file(const uint8_t *data, size_t len)
{
	struct decision_record r;
	int n;

	has_table = false;
	while (len > 0) {
		n = decision_record_decode(data, len, &r);
		assert(n <= (int)len);
		if (n > 0) {
			assert(r.content + r.len <= data + n);
			take(&r);
		}
		data += n > 0 ? n : 1;
		len -= (size_t)(n > 0 ? n : 1);
	}
}

/* Behind the checksum, where chance hardly comes: the contents of a table and
 * of a choice, the first one's length before it. */
static void
fuzz_contents(const uint8_t *data, size_t len)
{
	struct decision_record r = {.kind = DECISION_TABLE};

	if (len < 2)
		return;
	r.len = (size_t)data[0] << 8 | data[1];
	if (r.len > len - 2)
		return;
	r.content = data + 2;
	has_table = false;
	take(&r);
	r = (struct decision_record){.kind = DECISION_PICK,
	    .content = data + 2 + r.len,
	    .len = len - 2 - r.len};
	take(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_file(data, len);
	fuzz_contents(data, len);
	return 0;
}
