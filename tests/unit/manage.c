/* What agents and their managers say to each other: one layout, and nothing
 * that a liar can put in is taken. */
#include "wire/manage.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "shm/hist.h"

#include "tests/unit/unit.h"
#include "wire/envelope.h"
#include "wire/sealed.h"

_Static_assert(MANAGE_BUCKETS == HIST_BUCKETS, "one histogram");

#define LEN(a) (sizeof(a) / sizeof(*(a)))

static const struct manage_register reg = {.name = "box-1",
    .group = "ny",
    .token = "t0k!",
    .software = "cagent 0.1",
    .root_epoch = 3,
    .policy = {3, 0x1122334455667788},
    .rank = {4, 9}};

static const struct manage_answer ack = {.of = SEALED_REGISTER,
    .sequence = 7,
    .interval_ms = 60000};

static const struct manage_answer nack = {.of = ENVELOPE_POLICY,
    .what = {2, 5},
    .sequence_floor = 6,
    .code = "rollback",
    .text = "serial 5 \xe2\x89\xa4 6"};

static const struct manage_report head = {.instance = 0x0102030405060708,
    .why = MANAGE_EJECTED,
    .served = 10,
    .direct = 11,
    .refused = 12,
    .rows_n = 2};

static void
rows_make(struct manage_row row[2])
{
	memset(row, 0, 2 * sizeof(*row));
	memcpy(row[0].name, "a", 2);
	row[0].observed = 1;
	row[0].tier = 2;
	row[0].in_flight = 3;
	row[0].attempts = 100;
	row[0].successes = 90;
	row[0].charged = 10;
	row[0].bytes_up = 5;
	row[0].bytes_down = 6;
	row[0].handshake.count[0] = 1;
	row[0].handshake.count[81] = 0xffffffff;
	memcpy(row[1].name, "b", 2);
	row[1].observed = 5;
}

/* The vectors, the only place where the bytes stand. */
static const char register_vector[] =
    "01 05 626f782d31 02 6e79 04 74306b21 0a 636167656e7420302e31 00000003"
    "00000003 1122334455667788 00000004 0000000000000009";
static const char ack_vector[] =
    "10 00000000 0000000000000000 0000000000000007 0000ea60";
static const char nack_vector[] =
    "02 00000002 0000000000000005 0000000000000000 00000000"
    "0000000000000006 08 726f6c6c6261636b 0e 73657269616c203520e289a42036";
static const char report_vector[] =
    "0102030405060708 01 000000000000000a 000000000000000b 000000000000000c"
    "0002"
    "01 61 01 0002 00000003 0000000000000064 000000000000005a"
    "000000000000000a 0000000000000005 0000000000000006"
    "02 00 00000001 51 ffffffff 00"
    "01 62 05 0000 00000000 0000000000000000 0000000000000000"
    "0000000000000000 0000000000000000 0000000000000000 00 00";

static size_t
bytes_of(const char *vector, uint8_t *out, size_t cap)
{
	size_t n = 0;

	CHECK_INT(
	    sodium_hex2bin(out, cap, vector, strlen(vector), " ", &n, NULL), 0);
	return n;
}

static size_t
report_encode(uint8_t *out, size_t cap)
{
	struct manage_row row[2];
	int n, all;

	rows_make(row);
	n = all = manage_report_encode(&head, out, cap);
	CHECK(n > 0, "head");
	n = manage_row_encode(&row[0], out + all, cap - (size_t)all);
	CHECK(n > 0, "first row");
	all += n;
	n = manage_row_encode(&row[1], out + all, cap - (size_t)all);
	CHECK(n > 0, "second row");
	return (size_t)(all + n);
}

static void
has_a_layout(void)
{
	uint8_t got[512], want[512];
	size_t n;

	n = bytes_of(register_vector, want, sizeof(want));
	CHECK_INT(manage_register_encode(&reg, got, sizeof(got)), n);
	CHECK(memcmp(got, want, n) == 0, "register");
	n = bytes_of(ack_vector, want, sizeof(want));
	CHECK_INT(manage_answer_encode(&ack, false, got, sizeof(got)), n);
	CHECK(memcmp(got, want, n) == 0, "ack");
	n = bytes_of(nack_vector, want, sizeof(want));
	CHECK_INT(manage_answer_encode(&nack, true, got, sizeof(got)), n);
	CHECK(memcmp(got, want, n) == 0, "nack");
	n = bytes_of(report_vector, want, sizeof(want));
	CHECK_INT(report_encode(got, sizeof(got)), n);
	CHECK(memcmp(got, want, n) == 0, "report");
}

