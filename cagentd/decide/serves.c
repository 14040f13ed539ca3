/* Finds the service and the caches of a request; knows nothing of whether
 * they are well. */
#include "cagentd/decide/serves.h"

#include <string.h>

#include "cagentd/decide/content.h"
#include "conf/match.h"

static bool
port_fits(const struct settings_serves *v, uint16_t port)
{
	size_t i;

	for (i = 0; i < v->ports_n; i++) {
		if (port >= v->ports[i].first && port <= v->ports[i].last)
			return true;
	}
	return v->ports_n == 0;
}

static bool
path_fits(const struct settings_serves *v, const char *path)
{
	size_t i;

	for (i = 0; i < v->paths_n; i++) {
		if (strncmp(path, v->paths[i], strlen(v->paths[i])) == 0)
			return true;
	}
	return v->paths_n == 0;
}

static bool
is_listed(char *const *words, size_t n, const char *word)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (strcmp(words[i], word) == 0)
			return true;
	}
	return false;
}

static bool
content_fits(const struct settings_serves *v, const struct asked *asked)
{
	char extension[CONTENT_EXTENSION_MAX + 1];

	content_extension(asked->path, extension);
	if (v->extensions_n > 0 && extension[0] != '\0')
		return is_listed(v->extensions, v->extensions_n, extension);
	if (v->contents_n > 0)
		return content_is_for(asked, v->contents, v->contents_n);
	return v->extensions_n == 0;
}

/* To be stored, and to be added to; by the method alone. */
static bool
may_cache(const struct asked *asked)
{
	return strcmp(asked->method, "GET") == 0 ||
	       strcmp(asked->method, "HEAD") == 0;
}

static bool
may_add(const struct asked *asked)
{
	return may_cache(asked) || strcmp(asked->method, "POST") == 0;
}

/* One that the request is for, by what it is there for. */
static void
take(const struct settings *s, uint32_t id, const struct asked *asked,
    struct verdict *v)
{
	const struct settings_intermediary *si = &s->intermediaries[id];

	if (si->duty == DUTY_CACHE && may_cache(asked))
		v->caches |= si->cache_bit;
	if (si->duty == DUTY_SERVICE && may_add(asked) &&
	    (v->service < 0 || (int32_t)id < v->service))
		v->service = (int32_t)id;
}

/* Of services the first in the file, of caches all; the walk has seen to it
 * that the domain is right. */
static void
find(const struct settings *s, struct match_walk *w,
    const struct wire_host *host, const struct asked *asked, struct verdict *v)
{
	const struct settings_serves *serves;
	struct lookup_ids ids;
	uint32_t i;

	while (match_next(w, &ids)) {
		for (i = 0; i < ids.n; i++) {
			serves = &s->intermediaries[ids.id[i]].serves;
			if (port_fits(serves, host->port) &&
			    path_fits(serves, asked->path) &&
			    content_fits(serves, asked))
				take(s, ids.id[i], asked, v);
		}
	}
}

static void
find_all(const struct settings *s, const struct wire_host *host,
    const struct asked *asked, struct verdict *v)
{
	int32_t asks = v->service;
	struct match_walk w;

	if (host->kind == WIRE_HOST_NAME) {
		match_domains(&w, s->match, MATCH_SERVES_DOMAIN, host->name);
		find(s, &w, host, asked, v);
	}
	match_exactly(&w, s->match, MATCH_SERVES_REST, "", 0);
	find(s, &w, host, asked, v);
	if (asks >= 0)
		v->service = asks;
}

void
serves_classify(const struct settings *s, const struct wire_host *host,
    const struct asked *asked, uint32_t via, struct verdict *v)
{
	enum settings_via asks = v->via;

	if (asks == VIA_CACHE || asks == VIA_SERVICE)
		v->via = VIA_DEFAULT;
	if (v->via != VIA_DEFAULT || asked == NULL || asked->upgrade)
		return;
	if (asks == VIA_CACHE) {
		v->caches = s->intermediaries[via].cache_bit;
		return;
	}
	if (asks == VIA_SERVICE)
		v->service = (int32_t)via;
	find_all(s, host, asked, v);
}
