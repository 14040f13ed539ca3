/* What the client's side of a handshake says, bears and forgets. */
#include "wire/hop.h"

#include <string.h>

#include "tests/unit/unit.h"

#define S50  "01234567890123456789012345678901234567890123456789"
#define S255 S50 S50 S50 S50 S50 "12345"

static const struct wire_host destination = {.kind = WIRE_HOST_NAME,
    .port = 443,
    .name = "www.example"};

static const char *
sent(const struct hop *h, const char *want, size_t len)
{
	return h->out_len == len && memcmp(h->out, want, len) == 0 ? ""
								   : "not ";
}

#define CHECK_SENT(h, want) CHECK_STR(sent((h), (want), sizeof(want) - 1), "")

static void
says_socks5(void)
{
	struct wire_host v6 = {.port = 80};
	struct hop h;
	size_t used;

	CHECK_INT(
	    hop_start(&h, HOP_SOCKS5, &destination, NULL, NULL), HOP_SEND);
	CHECK_SENT(&h, "\5\1\0");
	CHECK_INT(h.state, HOP_CHOICE);
	CHECK_INT(hop_feed(&h, (const uint8_t *)"\5\0", 2, &used), HOP_SEND);
	CHECK_INT(used, 2);
	CHECK_INT(h.state, HOP_ANSWER);
	CHECK_SENT(&h, "\5\1\0\3\13www.example\1\273");

	wire_host_set(&v6, "2001:db8::1", 11);
	hop_start(&h, HOP_SOCKS5, &v6, NULL, "unused");
	CHECK_SENT(&h, "\5\1\0");
	hop_feed(&h, (const uint8_t *)"\5\0", 2, &used);
	CHECK_SENT(&h, "\5\1\0\4\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1\0\120");
}

static void
logs_in_to_socks5(void)
{
	struct hop h;
	size_t used;

	hop_start(&h, HOP_SOCKS5, &destination, "fred", "secret");
	CHECK_SENT(&h, "\5\2\0\2");
	CHECK_INT(hop_feed(&h, (const uint8_t *)"\5\2", 2, &used), HOP_SEND);
	CHECK_INT(h.state, HOP_LOGIN);
	CHECK_SENT(&h, "\1\4fred\6secret");
	CHECK_INT(hop_feed(&h, (const uint8_t *)"\1\0", 2, &used), HOP_SEND);
	CHECK_SENT(&h, "\5\1\0\3\13www.example\1\273");

	hop_start(&h, HOP_SOCKS5, &destination, "fred", NULL);
	hop_feed(&h, (const uint8_t *)"\5\2", 2, &used);
	CHECK_SENT(&h, "\1\4fred\0");
}

static void
says_socks4(void)
{
	struct wire_host v4 = {.port = 80};
	struct hop h;

	CHECK_INT(
	    hop_start(&h, HOP_SOCKS4A, &destination, NULL, NULL), HOP_SEND);
	CHECK_INT(h.state, HOP_ANSWER);
	CHECK_SENT(&h, "\4\1\1\273\0\0\0\1\0www.example\0");
	hop_start(&h, HOP_SOCKS4A, &destination, "fred", "unused");
	CHECK_SENT(&h, "\4\1\1\273\0\0\0\1fred\0www.example\0");
	wire_host_set(&v4, "192.0.2.1", 9);
	hop_start(&h, HOP_SOCKS4A, &v4, "fred", NULL);
	CHECK_SENT(&h, "\4\1\0\120\300\0\2\1fred\0");
}

static void
says_http(void)
{
	static const char want[] = "CONNECT www.example:443 HTTP/1.1\r\n"
				   "Host: www.example:443\r\n";
	struct hop h;

	CHECK_INT(hop_start(&h, HOP_HTTP, &destination, NULL, NULL), HOP_SEND);
	CHECK_INT(h.state, HOP_ANSWER);
	CHECK(memcmp(h.out, want, sizeof(want) - 1) == 0, "\"%.*s\"",
	    (int)h.out_len, (const char *)h.out);
	CHECK(memmem(h.out, h.out_len, "uthorization", 12) == NULL,
	    "a login unasked");
	hop_start(&h, HOP_HTTP, &destination, "fred", "secret");
	CHECK(memmem(h.out, h.out_len,
		  "\r\nProxy-Authorization: Basic ZnJlZDpzZWNyZXQ=\r\n",
		  47) != NULL,
	    "no login: \"%.*s\"", (int)h.out_len, (const char *)h.out);
}

