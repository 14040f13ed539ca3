/* Owns the page's files, as the assembler took them in from assets/. */
#include "policyd/page/page_assets.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

/* The section is put back, as the compiler goes on from there. */
#define EMBED(name, file)                                    \
	__asm__(".pushsection .rodata\n"                     \
		"page_asset_" #name ":\n"                    \
		".incbin \"policyd/page/assets/" file "\"\n" \
		"page_asset_" #name "_end:\n"                \
		".byte 0\n"                                  \
		".popsection\n");                            \
	extern const uint8_t page_asset_##name[];            \
	extern const uint8_t page_asset_##name##_end[];

EMBED(html, "index.html")
EMBED(css, "page.css")
EMBED(js, "page.js")
EMBED(plot, "plot.js")
EMBED(icon, "icon.svg")

#define HTML "text/html; charset=utf-8"
#define CSS  "text/css; charset=utf-8"
#define JS   "text/javascript; charset=utf-8"
#define SVG  "image/svg+xml"

static const struct file {
	const char *path, *type;
	const uint8_t *data, *end;
} files[] = {
    {"/", HTML, page_asset_html, page_asset_html_end},
    {"/page.css", CSS, page_asset_css, page_asset_css_end},
    {"/page.js", JS, page_asset_js, page_asset_js_end},
    {"/plot.js", JS, page_asset_plot, page_asset_plot_end},
    {"/icon.svg", SVG, page_asset_icon, page_asset_icon_end},
};

bool
page_assets_find(const char *path, size_t len, struct page_asset *out)
{
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
		const struct file *f = &files[i];

		if (strlen(f->path) != len || memcmp(f->path, path, len) != 0)
			continue;
		out->type = f->type;
		out->data = f->data;
		out->len = (size_t)(f->end - f->data);
		return true;
	}
	return false;
}

void
page_assets_tag(const struct page_asset *a, char out[PAGE_ASSETS_TAG_LEN])
{
	uint8_t hash[crypto_generichash_BYTES_MIN];
	char hex[2 * 8 + 1];

	crypto_generichash(hash, sizeof(hash), a->data, a->len, NULL, 0);
	sodium_bin2hex(hex, sizeof(hex), hash, 8);
	snprintf(out, PAGE_ASSETS_TAG_LEN, "\"%s\"", hex);
}
