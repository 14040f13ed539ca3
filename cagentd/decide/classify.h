#ifndef CAGENTD_CLASSIFY_H
#define CAGENTD_CLASSIFY_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/net.h"
#include "conf/settings.h"
#include "wire/intake.h"
#include "wire/wire.h"

#define CLIENT_SERVICE_MAX 127

/* Who is asking. */
struct client {
	enum wire_protocol protocol;
	bool has_uid; /* known by the kernel's word, not the client's */
	uid_t uid;
	char login[64]; /* the name whose password was shown; "": none was */
	/* Where it runs on this host, by the kernel's word: the last part of
	 * its cgroup's path, "ssh.service"; "": not known. */
	char service[CLIENT_SERVICE_MAX + 1];
	struct net_ip source; /* family 0 on a unix socket */
};

/* What is known of a plain HTTP request beyond its host; all borrowed. */
struct asked {
	const char *method; /* "GET" */
	const char *path;   /* of the target, without query; begins with '/' */
	const char *accept; /* the value of Accept; "" without */
	const char *fetch_dest; /* Sec-Fetch-Dest; "" without */
	const char *seen; /* the media type that came for its like, or NULL */
	bool upgrade;	  /* another protocol is to follow */
};

/* What the rules and the lists of direct destinations make of a request. */
struct verdict {
	enum settings_via via;
	uint16_t tier;	       /* VIA_TIER: rank */
	uint32_t intermediary; /* VIA_INTERMEDIARY: index in the settings */
	bool direct_first;     /* the destination is listed as direct */
	bool learned;	       /* not listed: it was learned (learn.h) */
	uint8_t class;	       /* index in the settings */
	bool class_set;	       /* by the rule, for good */
	enum settings_replay replay;
	int32_t rule;	/* index of the rule that matched, or -1 */
	bool forbidden; /* VIA_DENY by no rule: see classify() */
	/* Steps before the others, of plain HTTP requests alone (serves.h):
	 * of a service the index in the settings, or -1; of caches the bits. */
	int32_t service;
	uint32_t caches;
};

/*
 * Pure: the first rule that matches decides; without one, or when it only
 * sets the class, the lists of [direct].  Networks match address literals
 * only: a name is never resolved to find a rule.  asked: NULL for a tunnel,
 * which has no method and no path, so that no rule that names one matches.
 *
 * No intermediary is asked for our own listeners, nor for addresses that reach
 * no further than the host or link of whoever connects to them (loopback,
 * "localhost", link-local and metadata, multicast and the like, in whatever
 * way they are written), unless [direct] or the rule lists them, or, of the
 * loopback, pass-loopback says so.  What a name leads to there is not known.
 */
void classify(const struct settings *, const struct wire_host *,
    const struct client *, const struct asked *, struct verdict *out);

/*
 * May a direct connection for this request go to ip, which is its host or
 * what its name has resolved to?  Never to a listener of ours, but
 * for what classify_own() cannot know.  Else to what
 * the networks of [direct] or of the rule list (a network that is wider than
 * the loopback or what is link-local does not list it), and to public
 * addresses; to
 * private ones only for names in a domain that is listed there; to loopback,
 * link-local, multicast and the like not at all, but for "localhost" in such a
 * domain.  So nobody reaches by a name what an address would not reach.
 *
 * What is direct by learning alone goes to the networks that may be learned
 * and nowhere else; one that is wider than a private, loopback or other
 * special network does not include it.
 */
bool classify_direct(const struct settings *, const struct verdict *,
    const struct wire_host *, const struct net_ip *ip);

/* Is that a listener of ours? */
enum classify_own {
	OWN_NO,
	OWN_YES,
	OWN_IF_HERE /* if ip is an address of this host: net_is_here() */
};
enum classify_own classify_own(
    const struct settings *, const struct net_ip *ip, uint16_t port);

/* May a client with this source connect at all?  [access] */
bool classify_access(const struct settings *, const struct net_ip *source);
/* Of whose limits are others than those of all users the index in the
 * settings, or -1.  Who has logged in is known by that name alone. */
int32_t classify_limits(const struct settings *, const struct client *);
/* Need a client from there not log in? */
bool classify_exempt(const struct settings *, const struct net_ip *source);

#endif
