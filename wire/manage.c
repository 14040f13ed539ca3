/* The layout of what agents and their managers say to each other; knows
 * neither keys nor connections. */
#include "wire/manage.h"

#include <string.h>

#include "wire/cursor.h"
#include "wire/envelope.h"
#include "wire/sealed.h"

#define OBSERVED_MAX 5

/* What a str may hold. */
enum alphabet {
	NAME,  /* as base/conf.h names sections, at least one */
	WORD,  /* lower case, digits, '-' */
	TOKEN, /* printable ASCII without blanks */
	ASCII, /* printable */
	TEXT   /* printable UTF-8 */
};

static bool
is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_' || c == '.';
}

static bool
is_in(enum alphabet a, char c)
{
	switch (a) {
	case NAME:
		return is_name_byte(c);
	case WORD:
		return is_name_byte(c) && c != '_' && c != '.';
	case TOKEN:
		return c > ' ' && c <= '~';
	case ASCII:
	case TEXT:
		return c >= ' ' && c <= '~';
	}
	return false;
}

/* The bytes of the UTF-8 character at s that people can see, or 0.  What
 * follows the text is a NUL, which is part of none. */
static size_t
visible(const char *s)
{
	const uint8_t *u = (const uint8_t *)s;
	uint32_t c;
	size_t n, i;

	if (u[0] < 0x80)
		return is_in(TEXT, s[0]);
	n = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : 2;
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	c = u[0] & (0xffu >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	/* The shortest form; no surrogates, nothing beyond Unicode, no control
	 * characters (C1), none that turn the direction of what follows. */
	if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff) || c < 0xa0 || c == 0x2028 ||
	    c == 0x2029 || (c >= 0x202a && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069) || c == 0xfeff)
		return 0;
	return n;
}

static bool
is_made_of(enum alphabet a, const char *s)
{
	size_t n;

	if (a == NAME && *s == '\0')
		return false;
	for (; *s != '\0'; s += n) {
		n = a == TEXT ? visible(s) : is_in(a, *s);
		if (n == 0)
			return false;
	}
	return true;
}

bool
manage_name_ok(const char *s)
{
	return is_made_of(NAME, s) && strlen(s) <= MANAGE_NAME_MAX;
}

void
manage_text_set(char out[MANAGE_TEXT_MAX + 1], const char *text)
{
	size_t n, used = 0;

	for (; *text != '\0'; text += n > 0 ? n : 1) {
		n = visible(text);
		if (used + (n > 0 ? n : 1) > MANAGE_TEXT_MAX)
			break;
		if (n > 0)
			memcpy(out + used, text, n);
		else
			out[used] = '?';
		used += n > 0 ? n : 1;
	}
	out[used] = '\0';
}

/* out holds max + 1 bytes. */
static void
get_str(struct cursor_in *c, enum alphabet a, char *out, size_t max)
{
	size_t n = cursor_get_u8(c);
	const uint8_t *p;

	cursor_require(c, n <= max);
	p = cursor_take(c, n);
	out[0] = '\0';
	if (p == NULL)
		return;
	if (n > 0)
		memcpy(out, p, n);
	out[n] = '\0';
	cursor_require(c, strlen(out) == n && is_made_of(a, out));
}

static void
put_str(struct cursor_out *c, enum alphabet a, const char *s, size_t max)
{
	size_t n = strnlen(s, max + 1);

	cursor_expect(c, n <= max && is_made_of(a, s));
	cursor_put_u8(c, (uint8_t)n);
	cursor_put(c, s, n);
}

static void
get_mark(struct cursor_in *c, struct manage_mark *m)
{
	m->epoch = cursor_get_u32(c);
	m->serial = cursor_get_u64(c);
}

static void
put_mark(struct cursor_out *c, const struct manage_mark *m)
{
	cursor_put_u32(c, m->epoch);
	cursor_put_u64(c, m->serial);
}

/* Of a body: all of it, or it is bad. */
static int
whole(const struct cursor_in *c)
{
	return c->left == 0 && cursor_in_result(c) > 0 ? (int)c->used
						       : WIRE_BAD;
}

/* Of a piece: it is there, or it is bad, as a body comes whole. */
static int
piece(const struct cursor_in *c)
{
	return cursor_in_result(c) > 0 ? (int)c->used : WIRE_BAD;
}

