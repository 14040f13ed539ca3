/* Which service and which caches a request is for. */
#include "cagentd/decide/serves.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

#define AT(kind, name)                           \
	"[" kind " \"" name "\"]\ntype = http\n" \
	"address = " name ".example:3128\n"

/* Bits of caches. */
#define ALL 1u
#define DEB 2u

static const char text[] =
    "[direct]\ndomain = near.example\n" AT("intermediary", "hq") /* 0 */
    AT("cache", "all")						 /* 1 */
    AT("cache", "deb")						 /* 2 */
    "domain = mirror.example\nport = 80\nport = 8000-8999\n"
    "path = /debian/\npath = /ubuntu/\nextension = deb\nextension = xz\n" AT(
	"service", "wiki")					    /* 3 */
    "domain = wiki.example\npath = /pages/\n" AT("service", "html") /* 4 */
    "extension = html\nextension = php\ncontent = text/html\n" AT(
	"service", "late") /* 5 */
    "content = text/html\ncontent = image/*\n"
    "[rule \"direct\"]\ndomain = direct.example\nvia = direct\n"
    "[rule \"tier\"]\ndomain = tier.example\nvia = tier 1\n"
    "[rule \"deny\"]\ndomain = deny.example\nvia = deny\n"
    "[rule \"cache\"]\ndomain = cache.example\nvia = cache deb\n"
    "[rule \"service\"]\ndomain = service.example\nvia = service wiki\n"
    "[rule \"bulk\"]\ndomain = bulk.example\nclass = bulk\n";

static const struct {
	const char *method, *host;
	uint16_t port;
	const char *path, *accept, *dest, *seen;
	int service;
	uint32_t caches;
} rows[] = {
    /* What nothing is special about. */
    {"GET", "a.example", 80, "/", "*/*", "", "", -1, ALL},
    {"HEAD", "a.example", 80, "/", "*/*", "", "", -1, ALL},
    {"POST", "a.example", 80, "/", "*/*", "", "", -1, 0},
    {"PUT", "a.example", 80, "/", "*/*", "", "", -1, 0},
    {"OPTIONS", "a.example", 80, "/", "*/*", "", "", -1, 0},
    {"get", "a.example", 80, "/", "*/*", "", "", -1, 0},
    {"GET", "192.0.2.1", 80, "/", "*/*", "", "", -1, ALL},
    {"GET", "bulk.example", 80, "/", "*/*", "", "", -1, ALL},
    {"GET", "near.example", 80, "/", "*/*", "", "", -1, ALL},
    /* All kinds of keys must match. */
    {"GET", "mirror.example", 80, "/debian/a.deb", "", "", "", -1, ALL | DEB},
    {"GET", "x.mirror.example", 8080, "/ubuntu/a.XZ", "", "", "", -1,
	ALL | DEB},
    {"GET", "mirror.example", 81, "/debian/a.deb", "", "", "", -1, ALL},
    {"GET", "mirror.example", 80, "/debian/a.gz", "", "", "", -1, ALL},
    {"GET", "mirror.example", 80, "/debian/a", "", "", "", -1, ALL},
    {"GET", "mirror.example", 80, "/other/a.deb", "", "", "", -1, ALL},
    {"GET", "other.example", 80, "/debian/a.deb", "", "", "", -1, ALL},
    {"GET", "192.0.2.1", 80, "/debian/a.deb", "", "", "", -1, ALL},
    /* Services, by what they name. */
    {"GET", "wiki.example", 80, "/pages/x", "*/*", "", "", 3, ALL},
    {"GET", "wiki.example", 80, "/pages/x.png", "*/*", "", "", 3, ALL},
    {"GET", "wiki.example", 80, "/page/x", "*/*", "", "", -1, ALL},
    {"POST", "wiki.example", 80, "/pages/x", "*/*", "", "", 3, 0},
    {"DELETE", "wiki.example", 80, "/pages/x", "*/*", "", "", -1, 0},
    /* An extension that is named is above all. */
    {"GET", "a.example", 80, "/x.html", "image/png", "image", "image/png", 4,
	ALL},
    {"GET", "a.example", 80, "/x.php", "*/*", "", "", 4, ALL},
    {"GET", "a.example", 80, "/x.asp", "text/html", "", "", 5, ALL},
    /* Without one the content tells. */
    {"GET", "a.example", 80, "/x", "text/html", "", "", 4, ALL},
    {"GET", "a.example", 80, "/x", "*/*", "document", "", 4, ALL},
    {"GET", "a.example", 80, "/x", "*/*", "", "text/html", 4, ALL},
    {"GET", "a.example", 80, "/x", "text/html", "script", "", -1, ALL},
    {"GET", "a.example", 80, "/x.png", "*/*", "", "", 5, ALL},
    {"GET", "a.example", 80, "/x", "*/*", "image", "", 5, ALL},
    {"GET", "a.example", 80, "/x.css", "text/css,*/*;q=0.1", "style", "", -1,
	ALL},
    /* Rules. */
    {"GET", "direct.example", 80, "/x.html", "", "", "", -1, 0},
    {"GET", "tier.example", 80, "/x.html", "", "", "", -1, 0},
    {"GET", "deny.example", 80, "/x.html", "", "", "", -1, 0},
    {"GET", "cache.example", 80, "/x.html", "", "", "", -1, DEB},
    {"PUT", "cache.example", 80, "/x.html", "", "", "", -1, DEB},
    {"GET", "service.example", 80, "/x.html", "", "", "", 3, ALL},
    {"PUT", "service.example", 80, "/x.png", "", "", "", 3, 0},
};

