/* The cursors: bounds, byte order, and a failure that stays. */
#include "wire/cursor.h"

#include <string.h>

#include "tests/unit/unit.h"

static void
reads_numbers(void)
{
	static const uint8_t in[] = {
	    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xff};
	struct cursor_in c;
	uint64_t v;

	cursor_in_init(&c, in, sizeof(in));
	v = cursor_get_u8(&c);
	CHECK_INT(v, 1);
	v = cursor_get_u16(&c);
	CHECK_INT(v, 0x0203);
	v = cursor_get_u32(&c);
	CHECK_INT(v, 0x04050607);
	v = cursor_get_u64(&c);
	CHECK_INT(v, 0x08090a0b0c0d0e0fLL);
	CHECK_INT(cursor_in_result(&c), 15);
	v = cursor_get_u16(&c);
	CHECK_INT(v, 0);
	CHECK_INT(cursor_in_result(&c), WIRE_MORE);
	v = cursor_get_u8(&c);
	CHECK(v == 0, "a byte was read after the failure");
}

static void
failure_stays(void)
{
	static const uint8_t in[4] = {1, 2, 3, 4};
	char out[4] = "abc";
	struct cursor_in c;

	cursor_in_init(&c, in, sizeof(in));
	cursor_get(&c, out, 5);
	CHECK_STR(out, "abc");
	cursor_require(&c, false);
	CHECK_INT(cursor_in_result(&c), WIRE_MORE);

	cursor_in_init(&c, in, sizeof(in));
	cursor_require(&c, true);
	cursor_require(&c, false);
	CHECK(cursor_take(&c, 1) == NULL, "taken after a failure");
	cursor_get(&c, out, 9);
	CHECK_STR(out, "abc");
	CHECK_INT(cursor_get_string(&c, out, 4), 0);
	CHECK_INT(cursor_in_result(&c), WIRE_BAD);
}

static void
takes_nothing_of_nothing(void)
{
	struct cursor_in c;

	cursor_in_init(&c, NULL, 0);
	cursor_get(&c, NULL, 0);
	cursor_take(&c, 0);
	CHECK_INT(cursor_in_result(&c), 0);
	CHECK(c.state == CURSOR_OK, "nothing is too much");
	cursor_take(&c, SIZE_MAX);
	CHECK(c.state == CURSOR_SHORT, "SIZE_MAX bytes were there");
}

static void
reads_strings(void)
{
	static const struct {
		const char *in;
		size_t len;
		int want;
	} cases[] = {
	    {"", 0, WIRE_MORE},
	    {"ab", 2, WIRE_MORE},
	    {"abc", 3, WIRE_MORE},
	    {"abcd", 4, WIRE_BAD},
	    {"abcd", 5, WIRE_BAD},
	    {"abc", 4, 4},
	    {"abc\0d", 5, 4},
	    {"\0abc", 4, 1},
	};
	struct cursor_in c;
	char out[4];
	size_t i, n;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		memset(out, 'x', sizeof(out));
		cursor_in_init(&c, (const uint8_t *)cases[i].in, cases[i].len);
		n = cursor_get_string(&c, out, sizeof(out));
		CHECK(cursor_in_result(&c) == cases[i].want,
		    "case %zu: %d, not %d", i, cursor_in_result(&c),
		    cases[i].want);
		if (cases[i].want > 0) {
			CHECK_INT(n, cases[i].want - 1);
			CHECK_STR(out, cases[i].in);
		}
	}
}

static void
writes(void)
{
	static const uint8_t want[] = {
	    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 'h', 'i', '!'};
	uint8_t out[sizeof(want)];
	struct cursor_out c;
	size_t cap;

	for (cap = 0; cap <= sizeof(out); cap++) {
		memset(out, 0xee, sizeof(out));
		cursor_out_init(&c, out, cap);
		cursor_put_u8(&c, 1);
		cursor_put_u16(&c, 0x0203);
		cursor_put_u32(&c, 0x04050607);
		cursor_put_u64(&c, 0x08090a0b0c0d0e0fULL);
		cursor_put_text(&c, "hi");
		cursor_put(&c, "!", 1);
		CHECK_INT(cursor_out_result(&c),
		    cap < sizeof(want) ? WIRE_BAD : (int)sizeof(want));
		CHECK(cap == sizeof(out) || out[cap] == 0xee,
		    "cap %zu: written beyond", cap);
	}
	CHECK(memcmp(out, want, sizeof(want)) == 0, "other bytes");
}

static void
write_failure_stays(void)
{
	uint8_t out[4] = {0};
	struct cursor_out c;

	cursor_out_init(&c, out, sizeof(out));
	cursor_put_u64(&c, 1);
	cursor_put_u8(&c, 9);
	CHECK_INT(out[0], 0);
	CHECK_INT(cursor_out_result(&c), WIRE_BAD);
	cursor_out_init(&c, out, sizeof(out));
	cursor_expect(&c, true);
	cursor_expect(&c, false);
	cursor_put_u8(&c, 9);
	CHECK_INT(out[0], 0);
	CHECK_INT(cursor_out_result(&c), WIRE_BAD);
}

static const struct unit_case cases[] = {
    {"reads numbers", reads_numbers},
    {"failure stays", failure_stays},
    {"takes nothing of nothing", takes_nothing_of_nothing},
    {"reads strings", reads_strings},
    {"writes", writes},
    {"write failure stays", write_failure_stays},
};

UNIT_MAIN("cursor", cases)
