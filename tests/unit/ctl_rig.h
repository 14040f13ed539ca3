#ifndef TESTS_UNIT_CTL_RIG_H
#define TESTS_UNIT_CTL_RIG_H

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/buf.h"
#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"
#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

/*
 * A control process's knowledge, made by hand: settings from a text, a real
 * table in a directory of its own, two real slabs that can be written.
 */
#define RIG_WORKERS 2

static struct control rig_control;
static struct slab *rig_slabs[RIG_WORKERS];
static char rig_dir[64];
static int rig_table_fd;

#define RIG_HEAD                        \
	"[agent]\n"                     \
	"workers = 2\n"                 \
	"control-user = 65534:65534\n"  \
	"worker-user = 65534:65534\n"   \
	"resolver-user = 65534:65534\n" \
	"verifier-user = 65534:65534\n"

static inline int
rig_ok(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what,
		    strerror(result == -1 ? errno : -result));
		abort();
	}
	return result;
}

static inline const char *
rig_path(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", rig_dir, name);
	return path;
}

static inline struct settings *
rig_settings(const char *text)
{
	struct conf_errors errors = {0};
	struct settings *s = NULL;

	if (sample_parse(text, &s, &errors) != 0) {
		fprintf(stderr, "settings: %s\n", errors.text);
		abort();
	}
	s->serial = 1;
	return s;
}

static inline void
rig_open(const char *text)
{
	struct control *c = &rig_control;
	int i, fd, ro;

	memset(c, 0, sizeof(*c));
	snprintf(rig_dir, sizeof(rig_dir), "/tmp/cagent-unit-XXXXXX");
	if (mkdtemp(rig_dir) == NULL || chmod(rig_dir, 0755) == -1) {
		perror(rig_dir);
		abort();
	}
	c->settings = rig_settings(text);
	c->started_us = 1700000000000000;
	rig_table_fd = rig_ok(table_create(rig_path("tiers"), 0640), "table");
	ranking_init(&c->ranking, rig_table_fd, &c->events);
	for (i = 0; i < RIG_WORKERS; i++) {
		fd = rig_ok(slab_create((uint32_t)i,
				(const uint8_t[USAGE_KEY_LEN]){0}, &ro),
		    "slab");
		rig_ok(slab_map(fd, true, &rig_slabs[i]), "slab_map");
		rig_ok(ranking_slab(&c->ranking, (uint32_t)i, ro), "slab");
		close(fd);
	}
	ranking_settings(&c->ranking, c->settings);
	ranking_publish(&c->ranking);
}

static inline void
rig_close(void)
{
	int i;

	ranking_free(&rig_control.ranking);
	settings_unref(rig_control.settings);
	for (i = 0; i < RIG_WORKERS; i++)
		slab_unmap(rig_slabs[i]);
	close(rig_table_fd);
	unlink(rig_path("tiers"));
	rmdir(rig_dir);
}

static inline struct table_row *
rig_row(const char *name)
{
	struct table *t = rig_control.ranking.table;
	uint32_t i;

	for (i = 0; i < t->rows_n; i++) {
		if (strcmp(t->rows[i].name, name) == 0)
			return &t->rows[i];
	}
	fprintf(stderr, "no row %s\n", name);
	abort();
}

/* A worker's part of a row, to be counted in. */
static inline struct slab_row *
rig_counts(int worker, const char *name)
{
	const struct table_row *row = rig_row(name);

	return slab_row(rig_slabs[worker], row->slot, row->incarnation);
}

/* An object a line; NULL with a failed check when one is none. */
static inline json_t *
rig_parse(const char *data, size_t len)
{
	json_t *one, *lines = json_array();
	const char *end = data + len, *nl;
	json_error_t error;

	for (; data < end; data = nl + 1) {
		nl = memchr(data, '\n', (size_t)(end - data));
		if (nl == NULL) {
			CHECK(0, "an answer without a last newline");
			break;
		}
		one = json_loadb(
		    data, (size_t)(nl - data), JSON_REJECT_DUPLICATES, &error);
		CHECK(json_is_object(one), "no object: %.*s", (int)(nl - data),
		    data);
		json_array_append_new(lines, one);
	}
	return lines;
}

/* What the answer to a line is, without any socket. */
static inline json_t *
rig_answer(const char *line, bool may_change)
{
	struct ctl_query q = {
	    .control = &rig_control, .uid = 7, .may_change = may_change};
	json_t *lines;

	ctl_answer(&q, line, strlen(line));
	CHECK(q.out != NULL, "%s: no answer", line);
	if (q.out == NULL)
		abort();
	lines = rig_parse((const char *)buf_bytes(q.out), q.out->len);
	buf_free(q.out);
	return lines;
}

/* The first object, checked for its head; kept until the lines go. */
static inline json_t *
rig_first(json_t *lines, bool ok)
{
	json_t *o = json_array_get(lines, 0);

	CHECK_INT(json_integer_value(json_object_get(o, "schema")), 1);
	CHECK(json_is_boolean(json_object_get(o, "ok")) &&
		  json_is_true(json_object_get(o, "ok")) == ok,
	    "ok is not %d: %s", ok,
	    json_string_value(json_object_get(o, "error")));
	return o;
}

static inline const char *
rig_str(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static inline long long
rig_int(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	CHECK(json_is_integer(v), "%s is no integer", key);
	return json_integer_value(v);
}

/* Ask, and compare one error. */
static inline void
rig_refused(const char *line, bool may_change, const char *code)
{
	json_t *lines = rig_answer(line, may_change);
	json_t *o = rig_first(lines, false);

	CHECK(
	    rig_str(o, "code") != NULL && strcmp(rig_str(o, "code"), code) == 0,
	    "%s: code %s, not %s", line, rig_str(o, "code"), code);
	CHECK(rig_str(o, "error") != NULL, "%s: no error text", line);
	CHECK_INT(json_array_size(lines), 1);
	json_decref(lines);
}

#endif