int
manage_register_encode(
    const struct manage_register *r, uint8_t *out, size_t cap)
{
	struct cursor_out c;

	cursor_out_init(&c, out, cap);
	cursor_put_u8(&c, MANAGE_VERSION);
	put_str(&c, NAME, r->name, MANAGE_NAME_MAX);
	put_str(&c, NAME, r->group, MANAGE_NAME_MAX);
	put_str(&c, TOKEN, r->token, MANAGE_TOKEN_MAX);
	put_str(&c, ASCII, r->software, MANAGE_CODE_MAX);
	cursor_put_u32(&c, r->root_epoch);
	put_mark(&c, &r->policy);
	put_mark(&c, &r->rank);
	return cursor_out_result(&c);
}

int
manage_register_decode(const uint8_t *in, size_t len, struct manage_register *r)
{
	struct cursor_in c;

	memset(r, 0, sizeof(*r));
	cursor_in_init(&c, in, len);
	cursor_require(&c, cursor_get_u8(&c) == MANAGE_VERSION);
	get_str(&c, NAME, r->name, MANAGE_NAME_MAX);
	get_str(&c, NAME, r->group, MANAGE_NAME_MAX);
	get_str(&c, TOKEN, r->token, MANAGE_TOKEN_MAX);
	get_str(&c, ASCII, r->software, MANAGE_CODE_MAX);
	r->root_epoch = cursor_get_u32(&c);
	get_mark(&c, &r->policy);
	get_mark(&c, &r->rank);
	return whole(&c);
}

static bool
is_zero(const struct manage_mark *m)
{
	return m->epoch == 0 && m->serial == 0;
}

/* The rules of manage.h about what goes with which type. */
static bool
answers_something(const struct manage_answer *a, bool nack)
{
	if (a->interval_ms != 0 && (nack || a->of != SEALED_REGISTER))
		return false;
	if (a->of == SEALED_REGISTER || a->of == SEALED_REPORT)
		return is_zero(&a->what);
	return a->of >= ENVELOPE_ROOT && a->of <= ENVELOPE_RANK &&
	       a->sequence == 0;
}

int
manage_answer_encode(
    const struct manage_answer *a, bool nack, uint8_t *out, size_t cap)
{
	struct cursor_out c;

	cursor_out_init(&c, out, cap);
	cursor_expect(&c, answers_something(a, nack));
	cursor_put_u8(&c, a->of);
	put_mark(&c, &a->what);
	cursor_put_u64(&c, a->sequence);
	cursor_put_u32(&c, a->interval_ms);
	if (nack) {
		cursor_put_u64(&c, a->sequence_floor);
		put_str(&c, WORD, a->code, MANAGE_CODE_MAX);
		put_str(&c, TEXT, a->text, MANAGE_TEXT_MAX);
	}
	return cursor_out_result(&c);
}

int
manage_answer_decode(
    const uint8_t *in, size_t len, bool nack, struct manage_answer *a)
{
	struct cursor_in c;

	memset(a, 0, sizeof(*a));
	cursor_in_init(&c, in, len);
	a->of = cursor_get_u8(&c);
	get_mark(&c, &a->what);
	a->sequence = cursor_get_u64(&c);
	a->interval_ms = cursor_get_u32(&c);
	if (nack) {
		a->sequence_floor = cursor_get_u64(&c);
		get_str(&c, WORD, a->code, MANAGE_CODE_MAX);
		get_str(&c, TEXT, a->text, MANAGE_TEXT_MAX);
	}
	cursor_require(&c, answers_something(a, nack));
	return whole(&c);
}

int
manage_report_encode(const struct manage_report *r, uint8_t *out, size_t cap)
{
	struct cursor_out c;

	cursor_out_init(&c, out, cap);
	cursor_expect(
	    &c, r->why <= MANAGE_LAST && r->rows_n <= MANAGE_ROWS_MAX);
	cursor_put_u64(&c, r->instance);
	cursor_put_u8(&c, (uint8_t)r->why);
	cursor_put_u64(&c, r->served);
	cursor_put_u64(&c, r->direct);
	cursor_put_u64(&c, r->refused);
	cursor_put_u16(&c, r->rows_n);
	return cursor_out_result(&c);
}

