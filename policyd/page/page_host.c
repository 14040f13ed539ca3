/* Owns what a Host header may say to a listener on loopback. */
#include "policyd/page/page_host.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/net.h"

/* "" or ":" and up to five digits. */
static bool
port_ok(const char *s)
{
	size_t n;

	if (*s == '\0')
		return true;
	n = strspn(s + 1, "0123456789");
	return *s == ':' && n >= 1 && n <= 5 && s[1 + n] == '\0';
}

bool
page_host_is_loopback(const char *host)
{
	static const char v6[] = "[::1]", word[] = "localhost";
	char name[NET_IP_STRLEN];
	size_t len = strcspn(host, ":");
	struct net_ip ip;

	if (strncmp(host, v6, sizeof(v6) - 1) == 0)
		return port_ok(host + sizeof(v6) - 1);
	if (!port_ok(host + len) || len == 0 || len >= sizeof(name))
		return false;
	if (len == sizeof(word) - 1 && strncasecmp(host, word, len) == 0)
		return true;
	snprintf(name, sizeof(name), "%.*s", (int)len, host);
	return net_ip_parse(name, &ip) == 0 && ip.family == 4 &&
	       ip.bytes[0] == 127;
}