/* The longest of everything fits; one byte more of a login is refused. */
static void
knows_the_limits(void)
{
	static const enum hop_type types[] = {
	    HOP_SOCKS5, HOP_SOCKS4A, HOP_HTTP};
	struct wire_host host = {.kind = WIRE_HOST_NAME, .port = 65535};
	struct hop h;
	size_t i, used;

	for (i = 0; i < WIRE_NAME_MAX; i++)
		host.name[i] = i % 2 == 0 ? 'a' : '.';
	for (i = 0; i < 3; i++) {
		CHECK(hop_start(&h, types[i], &host, S255, S255) == HOP_SEND,
		    "type %zu: too long", i);
		CHECK(hop_start(&h, types[i], &host, S255 "x", "") == HOP_FAIL,
		    "type %zu: a user of 256", i);
		CHECK_STR(wire_reason_word(h.reason), "hop-auth");
		CHECK(hop_start(&h, types[i], &host, "", S255 "x") == HOP_FAIL,
		    "type %zu: a password of 256", i);
		CHECK_STR(wire_reason_word(h.reason), "hop-auth");
	}
	hop_start(&h, HOP_SOCKS5, &host, S255, S255);
	CHECK_INT(hop_feed(&h, (const uint8_t *)"\5\2", 2, &used), HOP_SEND);
	CHECK_SENT(&h, "\1\377" S255 "\377" S255);
	CHECK_INT(hop_feed(&h, (const uint8_t *)"\1\0", 2, &used), HOP_SEND);
	CHECK_INT(h.out_len, 260);
	CHECK_INT(hop_start(&h, HOP_HTTP, &host, "a:b", "c"), HOP_FAIL);
	CHECK_STR(wire_reason_word(h.reason), "hop-auth");
}

static void
knows_what_it_carries(void)
{
	static const struct {
		const char *host;
		bool socks4a;
	} is[] = {
	    {"www.example", true},
	    {"192.0.2.1", true},
	    {"0.0.0.0", true},
	    {"0.0.0.1", false},
	    {"0.0.0.255", false},
	    {"0.0.1.1", true},
	    {"1.0.0.1", true},
	    {"2001:db8::1", false},
	    {"::", false},
	};
	struct wire_host host = {.port = 80}, none = {.port = 80};
	struct hop h;
	size_t i;

	for (i = 0; i < sizeof(is) / sizeof(*is); i++) {
		host.port = 80;
		wire_host_set(&host, is[i].host, strlen(is[i].host));
		CHECK(hop_carries(HOP_SOCKS5, &host), "5: %s", is[i].host);
		CHECK(hop_carries(HOP_HTTP, &host), "http: %s", is[i].host);
		CHECK(hop_carries(HOP_SOCKS4A, &host) == is[i].socks4a,
		    "4a: %s", is[i].host);
		CHECK_INT(hop_start(&h, HOP_SOCKS4A, &host, NULL, NULL),
		    is[i].socks4a ? HOP_SEND : HOP_FAIL);
		if (!is[i].socks4a)
			CHECK_STR(
			    wire_reason_word(h.reason), "hop-unsupported");
		host.port = 0;
		CHECK(!hop_carries(HOP_SOCKS5, &host), "port 0");
	}
	CHECK(!hop_carries(HOP_SOCKS5, &none), "no host");
	CHECK(!hop_carries(HOP_HTTP, &none), "no host");
	none.kind = WIRE_HOST_NAME;
	CHECK(!hop_carries(HOP_SOCKS4A, &none), "an empty name");
	CHECK_INT(hop_start(&h, HOP_SOCKS5, &none, NULL, NULL), HOP_FAIL);
	CHECK_STR(wire_reason_word(h.reason), "hop-unsupported");
}

