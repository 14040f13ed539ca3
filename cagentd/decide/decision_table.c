/* Owns what a record of decisions keeps of a table: what a choice looks at. */
#include <string.h>

#include "cagentd/decide/decision_impl.h"

static void
put_row(struct cursor_out *c, const struct table_row *row)
{
	cursor_put_u32(c, row->slot);
	cursor_put_u32(c, row->incarnation);
	decision_put_name(c, row->name);
	cursor_put_u8(c, row->type);
	cursor_put_u8(c, row->admin);
	cursor_put_u8(c, row->observed);
	cursor_put_u16(c, row->tier_conf);
	cursor_put_u16(c, row->tier_policy);
	cursor_put_u16(c, row->tier_pinned);
	cursor_put_u16(c, row->tier);
	cursor_put_u32(c, row->weight);
	cursor_put_u32(c, row->connections_max);
	cursor_put_u32(c, row->trials);
	cursor_put_u32(c, row->in_flight);
	cursor_put_u32(c, row->handshake_p50_us);
}

static void
get_row(struct cursor_in *c, struct table_row *row)
{
	row->slot = cursor_get_u32(c);
	row->incarnation = cursor_get_u32(c);
	decision_get_name(c, row->name);
	row->type = cursor_get_u8(c);
	row->admin = cursor_get_u8(c);
	row->observed = cursor_get_u8(c);
	row->tier_conf = cursor_get_u16(c);
	row->tier_policy = cursor_get_u16(c);
	row->tier_pinned = cursor_get_u16(c);
	row->tier = cursor_get_u16(c);
	row->weight = cursor_get_u32(c);
	row->connections_max = cursor_get_u32(c);
	row->trials = cursor_get_u32(c);
	row->in_flight = cursor_get_u32(c);
	row->handshake_p50_us = cursor_get_u32(c);
	cursor_require(c,
	    row->slot < TABLE_ROWS_MAX && row->type <= TABLE_HTTPS &&
		row->admin <= TABLE_DRAIN && row->observed <= TABLE_SLOW_START);
}

size_t
decision_table_encode(uint32_t worker, const struct table *t, uint8_t *buf)
{
	struct cursor_out c;
	uint32_t i;

	decision_begin(&c, buf, DECISION_TABLE, worker);
	cursor_put_u64(&c, t->generation);
	cursor_put_u16(&c, (uint16_t)t->tiers_n);
	for (i = 0; i < t->tiers_n; i++) {
		cursor_put_u16(&c, t->tiers[i].rank);
		cursor_put_u32(&c, t->tiers[i].reserved_for);
	}
	cursor_put_u16(&c, (uint16_t)t->rows_n);
	for (i = 0; i < t->rows_n; i++)
		put_row(&c, &t->rows[i]);
	return decision_end(&c, buf);
}

int
decision_table_decode(const struct decision_record *r, struct table *out)
{
	struct cursor_in c;
	uint32_t i;

	memset(out, 0, sizeof(*out));
	cursor_in_init(&c, r->content, r->len);
	cursor_require(&c, r->kind == DECISION_TABLE);
	out->generation = cursor_get_u64(&c);
	out->tiers_n = decision_get_count(&c, TABLE_TIERS_MAX);
	for (i = 0; i < out->tiers_n; i++) {
		out->tiers[i].rank = cursor_get_u16(&c);
		out->tiers[i].reserved_for = cursor_get_u32(&c);
	}
	out->rows_n = decision_get_count(&c, TABLE_ROWS_MAX);
	for (i = 0; i < out->rows_n; i++)
		get_row(&c, &out->rows[i]);
	return decision_whole(&c);
}
