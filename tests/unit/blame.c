/* What each failure says, and of whom, as a full table. */
#include "cagentd/decide/blame.h"

#include "tests/unit/unit.h"

/* weight: of two failures the one with more is told. */
static const struct {
	enum blame blame;
	bool answered, definite;
	int weight;
} rows[REASON_COUNT] = {
    [REASON_OK] = {BLAME_NOBODY, false, false, 0},
    [REASON_REFUSED] = {BLAME_IF_CORROBORATED, true, true, 9},
    [REASON_HOST_UNREACHABLE] = {BLAME_IF_CORROBORATED, true, true, 8},
    [REASON_NET_UNREACHABLE] = {BLAME_IF_CORROBORATED, true, true, 8},
    [REASON_TIMEOUT] = {BLAME_IF_CORROBORATED, true, true, 7},
    [REASON_NAME_UNKNOWN] = {BLAME_NOBODY, true, true, 9},
    [REASON_NAME_FAILED] = {BLAME_NOBODY, true, false, 6},
    [REASON_HOP_REFUSED] = {BLAME_HOP, false, false, 2},
    [REASON_HOP_UNREACHABLE] = {BLAME_IF_CORROBORATED, false, false, 2},
    [REASON_HOP_TIMEOUT] = {BLAME_HOP, false, false, 2},
    [REASON_HOP_CLOSED] = {BLAME_HOP, false, false, 2},
    [REASON_HOP_BAD] = {BLAME_HOP, false, false, 2},
    [REASON_HOP_AUTH] = {BLAME_HOP, false, false, 2},
    [REASON_HOP_TLS] = {BLAME_HOP, false, false, 2},
    [REASON_HOP_CERT] = {BLAME_HOP, false, false, 2},
    [REASON_HOP_UNSUPPORTED] = {BLAME_NOBODY, false, false, 2},
    [REASON_HOP_DENIED] = {BLAME_NOBODY, true, false, 6},
    [REASON_HOP_FAILED] = {BLAME_IF_CORROBORATED, true, false, 5},
    [REASON_HOP_SILENT] = {BLAME_IF_CORROBORATED, false, false, 4},
    [REASON_HOP_HUNG_UP] = {BLAME_IF_CORROBORATED, false, false, 3},
    [REASON_HOP_MUTE] = {BLAME_IF_CORROBORATED, false, false, 3},
    [REASON_DENIED] = {BLAME_NOBODY, false, false, 1},
    [REASON_NO_PATH] = {BLAME_NOBODY, false, false, 1},
    [REASON_OVERLOAD] = {BLAME_NOBODY, false, false, 2},
    [REASON_UNSUPPORTED] = {BLAME_NOBODY, false, false, 1},
    [REASON_BAD_REQUEST] = {BLAME_NOBODY, false, false, 1},
    [REASON_CANCELLED] = {BLAME_NOBODY, false, false, 0},
    [REASON_LIMITED] = {BLAME_NOBODY, false, false, 1},
    [REASON_FULL] = {BLAME_NOBODY, false, false, 2},
};

static void
blames(void)
{
	enum wire_reason r;

	for (r = REASON_OK; r < REASON_COUNT; r++) {
		CHECK(blame_of(r) == rows[r].blame, "%s: %d",
		    wire_reason_word(r), (int)blame_of(r));
		CHECK(blame_answered(r) == rows[r].answered, "%s: answered",
		    wire_reason_word(r));
		CHECK(blame_definite(r) == rows[r].definite, "%s: definite",
		    wire_reason_word(r));
	}
}

static void
tells_the_truest(void)
{
	enum wire_reason a, b, want;

	for (a = REASON_OK; a < REASON_COUNT; a++) {
		for (b = REASON_OK; b < REASON_COUNT; b++) {
			want = rows[b].weight > rows[a].weight ? b : a;
			CHECK(blame_truest(a, b) == want, "%s and %s: %s",
			    wire_reason_word(a), wire_reason_word(b),
			    wire_reason_word(blame_truest(a, b)));
		}
	}
}

static const struct unit_case cases[] = {
    {"blames", blames},
    {"tells the truest", tells_the_truest},
};

UNIT_MAIN("blame", cases)
