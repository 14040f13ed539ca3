/* What content a request is for: each witness, and who is believed first. */
#include "cagentd/decide/content.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static void
reads_extensions(void)
{
	static const struct {
		const char *path, *want;
	} rows[] = {
	    {"/a.html", "html"},
	    {"/a/b.tar.GZ", "gz"},
	    {"/a.b/c", ""},
	    {"/", ""},
	    {"", ""},
	    {"/.html", ""},
	    {"/a.", ""},
	    {"/v1.2", ""},
	    {"/a.mp3", "mp3"},
	    {"/a.ht ml", ""},
	    {"/a.html;x=y", ""},
	    {"/a.abcdefghijklmno", "abcdefghijklmno"},
	    {"/a.abcdefghijklmnop", ""},
	};
	char out[CONTENT_EXTENSION_MAX + 1];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		CHECK(strcmp(content_extension(rows[i].path, out),
			  rows[i].want) == 0,
		    "%s: %s, not %s", rows[i].path, out, rows[i].want);
}

#define CHROME                                                   \
	"text/html,application/xhtml+xml,application/xml;q=0.9," \
	"image/avif,image/webp,image/apng,*/*;q=0.8"

static void
reads_accept(void)
{
	static const struct {
		const char *accept, *want;
	} rows[] = {
	    {"", ""},
	    {"*/*", ""},
	    {CHROME, "text/html"},
	    {"image/avif,image/webp,image/*,*/*;q=0.8", "image/avif"},
	    {"image/*", "image/"},
	    {"text/css,*/*;q=0.1", "text/css"},
	    {"text/css;q=0.1,*/*", ""},
	    {"text/plain;q=0.5, Text/HTML ;q=0.7", "text/html"},
	    {"text/plain; q=0.5 , text/html;level=1;Q=0.700", "text/html"},
	    {"text/plain;q=0", ""},
	    {"text/plain;q=abc", ""},
	    {"text/plain;level=1", "text/plain"},
	    {",,;,", ""},
	    {"html", ""},
	    {"/html", ""},
	    {"text/html\t;q=1", "text/html"},
	};
	char out[CONTENT_TYPE_MAX + 1];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct asked a = {.accept = rows[i].accept};

		content_by(&a, CONTENT_BY_ACCEPT, out);
		CHECK(strcmp(out, rows[i].want) == 0, "%s: %s, not %s",
		    rows[i].accept, out, rows[i].want);
	}
}

/* Cut off: who knows what the last one was to be. */
static void
drops_what_was_cut(void)
{
	char accept[CONTENT_TYPE_MAX + 1], out[CONTENT_TYPE_MAX + 1];
	const struct asked a = {.accept = accept};

	memset(accept, 'x', sizeof(accept));
	memcpy(accept, "text/plain;q=0.5,text/", 22);
	accept[CONTENT_TYPE_MAX] = '\0';
	CHECK_STR(content_by(&a, CONTENT_BY_ACCEPT, out), "text/plain");
	accept[CONTENT_TYPE_MAX - 1] = '\0';
	CHECK_STR(content_by(&a, CONTENT_BY_ACCEPT, out), accept + 17);
}

/* dest, seen, path, accept; for text/html, image/png, any image? */
static const struct {
	const char *dest, *seen, *path, *accept;
	bool html, png, image;
} rows[] = {
    /* Nothing tells. */
    {"", "", "/", "*/*", false, false, false},
    {"empty", NULL, "/x.php", "", false, false, false},
    /* One witness each. */
    {"document", "", "/", "*/*", true, false, false},
    {"Document", "", "/", "*/*", true, false, false},
    {"iframe", "", "/", "*/*", true, false, false},
    {"", "text/html", "/", "*/*", true, false, false},
    {"", "", "/a.html", "*/*", true, false, false},
    {"", "", "/", "text/html", true, false, false},
    {"", "", "/", CHROME, true, false, false},
    {"image", "", "/", "*/*", false, false, true},
    {"", "image/png", "/", "*/*", false, true, true},
    {"", "", "/a.png", "*/*", false, true, true},
    {"", "", "/", "image/png", false, true, true},
    {"style", "", "/", "*/*", false, false, false},
    /* The better one is believed. */
    {"image", "text/html", "/a.html", "text/html", false, false, true},
    {"document", "image/png", "/a.png", "image/png", true, false, false},
    {"empty", "text/html", "/a.png", "image/png", true, false, false},
    {"", "image/png", "/a.html", "text/html", false, true, true},
    {"", "", "/a.png", "text/html", false, true, true},
    {"script", "", "/", "text/html", false, false, false},
    /* What one leaves open, the next may tell. */
    {"image", "image/png", "/", "*/*", false, true, true},
    {"image", "", "/a.png", "*/*", false, true, true},
    {"image", "image/gif", "/a.png", "*/*", false, false, true},
    {"image", "", "/", "image/png,*/*", false, true, true},
    {"image", "", "/", "image/*", false, false, true},
};

static void
weighs_witnesses(void)
{
	char text_html[] = "text/html", image_png[] = "image/png";
	char text_css2[] = "text/css2", any_image[] = "image/";
	char *html[] = {text_html}, *png[] = {image_png};
	char *image[] = {text_css2, any_image};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct asked a = {.method = "GET",
		    .path = rows[i].path,
		    .accept = rows[i].accept,
		    .fetch_dest = rows[i].dest,
		    .seen = rows[i].seen};

		CHECK(content_is_for(&a, html, 1) == rows[i].html,
		    "row %zu: html", i);
		CHECK(content_is_for(&a, png, 1) == rows[i].png, "row %zu: png",
		    i);
		CHECK(content_is_for(&a, image, 2) == rows[i].image,
		    "row %zu: image", i);
	}
}

static const struct unit_case cases[] = {
    {"reads extensions", reads_extensions},
    {"reads Accept", reads_accept},
    {"drops what was cut off", drops_what_was_cut},
    {"weighs one witness against another", weighs_witnesses},
};

UNIT_MAIN("content", cases)
