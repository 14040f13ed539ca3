/* The board of the benchmarks: medians, ratios, verdicts, and its two files. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/bench/board.h"
#include "tests/unit/unit.h"

#define NASTY	 "a <b> & \"c\" 'd' \\ e"
#define TEXT_MAX 65536

static void
samples(const char *figure, const char *contestant, const double *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		board_sample(figure, "us", contestant, v[i]);
}

/* CPU of the reference 100 in the median, ours 60. */
static void
fill(void)
{
	board_reset();
	samples("CPU", "reference", (double[]){90, 130, 100}, 3);
	samples("CPU", "ours", (double[]){50, 60, 80, 60}, 4);
}

static void
folder(char out[static 64])
{
	snprintf(out, 64, "/tmp/board-XXXXXX");
	CHECK(mkdtemp(out) != NULL, "mkdtemp: %s", strerror(errno));
}

/* dir/name, NUL-terminated; what is left is the caller's to free. */
static char *
written(const char *name)
{
	char dir[64], path[96], *text = calloc(1, TEXT_MAX);
	FILE *f;

	folder(dir);
	CHECK_INT(board_write(dir), 0);
	snprintf(path, sizeof(path), "%s/path.%s", dir,
	    strcmp(name, "json") == 0 ? "svg" : "json");
	unlink(path);
	snprintf(path, sizeof(path), "%s/path.%s", dir, name);
	f = fopen(path, "re");
	CHECK(f != NULL && fread(text, 1, TEXT_MAX - 1, f) > 0, "%s", path);
	if (f != NULL)
		fclose(f);
	unlink(path);
	rmdir(dir);
	return text;
}

static void
medians(void)
{
	static const struct {
		const char *what;
		size_t n;
		double v[5];
		double q1, median, q3;
	} rows[] = {
	    {"one", 1, {7}, 7, 7, 7},
	    {"two", 2, {3, 1}, 1.5, 2, 2.5},
	    {"three, not in order", 3, {30, 10, 20}, 15, 20, 25},
	    {"four", 4, {4, 1, 3, 2}, 1.75, 2.5, 3.25},
	    {"five", 5, {5, 1, 4, 2, 3}, 2, 3, 4},
	    {"below zero", 3, {-5, 0, 1}, -2.5, 0, 0.5},
	};
	struct board_spread s;
	size_t i;

	board_reset();
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		samples(rows[i].what, "x", rows[i].v, rows[i].n);
		CHECK(board_spread(rows[i].what, "x", &s), "%s", rows[i].what);
		CHECK_INT(s.n, rows[i].n);
		CHECK(s.q1 == rows[i].q1 && s.median == rows[i].median &&
			  s.q3 == rows[i].q3,
		    "%s: %g %g %g", rows[i].what, s.q1, s.median, s.q3);
	}
	CHECK(!board_spread("one", "y", &s), "nobody has sampled that");
	CHECK(!board_spread("none", "x", &s), "nobody has sampled that");
	board_reset();
	CHECK(!board_spread("one", "x", &s), "it was forgotten");
}

static void
children_share_it(void)
{
	struct board_spread s;
	int status;
	pid_t pid;

	board_reset();
	pid = fork();
	if (pid == 0) {
		board_sample("CPU", "us", "of a child", 5);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "the child");
	CHECK(board_spread("CPU", "of a child", &s) && s.median == 5,
	    "what a child has sampled is not there");
}

static json_t *
contestant_of(json_t *root, size_t figure, size_t at)
{
	return json_array_get(
	    json_object_get(
		json_array_get(json_object_get(root, "figures"), figure),
		"contestants"),
	    at);
}

static const char *
verdict_of(json_t *contestant, size_t at)
{
	json_t *t = json_array_get(json_object_get(contestant, "targets"), at);
	const char *word = json_string_value(json_object_get(t, "verdict"));

	return word != NULL ? word : "none";
}

static json_t *
as_json(void)
{
	char *text = written("json");
	json_error_t e = {.text = ""};
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &e);

	CHECK(root != NULL, "line %d: %s", e.line, e.text);
	free(text);
	return root;
}

static void
verdicts(void)
{
	static const struct {
		const char *of;
		double limit;
		int at_most;
		const char *want;
	} rows[] = {
	    {"reference", 0.6, 1, "reached"},
	    {"reference", 0.59, 1, "missed"},
	    {"reference", 0.6, 0, "reached"},
	    {"reference", 0.61, 0, "missed"},
	    {NULL, 60, 1, "reached"},
	    {NULL, 59, 1, "missed"},
	    {NULL, 60, 0, "reached"},
	    {NULL, 61, 0, "missed"},
	    {"somebody", 1, 1, "not measured"},
	};
	json_t *root, *ours;
	size_t i;

	fill();
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		board_target(
		    "CPU", "ours", rows[i].of, rows[i].limit, rows[i].at_most);
	board_target("CPU", "theirs", "reference", 1, true);
	root = as_json();
	ours = contestant_of(root, 0, 1);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		CHECK_STR(verdict_of(ours, i), rows[i].want);
	CHECK_STR(verdict_of(contestant_of(root, 0, 2), 0), "not measured");
	json_decref(root);
}

