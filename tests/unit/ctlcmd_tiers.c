/* The table in a run directory: as JSON, as text, and when it is wrong. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/mono.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/peek.h"
#include "cagent-ctl/row.h"
#include "cagent-ctl/tiers.h"
#include "cagent-ctl/verb.h"
#include "conf/settings.h"
#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"
#include "wire/wire.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static struct table in; /* too large for a stack */

/* A run directory with a table, and where a command's words go. */
struct bench {
	char dir[64], path[80];
	struct call call;
	char *out, *err;
	size_t out_len, err_len;
};

static void
words_open(struct bench *b)
{
	b->call.out = open_memstream(&b->out, &b->out_len);
	b->call.err = open_memstream(&b->err, &b->err_len);
	if (b->call.out == NULL || b->call.err == NULL)
		exit(1);
}

static void
words_close(struct bench *b)
{
	fclose(b->call.out);
	fclose(b->call.err);
}

static void
words_free(struct bench *b)
{
	free(b->out);
	free(b->err);
}

static void
bench_init(struct bench *b)
{
	const char *tmp = getenv("TMPDIR");

	memset(b, 0, sizeof(*b));
	snprintf(b->dir, sizeof(b->dir), "%s/ctlcmd.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(b->dir) == NULL)
		exit(1);
	snprintf(b->path, sizeof(b->path), "%s/tiers", b->dir);
	b->call.run_dir = b->dir;
	b->call.verb = verb_find("tiers");
	memset(&in, 0, sizeof(in));
}

static void
bench_fini(struct bench *b)
{
	unlink(b->path);
	rmdir(b->dir);
}

static struct table_row *
add_row(const char *name, uint16_t tier, enum table_observed observed)
{
	struct table_row *row = &in.rows[in.rows_n++];

	snprintf(row->name, sizeof(row->name), "%s", name);
	snprintf(row->host, sizeof(row->host), "192.0.2.1");
	row->port = 1080;
	row->tier = tier;
	row->tier_conf = 1;
	row->observed = (uint8_t)observed;
	row->weight = 10;
	return row;
}

static void
publish(struct bench *b)
{
	struct table_writer *w;
	int fd = table_create(b->path, 0640);

	if (fd < 0 || table_writer_open(&w, fd) != 0)
		exit(1);
	table_publish(w, &in);
	table_writer_close(w);
	close(fd);
}

/* tiers_run() into words; the JSON of it, or NULL. */
static json_t *
run(struct bench *b, bool json, int want)
{
	json_t *doc = NULL;
	int status;

	b->call.json = json;
	words_open(b);
	status = tiers_run(&b->call);
	words_close(b);
	CHECK(status == want, "status %d, not %d: %s", status, want, b->err);
	if (json) {
		doc = json_loads(b->out, JSON_REJECT_DUPLICATES, NULL);
		CHECK(doc != NULL, "not JSON: %s", b->out);
		words_free(b);
	}
	return doc;
}

static bool
described(const struct field *f, const char *name)
{
	size_t len = strlen(name);

	for (; f->name != NULL; f++) {
		if (strcmp(f->name, name) == 0 ||
		    (strncmp(f->name, name, len) == 0 && f->name[len] == '.'))
			return f->what != NULL && *f->what != '\0';
	}
	return false;
}

static void
check_described(const struct field *f, const json_t *obj)
{
	json_t *o = (json_t *)(uintptr_t)obj;
	void *it;

	for (it = json_object_iter(o); it != NULL;
	     it = json_object_iter_next(o, it))
		CHECK(described(f, json_object_iter_key(it)),
		    "%s is not explained", json_object_iter_key(it));
}

/* One of each state, in an order that is not that of the tiers. */
static void
fill(void)
{
	struct table_row *row;

	in.tiers_n = 2;
	in.tiers[0].rank = 1;
	in.tiers[1].rank = 2;
	snprintf(in.tiers[1].name, sizeof(in.tiers[1].name), "gold");
	in.tiers[1].reserved_for = 1u << CLASS_CRITICAL | 1u << CLASS_BULK;
	in.control_pid = 77;
	add_row("second", 2, TABLE_UP);
	add_row("gone", 0, TABLE_EJECTED);
	row = add_row("first", 1, TABLE_SLOW_START);
	row->attempts = 10;
	row->successes = 9;
	row->charged = 1;
	row->bytes_up = 1ull << 40;
	row->handshake_p50_us = 1500;
	row->handshake_p95_us = 25000;
	row->connect_p50_us = 700;
	row->last_failure_us = 5;
	row->last_failure = REASON_HOP_CLOSED;
	row->checked_us = 6;
	row->check_reason = REASON_OK;
	snprintf(row->host, sizeof(row->host), "2001:db8::1");
	row = add_row("new", 1, TABLE_UNKNOWN);
	row->admin = TABLE_DRAIN;
	row->tier_pinned = 1;
}

static void
json_shape(void)
{
	static const char *const order[] = {"first", "new", "second", "gone"};
	const json_t *rows, *row, *v;
	struct bench b;
	json_t *doc;
	size_t i;

	bench_init(&b);
	fill();
	publish(&b);
	doc = run(&b, true, VERB_NOT_RUNNING);
	CHECK_INT(field_number(doc, "schema"), 1);
	CHECK(field_true(doc, "ok"), "it is an answer");
	CHECK_INT(field_number(doc, "control_pid"), 77);
	CHECK_INT(field_number(doc, "generation"), 1);
	check_described(tiers_fields[1]->fields, doc);
	rows = json_object_get(doc, "rows");
	CHECK_INT(json_array_size(rows), 4);
	for (i = 0; i < N(order); i++)
		CHECK_STR(
		    field_string(json_array_get(rows, i), "name"), order[i]);
	row = json_array_get(rows, 0);
	check_described(row_fields, row);
	CHECK_STR(field_string(row, "address"), "[2001:db8::1]:1080");
	CHECK_STR(field_string(row, "observed"), "slow-start");
	CHECK_STR(field_string(row, "last_failure"), "hop-closed");
	CHECK_STR(field_string(row, "check"), "ok");
	CHECK_INT(field_number(row, "checked_us"), 6);
	CHECK_INT(field_number(row, "bytes_up"), 1ll << 40);
	CHECK_INT(field_number(row, "handshake.p95_us"), 25000);
	row = json_array_get(rows, 1);
	CHECK_STR(field_string(row, "observed"), "unknown");
	CHECK_STR(field_string(row, "last_failure"), "");
	CHECK_STR(field_string(row, "check"), "");
	CHECK_STR(field_string(json_array_get(rows, 2), "tier_name"), "gold");
	v = json_array_get(json_object_get(doc, "tiers"), 1);
	CHECK_INT(json_array_size(json_object_get(v, "reserved_for")), 2);
	json_decref(doc);
	bench_fini(&b);
}

static void
text(void)
{
	static const char *const said[] = {"TIER", "REASON", "2 gold",
	    "not used yet", "drain, pinned to 1", "90.0%", "25ms", "1.0T",
	    "Tier 2 is reserved for: critical, bulk."};
	struct bench b;
	size_t i;

	bench_init(&b);
	fill();
	publish(&b);
	run(&b, false, VERB_NOT_RUNNING);
	for (i = 0; i < N(said); i++)
		CHECK(strstr(b.out, said[i]) != NULL, "no \"%s\" in:\n%s",
		    said[i], b.out);
	CHECK(strstr(b.out, "unknown") == NULL, "unknown reads like down");
	CHECK(strchr(b.out, '\033') == NULL, "colours were not asked for");
	CHECK(
	    strstr(b.err, "cagentd is not running; it left this table") != NULL,
	    "said: %s", b.err);
	words_free(&b);
	b.call.colour = true;
	run(&b, false, VERB_NOT_RUNNING);
	CHECK(strchr(b.out, '\033') != NULL, "no colours");
	words_free(&b);
	bench_fini(&b);
}

/* What a damaged or hostile table could carry neither steers a terminal nor
 * breaks the JSON. */
static void
hostile(void)
{
	struct table_row *row;
	struct bench b;
	json_t *doc;

	bench_init(&b);
	row = add_row("e\033[2Jvil", 1, TABLE_UP);
	memset(row->host, 0xff, TABLE_HOST_MAX);
	snprintf(row->reason, sizeof(row->reason), "\xc3(\r\n\x9b");
	row->observed = 200;
	row->admin = 200;
	row->type = 200;
	row->tier = UINT16_MAX;
	row->attempts = row->bytes_up = UINT64_MAX;
	row->successes = row->charged = INT64_MAX;
	row->reconsider_us = INT64_MIN;
	row->since_us = INT64_MIN;
	row->last_ok_us = INT64_MAX;
	row->last_failure_us = 1;
	row->last_failure = UINT32_MAX;
	publish(&b);
	doc = run(&b, true, VERB_NOT_RUNNING);
	CHECK_INT(json_array_size(json_object_get(doc, "rows")), 1);
	json_decref(doc);
	run(&b, false, VERB_NOT_RUNNING);
	CHECK(strchr(b.out, '\033') == NULL && strchr(b.out, '\r') == NULL,
	    "it steers: %s", b.out);
	words_free(&b);
	bench_fini(&b);
}

static void
full(void)
{
	char name[16];
	struct bench b;
	json_t *doc;
	int i;

	bench_init(&b);
	for (i = 0; i < TABLE_ROWS_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		add_row(name, (uint16_t)(1 + i % 3), TABLE_UP);
	}
	publish(&b);
	doc = run(&b, true, VERB_NOT_RUNNING);
	CHECK_INT(
	    json_array_size(json_object_get(doc, "rows")), TABLE_ROWS_MAX);
	json_decref(doc);
	bench_fini(&b);
}

static void
nothing_usable(void)
{
	struct table_row *row;
	struct bench b;
	json_t *doc;

	bench_init(&b);
	publish(&b);
	doc = run(&b, true, VERB_NOT_RUNNING);
	CHECK_INT(json_array_size(json_object_get(doc, "degraded")), 1);
	json_decref(doc);
	add_row("a", 0, TABLE_EJECTED);
	row = add_row("b", 1, TABLE_UP);
	row->admin = TABLE_DRAIN;
	publish(&b);
	doc = run(&b, true, VERB_NOT_RUNNING);
	CHECK_STR(json_string_value(
		      json_array_get(json_object_get(doc, "degraded"), 0)),
	    "no usable intermediary");
	json_decref(doc);
	row->admin = TABLE_ENABLED;
	in.uplink_us = 5;
	publish(&b);
	in.uplink_us = 0;
	doc = run(&b, true, VERB_NOT_RUNNING);
	CHECK_INT(json_integer_value(json_object_get(doc, "uplink_us")), 5);
	CHECK_STR(json_string_value(
		      json_array_get(json_object_get(doc, "degraded"), 0)),
	    "no intermediary answers: our own uplink is suspected, ranks are "
	    "held");
	json_decref(doc);
	bench_fini(&b);
}

static void
no_table(void)
{
	struct bench b;
	json_t *doc;
	int fd;

	bench_init(&b);
	doc = run(&b, true, VERB_NOT_RUNNING);
	CHECK_STR(field_string(doc, "code"), "not-running");
	json_decref(doc);
	fd = table_create(b.path, 0640);
	close(fd);
	doc = run(&b, true, VERB_DEGRADED);
	CHECK_STR(field_string(doc, "code"), "empty");
	json_decref(doc);
	if (truncate(b.path, 100) == -1)
		exit(1);
	doc = run(&b, true, VERB_FAILED);
	CHECK_STR(field_string(doc, "code"), "layout");
	json_decref(doc);
	unlink(b.path);
	/* A fifo must not be waited on, a link not be followed. */
	if (mkfifo(b.path, 0600) == -1)
		exit(1);
	json_decref(run(&b, true, VERB_FAILED));
	unlink(b.path);
	if (symlink("/etc/passwd", b.path) == -1)
		exit(1);
	json_decref(run(&b, true, VERB_FAILED));
	bench_fini(&b);
}

/* Bits of the table are classes of the daemon's settings. */
static void
class_words(void)
{
	char word[ROW_CLASS_LEN];
	struct conf_errors e;
	struct settings *s;
	unsigned int bit;
	int error = sample_parse("", &s, &e);

	CHECK_INT(error, 0);
	for (bit = 0; bit < CLASS_BUILT_IN; bit++)
		CHECK_STR(
		    row_class_word(bit, word), settings_class_name(s, bit));
	CHECK_STR(row_class_word(CLASS_BUILT_IN, word), "class 4");
	CHECK_STR(row_class_word(31, word), "class 31");
	settings_unref(s);
}

static const struct unit_case cases[] = {
    {"shape of the JSON", json_shape},
    {"text", text},
    {"hostile contents", hostile},
    {"a full table", full},
    {"nothing usable", nothing_usable},
    {"no table, or none of ours", no_table},
    {"words of classes", class_words},
};

UNIT_MAIN("ctlcmd_tiers", cases)
