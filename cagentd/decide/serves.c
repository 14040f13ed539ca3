/* Finds the service and the caches of a request; knows nothing of whether
 * they are well. */
#include "cagentd/decide/serves.h"

#include <string.h>

#include "cagentd/decide/content.h"

static bool
destination_fits(const struct settings_serves *v, const struct wire_host *host)
{
	bool port = v->ports_n == 0, domain = v->domains_n == 0;
	size_t i;

	for (i = 0; i < v->ports_n && !port; i++)
		port = host->port >= v->ports[i].first &&
		       host->port <= v->ports[i].last;
	for (i = 0; i < v->domains_n && !domain; i++)
		domain = host->kind == WIRE_HOST_NAME &&
			 net_name_below(v->domains[i], host->name);
	return port && domain;
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

bool
serves_request(const struct settings_serves *v, const struct wire_host *host,
    const struct asked *asked)
{
	return destination_fits(v, host) && path_fits(v, asked->path) &&
	       content_fits(v, asked);
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

static void
find_service(const struct settings *s, const struct wire_host *host,
    const struct asked *asked, struct verdict *v)
{
	const struct settings_intermediary *si;
	uint32_t i;

	for (i = 0; i < s->intermediaries_n && v->service < 0; i++) {
		si = &s->intermediaries[i];
		if (si->duty == DUTY_SERVICE && may_add(asked) &&
		    serves_request(&si->serves, host, asked))
			v->service = (int32_t)i;
	}
}

static void
find_caches(const struct settings *s, const struct wire_host *host,
    const struct asked *asked, struct verdict *v)
{
	const struct settings_intermediary *si;
	uint32_t i;

	for (i = 0; i < s->intermediaries_n; i++) {
		si = &s->intermediaries[i];
		if (si->duty == DUTY_CACHE && may_cache(asked) &&
		    serves_request(&si->serves, host, asked))
			v->caches |= si->cache_bit;
	}
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
	find_service(s, host, asked, v);
	find_caches(s, host, asked, v);
}
