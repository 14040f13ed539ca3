/* Makes the TLS clients of settings, which own them; opens no file. */
#include "cagentd/common/tls_clients.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "base/tls.h"
#include "conf/settings.h"

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static const char *
ca_of(const struct settings *s, const struct settings_tls *t)
{
	return t->ca != NULL ? t->ca : s->authorities;
}

/* One that was made for the same, or NULL. */
static struct tls_client *
made_before(const struct settings *s, const struct settings_intermediary *si,
    const struct settings *old)
{
	int i = old != NULL ? settings_intermediary(old, si->name) : -1;
	const struct settings_tls *t = si->tls, *was;

	if (i < 0)
		return NULL;
	was = old->intermediaries[i].tls;
	if (was == NULL || was->client == NULL ||
	    strcmp(t->server_name, was->server_name) != 0 ||
	    !same_text(ca_of(s, t), ca_of(old, was)) ||
	    !same_text(t->cert, was->cert) || !same_text(t->key, was->key))
		return NULL;
	return was->client;
}

/* What all share who name no authorities of their own: *shared. */
static int
authorities_of(const struct settings *s, const struct settings_tls *t,
    struct tls_authorities **shared, struct tls_authorities **out, char *why)
{
	int error = 0;

	if (t->ca != NULL)
		return tls_authorities_new(out, t->ca, why);
	if (*shared == NULL)
		error = tls_authorities_new(
		    shared, s->authorities != NULL ? s->authorities : "", why);
	if (error == 0)
		*out = tls_authorities_ref(*shared);
	return error;
}

static void
make(const struct settings *s, const struct settings_intermediary *si,
    struct tls_authorities **shared)
{
	struct settings_tls *t = si->tls;
	struct tls_client_spec spec = {t->server_name, NULL, t->cert, t->key};
	char why[TLS_WHY_MAX];
	int error;

	error = authorities_of(s, t, shared, &spec.authorities, why);
	if (error == 0)
		error = tls_client_new(&t->client, &spec, why);
	tls_authorities_unref(spec.authorities);
	if (error != 0)
		log_errx("%s cannot be used: TLS: %s", si->name, why);
}

void
tls_clients_make(struct settings *s, const struct settings *old)
{
	const struct settings_intermediary *si;
	struct tls_authorities *shared = NULL;
	struct tls_client *before;
	uint32_t i;

	for (i = 0; i < s->intermediaries_n; i++) {
		si = &s->intermediaries[i];
		if (si->tls == NULL || si->tls->client != NULL)
			continue;
		before = made_before(s, si, old);
		if (before != NULL)
			si->tls->client = tls_client_ref(before);
		else
			make(s, si, &shared);
	}
	tls_authorities_unref(shared);
}