int
manage_report_decode(const uint8_t *in, size_t len, struct manage_report *r)
{
	struct cursor_in c;
	uint8_t why;

	memset(r, 0, sizeof(*r));
	cursor_in_init(&c, in, len);
	r->instance = cursor_get_u64(&c);
	why = cursor_get_u8(&c);
	cursor_require(&c, why <= MANAGE_LAST);
	r->why = (enum manage_why)why;
	r->served = cursor_get_u64(&c);
	r->direct = cursor_get_u64(&c);
	r->refused = cursor_get_u64(&c);
	r->rows_n = cursor_get_u16(&c);
	cursor_require(&c, r->rows_n <= MANAGE_ROWS_MAX);
	return piece(&c);
}

static void
put_hist(struct cursor_out *c, const struct manage_hist *h)
{
	uint8_t n = 0, i;

	for (i = 0; i < MANAGE_BUCKETS; i++) {
		if (h->count[i] != 0)
			n++;
	}
	cursor_put_u8(c, n);
	for (i = 0; i < MANAGE_BUCKETS; i++) {
		if (h->count[i] == 0)
			continue;
		cursor_put_u8(c, i);
		cursor_put_u32(c, h->count[i]);
	}
}

static void
get_hist(struct cursor_in *c, struct manage_hist *h)
{
	uint8_t n = cursor_get_u8(c), i, bucket;
	uint32_t count;
	int last = -1;

	cursor_require(c, n <= MANAGE_BUCKETS);
	for (i = 0; i < n && c->state == CURSOR_OK; i++) {
		bucket = cursor_get_u8(c);
		count = cursor_get_u32(c);
		cursor_require(
		    c, bucket < MANAGE_BUCKETS && bucket > last && count != 0);
		if (c->state != CURSOR_OK)
			return;
		h->count[bucket] = count;
		last = bucket;
	}
}

static bool
is_row_possible(const struct manage_row *r)
{
	return r->observed <= OBSERVED_MAX && r->successes <= r->attempts &&
	       r->charged <= r->attempts;
}

int
manage_row_encode(const struct manage_row *r, uint8_t *out, size_t cap)
{
	struct cursor_out c;

	cursor_out_init(&c, out, cap);
	cursor_expect(&c, is_row_possible(r));
	put_str(&c, NAME, r->name, MANAGE_NAME_MAX);
	cursor_put_u8(&c, r->observed);
	cursor_put_u16(&c, r->tier);
	cursor_put_u32(&c, r->in_flight);
	cursor_put_u64(&c, r->attempts);
	cursor_put_u64(&c, r->successes);
	cursor_put_u64(&c, r->charged);
	cursor_put_u64(&c, r->bytes_up);
	cursor_put_u64(&c, r->bytes_down);
	put_hist(&c, &r->handshake);
	put_hist(&c, &r->first_byte);
	return cursor_out_result(&c);
}

int
manage_row_decode(const uint8_t *in, size_t len, struct manage_row *r)
{
	struct cursor_in c;

	memset(r, 0, sizeof(*r));
	cursor_in_init(&c, in, len);
	get_str(&c, NAME, r->name, MANAGE_NAME_MAX);
	r->observed = cursor_get_u8(&c);
	r->tier = cursor_get_u16(&c);
	r->in_flight = cursor_get_u32(&c);
	r->attempts = cursor_get_u64(&c);
	r->successes = cursor_get_u64(&c);
	r->charged = cursor_get_u64(&c);
	r->bytes_up = cursor_get_u64(&c);
	r->bytes_down = cursor_get_u64(&c);
	cursor_require(&c, is_row_possible(r));
	get_hist(&c, &r->handshake);
	get_hist(&c, &r->first_byte);
	return piece(&c);
}

bool
manage_report_ok(const uint8_t *in, size_t len)
{
	char before[MANAGE_NAME_MAX + 1] = "";
	struct manage_report head;
	struct manage_row row;
	int n = manage_report_decode(in, len, &head);
	uint16_t i;

	for (i = 0; n > 0 && i < head.rows_n; i++) {
		in += n;
		len -= (size_t)n;
		n = manage_row_decode(in, len, &row);
		if (n > 0 && strcmp(row.name, before) <= 0)
			return false;
		memcpy(before, row.name, sizeof(before));
	}
	return n > 0 && len == (size_t)n;
}
