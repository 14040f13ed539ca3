/* Asking an intermediary to relay datagrams. */
#include "wire/hop.h"

#include <string.h>

#include "tests/unit/unit.h"

struct row {
	const char *name;
	const char *reply;
	size_t len;
	enum wire_reason reason;
	const char *bound;
};

#define B(s) (s), sizeof(s) - 1

static const struct row rows[] = {
    {"v4", B("\5\0\0\1\300\0\2\1\20\1"), REASON_OK, "192.0.2.1:4097"},
    {"zero address", B("\5\0\0\1\0\0\0\0\20\1"), REASON_OK, "0.0.0.0:4097"},
    {"v6", B("\5\0\0\4\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1\20\1"), REASON_OK,
	"[2001:db8::1]:4097"},
    {"name", B("\5\0\0\3\5relay\20\1"), REASON_OK, "relay:4097"},
    {"name of length 0", B("\5\0\0\3\0\20\1"), REASON_OK, "-"},
    {"name that is none", B("\5\0\0\3\3a b\20\1"), REASON_OK, "-"},
    {"port 0", B("\5\0\0\1\300\0\2\1\0\0"), REASON_HOP_BAD, NULL},
    {"failure", B("\5\1\0\1\0\0\0\0\0\0"), REASON_HOP_FAILED, NULL},
    {"not allowed", B("\5\2\0\1\0\0\0\0\0\0"), REASON_HOP_DENIED, NULL},
    {"no such command", B("\5\7\0\1\0\0\0\0\0\0"), REASON_HOP_UNSUPPORTED,
	NULL},
    {"REP 9", B("\5\11\0\1\0\0\0\0\0\0"), REASON_HOP_BAD, NULL},
    {"REP 255", B("\5\377\0\1\0\0\0\0\0\0"), REASON_HOP_BAD, NULL},
    {"ATYP 2", B("\5\0\0\2"), REASON_HOP_BAD, NULL},
    {"version 4", B("\4\0\0\1\300\0\2\1\20\1"), REASON_HOP_BAD, NULL},
};

/* The reply in two pieces, cut at. */
static void
run(const struct row *row, size_t cut)
{
	const uint8_t *in = (const uint8_t *)row->reply;
	char text[WIRE_HOST_STRLEN];
	enum hop_step step;
	struct hop h;
	size_t used;

	CHECK_INT(hop_start_associate(&h, HOP_SOCKS5, NULL, NULL), HOP_SEND);
	CHECK(h.out_len == 3 && memcmp(h.out, "\5\1\0", 3) == 0, "greeting");
	CHECK_INT(hop_feed(&h, (const uint8_t *)"\5\0", 2, &used), HOP_SEND);
	CHECK(h.out_len == 10 && memcmp(h.out, "\5\3\0\1\0\0\0\0\0\0", 10) == 0,
	    "request");
	step = hop_feed(&h, in, cut, &used);
	if (step == HOP_MORE) {
		CHECK_INT(used, 0);
		step = hop_feed(&h, in, row->len, &used);
	}
	CHECK(h.reason == row->reason, "%s, cut at %zu: %s", row->name, cut,
	    wire_reason_word(h.reason));
	CHECK_INT(step, row->reason == REASON_OK ? HOP_DONE : HOP_FAIL);
	if (row->bound != NULL)
		CHECK_STR(wire_host_format(&h.bound, text), row->bound);
}

static void
replies(void)
{
	size_t i, cut;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (cut = 0; cut <= rows[i].len; cut++)
			run(&rows[i], cut);
	}
}

static void
only_socks5_can(void)
{
	static const enum hop_type others[] = {HOP_SOCKS4A, HOP_HTTP};
	struct hop h;
	size_t i;

	CHECK(hop_associates(HOP_SOCKS5), "SOCKS5");
	for (i = 0; i < 2; i++) {
		CHECK(!hop_associates(others[i]), "%zu", i);
		CHECK_INT(
		    hop_start_associate(&h, others[i], NULL, NULL), HOP_FAIL);
		CHECK_INT(h.reason, REASON_HOP_UNSUPPORTED);
	}
}

static void
logs_in(void)
{
	struct hop h;
	size_t used;

	hop_start_associate(&h, HOP_SOCKS5, "fred", "secret");
	hop_feed(&h, (const uint8_t *)"\5\2", 2, &used);
	CHECK(h.out_len == 13 && memcmp(h.out, "\1\4fred\6secret", 13) == 0,
	    "login");
	CHECK_INT(hop_feed(&h, (const uint8_t *)"\1\0", 2, &used), HOP_SEND);
	CHECK(h.out_len == 10 && h.out[1] == 3, "request");
	CHECK_INT(hop_closed(&h), REASON_HOP_HUNG_UP);
	CHECK_INT(hop_timeout(&h), REASON_HOP_SILENT);
}

static const struct unit_case cases[] = {
    {"replies", replies},
    {"only socks5 can", only_socks5_can},
    {"logs in", logs_in},
};

UNIT_MAIN("hop_associate", cases)
