/* A SOCKS5 handshake that is said all at once, and one in two halves. */
#include "wire/hop.h"

#include <string.h>

#include "tests/unit/unit.h"

#define REQUEST "\5\1\0\3\13www.example\1\273"
#define REPLY	"\5\0\0\1\300\0\2\1\20\1"
#define B(s)	(s), sizeof(s) - 1

static const struct wire_host destination = {.kind = WIRE_HOST_NAME,
    .port = 443,
    .name = "www.example"};

struct row {
	const char *name;
	const char *user;
	const char *in;
	size_t len;
	enum hop_step step;
	enum wire_reason reason; /* of HOP_MORE: were it to close now */
	int code;
	size_t left; /* what is the tunnel's */
	bool refused;
};

static const struct row rows[] = {
    {"granted", NULL, B("\5\0" REPLY), HOP_DONE, REASON_OK, 0, 0, false},
    {"and payload", NULL, B("\5\0" REPLY "hello"), HOP_DONE, REASON_OK, 0, 5,
	false},
    {"login", "fred", B("\5\2\1\0" REPLY "x"), HOP_DONE, REASON_OK, 0, 1,
	false},
    {"refused port", NULL, B("\5\0\5\5\0\1\0\0\0\0\0\0"), HOP_FAIL,
	REASON_REFUSED, 5, 0, false},
    {"login wrong", "fred", B("\5\2\1\1"), HOP_FAIL, REASON_HOP_AUTH, -1, 0,
	false},
    {"no method", NULL, B("\5\377"), HOP_FAIL, REASON_HOP_AUTH, -1, 0, true},
    {"no login wanted", "fred", B("\5\0" REPLY), HOP_FAIL, REASON_HOP_BAD, -1,
	10, true},
    {"a login wanted", NULL, B("\5\2"), HOP_FAIL, REASON_HOP_BAD, -1, 0, true},
    {"another version", NULL, B("\4\0"), HOP_FAIL, REASON_HOP_BAD, -1, 2,
	false},
    {"rubbish for a reply", NULL, B("\5\0HTTP/1.1 400\r\n"), HOP_FAIL,
	REASON_HOP_BAD, -1, 14, false},
    {"nothing", NULL, "", 0, HOP_MORE, REASON_HOP_CLOSED, -1, 0, false},
    {"a choice", NULL, B("\5\0"), HOP_MORE, REASON_HOP_HUNG_UP, -1, 0, false},
    {"a login's answer", "fred", B("\5\2\1\0"), HOP_MORE, REASON_HOP_HUNG_UP,
	-1, 0, false},
    {"half a reply", NULL, B("\5\0\5\0\0\1"), HOP_MORE, REASON_HOP_HUNG_UP, -1,
	4, false},
};

/* In pieces that end before cut and, bytewise, everywhere; what was not used
 * is fed again, as an owner does. */
static void
run(const struct row *row, size_t cut, bool bytewise)
{
	const uint8_t *in = (const uint8_t *)row->in;
	size_t used, at = 0, end = bytewise ? 1 : cut;
	enum hop_step step;
	struct hop h;

	CHECK_INT(
	    hop_start_eager(&h, &destination, row->user, "secret"), HOP_SEND);
	for (;;) {
		step = hop_feed(&h, in + at, end - at, &used);
		at += used;
		if (step != HOP_MORE || end == row->len)
			break;
		end = bytewise ? end + 1 : row->len;
	}
	CHECK(step == row->step, "%s, cut at %zu: step %d", row->name, cut,
	    (int)step);
	CHECK_INT(h.code, row->code);
	CHECK_INT(h.refused, row->refused);
	if (step == HOP_MORE) {
		CHECK(hop_closed(&h) == row->reason, "%s, cut at %zu: %s",
		    row->name, cut, wire_reason_word(hop_closed(&h)));
	} else {
		CHECK(h.reason == row->reason, "%s, cut at %zu: %s", row->name,
		    cut, wire_reason_word(h.reason));
		CHECK_INT(h.state, HOP_END);
	}
	if (step != HOP_FAIL)
		CHECK(row->len - at == row->left, "%s, cut at %zu: %zu left",
		    row->name, cut, row->len - at);
	CHECK(h.out_len == 0 && memmem(h.out, sizeof(h.out), B("secret")) == 0,
	    "%s: a login is left", row->name);
}

