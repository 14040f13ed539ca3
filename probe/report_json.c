/* Owns how results are written for programs; measures and judges nothing. */
#include <err.h>

#include <jansson.h>

#include "base/mono.h"
#include "probe/report.h"

#define SCHEMA 1

/* jansson fails for want of memory only: all our text is ASCII. */
static json_t *
given(json_t *j)
{
	if (j == NULL)
		errx(OPTS_FAILED, "out of memory");
	return j;
}

static void
set(json_t *obj, const char *name, json_t *value)
{
	if (json_object_set_new(obj, name, given(value)) != 0)
		errx(OPTS_FAILED, "out of memory");
}

static json_t *
span(int64_t us)
{
	return us < 0 ? json_null() : json_integer(us);
}

static json_t *
probe_json(const struct probe_result *r, const struct series *s)
{
	json_t *obj = given(json_object());
	char text[VERDICT_TEXT_MAX];

	set(obj, "ok", json_boolean(r->reason == REASON_OK));
	set(obj, "connect_us", span(r->connect_us));
	set(obj, "handshake_us", span(r->handshake_us));
	set(obj, "first_byte_us", span(r->first_us));
	set(obj, "total_us", span(r->total_us));
	if (r->phase == PROBE_MEASURING) {
		set(obj, "rate_bytes", json_integer(r->rate_bytes));
		set(obj, "rate_us", json_integer(r->rate_us));
	}
	if (r->status != 0)
		set(obj, "status", json_integer(r->status));
	if (r->code >= 0)
		set(obj, "code", json_integer(r->code));
	if (r->reason == REASON_OK)
		return obj;
	set(obj, "reason", json_string(wire_reason_word(r->reason)));
	set(obj, "phase", json_string(probe_phase_word(r->phase)));
	set(obj, "closed", json_boolean(r->closed));
	set(obj, "text",
	    json_string(verdict_failure(r, &s->via, s->query.kind, text)));
	return obj;
}

static json_t *
probes_json(const struct series *s)
{
	json_t *list = given(json_array());
	uint32_t i;

	for (i = 0; i < s->n; i++) {
		if (json_array_append_new(
			list, probe_json(&s->results[i], s)) != 0)
			errx(OPTS_FAILED, "out of memory");
	}
	return list;
}

static json_t *
series_json(const struct report *r, uint32_t i)
{
	const struct series *s = &r->set->all[i];
	const struct verdict_sum *sum = &r->sums[i];
	json_t *obj = given(json_object());
	char text[URL_TARGET_STRLEN], url[URL_HOP_STRLEN];

	set(obj, "intermediary", json_string(url_hop_format(s->hop, url)));
	set(obj, "target",
	    s->query.kind == QUERY_ALIVE
		? json_null()
		: json_string(url_target_format(&s->query, text)));
	set(obj, "sent", json_integer(sum->n));
	set(obj, "succeeded", json_integer(sum->ok_n));
	set(obj, "verdict", json_string(verdict_word(sum->verdict)));
	set(obj, "text", json_string(report_text(r, i, text)));
	set(obj, "connect_us", span(sum->connect_us));
	set(obj, "handshake_us", span(sum->handshake_us));
	set(obj, "first_byte_us", span(sum->first_us));
	set(obj, "total_us", span(sum->total_us));
	set(obj, "min_us", span(sum->min_us));
	set(obj, "max_us", span(sum->max_us));
	set(obj, "p95_us", span(sum->p95_us));
	set(obj, "bytes_per_s", span(sum->rate));
	set(obj, "probes", probes_json(s));
	return obj;
}

void
report_json(const struct report *r)
{
	const struct opts *o = r->set->opts;
	json_t *doc = given(json_object()), *list = given(json_array());
	uint32_t i;

	for (i = 0; i < r->set->all_n; i++) {
		if (json_array_append_new(list, series_json(r, i)) != 0)
			errx(OPTS_FAILED, "out of memory");
	}
	set(doc, "schema", json_integer(SCHEMA));
	set(doc, "ok", json_boolean(report_exit(r) == OPTS_OK));
	set(doc, "now_us", json_integer(mono_wall_us()));
	set(doc, "results", list);
	json_dumpf(doc, o->out, r->width > 0 ? JSON_INDENT(2) : JSON_COMPACT);
	fputc('\n', o->out);
	json_decref(doc);
}
