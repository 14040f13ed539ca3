/* The page as a browser shows it: Chromium loads it, and what is then in the
 * document, in the console, on the network and on the screen is looked at. */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "tests/integ/rig_browser.h"
#include "tests/integ/rig_page.h"
#include "tests/integ/rig_proc.h"

#define N(a)	   (sizeof(a) / sizeof(*(a)))
#define DEADLINE_S 170
#define OWN	   "http://127.0.0.1:"

static void
start(struct rig_page *p)
{
	char store[RIG_PATH_MAX];

	rig_path(store, "policyd.db");
	rig_page_fill(store, (int64_t)time(NULL));
	rig_page_start(p, store);
}

/* How often is it there? */
static unsigned int
count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)) != NULL; text += strlen(what))
		n++;
	return n;
}

/* What is between that id's table and its end. */
static char *
table(const char *dom, const char *id)
{
	char begin[64], *text;
	const char *at, *end;

	snprintf(begin, sizeof(begin), "<table id=\"%s\"", id);
	at = strstr(dom, begin);
	end = at != NULL ? strstr(at, "</table>") : NULL;
	text =
	    at != NULL && end != NULL ? strndup(at, (size_t)(end - at)) : NULL;
	REQUIRE(text != NULL, "there is no table %s in: %.2000s", id, dom);
	return text;
}

/* So many rows below the head, and these texts. */
static void
check_table(const char *dom, const char *id, unsigned int rows,
    const char *const *texts)
{
	char *t = table(dom, id);

	CHECK(count(t, "<tr") == rows + 1, "%s: %u rows, not %u", id,
	    count(t, "<tr") - 1, rows);
	for (; *texts != NULL; texts++)
		CHECK(strstr(t, *texts) != NULL, "%s: no \"%s\" in: %s", id,
		    *texts, t);
	free(t);
}

#define TABLE(dom, id, rows, ...) \
	check_table(dom, id, rows, (const char *const[]){__VA_ARGS__, NULL})

/* What the page has said in the console, or what was said of it there; the
 * browser's own pages have a say in it, too. */
static const char *
console(const struct rig_output *o)
{
	const char *line = o->err, *end;

	while ((line = strstr(line, "CONSOLE")) != NULL) {
		end = line + strcspn(line, "\n");
		if (memmem(line, (size_t)(end - line), OWN, sizeof(OWN) - 1) !=
		    NULL)
			return line;
		line = end;
	}
	return NULL;
}

static void
load(struct rig_output *o, const struct rig_page *p, const char *more)
{
	char url[64];

	snprintf(url, sizeof(url), OWN "%u/", p->port);
	RIG_BROWSE(o, more, "--dump-dom", url);
	CHECK(o->code == 0, "chromium: exit %d: %.2000s", o->code, o->err);
	CHECK(strstr(o->out, "data-ready=\"yes\"") != NULL,
	    "the page did not come to its end: %.3000s", o->err);
}

/* Every request that the page made, by the browser's own account. */
static void
check_requests(const char *path, uint16_t port)
{
	char own[64];
	json_t *log = json_load_file(path, 0, NULL);
	const json_t *e;
	unsigned int n = 0;
	size_t i;

	snprintf(own, sizeof(own), OWN "%u", port);
	CHECK(log != NULL, "there is no log of requests");
	json_array_foreach(json_object_get(log, "events"), i, e)
	{
		const json_t *params = json_object_get(e, "params");
		const char *from =
		    json_string_value(json_object_get(params, "initiator"));
		const char *url =
		    json_string_value(json_object_get(params, "url"));

		if (from == NULL || url == NULL ||
		    strncmp(from, own, strlen(own)) != 0)
			continue;
		n++;
		CHECK(strncmp(url, own, strlen(own)) == 0,
		    "it asks elsewhere: %s", url);
	}
	CHECK(n >= 10, "only %u requests were seen", n);
	json_decref(log);
}

static void
check_tables(const char *dom)
{
	TABLE(dom, "odd", 2, ">hq-3<", ">hq-4<", "tier 2", "not used",
	    "301 ms, the others 34 ms", "10 min ago", "connection refused");
	TABLE(dom, "over", 1, "hq-1", "hq-4", "its rack is being moved",
	    ", in 29 min");
	TABLE(dom, "places", 4, ">hq-1<", ">hq-2<", ">hq-3<", ">hq-4<",
	    "as the policy has it", "dead to the probes", "99.");
	TABLE(dom, "events", 100, "its rack is being moved",
	    "policy 1.7 published by alice",
	    /* What an agent wrote is text. */
	    "&lt;img src=x onerror=alert(1)&gt;");
	CHECK(strstr(dom, "<img") == NULL, "text became markup");
	TABLE(dom, "agents", 33, "host-00.example", "host-32.example", "1.6",
	    "not the one in force", "silent", "limit: hq-9");
}