static void
goes_there_and_back(void)
{
	struct manage_register r;
	struct manage_row row[2], got_row;
	struct manage_report rep;
	struct manage_answer a;
	uint8_t in[512];
	size_t n;
	int used;

	n = bytes_of(register_vector, in, sizeof(in));
	CHECK_INT(manage_register_decode(in, n, &r), n);
	CHECK(memcmp(&r, &reg, sizeof(r)) == 0, "register");
	n = bytes_of(ack_vector, in, sizeof(in));
	CHECK_INT(manage_answer_decode(in, n, false, &a), n);
	CHECK(memcmp(&a, &ack, sizeof(a)) == 0, "ack");
	n = bytes_of(nack_vector, in, sizeof(in));
	CHECK_INT(manage_answer_decode(in, n, true, &a), n);
	CHECK(memcmp(&a, &nack, sizeof(a)) == 0, "nack");
	n = bytes_of(report_vector, in, sizeof(in));
	CHECK(manage_report_ok(in, n), "report");
	used = manage_report_decode(in, n, &rep);
	CHECK(used > 0 && memcmp(&rep, &head, sizeof(rep)) == 0, "head");
	rows_make(row);
	used += manage_row_decode(in + used, n - (size_t)used, &got_row);
	CHECK(memcmp(&row[0], &got_row, sizeof(got_row)) == 0, "first row");
	used += manage_row_decode(in + used, n - (size_t)used, &got_row);
	CHECK(memcmp(&row[1], &got_row, sizeof(got_row)) == 0, "second row");
	CHECK_INT(used, n);
}

/* A body comes whole: a part of one is bad, and so is more than one. */
static void
takes_no_other_length(void)
{
	struct manage_register r;
	struct manage_answer a;
	uint8_t in[512];
	size_t n, i;

	n = bytes_of(register_vector, in, sizeof(in) - 1);
	for (i = 0; i <= n + 1; i++) {
		CHECK(i == n || manage_register_decode(in, i, &r) == WIRE_BAD,
		    "register of %zu bytes", i);
	}
	n = bytes_of(ack_vector, in, sizeof(in) - 1);
	for (i = 0; i <= n + 1; i++) {
		CHECK(i == n ||
			  manage_answer_decode(in, i, false, &a) == WIRE_BAD,
		    "ack of %zu bytes", i);
	}
	n = bytes_of(nack_vector, in, sizeof(in) - 1);
	for (i = 0; i <= n + 1; i++) {
		CHECK(
		    i == n || manage_answer_decode(in, i, true, &a) == WIRE_BAD,
		    "nack of %zu bytes", i);
	}
	n = bytes_of(report_vector, in, sizeof(in) - 1);
	for (i = 0; i <= n + 1; i++) {
		CHECK(i == n || !manage_report_ok(in, i), "report of %zu bytes",
		    i);
	}
}

static void
encodes_into_what_there_is(void)
{
	struct manage_row row[2];
	uint8_t *out;
	int n, i;

	rows_make(row);
	for (i = 0; i <= 512; i++) {
		out = malloc((size_t)i + 1); /* the sanitizer sees one more */
		n = manage_register_encode(&reg, out, (size_t)i);
		CHECK(n == (i < 54 ? WIRE_BAD : 54), "register: %d", n);
		n = manage_answer_encode(&nack, true, out, (size_t)i);
		CHECK(n == (i < 57 ? WIRE_BAD : 57), "nack: %d", n);
		n = manage_report_encode(&head, out, (size_t)i);
		CHECK(n == (i < 35 ? WIRE_BAD : 35), "report: %d", n);
		n = manage_row_encode(&row[0], out, (size_t)i);
		CHECK(n == (i < 61 ? WIRE_BAD : 61), "row: %d", n);
		free(out);
	}
}

static int
register_with(size_t at, size_t max, const char *text)
{
	struct manage_register r = reg;
	uint8_t out[512];

	/* Beyond the field there is no NUL then: what is too long. */
	memset((char *)&r + at, 0, max + 1);
	memcpy((char *)&r + at, text, strnlen(text, max + 1));
	return manage_register_encode(&r, out, sizeof(out));
}

#define WITH(field, max, text) \
	register_with(offsetof(struct manage_register, field), max, text)

