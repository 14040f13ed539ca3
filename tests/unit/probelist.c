/* The list of what is to be probed: its longest, every truncation, and what is
 * refused. */
#include "policyd/common/probelist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/common/blob.h"
#include "tests/unit/unit.h"

static struct probelist list, back;
static uint8_t wire[PROBELIST_LEN_MAX + 1];

static void
one(const char *host)
{
	memset(&list, 0, sizeof(list));
	list.serial = 5;
	list.items_n = 1;
	strlcpy(list.items[0].name, "hq-1", sizeof(list.items[0].name));
	list.items[0].type = HOP_HTTP;
	list.items[0].port = 3128;
	snprintf(list.items[0].host, sizeof(list.items[0].host), "%s", host);
}

static void
round_trip(void)
{
	const char *const hosts[] = {
	    "proxy.example", "192.0.2.1", "2001:db8::1", "a"};
	size_t i, len;

	for (i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		one(hosts[i]);
		len = probelist_encode(&list, wire);
		CHECK_INT(probelist_decode(wire, len, &back), 0);
		CHECK_INT(back.serial, 5);
		CHECK_INT(back.items_n, 1);
		CHECK_STR(back.items[0].name, "hq-1");
		CHECK_STR(back.items[0].host, hosts[i]);
		CHECK_INT(back.items[0].type, HOP_HTTP);
		CHECK_INT(back.items[0].port, 3128);
	}
}

static void
prefixes(void)
{
	uint8_t *copy;
	size_t len, i;

	one("proxy.example");
	list.items_n = 2;
	list.items[1] = list.items[0];
	len = probelist_encode(&list, wire);
	for (i = 0; i < len; i++) {
		copy = malloc(i > 0 ? i : 1);
		memcpy(copy, wire, i);
		CHECK(probelist_decode(copy, i, &back) == -EPROTO,
		    "%zu of %zu bytes", i, len);
		free(copy);
	}
	wire[len] = 0;
	CHECK_INT(probelist_decode(wire, len + 1, &back), -EPROTO);
	CHECK_INT(probelist_decode(wire, len, &back), 0);
}

static void
longest(void)
{
	size_t i, at, len;
	struct probelist_item *item;

	list.items_n = MANAGE_ROWS_MAX;
	for (i = 0; i < MANAGE_ROWS_MAX; i++) {
		item = &list.items[i];
		memset(item->name, 'n', sizeof(item->name) - 1);
		item->name[sizeof(item->name) - 1] = '\0';
		for (at = 0; at < NET_HOST_MAX; at++)
			item->host[at] = at % 64 == 63 ? '.' : 'h';
		item->host[NET_HOST_MAX] = '\0';
		item->type = HOP_SOCKS5;
		item->port = 65535;
	}
	len = probelist_encode(&list, wire);
	CHECK(len <= PROBELIST_LEN_MAX && len <= BLOB_MAX, "%zu bytes", len);
	CHECK_INT(probelist_decode(wire, len, &back), 0);
	CHECK(memcmp(&back, &list, sizeof(list)) == 0, "it is another one");
	wire[9] = 1; /* one more than there may be */
	CHECK_INT(probelist_decode(wire, len, &back), -EPROTO);
}

static void
none(void)
{
	size_t len;

	memset(&list, 0, sizeof(list));
	len = probelist_encode(&list, wire);
	back.items_n = 3;
	CHECK_INT(probelist_decode(wire, len, &back), 0);
	CHECK_INT(back.items_n, 0);
}

static void
refused(void)
{
	const char *const hosts[] = {"", "two words", "-.example..", "127.1"};
	size_t i, len;

	for (i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		one(hosts[i]);
		len = probelist_encode(&list, wire);
		CHECK(probelist_decode(wire, len, &back) == -EPROTO,
		    "host '%s'", hosts[i]);
	}
	one("a");
	list.items[0].port = 0;
	len = probelist_encode(&list, wire);
	CHECK_INT(probelist_decode(wire, len, &back), -EPROTO);
	one("a");
	len = probelist_encode(&list, wire);
	wire[10 + 1 + 4] = HOP_HTTP + 1;
	CHECK_INT(probelist_decode(wire, len, &back), -EPROTO);
	one("a");
	strlcpy(list.items[0].name, "*", sizeof(list.items[0].name));
	len = probelist_encode(&list, wire);
	CHECK_INT(probelist_decode(wire, len, &back), -EPROTO);
}

static const struct unit_case cases[] = {
    {"a round trip", round_trip},
    {"no prefix, nothing behind", prefixes},
    {"the longest", longest},
    {"an empty one", none},
    {"what is refused", refused},
};

UNIT_MAIN("probelist", cases)
