/* Intermediaries and targets as people write them. */
#include "probe/url.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static void
understands_hops(void)
{
	static const struct {
		const char *text, *want, *user, *password;
	} all[] = {
	    {"socks5://h.example:1080", "socks5://h.example:1080", NULL, NULL},
	    {"SOCKS5H://H.Example.:1080/", "socks5://h.example:1080", NULL,
		NULL},
	    {"https://h:3128", "https://h:3128", NULL, NULL},
	    {"socks4a://192.0.2.1:65535", "socks4a://192.0.2.1:65535", NULL,
		NULL},
	    {"http://[2001:db8::1]:1", "http://[2001:db8::1]:1", NULL, NULL},
	    {"http://fred@h:80", "http://fred@h:80", "fred", NULL},
	    {"http://fred:@h:80", "http://fred@h:80", "fred", ""},
	    {"socks5://fred:se:c%40ret@h:80", "socks5://fred@h:80", "fred",
		"se:c@ret"},
	    {"socks5://a@b:x@h:80", "socks5://a%40b@h:80", "a@b", "x"},
	    {"socks5://a%3Ab:%25@h:80", "socks5://a%3Ab@h:80", "a:b", "%"},
	    {"socks5://\303\244:x@h:80", "socks5://%C3%A4@h:80", "\303\244",
		"x"},
	    {"direct://", "direct://", NULL, NULL},
	    {"direct:///", "direct://", NULL, NULL},
	};
	char why[URL_WHY_MAX], got[URL_HOP_STRLEN];
	struct url_hop h;
	size_t i;
	int rc;

	for (i = 0; i < N(all); i++) {
		rc = url_hop_parse(all[i].text, &h, why);
		CHECK(rc == 0, "%s: %s", all[i].text, why);
		if (rc != 0)
			continue;
		CHECK_STR(url_hop_format(&h, got), all[i].want);
		CHECK_INT(h.has_user, all[i].user != NULL);
		CHECK_INT(h.has_password, all[i].password != NULL);
		CHECK_STR(h.user, all[i].user != NULL ? all[i].user : "");
		CHECK_STR(
		    h.password, all[i].password != NULL ? all[i].password : "");
	}
}

static void
refuses_hops(void)
{
	static const struct {
		const char *text, *says;
	} all[] = {
	    {"", "no scheme: write socks5://HOST:PORT"},
	    {"h:1080", "no scheme"},
	    {"h:1080/x://y", "no scheme"},
	    {"sock5://h:1", "did you mean socks5://?"},
	    {"htp://h:1", "did you mean http://?"},
	    {"gopher://h:1", "unknown scheme \"gopher\": socks5://"},
	    {"socks://h:1", "write socks5://"},
	    {"socks4://h:1", "write socks4a://"},
	    {"tcp://h:1", "--target tcp://"},
	    {"socks5://h", "the port is missing: socks5://h:1080"},
	    {"http://h", "http://h:8080 is usual"},
	    {"socks5://h:", "the port is missing"},
	    {"socks5://h:0", "between 1 and 65535"},
	    {"socks5://h:65536", "between 1 and 65535"},
	    {"socks5://h:99999999999999999999", "between 1 and 65535"},
	    {"socks5://h:8o", "\"8o\" is not a number"},
	    {"socks5://:1080", "the host is missing"},
	    {"socks5://", "the host is missing"},
	    {"socks5://h_%:1", "neither a name"},
	    {"socks5://127.1:1", "neither a name"},
	    {"socks5://::1:80", "in brackets"},
	    {"socks5://[::1:80", "the ']' is missing"},
	    {"socks5://[::1]x:80", "only a port"},
	    {"socks5://@h:1", "the user before the '@' is missing"},
	    {"socks5://:x@h:1", "the user before the '@' is missing"},
	    {"socks5://a%4@h:1", "the user"},
	    {"socks5://a%00@h:1", "the user"},
	    {"socks5://a%0a@h:1", "the user"},
	    {"socks5://a:%zz@h:1", "the password"},
	    {"socks5://h:1/x", "said by --target"},
	    {"socks5://h:1?x", "said by --target"},
	    {"direct://h", "direct:// has no host"},
	    {"direct://a@", "direct:// has no host"},
	};
	char why[URL_WHY_MAX], text[URL_MAX + 32];
	struct url_hop h;
	size_t i;

	for (i = 0; i < N(all); i++) {
		CHECK(url_hop_parse(all[i].text, &h, why) != 0, "%s is taken",
		    all[i].text);
		CHECK(strstr(why, all[i].says) != NULL, "%s: \"%s\"",
		    all[i].text, why);
	}
	memset(text, 'a', sizeof(text));
	memcpy(text, "socks5://", 9);
	text[URL_MAX + 1] = '\0';
	CHECK(url_hop_parse(text, &h, why) != 0, "too long");
	CHECK(strstr(why, "over 2048 bytes") != NULL, "%s", why);
	/* A login of 255 bytes, and one more. */
	snprintf(text, sizeof(text), "http://%0255d:%0255d@h:1", 1, 1);
	CHECK(url_hop_parse(text, &h, why) == 0, "255: %s", why);
	snprintf(text, sizeof(text), "http://%0256d:x@h:1", 1);
	CHECK(url_hop_parse(text, &h, why) != 0, "256 of a user");
	snprintf(text, sizeof(text), "http://x:%0256d@h:1", 1);
	CHECK(url_hop_parse(text, &h, why) != 0, "256 of a password");
}

