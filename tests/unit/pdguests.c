/* Who has to leave when too many wait at the door. */
#include "policyd/collector/pdguests.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct net_ip
ip_of(const char *text)
{
	struct net_ip ip = {0};

	CHECK_INT(net_ip_parse(text, &ip), 0);
	return ip;
}

static void
sends_the_oldest_of_an_address_away(void)
{
	static struct pdguests g;
	struct net_ip one = ip_of("192.0.2.1"), two = ip_of("192.0.2.2");
	struct pdguest *p = calloc(PDGUESTS_ADDRESS_MAX + 2, sizeof(*p));
	struct pdguest other = {0};
	uint32_t i, n = PDGUESTS_ADDRESS_MAX;

	pdguests_init(&g);
	CHECK(pdguests_add(&g, &other, &two) == NULL, "another's");
	for (i = 0; i < n; i++)
		CHECK(pdguests_add(&g, &p[i], &one) == NULL, "%u", i);
	p[0].has_spoken = true;
	CHECK(pdguests_add(&g, &p[n], &one) == &p[1], "the oldest silent one");
	CHECK(p[0].in && !p[1].in && p[n].in && other.in, "who is in");
	CHECK_INT(g.n, n + 1);
	pdguests_remove(&g, &p[0]);
	pdguests_remove(&g, &p[0]);
	CHECK_INT(g.n, n);
	CHECK(pdguests_add(&g, &p[n + 1], &one) == NULL, "there is room");
	free(p);
}

static void
turns_one_away_when_all_have_spoken(void)
{
	static struct pdguests g;
	struct net_ip one = ip_of("192.0.2.1");
	struct pdguest *p = calloc(PDGUESTS_ADDRESS_MAX + 1, sizeof(*p));
	uint32_t i, n = PDGUESTS_ADDRESS_MAX;

	pdguests_init(&g);
	for (i = 0; i < n; i++) {
		CHECK(pdguests_add(&g, &p[i], &one) == NULL, "%u", i);
		p[i].has_spoken = true;
	}
	CHECK(pdguests_add(&g, &p[n], &one) == &p[n], "the new one");
	CHECK(!p[n].in, "is not in");
	CHECK_INT(g.n, n);
	free(p);
}

static void
has_a_bound_for_all(void)
{
	static struct pdguests g;
	struct pdguest *p = calloc(PDGUESTS_MAX + 1, sizeof(*p));
	struct net_ip ip = ip_of("10.0.0.0");
	uint32_t i;

	pdguests_init(&g);
	for (i = 0; i <= PDGUESTS_MAX; i++) {
		ip.bytes[2] = (uint8_t)(i >> 8);
		ip.bytes[3] = (uint8_t)i;
		CHECK(pdguests_add(&g, &p[i], &ip) ==
			  (i == PDGUESTS_MAX ? &p[0] : NULL),
		    "%u", i);
	}
	CHECK_INT(g.n, PDGUESTS_MAX);
	free(p);
}

/* Of v6 one has as many addresses as one likes. */
static void
takes_a_net_for_one(void)
{
	static struct pdguests g;
	struct net_ip ip = ip_of("2001:db8::"), next = ip_of("2001:db8:0:1::");
	struct pdguest *p = calloc(PDGUESTS_ADDRESS_MAX + 2, sizeof(*p));
	uint32_t i, n = PDGUESTS_ADDRESS_MAX;

	pdguests_init(&g);
	for (i = 0; i <= n; i++) {
		ip.bytes[14] = (uint8_t)(i >> 8);
		ip.bytes[15] = (uint8_t)i;
		CHECK(pdguests_add(&g, &p[i], &ip) == (i == n ? &p[0] : NULL),
		    "%u", i);
	}
	CHECK(pdguests_add(&g, &p[n + 1], &next) == NULL, "another net");
	free(p);
}

static const struct unit_case cases[] = {
    {"sends the oldest of an address away",
	sends_the_oldest_of_an_address_away},
    {"turns one away when all have spoken",
	turns_one_away_when_all_have_spoken},
    {"has a bound for all", has_a_bound_for_all},
    {"takes a net for one", takes_a_net_for_one},
};

UNIT_MAIN("pdguests", cases)
