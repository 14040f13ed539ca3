/* Owns sums over tunnels; knows neither where these come from nor a view. */
#include "cagent-ctl/top/top_sums.h"

#include <errno.h>
#include <stdlib.h>

#include "cagent-ctl/field.h"

int64_t
top_number(const json_t *o, const char *name)
{
	int64_t n = field_number(o, name);

	if (n < 0)
		return 0;
	return n < TOP_NUMBER_MAX ? n : TOP_NUMBER_MAX;
}

int64_t
top_plus(int64_t a, int64_t b)
{
	return a < TOP_NUMBER_MAX - b ? a + b : TOP_NUMBER_MAX;
}

void
top_set(json_t *o, const char *key, int64_t n)
{
	json_object_set_new(o, key, json_integer(n));
}

int
top_sums_init(struct top_sums *s, size_t max)
{
	s->places = json_object();
	s->all = calloc(max + 1, sizeof(*s->all));
	return s->places != NULL && s->all != NULL ? 0 : -ENOMEM;
}

void
top_sums_fini(struct top_sums *s)
{
	json_decref(s->places);
	free(s->all);
}

size_t
top_sums_at(struct top_sums *s, const char *name)
{
	const json_t *place = json_object_get(s->places, name);

	if (place != NULL)
		return (size_t)json_integer_value(place);
	s->all[s->n].name = name;
	json_object_set_new(s->places, name, json_integer((json_int_t)s->n));
	return s->n++;
}

const struct top_sum *
top_sums_find(const struct top_sums *s, const char *name)
{
	const json_t *place = json_object_get(s->places, name);

	return place != NULL ? &s->all[json_integer_value(place)] : NULL;
}

void
top_sum_add(struct top_sum *s, const json_t *row)
{
	s->tunnels++;
	s->up = top_plus(s->up, top_number(row, "bytes_up"));
	s->down = top_plus(s->down, top_number(row, "bytes_down"));
	if (!json_is_integer(json_object_get(row, "rate_up")))
		return;
	s->rated = true;
	s->rate_up = top_plus(s->rate_up, top_number(row, "rate_up"));
	s->rate_down = top_plus(s->rate_down, top_number(row, "rate_down"));
}

void
top_sum_rates(json_t *row, const struct top_sum *s)
{
	if (s->rated) {
		top_set(row, "rate_up", s->rate_up);
		top_set(row, "rate_down", s->rate_down);
	} else {
		json_object_set_new(row, "rate_up", json_null());
		json_object_set_new(row, "rate_down", json_null());
	}
}