static void
holds_to_lengths(void)
{
	char s[80];

	memset(s, 'a', sizeof(s));
	s[MANAGE_NAME_MAX] = '\0';
	CHECK(WITH(name, MANAGE_NAME_MAX, s) > 0, "longest name");
	CHECK(WITH(group, MANAGE_NAME_MAX, s) > 0, "longest group");
	CHECK(manage_name_ok(s), "longest name");
	s[MANAGE_NAME_MAX] = 'a', s[MANAGE_TOKEN_MAX] = '\0';
	CHECK(WITH(name, MANAGE_NAME_MAX, s) == WIRE_BAD, "name");
	CHECK(WITH(group, MANAGE_NAME_MAX, s) == WIRE_BAD, "group");
	CHECK(!manage_name_ok(s), "name");
	CHECK(WITH(token, MANAGE_TOKEN_MAX, s) > 0, "longest token");
	s[MANAGE_TOKEN_MAX] = 'a', s[MANAGE_TOKEN_MAX + 1] = '\0';
	CHECK(WITH(token, MANAGE_TOKEN_MAX, s) == WIRE_BAD, "token");
	s[MANAGE_CODE_MAX] = '\0';
	CHECK(WITH(software, MANAGE_CODE_MAX, s) > 0, "longest software");
	s[MANAGE_CODE_MAX] = 'a', s[MANAGE_CODE_MAX + 1] = '\0';
	CHECK(WITH(software, MANAGE_CODE_MAX, s) == WIRE_BAD, "software");
	CHECK(WITH(name, MANAGE_NAME_MAX, "") == WIRE_BAD, "no name");
	CHECK(WITH(group, MANAGE_NAME_MAX, "") == WIRE_BAD, "no group");
	CHECK(WITH(token, MANAGE_TOKEN_MAX, "") > 0, "no token");
	CHECK(WITH(software, MANAGE_CODE_MAX, "") > 0, "no software");
}

/* The same byte in the vector and in the struct: neither side takes it. */
static void
holds_to_alphabets(void)
{
	static const struct {
		size_t at, field;
		const char *more; /* besides a-z 0-9 - _ . */
	} rows[] = {{2, offsetof(struct manage_register, name), ""},
	    {8, offsetof(struct manage_register, group), ""},
	    {11, offsetof(struct manage_register, token), "printable"},
	    {16, offsetof(struct manage_register, software), "blank"}};
	struct manage_register r;
	uint8_t in[512], out[512];
	size_t i, n;
	bool ok;
	int c;

	for (i = 0; i < LEN(rows); i++) {
		for (c = 0; c < 256; c++) {
			n = bytes_of(register_vector, in, sizeof(in));
			in[rows[i].at] = (uint8_t)c;
			ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			     c == '-' || c == '_' || c == '.';
			if (*rows[i].more != '\0')
				ok = c > ' ' && c < 127;
			if (*rows[i].more == 'b')
				ok = ok || c == ' ';
			CHECK((manage_register_decode(in, n, &r) > 0) == ok,
			    "row %zu: byte %d", i, c);
			r = reg;
			((char *)&r)[rows[i].field] = (char)c;
			/* A NUL only makes it shorter. */
			CHECK(c == 0 || (manage_register_encode(
					     &r, out, sizeof(out)) > 0) == ok,
			    "row %zu: byte %d out", i, c);
		}
	}
}

static void
is_of_this_version(void)
{
	struct manage_register r;
	uint8_t in[512];
	size_t n = bytes_of(register_vector, in, sizeof(in));

	in[0] = 0;
	CHECK_INT(manage_register_decode(in, n, &r), WIRE_BAD);
	in[0] = 2;
	CHECK_INT(manage_register_decode(in, n, &r), WIRE_BAD);
}

static void
answers_what_can_be_answered(void)
{
	static const struct {
		struct manage_answer a;
		bool nack, ok;
	} rows[] = {
	    {{.of = SEALED_REPORT, .sequence = 1}, false, true},
	    {{.of = SEALED_REPORT, .sequence = 1}, true, true},
	    {{.of = ENVELOPE_ROOT, .what = {1, 1}}, false, true},
	    {{.of = ENVELOPE_RANK, .what = {1, 1}}, true, true},
	    {{.of = 0, .sequence = 1}, false, false},
	    {{.of = 4}, false, false},
	    {{.of = 15}, true, false},
	    {{.of = SEALED_ACK}, false, false},
	    {{.of = SEALED_NACK}, true, false},
	    {{.of = 255}, false, false},
	    {{.of = SEALED_REPORT, .what = {1, 0}}, false, false},
	    {{.of = SEALED_REPORT, .what = {0, 1}}, false, false},
	    {{.of = ENVELOPE_RANK, .sequence = 1}, false, false},
	    {{.of = SEALED_REPORT, .interval_ms = 1}, false, false},
	    {{.of = ENVELOPE_RANK, .interval_ms = 1}, false, false},
	    {{.of = SEALED_REGISTER, .interval_ms = 1}, false, true},
	    {{.of = SEALED_REGISTER, .interval_ms = 1}, true, false},
	    {{.of = SEALED_REPORT, .code = "two words"}, true, false},
	    {{.of = SEALED_REPORT, .code = "Case"}, true, false},
	    {{.of = SEALED_REPORT, .code = "quota", .text = "a\nb"}, true,
		false},
	};
	uint8_t out[512];
	size_t i;

	for (i = 0; i < LEN(rows); i++) {
		CHECK((manage_answer_encode(&rows[i].a, rows[i].nack, out,
			   sizeof(out)) > 0) == rows[i].ok,
		    "row %zu", i);
	}
}