static void
json_has_all(void)
{
	json_t *root, *ours, *theirs;

	fill();
	board_sample("errors", "", NASTY, 0);
	board_target("CPU", "ours", "reference", 0.5, true);
	board_target("errors", NASTY, NULL, 0, true);
	root = as_json();
	theirs = contestant_of(root, 0, 0);
	ours = contestant_of(root, 0, 1);
	CHECK_STR(
	    json_string_value(json_object_get(ours, "contestant")), "ours");
	CHECK_INT(json_array_size(json_object_get(ours, "samples")), 4);
	CHECK(json_real_value(json_object_get(ours, "median")) == 60, "median");
	CHECK(json_real_value(json_object_get(ours, "ratio")) == 0.6, "ratio");
	CHECK_STR(
	    json_string_value(json_object_get(ours, "ratio-to")), "reference");
	CHECK(json_object_get(theirs, "ratio") == NULL, "to itself");
	CHECK_STR(json_string_value(
		      json_object_get(contestant_of(root, 1, 0), "contestant")),
	    NASTY);
	CHECK_STR(verdict_of(contestant_of(root, 1, 0), 0), "reached");
	CHECK(json_string_value(json_object_get(
		  json_object_get(root, "machine"), "kernel")) != NULL,
	    "no kernel");
	json_decref(root);
}

/* --- a plot that an XML reader takes --- */

struct xml {
	const char *at;
	char open[16][16];
	size_t depth;
	size_t lines, bars;
};

static int
name(struct xml *x, char out[static 16])
{
	size_t n = 0;

	while (isalnum((unsigned char)*x->at) && n < 15)
		out[n++] = *x->at++;
	out[n] = '\0';
	return n > 0;
}

static int
attributes(struct xml *x)
{
	char word[16];

	for (;;) {
		x->at += strspn(x->at, " \n");
		if (*x->at == '>' || *x->at == '/')
			return 1;
		if (!name(x, word) || strncmp(x->at, "=\"", 2) != 0)
			return 0;
		x->at += 2 + strcspn(x->at + 2, "\"<&");
		if (*x->at++ != '"')
			return 0;
	}
}

static int
tag(struct xml *x)
{
	char word[16];
	int closes = *x->at == '/';

	x->at += closes;
	if (!name(x, word))
		return 0;
	if (closes)
		return *x->at++ == '>' && x->depth > 0 &&
		       strcmp(x->open[--x->depth], word) == 0;
	x->lines += strcmp(word, "line") == 0;
	x->bars += strcmp(word, "rect") == 0;
	if (!attributes(x) || x->depth == 16)
		return 0;
	if (*x->at == '/')
		return *++x->at == '>' && x->at++;
	memcpy(x->open[x->depth++], word, sizeof(word));
	return *x->at++ == '>';
}

static int
entity(struct xml *x)
{
	static const char *const known[] = {"amp;", "lt;", "gt;", "quot;"};
	size_t i;

	for (i = 0; i < 4; i++) {
		if (strncmp(x->at, known[i], strlen(known[i])) == 0)
			return 1;
	}
	return 0;
}

static int
well_formed(struct xml *x)
{
	while (*x->at != '\0') {
		if (*x->at == '<') {
			x->at++;
			if (!tag(x))
				return 0;
		} else if (*x->at == '&') {
			x->at++;
			if (!entity(x))
				return 0;
		} else if ((unsigned char)*x->at < ' ' && *x->at != '\n') {
			return 0;
		} else {
			x->at++;
		}
		if (x->depth == 0 && *x->at != '\0' && *x->at != '\n')
			return 0;
	}
	return x->depth == 0;
}

static void
the_reader_is_strict(void)
{
	static const struct {
		const char *text;
		int good;
	} rows[] = {
	    {"<a><b c=\"d\"/>e &amp; f</a>\n", 1},
	    {"<a><b></a></b>", 0},
	    {"<a>", 0},
	    {"<a>&b</a>", 0},
	    {"<a b=\"<\"/>", 0},
	    {"<a b=c/>", 0},
	    {"<a/>text", 0},
	    {"<a>\x01</a>", 0},
	};
	struct xml x;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		x = (struct xml){.at = rows[i].text};
		CHECK(well_formed(&x) == rows[i].good, "%s", rows[i].text);
	}
}

static void
svg_is_well_formed(void)
{
	char *text;
	struct xml x;

	fill();
	board_sample(NASTY, "<&>", NASTY "\n\x01", 0);
	board_sample("nothing asked", "B", "one", 12345678);
	board_target("CPU", "ours", "reference", 0.5, true);
	board_target(NASTY, NASTY "\n\x01", NASTY, 0.5, true);
	text = written("svg");
	x = (struct xml){.at = text};
	CHECK(well_formed(&x), "not XML at: %.60s", x.at);
	/* The ground, and a bar for each contestant. */
	CHECK_INT(x.bars, 1 + 4);
	/* Three for a bar's whiskers, an axis a figure, one target's. */
	CHECK_INT(x.lines, 4 * 3 + 3 + 1);
	CHECK(strstr(text, "a &lt;b&gt; &amp; &quot;c") != NULL, "no name");
	free(text);
}

static void
empty(void)
{
	json_t *root;
	struct xml x;
	char *text;

	board_reset();
	root = as_json();
	CHECK_INT(json_array_size(json_object_get(root, "figures")), 0);
	json_decref(root);
	text = written("svg");
	x = (struct xml){.at = text};
	CHECK(well_formed(&x), "not XML at: %.60s", x.at);
	free(text);
}

static void
no_folder(void)
{
	board_reset();
	CHECK_INT(board_write("/dev/null/none"), -ENOTDIR);
}

static const struct unit_case cases[] = {
    {"medians and quartiles", medians},
    {"children share it", children_share_it},
    {"targets are reached or missed", verdicts},
    {"the JSON has all", json_has_all},
    {"the reader of XML is strict", the_reader_is_strict},
    {"the plot is well-formed", svg_is_well_formed},
    {"an empty board", empty},
    {"no folder to write to", no_folder},
};

UNIT_MAIN("board", cases)
