/* What content came for what: shapes of paths, and the map of them. */
#include "cagentd/decide/seen.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define T0 1000000000ll

static const uint8_t key[SEEN_KEY_LEN] = {1, 2, 3};

static struct wire_host
host_of(const char *text, uint16_t port)
{
	struct wire_host h = {.port = port};

	CHECK(wire_host_set(&h, text, strlen(text)) == 0, "host %s", text);
	return h;
}

static void
folds_paths(void)
{
	static const struct {
		const char *path, *want;
	} rows[] = {
	    {"/", "/"},
	    {"/index.html", "/index.html"},
	    {"/INDEX.HTML", "/INDEX.html"},
	    {"/item/17", "/item/#"},
	    {"/item/17/", "/item/#/"},
	    {"/item-17-b2.html", "/item-#-b#.html"},
	    {"/v1.2/x", "/v#.#/x"},
	    {"/c/deadbeef", "/c/deadbeef"},
	    {"/c/deadbee1", "/c/#"},
	    {"/c/9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", "/c/#"},
	    {"/c/9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d.png", "/c/#.png"},
	    {"/u/dQw4w9WgXcQabcdefghij", "/u/#"},
	    {"/u/dQw4w9WgXcQ", "/u/dQw#w#WgXcQ"},
	    {"/a-long-name-without-a-digit-in-it",
		"/a-long-name-without-a-digit-in-it"},
	    {"//a//", "//a//"},
	    {"", ""},
	};
	char out[SEEN_SHAPE_MAX + 1], path[2 * SEEN_SHAPE_MAX];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		CHECK(strcmp(seen_shape(rows[i].path, out), rows[i].want) == 0,
		    "%s: %s, not %s", rows[i].path, out, rows[i].want);
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	CHECK_INT(strlen(seen_shape(path, out)), SEEN_SHAPE_MAX);
}

static void
remembers_by_host_and_shape(void)
{
	struct wire_host a = host_of("a.example", 80),
			 A = host_of("A.Example", 80);
	struct wire_host port = host_of("a.example", 81);
	struct seen *s = seen_new(key);

	CHECK_STR(seen_type(s, &a, "/item/1", T0), "");
	seen_note(s, &a, "/item/1", "text/html", T0);
	CHECK_STR(seen_type(s, &a, "/item/1", T0), "text/html");
	CHECK_STR(seen_type(s, &a, "/item/234", T0), "text/html");
	CHECK_STR(seen_type(s, &A, "/item/9", T0), "text/html");
	CHECK_STR(seen_type(s, &a, "/item/1.png", T0), "");
	CHECK_STR(seen_type(s, &a, "/other/1", T0), "");
	CHECK_STR(seen_type(s, &port, "/item/1", T0), "");
	seen_free(s);
}

static void
believes_the_majority(void)
{
	struct wire_host h = host_of("a.example", 80);
	struct seen *s = seen_new(key);
	int i;

	for (i = 0; i < 100; i++)
		seen_note(s, &h, "/", "text/html", T0);
	for (i = 0; i < SEEN_SURE - 1; i++) {
		seen_note(s, &h, "/", "application/json", T0);
		CHECK_STR(seen_type(s, &h, "/", T0), "text/html");
	}
	seen_note(s, &h, "/", "application/json", T0);
	CHECK_STR(seen_type(s, &h, "/", T0), "application/json");
	seen_note(s, &h, "/", "text/html", T0);
	CHECK_STR(seen_type(s, &h, "/", T0), "text/html");
	seen_free(s);
}

static void
takes_types_alone(void)
{
	struct wire_host h = host_of("a.example", 80);
	char type[SEEN_TYPE_MAX + 2];
	struct seen *s = seen_new(key);

	memset(type, 'x', sizeof(type));
	type[1] = '/';
	type[SEEN_TYPE_MAX + 1] = '\0';
	seen_note(s, &h, "/", "", T0);
	seen_note(s, &h, "/", "html", T0);
	seen_note(s, &h, "/", type, T0);
	CHECK_STR(seen_type(s, &h, "/", T0), "");
	type[SEEN_TYPE_MAX] = '\0';
	seen_note(s, &h, "/", type, T0);
	CHECK_STR(seen_type(s, &h, "/", T0), type);
	seen_free(s);
}

static void
forgets(void)
{
	struct wire_host h = host_of("a.example", 80);
	struct seen *s = seen_new(key);
	int64_t end = T0 + SEEN_AGE_US;
	int i;

	for (i = 0; i < SEEN_SURE; i++)
		seen_note(s, &h, "/", "text/html", T0);
	CHECK_STR(seen_type(s, &h, "/", end - 1), "text/html");
	CHECK_STR(seen_type(s, &h, "/", end), "");
	/* What is forgotten has no say. */
	seen_note(s, &h, "/", "text/plain", end);
	CHECK_STR(seen_type(s, &h, "/", end), "text/plain");
	seen_free(s);
}

/* Ten times as many as there is room for: the newest are known, and none is
 * taken for another. */
static void
holds_its_size(void)
{
	const int n = 10 * SEEN_SETS * SEEN_WAYS;
	struct seen *s = seen_new(key);
	int i, known = 0, wrong = 0;
	char name[64], type[32];
	struct wire_host h;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "h%d.example", i);
		snprintf(type, sizeof(type), "text/x%d", i);
		h = host_of(name, 80);
		seen_note(s, &h, "/", type, T0 + i);
		wrong += strcmp(seen_type(s, &h, "/", T0 + i), type) != 0;
	}
	CHECK_INT(wrong, 0);
	for (i = 0; i < n; i++) {
		const char *seen;

		snprintf(name, sizeof(name), "h%d.example", i);
		snprintf(type, sizeof(type), "text/x%d", i);
		h = host_of(name, 80);
		seen = seen_type(s, &h, "/", T0 + n);
		known += seen[0] != '\0';
		wrong += seen[0] != '\0' && strcmp(seen, type) != 0;
	}
	CHECK_INT(wrong, 0);
	CHECK_INT(known, SEEN_SETS * SEEN_WAYS);
	seen_free(s);
}

static const struct unit_case cases[] = {
    {"folds paths", folds_paths},
    {"remembers by host and shape", remembers_by_host_and_shape},
    {"believes the majority", believes_the_majority},
    {"takes types alone", takes_types_alone},
    {"forgets", forgets},
    {"holds its size", holds_its_size},
};

UNIT_MAIN("seen", cases)