/* The same by the bytes that a peer would send. */
static void
takes_no_such_answer(void)
{
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {{0, 0}, {0, 4}, {0, 15}, {0, 18}, {0, 19}, {0, 255}, {1, 1},
	    {12, 1}, {0, ENVELOPE_RANK}, {0, SEALED_REPORT}};
	struct manage_answer a;
	uint8_t in[512];
	size_t n, i;

	for (i = 0; i < LEN(rows); i++) {
		n = bytes_of(ack_vector, in, sizeof(in));
		in[rows[i].at] = rows[i].value;
		CHECK(manage_answer_decode(in, n, false, &a) == WIRE_BAD,
		    "row %zu", i);
	}
}

static void
says_text_that_people_can_read(void)
{
	static const struct {
		const char *text, *set; /* NULL: as it is */
	} rows[] = {
	    {"", NULL},
	    {"it's \"5\" < 6 \\ ~", NULL},
	    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbd", NULL},
	    {"a\tb", "a?b"},
	    {"a\nb\r", "a?b?"},
	    {"\x1b[31m", "?[31m"},
	    {"\x7f", "?"},
	    {"\xc2\x80", "??"},
	    {"\xc2\x9f", "??"},
	    {"\x80", "?"},
	    {"\xc3", "?"},
	    {"\xc3(", "?("},
	    {"\xc0\x80", "??"},
	    {"\xc1\xbf", "??"},
	    {"\xe0\x9f\xbf", "???"},
	    {"\xe2\x82", "??"},
	    {"\xed\xa0\x80", "???"},
	    {"\xef\xbb\xbf", "???"},
	    {"\xf0\x8f\xbf\xbf", "????"},
	    {"\xf4\x90\x80\x80", "????"},
	    {"\xf5\x80\x80\x80", "????"},
	    {"\xe2\x80\xae", "???"}, /* writes backwards from here */
	    {"\xe2\x80\xa8", "???"}, /* a line's end */
	    {"\xff", "?"},
	};
	struct manage_answer a = nack;
	uint8_t out[512];
	size_t i;

	for (i = 0; i < LEN(rows); i++) {
		memset(a.text, 0, sizeof(a.text));
		memcpy(a.text, rows[i].text, strlen(rows[i].text));
		CHECK((manage_answer_encode(&a, true, out, sizeof(out)) > 0) ==
			  (rows[i].set == NULL),
		    "row %zu", i);
		manage_text_set(a.text, rows[i].text);
		CHECK_STR(
		    a.text, rows[i].set != NULL ? rows[i].set : rows[i].text);
		CHECK(manage_answer_encode(&a, true, out, sizeof(out)) > 0,
		    "row %zu set", i);
	}
}

static void
cuts_text_between_characters(void)
{
	char text[300], got[MANAGE_TEXT_MAX + 1];

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	manage_text_set(got, text);
	CHECK_INT(strlen(got), MANAGE_TEXT_MAX);
	memcpy(text + 253, "\xe2\x82\xac", 3);
	manage_text_set(got, text);
	CHECK_INT(strlen(got), 253);
	memcpy(text + 252, "\xe2\x82\xac", 4);
	manage_text_set(got, text);
	CHECK_INT(strlen(got), 255);
}

