/* Owns the form of a record of decisions around its content, and what its
 * contents have in common.  Reads and writes no file. */
#include "cagentd/decide/decision.h"

#include <errno.h>
#include <string.h>

#include "cagentd/decide/decision_impl.h"

#define HEAD_LEN 12
#define SUM_LEN	 4
/* Where the length stands in the head. */
#define LEN_AT 8

/* FNV-1a: against accidents, not against anybody. */
static uint32_t
checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 2166136261u;
	size_t i;

	for (i = 0; i < len; i++)
		sum = (uint32_t)((sum ^ p[i]) * UINT64_C(16777619));
	return sum;
}

void
decision_put_name(struct cursor_out *c, const char *name)
{
	size_t len = strnlen(name, TABLE_NAME_MAX + 1);

	cursor_expect(c, len <= TABLE_NAME_MAX);
	cursor_put_u8(c, (uint8_t)len);
	cursor_put(c, name, len);
}

void
decision_get_name(struct cursor_in *c, char out[TABLE_NAME_MAX + 1])
{
	size_t len = cursor_get_u8(c);

	memset(out, 0, TABLE_NAME_MAX + 1);
	cursor_require(c, len <= TABLE_NAME_MAX);
	cursor_get(c, out, len);
	cursor_require(c, memchr(out, '\0', len) == NULL);
}

uint32_t
decision_get_count(struct cursor_in *c, uint32_t max)
{
	uint32_t n = cursor_get_u16(c);

	cursor_require(c, n <= max);
	return n <= max ? n : 0;
}

void
decision_begin(struct cursor_out *c, uint8_t *buf, enum decision_kind kind,
    uint32_t worker)
{
	cursor_out_init(c, buf, DECISION_RECORD_MAX - SUM_LEN);
	cursor_put_u32(c, DECISION_MAGIC);
	cursor_put_u8(c, DECISION_VERSION);
	cursor_put_u8(c, (uint8_t)kind);
	cursor_put_u16(c, (uint16_t)worker);
	cursor_put_u32(c, 0);
	cursor_expect(c, worker < DECISION_WORKERS_MAX);
}

size_t
decision_end(const struct cursor_out *c, uint8_t *buf)
{
	int n = cursor_out_result(c);
	struct cursor_out at;

	if (n < 0)
		return 0;
	cursor_out_init(&at, buf + LEN_AT, 4);
	cursor_put_u32(&at, (uint32_t)n - HEAD_LEN);
	cursor_out_init(&at, buf + n, SUM_LEN);
	cursor_put_u32(&at, checksum(buf, (size_t)n));
	return (size_t)n + SUM_LEN;
}

int
decision_record_decode(
    const uint8_t *in, size_t len, struct decision_record *out)
{
	struct cursor_in c;
	uint32_t magic, sum;
	uint8_t version;

	cursor_in_init(&c, in, len);
	magic = cursor_get_u32(&c);
	cursor_require(&c, magic == DECISION_MAGIC);
	version = cursor_get_u8(&c);
	cursor_require(&c, version == DECISION_VERSION);
	out->kind = (enum decision_kind)cursor_get_u8(&c);
	cursor_require(
	    &c, out->kind == DECISION_TABLE || out->kind == DECISION_PICK);
	out->worker = cursor_get_u16(&c);
	cursor_require(&c, out->worker < DECISION_WORKERS_MAX);
	out->len = cursor_get_u32(&c);
	cursor_require(
	    &c, out->len <= DECISION_RECORD_MAX - HEAD_LEN - SUM_LEN);
	out->content = cursor_take(&c, out->len);
	sum = cursor_get_u32(&c);
	if (cursor_in_result(&c) > 0)
		cursor_require(&c, sum == checksum(in, HEAD_LEN + out->len));
	return cursor_in_result(&c);
}

int
decision_whole(const struct cursor_in *c)
{
	return cursor_in_result(c) >= 0 && c->state == CURSOR_OK && c->left == 0
		   ? 0
		   : -EPROTO;
}