static struct verdict
ask(const struct settings *s, const struct asked *a, const char *host,
    uint16_t port)
{
	const struct client c = {.protocol = PROTOCOL_HTTP};
	struct wire_host h = {.port = port};
	struct verdict v;

	memset(&v, 0x5a, sizeof(v));
	CHECK(wire_host_set(&h, host, strlen(host)) == 0, "host %s", host);
	classify(s, &h, &c, a, &v);
	return v;
}

static struct settings *
parse(void)
{
	struct settings *s = NULL;
	struct conf_errors e;

	sample_parse(text, &s, &e);
	CHECK_STR(e.text, "");
	return s;
}

static void
finds_them(void)
{
	struct settings *s = parse();
	struct verdict v;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows) && s != NULL; i++) {
		const struct asked a = {rows[i].method, rows[i].path,
		    rows[i].accept, rows[i].dest, rows[i].seen, false};

		v = ask(s, &a, rows[i].host, rows[i].port);
		CHECK(v.service == rows[i].service, "row %zu: service %d", i,
		    v.service);
		CHECK(v.caches == rows[i].caches, "row %zu: caches %x", i,
		    v.caches);
		CHECK(v.via != VIA_CACHE && v.via != VIA_SERVICE, "row %zu", i);
	}
	settings_unref(s);
}

/* Neither tunnels nor upgrades have these steps, whatever a rule says. */
static void
leaves_tunnels_alone(void)
{
	static const char *const hosts[] = {
	    "a.example", "cache.example", "service.example", "wiki.example"};
	const struct asked upgrade = {
	    "GET", "/pages/x.html", "text/html", "document", "", true};
	struct settings *s = parse();
	struct verdict v;
	size_t i;

	for (i = 0; i < sizeof(hosts) / sizeof(*hosts) && s != NULL; i++) {
		v = ask(s, NULL, hosts[i], 80);
		CHECK(v.service == -1 && v.caches == 0 && v.via == VIA_DEFAULT,
		    "%s: a tunnel", hosts[i]);
		v = ask(s, &upgrade, hosts[i], 80);
		CHECK(v.service == -1 && v.caches == 0 && v.via == VIA_DEFAULT,
		    "%s: an upgrade", hosts[i]);
	}
	settings_unref(s);
}

/* They come before what is direct, and do not take its place. */
static void
come_before_direct(void)
{
	const struct asked a = {"GET", "/", "*/*", "", "", false};
	struct settings *s = parse();
	struct verdict v;

	if (s == NULL)
		return;
	v = ask(s, &a, "near.example", 80);
	CHECK(v.direct_first && v.caches == ALL, "both");
	settings_unref(s);
}

static const struct unit_case cases[] = {
    {"finds service and caches", finds_them},
    {"leaves tunnels alone", leaves_tunnels_alone},
    {"come before what is direct", come_before_direct},
};

UNIT_MAIN("serves", cases)