static void
takes_the_answers_at_any_cut(void)
{
	size_t i, cut;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (cut = 0; cut <= rows[i].len; cut++)
			run(&rows[i], cut, false);
		if (rows[i].len > 0)
			run(&rows[i], 0, true);
	}
}

static void
says_all_at_once(void)
{
	static const char plain[] = "\5\1\0" REQUEST;
	static const char login[] = "\5\1\2\1\4fred\6secret" REQUEST;
	struct hop h;

	CHECK_INT(hop_start_eager(&h, &destination, NULL, "unused"), HOP_SEND);
	CHECK(h.out_len == sizeof(plain) - 1 &&
		  memcmp(h.out, plain, h.out_len) == 0,
	    "without a login: %zu bytes", h.out_len);
	CHECK_INT(
	    hop_start_eager(&h, &destination, "fred", "secret"), HOP_SEND);
	CHECK(h.out_len == sizeof(login) - 1 &&
		  memcmp(h.out, login, h.out_len) == 0,
	    "with a login: %zu bytes", h.out_len);
}

static void
knows_its_limits(void)
{
	struct wire_host host = {.kind = WIRE_HOST_NAME, .port = 65535};
	char longest[257];
	struct hop h;

	memset(longest, 'x', sizeof(longest));
	longest[255] = '\0';
	memset(host.name, 'a', WIRE_NAME_MAX);
	CHECK_INT(hop_start_eager(&h, &host, longest, longest), HOP_SEND);
	CHECK_INT(h.out_len, 3 + 513 + 7 + WIRE_NAME_MAX);
	longest[255] = 'x';
	longest[256] = '\0';
	CHECK_INT(hop_start_eager(&h, &host, longest, ""), HOP_FAIL);
	CHECK_STR(wire_reason_word(h.reason), "hop-auth");
	CHECK_INT(hop_start_eager(&h, &host, "", longest), HOP_FAIL);
	host.port = 0;
	CHECK_INT(hop_start_eager(&h, &host, NULL, NULL), HOP_FAIL);
	CHECK_STR(wire_reason_word(h.reason), "hop-unsupported");
}

static void
greets_and_asks_later(void)
{
	struct hop h;
	size_t used;

	CHECK_INT(hop_start_greeting(&h, "fred", "secret"), HOP_SEND);
	CHECK(h.out_len == 4 && memcmp(h.out, "\5\2\0\2", 4) == 0, "greeting");
	CHECK_INT(hop_feed(&h, (const uint8_t *)"\5\2", 2, &used), HOP_SEND);
	CHECK_INT(hop_feed(&h, (const uint8_t *)"\1\0", 2, &used), HOP_DONE);
	CHECK(h.out_len == 0 && h.logged_in, "and no more");

	CHECK_INT(hop_start_greeting(&h, NULL, NULL), HOP_SEND);
	CHECK_INT(hop_feed(&h, (const uint8_t *)"\5\0", 2, &used), HOP_DONE);
	CHECK_INT(used, 2);
	CHECK_INT(hop_start_greeting(&h, NULL, NULL), HOP_SEND);
	CHECK_INT(hop_feed(&h, (const uint8_t *)"\5\0x", 3, &used), HOP_FAIL);

	CHECK_INT(hop_start_request(&h, &destination), HOP_SEND);
	CHECK(h.out_len == sizeof(REQUEST) - 1 &&
		  memcmp(h.out, REQUEST, h.out_len) == 0,
	    "request");
	CHECK_STR(wire_reason_word(hop_closed(&h)), "hop-hung-up");
	CHECK_INT(
	    hop_feed(&h, (const uint8_t *)REPLY "hi", 12, &used), HOP_DONE);
	CHECK_INT(used, 10);
}

static const struct unit_case cases[] = {
    {"says all at once", says_all_at_once},
    {"takes the answers at any cut", takes_the_answers_at_any_cut},
    {"knows its limits", knows_its_limits},
    {"greets and asks later", greets_and_asks_later},
};

UNIT_MAIN("hop_eager", cases)
