/* Writes the kernel's rules for transparent listeners; loads none. */
#include "cagent-ctl/env.h"

#include <string.h>

/* Of packets that are to be routed to this host itself, for tproxy, and of
 * the table that does so: any numbers that nobody else uses. */
#define MARK  "0xca6e"
#define TABLE "51822"

static bool
is_any(const union net_addr *a)
{
	struct net_ip ip, any = {0};

	net_addr_ip(a, &ip);
	any.family = ip.family;
	return net_ip_equal(&ip, &any);
}

static bool
is_loopback(const union net_addr *a)
{
	static const uint8_t v6[16] = {[15] = 1};
	struct net_ip ip;

	net_addr_ip(a, &ip);
	return ip.family == 4 ? ip.bytes[0] == 127
			      : memcmp(ip.bytes, v6, sizeof(v6)) == 0;
}

/* Where nat's redirect leads of itself, for packets of this host. */
static bool
is_first_loopback(const union net_addr *a)
{
	return is_loopback(a) &&
	       (a->sa.sa_family == AF_INET6 ||
		   a->in.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
}

static const char *
family_word(const union net_addr *a)
{
	return a->sa.sa_family == AF_INET6 ? "ipv6" : "ipv4";
}

static const char *
address_word(const union net_addr *a)
{
	return a->sa.sa_family == AF_INET6 ? "ip6" : "ip";
}

static void
put_uids(const struct env *e, FILE *out)
{
	uint32_t i;

	if (e->uids_n == 0)
		return;
	fputs("\t\tmeta skuid { ", out);
	for (i = 0; i < e->uids_n; i++)
		fprintf(
		    out, "%s%lu", i > 0 ? ", " : "", (unsigned long)e->uids[i]);
	fputs(" } return\n", out);
}

static const char spare[] = "\t\tip daddr @spared4 return\n"
			    "\t\tip6 daddr @spared6 return\n"
			    "\t\tfib daddr type local return\n";

/* own: of packets of this host; else of those that others send through it. */
static void
put_redirect(const union net_addr *a, bool own, FILE *out)
{
	char text[NET_ADDR_STRLEN];

	if (a == NULL || (!own && is_loopback(a)))
		return;
	fprintf(out, "\t\tmeta nfproto %s meta l4proto tcp ", family_word(a));
	if (is_any(a) || (own && is_first_loopback(a)))
		fprintf(out, "redirect to :%u\n", net_addr_port(a));
	else
		fprintf(out, "dnat %s to %s\n", address_word(a),
		    net_addr_format(a, text));
}

static void
put_redirects(const struct env *e, FILE *out)
{
	const union net_addr *v4 = env_listener(e, LISTENER_REDIRECT, AF_INET);
	const union net_addr *v6 = env_listener(e, LISTENER_REDIRECT, AF_INET6);

	if (v4 == NULL && v6 == NULL)
		return;
	fputs("\n\t# Connections of this host's programs, but for the agent's."
	      "\n\tchain redirect_own {\n"
	      "\t\ttype nat hook output priority -100; policy accept;\n",
	    out);
	put_uids(e, out);
	fputs(spare, out);
	put_redirect(v4, true, out);
	put_redirect(v6, true, out);
	fputs("\t}\n", out);
	if ((v4 == NULL || is_loopback(v4)) && (v6 == NULL || is_loopback(v6)))
		return;
	fputs("\n\t# Connections that others send through this host.\n"
	      "\tchain redirect_others {\n"
	      "\t\ttype nat hook prerouting priority -100; policy accept;\n",
	    out);
	fputs(spare, out);
	put_redirect(v4, false, out);
	put_redirect(v6, false, out);
	fputs("\t}\n", out);
}

/* A rule that does not find the listener lets the packet pass: so it is
 * refused behind it. */
static void
put_tproxy(const union net_addr *a, FILE *out)
{
	char text[NET_ADDR_STRLEN], port[8];
	const char *to = text;

	if (a == NULL)
		return;
	net_addr_format(a, text);
	if (is_any(a)) {
		snprintf(port, sizeof(port), ":%u", net_addr_port(a));
		to = port;
	}
	fprintf(out,
	    "\t\tmeta nfproto %s meta l4proto tcp %stproxy %s to %s meta mark "
	    "set " MARK " accept\n"
	    "\t\tmeta nfproto %s meta l4proto tcp %sreject with tcp reset\n",
	    family_word(a), is_loopback(a) ? "meta mark " MARK " " : "",
	    address_word(a), to, family_word(a),
	    is_loopback(a) ? "meta mark " MARK " " : "");
}

static void
put_mark(const union net_addr *a, FILE *out)
{
	if (a != NULL)
		fprintf(out,
		    "\t\tmeta nfproto %s meta l4proto tcp meta mark set " MARK
		    "\n",
		    family_word(a));
}

static void
put_tproxies(const struct env *e, FILE *out)
{
	const union net_addr *v4 = env_listener(e, LISTENER_TPROXY, AF_INET);
	const union net_addr *v6 = env_listener(e, LISTENER_TPROXY, AF_INET6);

	if (v4 == NULL && v6 == NULL)
		return;
	fputs("\n\tchain tproxy_in {\n"
	      "\t\ttype filter hook prerouting priority -150; policy accept;\n"
	      "\t\tct direction reply return\n",
	    out);
	fputs(spare, out);
	put_tproxy(v4, out);
	put_tproxy(v6, out);
	fputs("\t}\n", out);
	/* What is redirected needs no second way. */
	if (env_listener(e, LISTENER_REDIRECT, AF_INET) != NULL)
		v4 = NULL;
	if (env_listener(e, LISTENER_REDIRECT, AF_INET6) != NULL)
		v6 = NULL;
	if (v4 == NULL && v6 == NULL)
		return;
	fputs("\n\t# Connections of this host's programs, but for the agent's,"
	      "\n\t# come in again by way of the loopback interface.\n"
	      "\tchain tproxy_own {\n"
	      "\t\ttype route hook output priority -150; policy accept;\n"
	      "\t\tct direction reply return\n",
	    out);
	put_uids(e, out);
	fputs(spare, out);
	put_mark(v4, out);
	put_mark(v6, out);
	fputs("\t}\n", out);
}

static void
put_routes(const struct env *e, FILE *out)
{
	const bool v4 = env_listener(e, LISTENER_TPROXY, AF_INET) != NULL;
	const bool v6 = env_listener(e, LISTENER_TPROXY, AF_INET6) != NULL;

	if (!v4 && !v6)
		return;
	fputs("#\n# tproxy needs these as well, once after each boot:\n", out);
	if (v4)
		fputs("# ip -4 rule add fwmark " MARK " lookup " TABLE "\n"
		      "# ip -4 route add local default dev lo table " TABLE
		      "\n",
		    out);
	if (v6)
		fputs("# ip -6 rule add fwmark " MARK " lookup " TABLE "\n"
		      "# ip -6 route add local default dev lo table " TABLE
		      "\n",
		    out);
}

void
env_rules(const struct env *e, FILE *out)
{
	fputs(
	    "#!/usr/sbin/nft -f\n"
	    "# Hands TCP connections to cagentd.  To load, and to be rid of "
	    "it again:\n"
	    "#\n"
	    "#   cagent-ctl env --transparent | nft -f -\n"
	    "#   nft delete table inet cagent\n"
	    "#\n"
	    "# The users in skuid are those that cagentd makes connections as."
	    "  Others whose\n"
	    "# connections must go out as they are, those of an intermediary "
	    "on this host\n"
	    "# first of all, belong there too.\n",
	    out);
	put_routes(e, out);
	fputs("\n"
	      "table inet cagent\n"
	      "delete table inet cagent\n"
	      "table inet cagent {\n"
	      "\t# This host and link; many at once.\n"
	      "\tset spared4 {\n"
	      "\t\ttype ipv4_addr; flags interval;\n"
	      "\t\telements = { 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, "
	      "224.0.0.0/3 }\n"
	      "\t}\n"
	      "\tset spared6 {\n"
	      "\t\ttype ipv6_addr; flags interval;\n"
	      "\t\telements = { ::/127, fe80::/10, ff00::/8 }\n"
	      "\t}\n",
	    out);
	put_redirects(e, out);
	put_tproxies(e, out);
	fputs("}\n", out);
}