/* A head, or a flood of 1xx, that fills the owner's buffer is rubbish. */
static void
ends_floods(void)
{
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
	static uint8_t in[HOP_IN_MAX];
	struct hop h;
	enum hop_step step = HOP_MORE;
	size_t len, used;

	memset(in, 'x', sizeof(in));
	memcpy(in, "HTTP/1.1 200 ", 13);
	hop_start(&h, HOP_HTTP, &destination, NULL, NULL);
	for (len = 1; len <= sizeof(in) && step == HOP_MORE; len++)
		step = hop_feed(&h, in, len, &used);
	CHECK_INT(step, HOP_FAIL);
	CHECK_INT(len, sizeof(in) + 1);
	CHECK_STR(wire_reason_word(h.reason), "hop-bad");

	for (len = 0; len + sizeof(interim) <= sizeof(in);)
		len = (size_t)(stpcpy((char *)in + len, interim) - (char *)in);
	hop_start(&h, HOP_HTTP, &destination, NULL, NULL);
	CHECK_INT(hop_feed(&h, in, len, &used), HOP_FAIL);
	CHECK_STR(wire_reason_word(h.reason), "hop-bad");
}

static bool
holds(const struct hop *h, const char *secret)
{
	return memmem(h->out, sizeof(h->out), secret, strlen(secret)) != NULL;
}

/* The login stays in memory no longer than it must. */
static void
forgets_the_login(void)
{
	static const uint8_t ok[] = "HTTP/1.1 200 OK\r\n\r\n";
	struct hop h;
	size_t used;

	hop_start(&h, HOP_SOCKS5, &destination, S50, "long-secret");
	hop_feed(&h, (const uint8_t *)"\5\2", 2, &used);
	CHECK(holds(&h, "long-secret"), "no login at all");
	hop_feed(&h, (const uint8_t *)"\1\0", 2, &used);
	CHECK(!holds(&h, "long-secret"), "still there with the request");

	hop_start(&h, HOP_SOCKS5, &destination, "fred", "long-secret");
	hop_feed(&h, (const uint8_t *)"\5\2", 2, &used);
	hop_feed(&h, (const uint8_t *)"\1\1", 2, &used);
	CHECK(!holds(&h, "long-secret"), "still there after a refusal");

	hop_start(&h, HOP_HTTP, &destination, "fred", "secret");
	CHECK(holds(&h, "ZnJlZDpzZWNyZXQ="), "no login at all");
	hop_feed(&h, ok, sizeof(ok) - 1, &used);
	CHECK(!holds(&h, "ZnJlZDpzZWNyZXQ="), "still there in the tunnel");
}

static void
bears_no_bytes(void)
{
	struct hop h = {.state = HOP_START};
	size_t used = 9;

	CHECK_INT(hop_closed(&h), REASON_HOP_CLOSED);
	CHECK_INT(hop_timeout(&h), REASON_HOP_TIMEOUT);
	hop_start(&h, HOP_SOCKS5, &destination, NULL, NULL);
	CHECK_INT(hop_feed(&h, NULL, 0, &used), HOP_MORE);
	CHECK_INT(used, 0);
	hop_start(&h, HOP_HTTP, &destination, NULL, NULL);
	CHECK_INT(hop_feed(&h, NULL, 0, &used), HOP_MORE);
	memset(&h, 0, sizeof(h));
	CHECK_INT(hop_feed(&h, (const uint8_t *)"\5\0", 2, &used), HOP_FAIL);
}

static const struct unit_case cases[] = {
    {"says SOCKS5", says_socks5},
    {"logs in to SOCKS5", logs_in_to_socks5},
    {"says SOCKS4", says_socks4},
    {"says HTTP", says_http},
    {"knows the limits", knows_the_limits},
    {"knows what it carries", knows_what_it_carries},
    {"ends floods", ends_floods},
    {"forgets the login", forgets_the_login},
    {"bears no bytes", bears_no_bytes},
};

UNIT_MAIN("hop", cases)