static void
shows_everything(void)
{
	struct rig_page p = {0};
	char log[RIG_PATH_MAX], arg[RIG_PATH_MAX + 16];
	struct rig_output o;
	const char *said;

	rig_browser_need(rig_shared());
	start(&p);
	rig_path(log, "net.json");
	snprintf(arg, sizeof(arg), "--log-net-log=%s", log);
	load(&o, &p, arg);
	said = console(&o);
	CHECK(said == NULL, "the console says: %s", said);
	CHECK(strstr(o.out, "class=\"pill good\">works<") != NULL, "health");
	check_tables(o.out);
	/* Four lines in each of three plots. */
	CHECK_INT(count(o.out, "<path class=\"series"), 12);
	CHECK_INT(count(o.out, "data-name=\"hq-3\""), 3);
	CHECK(strstr(o.out, "Tier over time; now: hq-1 1, hq-2 1, hq-3 2, "
			    "hq-4 nothing") != NULL,
	    "a plot does not say what it shows");
	rig_output_free(&o);
	check_requests(log, p.port);
	rig_page_stop(&p);
}

/* The API says no; the control of the check for a clean console. */
static void
says_what_fails(void)
{
	struct rig_page p = {.fault = RIG_PAGE_ERRORS};
	struct rig_output o;

	rig_browser_need(rig_shared());
	start(&p);
	load(&o, &p, "--window-size=800,800");
	CHECK(
	    strstr(o.out, "the server says: the store is in the wash") != NULL,
	    "it does not say so");
	CHECK(console(&o) != NULL, "what the console says is not seen: %s",
	    o.err);
	rig_output_free(&o);
	rig_page_stop(&p);
}

static void
says_who_is_silent(void)
{
	struct rig_page p = {.fault = RIG_PAGE_CLOSES};
	struct rig_output o;

	rig_browser_need(rig_shared());
	start(&p);
	load(&o, &p, "--window-size=800,800");
	CHECK(strstr(o.out, "the server does not answer") != NULL,
	    "it does not say so");
	rig_output_free(&o);
	rig_page_stop(&p);
}

static void
says_read_only(void)
{
	struct rig_page p = {.read_only = true};
	struct rig_output o;

	rig_browser_need(rig_shared());
	start(&p);
	load(&o, &p, "--window-size=800,800");
	CHECK(
	    strstr(o.out, "class=\"pill bad\">the store is read-only<") !=
		    NULL &&
		strstr(o.out, ">nothing is stored: the disk is full<") != NULL,
	    "it does not say so");
	TABLE(o.out, "places", 4, ">hq-1<");
	rig_output_free(&o);
	rig_page_stop(&p);
}

/* --- the screen --- */

static long
screenshot(
    const char *name, const char *url, const char *size, const char *scheme)
{
	char path[RIG_PATH_MAX], arg[RIG_PATH_MAX + 16];
	struct rig_output o;
	struct stat st = {0};

	rig_path(path, "%s.png", name);
	snprintf(arg, sizeof(arg), "--screenshot=%s", path);
	RIG_BROWSE(&o, arg, size, scheme, url);
	CHECK(o.code == 0 && stat(path, &st) == 0, "%s: exit %d: %.2000s", name,
	    o.code, o.err);
	rig_output_free(&o);
	return (long)st.st_size;
}

/* A picture in which there is something is many times as large as one of
 * nothing, which is known from one of nothing. */
static void
is_not_blank(void)
{
	static const struct {
		const char *name, *size, *scheme;
	} rows[] = {
	    {"wide", "--window-size=1300,1500",
		"--blink-settings=preferredColorScheme=1"},
	    {"narrow", "--window-size=500,1500",
		"--blink-settings=preferredColorScheme=0"},
	};
	struct rig_page p = {0};
	char url[64];
	long bytes, blank;
	size_t i;

	rig_browser_need(rig_shared());
	start(&p);
	snprintf(url, sizeof(url), OWN "%u/", p.port);
	blank =
	    screenshot("blank", "about:blank", rows[0].size, rows[0].scheme);
	for (i = 0; i < N(rows); i++) {
		bytes =
		    screenshot(rows[i].name, url, rows[i].size, rows[i].scheme);
		CHECK(blank > 0 && bytes > 5 * blank,
		    "%s: %ld bytes, and %ld of nothing", rows[i].name, bytes,
		    blank);
	}
	rig_page_stop(&p);
}

static const struct rig_case cases[] = {
    {"rows, plots, a clean console, no other site", shows_everything,
	DEADLINE_S, 0},
    {"says what fails", says_what_fails, DEADLINE_S, 0},
    {"says that nobody answers", says_who_is_silent, DEADLINE_S, 0},
    {"says that nothing is stored", says_read_only, DEADLINE_S, 0},
    {"a picture of it is not blank", is_not_blank, DEADLINE_S, 0},
};
RIG_MAIN("page_look", cases, NULL)
