/* The board as JSON: every sample, what follows from them, and the machine. */
#include <sys/utsname.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/bench/board_impl.h"

static json_t *
processor(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256] = "", *value;
	json_t *name = NULL;

	while (
	    f != NULL && name == NULL && fgets(line, sizeof(line), f) != NULL) {
		value = strchr(line, ':');
		if (strncmp(line, "model name", 10) != 0 || value == NULL)
			continue;
		value[strcspn(value, "\n")] = '\0';
		name = json_string(value + 1 + strspn(value + 1, " "));
	}
	if (f != NULL)
		fclose(f);
	return name != NULL ? name : json_null();
}

static json_t *
machine(void)
{
	time_t now = time(NULL);
	char date[32] = "";
	struct utsname u;
	struct tm tm;

	uname(&u);
	if (gmtime_r(&now, &tm) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_pack("{s:s++, s:s, s:I, s:o, s:s}", "kernel", u.sysname,
	    " ", u.release, "architecture", u.machine, "cpus",
	    (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "cpu", processor(),
	    "date", date);
}

static json_t *
target(const struct board_target *t)
{
	json_t *out = json_object();
	struct board_fare fare;

	board_fare(t, &fare);
	json_object_set_new(
	    out, t->at_most ? "at-most" : "at-least", json_real(t->limit));
	if (t->of[0] != '\0') {
		json_object_set_new(out, "of", json_string(t->of));
		json_object_set_new(out, "ratio", json_real(fare.ratio));
	}
	json_object_set_new(
	    out, "verdict", json_string(board_verdict_word(fare.verdict)));
	return out;
}

static json_t *
contestant(const struct board *b, const struct board_row *r)
{
	json_t *out = json_object(), *samples = json_array(),
	       *targets = json_array();
	struct board_spread s;
	const char *of;
	double ratio;
	size_t i;

	json_object_set_new(out, "contestant", json_string(r->contestant));
	if (board_row_spread(r, &s)) {
		json_object_set_new(out, "median", json_real(s.median));
		json_object_set_new(out, "q1", json_real(s.q1));
		json_object_set_new(out, "q3", json_real(s.q3));
	}
	ratio = board_row_ratio(r, &of);
	if (ratio > 0) {
		json_object_set_new(out, "ratio", json_real(ratio));
		json_object_set_new(out, "ratio-to", json_string(of));
	}
	for (i = 0; i < r->samples_n; i++)
		json_array_append_new(samples, json_real(r->samples[i]));
	json_object_set_new(out, "samples", samples);
	for (i = 0; i < b->targets_n; i++) {
		if (&b->rows[b->targets[i].row] == r)
			json_array_append_new(targets, target(&b->targets[i]));
	}
	json_object_set_new(out, "targets", targets);
	return out;
}

static json_t *
figure(const struct board *b, size_t at)
{
	json_t *out = json_object(), *contestants = json_array();
	size_t i;

	for (i = 0; i < b->rows_n; i++) {
		if (b->rows[i].figure == at)
			json_array_append_new(
			    contestants, contestant(b, &b->rows[i]));
	}
	json_object_set_new(out, "figure", json_string(b->figures[at].name));
	json_object_set_new(out, "unit", json_string(b->figures[at].unit));
	json_object_set_new(out, "contestants", contestants);
	return out;
}

int
board_json_write(const char *path)
{
	json_t *out = json_object(), *figures = json_array();
	const struct board *b = board_get();
	size_t i;
	int rc;

	for (i = 0; i < b->figures_n; i++)
		json_array_append_new(figures, figure(b, i));
	json_object_set_new(out, "machine", machine());
	json_object_set_new(out, "figures", figures);
	errno = EIO;
	rc = json_dump_file(out, path, JSON_INDENT(1) | JSON_REAL_PRECISION(8));
	json_decref(out);
	return rc == 0 ? 0 : -errno;
}
