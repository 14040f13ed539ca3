/* Decides what a tunnel is by its bytes' number, way and time; knows no class
 * and no clock. */
#include "cagentd/decide/behave.h"

#define DOWN 0
#define UP   1
#define MOST (1u << 31)

/* Means up to which words are short, to begin with that and to stay. */
#define SHORT_UP    (10 * 8) /* 1 KiB */
#define SHORT_DOWN  (12 * 8) /* 4 KiB */
#define SHORT_STAYS 8	     /* twice as long */

static uint32_t
add(uint32_t n, size_t len)
{
	return len < MOST - n ? n + (uint32_t)len : MOST;
}

static void
count(uint8_t *n)
{
	if (*n < UINT8_MAX)
		++*n;
}

/* Of n > 0, in eighths. */
static uint8_t
log2_of(uint32_t n)
{
	unsigned int whole = 31u - (unsigned int)__builtin_clz(n);
	unsigned int eighths =
	    whole >= 3 ? n >> (whole - 3) & 7 : n << (3 - whole) & 7;

	return (uint8_t)(whole * 8 + eighths);
}

/* The word is over: it counts by its logarithm, so that one that is long does
 * not outweigh ten that are short. */
static void
end_word(struct behave *b)
{
	uint8_t *mean = &b->mean[b->up ? UP : DOWN];
	uint8_t size;

	if (b->word == 0)
		return;
	size = log2_of(b->word);
	*mean = (uint8_t)(*mean == 0 ? size : (*mean * 3 + size + 2) / 4);
	count(&b->words);
	b->word = 0;
	b->counted = false;
}

static void
say(struct behave *b, bool up, size_t len)
{
	uint32_t *said = &b->said[up ? UP : DOWN];

	b->up = up;
	b->word = add(b->word, len);
	b->flood = add(b->flood, len);
	*said = add(*said, len);
	if (*said == MOST) {
		b->said[UP] /= 2;
		b->said[DOWN] /= 2;
	}
	if (up && !b->counted && b->word > BEHAVE_NOD) {
		b->counted = true;
		count(&b->asks);
		count(&b->calm);
	}
}

/* Whose run it is changes when the other says more than a nod. */
static void
run_on(struct behave *b, size_t len)
{
	if (b->up == b->run_up) {
		b->run = add(b->run, len);
	} else if (b->word > BEHAVE_NOD) {
		b->run_up = b->up;
		b->run = b->word;
	}
}

static uint32_t
run_needed(const struct behave *b)
{
	unsigned int more =
	    b->asks > BEHAVE_RUN_ASKS ? b->asks - BEHAVE_RUN_ASKS : 0;

	return more < 8 ? BEHAVE_RUN_LEN << more : BEHAVE_RUN_MAX;
}

/* BEHAVE_AT_FIRST: no sign of it. */
static enum behave_why
bulk_why(const struct behave *b)
{
	if (b->flood >= BEHAVE_FLOOD_LEN)
		return BEHAVE_FLOOD;
	if (b->said[UP] >= BEHAVE_UPLOAD_LEN &&
	    b->said[UP] / 8 >= b->said[DOWN])
		return BEHAVE_UPLOAD;
	if (b->run >= run_needed(b))
		return BEHAVE_RUN;
	return BEHAVE_AT_FIRST;
}

static bool
short_words(const struct behave *b)
{
	int more = b->kind == BEHAVE_INTERACTIVE ? SHORT_STAYS : 0;

	return b->word <= BEHAVE_WORD_MAX && b->mean[UP] <= SHORT_UP + more &&
	       b->mean[DOWN] <= SHORT_DOWN + more;
}

static enum behave_kind
judge(struct behave *b, enum behave_why *why)
{
	*why = bulk_why(b);
	if (*why != BEHAVE_AT_FIRST) {
		b->calm = 0;
		return BEHAVE_BULK;
	}
	*why = (enum behave_why)b->why;
	if (b->kind == BEHAVE_BULK && b->calm < BEHAVE_CALM)
		return BEHAVE_BULK;
	if (b->words < BEHAVE_WORDS_MIN && b->word <= BEHAVE_WORD_MAX)
		return (enum behave_kind)b->kind;
	*why = short_words(b) ? BEHAVE_WORDS : BEHAVE_ASKS;
	return short_words(b) ? BEHAVE_INTERACTIVE : BEHAVE_NORMAL;
}

void
behave_start(struct behave *b, enum behave_kind kind, int64_t now_us)
{
	*b = (struct behave){.kind = (uint8_t)kind,
	    .why = BEHAVE_AT_FIRST,
	    .last_ms = (uint32_t)(now_us / 1000)};
	b->changed_ms = b->last_ms - BEHAVE_DWELL_MS;
}

/* What was long ago counts ever less. */
static void
forget(struct behave *b)
{
	b->flood = 0;
	b->said[UP] /= 2;
	b->said[DOWN] /= 2;
}

bool
behave_saw(struct behave *b, bool up, size_t len, int64_t now_us)
{
	uint32_t now_ms = (uint32_t)(now_us / 1000);
	bool paused = now_ms - b->last_ms >= BEHAVE_PAUSE_MS;
	enum behave_kind kind;
	enum behave_why why;

	b->last_ms = now_ms;
	if (paused)
		forget(b);
	if (paused || up != b->up)
		end_word(b);
	say(b, up, len);
	run_on(b, len);
	kind = judge(b, &why);
	if (kind < b->kind && now_ms - b->changed_ms < BEHAVE_DWELL_MS)
		return false;
	b->why = (uint8_t)why;
	if (kind == b->kind)
		return false;
	b->kind = (uint8_t)kind;
	b->changed_ms = now_ms;
	return true;
}

bool
behave_knows(const struct behave *b)
{
	return b->why != BEHAVE_AT_FIRST;
}

const char *
behave_kind_text(enum behave_kind kind)
{
	static const char *const texts[BEHAVE_KINDS] = {
	    "interactive", "normal", "bulk"};

	return kind < BEHAVE_KINDS ? texts[kind] : "?";
}

const char *
behave_why_text(enum behave_why why)
{
	static const char *const texts[BEHAVE_WHYS] = {
	    [BEHAVE_AT_FIRST] = "as it began",
	    [BEHAVE_WORDS] = "short words both ways",
	    [BEHAVE_ASKS] = "requests and answers",
	    [BEHAVE_RUN] = "one side goes on and on",
	    [BEHAVE_UPLOAD] = "an upload",
	    [BEHAVE_FLOOD] = "megabytes without a pause"};

	return why < BEHAVE_WHYS ? texts[why] : "?";
}
