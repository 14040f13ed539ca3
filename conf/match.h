#ifndef CONF_MATCH_H
#define CONF_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/net.h"
#include "conf/lookup.h"

struct settings;

/*
 * Which of the settings' lists, and which rules, speak of a name, an address,
 * a port: looked up by what each is, so that it takes a look for each label
 * of a name and for each prefix length that is in use, however long the lists
 * are.  Made with the settings, and as immutable.
 *
 * The numbers are those of rules; of intermediaries, for what is SERVES or a
 * HOP; of users with limits of their own; and 0 for the lists that there is
 * one of.
 */
enum match_kind {
	MATCH_RULE_DOMAIN,
	MATCH_RULE_NETWORK,
	MATCH_RULE_SOURCE,
	MATCH_RULE_USER,
	MATCH_RULE_LOGIN,
	MATCH_RULE_SERVICE,
	MATCH_RULE_PATH,
	MATCH_RULE_PORT,
	MATCH_RULE_REST, /* who has none of these: no key */
	MATCH_DIRECT_DOMAIN,
	MATCH_DIRECT_NETWORK,
	MATCH_LEARN,
	MATCH_ACCESS,
	MATCH_EXEMPT,
	MATCH_SERVES_DOMAIN,
	MATCH_SERVES_REST,
	MATCH_HOP, /* by name */
	MATCH_LIMITS_LOGIN,
	MATCH_LIMITS_USER,
	MATCH_KINDS,
	/* Beside a kind of rules: each rule once, by what few others have. */
	MATCH_FIRST = 0x80
};

struct match;

/* 0 or -ENOMEM. */
int match_make(const struct settings *, struct match **);
void match_free(struct match *); /* NULL allowed */

/* One after the other, the keys that something asked for may be found by. */
struct match_walk {
	const struct match *in;
	uint8_t kind;
	uint8_t how;
	uint8_t family; /* 1 of v6 */
	int16_t bits;	/* of the key before */
	const char *text;
	size_t len;
	uint8_t key[18];
	uint32_t looks; /* keys looked for so far */
};
/* kind, maybe with MATCH_FIRST, is one of a name's suffixes, ... */
void match_domains(
    struct match_walk *, const struct match *, int kind, const char *name);
/* ... of an address (family 0: nothing), by networks as long as least, ... */
void match_networks(struct match_walk *, const struct match *, int kind,
    const struct net_ip *, uint8_t least);
void match_ports(
    struct match_walk *, const struct match *, int kind, uint16_t port);
/* ... of how a path begins, which is to be compared again, ... */
void match_paths(
    struct match_walk *, const struct match *, int kind, const char *path);
/* ... or just this. */
void match_exactly(struct match_walk *, const struct match *, int kind,
    const void *key, size_t len);
/* The next of them that has numbers; false: there is none. */
bool match_next(struct match_walk *, struct lookup_ids *);

/* Has any of the walk's keys that number? */
bool match_has(struct match_walk *, uint32_t id);

#endif