/* Whatever is wrong, the password is not said. */
static void
keeps_the_secret(void)
{
	static const char *const all[] = {"socks5://u:hunter2@h",
	    "http://u:hunter2@h:x", "x://u:hunter2@h:1",
	    "socks5://u:hunter2%zz@h:1", "socks5://u:hunter2@h:1/x",
	    "socks5://u:hunter2@[::1:2", "direct://u:hunter2@h"};
	char why[URL_WHY_MAX];
	struct url_hop h;
	size_t i;

	for (i = 0; i < N(all); i++) {
		CHECK(
		    url_hop_parse(all[i], &h, why) != 0, "%s is taken", all[i]);
		CHECK(strstr(why, "hunter2") == NULL, "%s", why);
	}
}

static void
understands_targets(void)
{
	static const struct {
		const char *text, *want;
		enum query_kind kind;
	} all[] = {
	    {"http://a.example", "http://a.example:80/", QUERY_HTTP},
	    {"HTTP://A.example/x?y=http://z#f",
		"http://a.example:80/x?y=http://z", QUERY_HTTP},
	    {"http://a.example:8080?x", "http://a.example:8080/?x", QUERY_HTTP},
	    {"http://a.example#f", "http://a.example:80/", QUERY_HTTP},
	    {"https://a.example/any", "https://a.example:443", QUERY_TLS},
	    {"https://[::1]:8443", "https://[::1]:8443", QUERY_TLS},
	    {"tcp://192.0.2.1:22", "tcp://192.0.2.1:22", QUERY_TCP},
	    {"tcp://192.0.2.1:22/", "tcp://192.0.2.1:22", QUERY_TCP},
	};
	char why[URL_WHY_MAX], got[URL_TARGET_STRLEN];
	struct query q;
	size_t i;
	int rc;

	for (i = 0; i < N(all); i++) {
		rc = url_target_parse(all[i].text, &q, why);
		CHECK(rc == 0, "%s: %s", all[i].text, why);
		if (rc != 0)
			continue;
		CHECK_STR(url_target_format(&q, got), all[i].want);
		CHECK_INT(q.kind, all[i].kind);
	}
}

static void
refuses_targets(void)
{
	static const struct {
		const char *text, *says;
	} all[] = {
	    {"a.example", "no scheme: write http://HOST/"},
	    {"htttp://a", "did you mean http://?"},
	    {"socks5://a:1", "http://, https:// or tcp://"},
	    {"http://u:p@a/", "a login is not sent"},
	    {"http:///x", "the host is missing"},
	    {"http://a/x y", "writes as %XX"},
	    {"http://a/\r\nX: y", "writes as %XX"},
	    {"http://a/\303\244", "writes as %XX"},
	    {"http://a\\@b/", "writes as %XX"},
	    {"tcp://a", "the port is missing: tcp://HOST:PORT"},
	    {"tcp://a:1/x", "nothing may follow"},
	};
	char why[URL_WHY_MAX], text[URL_MAX];
	struct query q;
	size_t i;

	for (i = 0; i < N(all); i++) {
		CHECK(url_target_parse(all[i].text, &q, why) != 0,
		    "%s is taken", all[i].text);
		CHECK(strstr(why, all[i].says) != NULL, "%s: \"%s\"",
		    all[i].text, why);
	}
	snprintf(text, sizeof(text), "http://a/%0*d", QUERY_PATH_MAX - 1, 1);
	CHECK(url_target_parse(text, &q, why) == 0, "longest: %s", why);
	snprintf(text, sizeof(text), "http://a/%0*d", QUERY_PATH_MAX, 1);
	CHECK(url_target_parse(text, &q, why) != 0, "one more");
}

static const struct unit_case cases[] = {
    {"understands intermediaries", understands_hops},
    {"refuses intermediaries", refuses_hops},
    {"keeps the secret", keeps_the_secret},
    {"understands targets", understands_targets},
    {"refuses targets", refuses_targets},
};

UNIT_MAIN("url", cases)
