/* Writes the script that tells browsers about us; decides no request. */
#include "cagentd/decide/pac.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Sets of names, each with a dot before it, and of networks: "4" or "6" and
 * the bits of the prefix.  So a look-up is one for each label or bit. */
static const char functions[] =
    "function bits4(h) {\n"
    "  var p = h.split(\".\"), s = \"4\", i;\n"
    "  if (p.length !== 4) return \"\";\n"
    "  for (i = 0; i < 4; i++) {\n"
    "    if (!/^(0|[1-9][0-9]{0,2})$/.test(p[i]) || +p[i] > 255) return \"\";\n"
    "    s += (256 + +p[i]).toString(2).substring(1);\n"
    "  }\n"
    "  return s;\n"
    "}\n"
    "function groups(s) { return s === \"\" ? [] : s.split(\":\"); }\n"
    "function bits6(h) {\n"
    "  var v4 = /^(.*:)([0-9.]+)$/.exec(h), s = \"6\", i, p, a, b;\n"
    "  if (v4 && v4[2].indexOf(\".\") >= 0) {\n"
    "    p = bits4(v4[2]);\n"
    "    if (p === \"\") return \"\";\n"
    "    h = v4[1] + parseInt(p.substring(1, 17), 2).toString(16) + \":\" +\n"
    "        parseInt(p.substring(17), 2).toString(16);\n"
    "  }\n"
    "  p = h.split(\"::\");\n"
    "  a = groups(p[0]);\n"
    "  b = p.length === 2 ? groups(p[1]) : [];\n"
    "  i = a.length + b.length;\n"
    "  if (p.length > 2 || (p.length === 2 ? i > 7 : i !== 8)) return \"\";\n"
    "  for (; i < 8; i++) a.push(\"0\");\n"
    "  a = a.concat(b);\n"
    "  for (i = 0; i < 8; i++) {\n"
    "    if (!/^[0-9a-f]{1,4}$/.test(a[i])) return \"\";\n"
    "    s += (65536 + parseInt(a[i], 16)).toString(2).substring(1);\n"
    "  }\n"
    "  return /^60{80}1{16}/.test(s) ? \"4\" + s.substring(97) : s;\n"
    "}\n"
    "function has(set, host, bits) {\n"
    "  var s = \".\" + host, i;\n"
    "  if (bits === \"\") {\n"
    "    for (i = 0; i >= 0; i = s.indexOf(\".\", i + 1))\n"
    "      if (set.hasOwnProperty(s.substring(i))) return true;\n"
    "  }\n"
    "  for (i = 1; i <= bits.length; i++)\n"
    "    if (set.hasOwnProperty(bits.substring(0, i))) return true;\n"
    "  return false;\n"
    "}\n"
    "function FindProxyForURL(url, host) {\n"
    "  var h = host.toLowerCase().replace(/^\\[|\\]$/g, \"\"), bits;\n"
    "  h = h.replace(/\\.$/, \"\");\n"
    "  bits = h.indexOf(\":\") >= 0 ? bits6(h) : bits4(h);\n"
    "  if (has(here, h, bits)) return \"DIRECT\";\n"
    "  if (has(ruled, h, bits)) return agent;\n"
    "  if (has(direct, h, bits) || !/[.:]/.test(h)) return \"DIRECT\";\n"
    "  return agent;\n"
    "}\n";

struct writer {
	char *out;
	size_t cap, len;
};

static void __attribute__((format(printf, 2, 3)))
put(struct writer *w, const char *fmt, ...)
{
	size_t left = w->len < w->cap ? w->cap - w->len : 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(left > 0 ? w->out + w->len : NULL, left, fmt, ap);
	va_end(ap);
	if (n > 0)
		w->len += (size_t)n;
}

/* Whatever a name may hold some day, it ends no string. */
static void
put_domains(struct writer *w, char *const *domains, size_t n)
{
	const char *p;
	size_t i;

	for (i = 0; i < n; i++) {
		put(w, "  \".");
		for (p = domains[i]; *p != '\0'; p++) {
			if ((*p >= 'a' && *p <= 'z') ||
			    (*p >= '0' && *p <= '9') || *p == '-' ||
			    *p == '.' || *p == '_')
				put(w, "%c", *p);
			else
				put(w, "\\x%02x", (unsigned char)*p);
		}
		put(w, "\": 1,\n");
	}
}

static void
put_networks(struct writer *w, const struct net_prefix *nets, size_t n)
{
	char bits[128 + 1];
	size_t i, b;

	for (i = 0; i < n; i++) {
		for (b = 0; b < nets[i].len; b++)
			bits[b] =
			    nets[i].ip.bytes[b / 8] & 0x80 >> b % 8 ? '1' : '0';
		bits[b] = '\0';
		put(w, "  \"%u%s\": 1,\n", nets[i].ip.family, bits);
	}
}

/* Would it keep a request from going straight to where it wants? */
static bool
is_ruling(const struct settings_rule *r)
{
	return r->via != VIA_DEFAULT && r->via != VIA_DIRECT;
}

/* What [direct] lists is ours to decide all the same when a rule speaks of
 * it: then the request has to come here. */
static bool
put_ruled(struct writer *w, const struct settings *s)
{
	const struct settings_rule *r;
	bool all = false;
	uint32_t i;

	put(w, "var ruled = {\n");
	for (i = 0; i < s->rules_n; i++) {
		r = &s->rules[i];
		if (!is_ruling(r))
			continue;
		if (r->domains_n == 0 && r->networks_n == 0)
			all = true;
		put_domains(w, r->domains, r->domains_n);
		put_networks(w, r->networks, r->networks_n);
	}
	put(w, "  \"\": 1\n};\n");
	return all;
}

size_t
pac_encode(const struct settings *s, const char *at, char *out, size_t cap)
{
	struct writer w = {out, cap, 0};
	bool all;

	put(&w,
	    "// Made by cagentd from its configuration; it asks nobody.\n"
	    "var agent = \"PROXY %s; SOCKS5 %s%s\";\n"
	    "var here = {\".localhost\": 1, \"401111111\": 1, \"6%0127d1\": "
	    "1};\n",
	    at, at, s->no_path_direct ? "; DIRECT" : "", 0);
	all = put_ruled(&w, s);
	put(&w, "var direct = {\n");
	if (!all) {
		put_domains(&w, s->direct_domains, s->direct_domains_n);
		put_networks(&w, s->direct_networks, s->direct_networks_n);
	}
	put(&w, "  \"\": 1\n};\n%s", functions);
	return w.len;
}
