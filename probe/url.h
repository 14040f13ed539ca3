#ifndef PROBE_URL_H
#define PROBE_URL_H

#include <stdbool.h>

#include "probe/query.h"
#include "wire/hop.h"

/*
 * What the command line calls intermediaries and targets, as URLs.
 * why  on failure: what is wrong and what would be right, for people; it
 *      never repeats a password.
 */
#define URL_MAX	      2048
#define URL_WHY_MAX   256
#define URL_LOGIN_MAX 255 /* bytes of a name, and of a password */

struct url_hop {
	bool direct; /* "direct://": no intermediary, and no host */
	bool secure; /* https: HTTP inside TLS */
	enum hop_type type;
	struct wire_host host;
	bool has_user, has_password;
	char user[URL_LOGIN_MAX + 1];
	char password[URL_LOGIN_MAX + 1]; /* secret: the caller clears it */
};

/* socks5://, socks5h:// (the same), socks4a://, http://, https://, with
 * [user[:password]@]host:port and perhaps a slash; %XX in a login; or
 * direct://.  0 or -EINVAL. */
int url_hop_parse(const char *text, struct url_hop *, char why[URL_WHY_MAX]);

/* http://host[:port][/path], https://host[:port][/...], tcp://host:port; the
 * fragment is dropped.  0 or -EINVAL. */
int url_target_parse(const char *text, struct query *, char why[URL_WHY_MAX]);

/* "socks5", "socks4a", "http", "https", "direct" */
const char *url_hop_scheme(const struct url_hop *);
/* The URL again, without a password. */
#define URL_HOP_STRLEN (WIRE_HOST_STRLEN + 3 * URL_LOGIN_MAX + 16)
const char *url_hop_format(const struct url_hop *, char out[URL_HOP_STRLEN]);
#define URL_TARGET_STRLEN (WIRE_HOST_STRLEN + QUERY_PATH_MAX + 16)
const char *url_target_format(
    const struct query *, char out[URL_TARGET_STRLEN]);

#endif