static void
refuses_hostile_reports(void)
{
	static const struct {
		const char *why;
		size_t at;
		uint8_t value;
	} rows[] = {{"a reason that is not", 8, MANAGE_LAST + 1},
	    {"one row less", 34, 1}, {"one row more", 34, 3},
	    {"over a thousand rows", 33, 5}, {"a name of nothing", 35, 0},
	    {"a name too long", 35, 64}, {"a name beyond the end", 35, 255},
	    {"a control character", 36, '\n'}, {"NUL", 36, 0},
	    {"not a letter", 36, '\''}, {"an umlaut", 36, 0xe4},
	    {"a state that is not", 37, 6},
	    {"more successes than attempts", 59, 101},
	    {"negative successes", 52, 0x80},
	    {"more charged than attempts", 67, 101},
	    {"fewer attempts than successes", 51, 89},
	    {"one bucket less", 84, 1}, {"one bucket more", 84, 3},
	    {"too many buckets", 84, 83}, {"a bucket of none", 89, 0},
	    {"a bucket too high", 90, 82}, {"a bucket twice", 90, 0},
	    {"rows not rising", 97, 'a'}, {"rows falling", 36, 'c'}};
	uint8_t in[512];
	size_t n, i;

	for (i = 0; i < LEN(rows); i++) {
		n = bytes_of(report_vector, in, sizeof(in));
		CHECK(in[rows[i].at] != rows[i].value, "%s: is", rows[i].why);
		in[rows[i].at] = rows[i].value;
		CHECK(!manage_report_ok(in, n), "%s", rows[i].why);
	}
	n = bytes_of(report_vector, in, sizeof(in));
	in[85] = 81, in[90] = 0; /* falling buckets */
	CHECK(!manage_report_ok(in, n), "buckets falling");
}

static void
makes_no_hostile_reports(void)
{
	struct manage_report r = head;
	struct manage_row row[2];
	uint8_t out[512];

	r.rows_n = MANAGE_ROWS_MAX;
	CHECK(manage_report_encode(&r, out, sizeof(out)) > 0, "most rows");
	r.rows_n = MANAGE_ROWS_MAX + 1;
	CHECK(manage_report_encode(&r, out, sizeof(out)) < 0, "rows");
	r = head, r.why = (enum manage_why)3;
	CHECK(manage_report_encode(&r, out, sizeof(out)) < 0, "why");
	rows_make(row);
	row[1].observed = 6;
	CHECK(manage_row_encode(&row[1], out, sizeof(out)) < 0, "observed");
	row[0].successes = 101;
	CHECK(manage_row_encode(&row[0], out, sizeof(out)) < 0, "successes");
	row[0].successes = 100;
	CHECK(manage_row_encode(&row[0], out, sizeof(out)) > 0, "all well");
	row[0].charged = 101;
	CHECK(manage_row_encode(&row[0], out, sizeof(out)) < 0, "charged");
	row[0].charged = 0, row[0].name[0] = 'A';
	CHECK(manage_row_encode(&row[0], out, sizeof(out)) < 0, "name");
}

/* The largest there can be goes into one sealed message. */
static void
fits_when_largest(void)
{
	static const char digit[] = "0123456789abcdef";
	uint8_t *out = malloc(SEALED_BODY_MAX);
	struct manage_report r = head;
	struct manage_row row;
	size_t used, i;
	int n;

	r.rows_n = MANAGE_ROWS_MAX;
	n = manage_report_encode(&r, out, SEALED_BODY_MAX);
	memset(&row, 0xff, sizeof(row));
	memset(row.name, 'x', MANAGE_NAME_MAX);
	row.name[MANAGE_NAME_MAX] = '\0';
	row.observed = 5;
	for (used = 0, i = 0; n > 0 && i < MANAGE_ROWS_MAX; i++) {
		used += (size_t)n;
		row.name[0] = digit[i >> 8 & 15];
		row.name[1] = digit[i >> 4 & 15];
		row.name[2] = digit[i & 15];
		n = manage_row_encode(&row, out + used, SEALED_BODY_MAX - used);
	}
	CHECK(n > 0, "row %zu", i);
	used += n > 0 ? (size_t)n : 0;
	CHECK(manage_report_ok(out, used), "%zu bytes", used);
	CHECK(!manage_report_ok(out, used - 1), "one less");
	free(out);
}

static const struct unit_case cases[] = {
    {"has a layout", has_a_layout},
    {"goes there and back", goes_there_and_back},
    {"takes no other length", takes_no_other_length},
    {"encodes into what there is", encodes_into_what_there_is},
    {"holds to lengths", holds_to_lengths},
    {"holds to alphabets", holds_to_alphabets},
    {"is of this version", is_of_this_version},
    {"answers what can be answered", answers_what_can_be_answered},
    {"takes no such answer", takes_no_such_answer},
    {"says text that people can read", says_text_that_people_can_read},
    {"cuts text between characters", cuts_text_between_characters},
    {"refuses hostile reports", refuses_hostile_reports},
    {"makes no hostile reports", makes_no_hostile_reports},
    {"fits when largest", fits_when_largest},
};

UNIT_MAIN("manage", cases)
