/* Owns administrators' orders: "use these, but not that one", for a while. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policyd/ranker/ranker.h"
#include "policyd/ranker/ranker_rank.h"

static bool
add(void *arg, const struct store_override *o)
{
	struct ranker *r = arg;
	struct store_override *more = reallocarray(
	    r->overrides, r->overrides_n + 1, sizeof(*r->overrides));

	if (more == NULL)
		fatalx("out of memory");
	r->overrides = more;
	r->overrides[r->overrides_n++] = *o;
	return true;
}

int
ranker_overrides_load(struct ranker *r)
{
	r->overrides_n = 0;
	return store_overrides(r->store, ranker_now_s(), add, r);
}

bool
ranker_override_names(const char *list, const char *name)
{
	size_t len = strlen(name), n;

	for (; *list != '\0'; list += n + (list[n] == ' ')) {
		n = strcspn(list, " ");
		if (n == len && memcmp(list, name, len) == 0)
			return true;
	}
	return false;
}

void
ranker_overrides_apply(
    const struct ranker *r, const char *group, struct order_member *m)
{
	const struct store_override *o;
	uint32_t i;

	for (i = 0; i < r->overrides_n; i++) {
		o = &r->overrides[i];
		if (strcmp(o->group, "*") != 0 && strcmp(o->group, group) != 0)
			continue;
		if (ranker_override_names(o->avoid, m->name)) {
			m->avoid = true;
			m->use = false;
		} else if (ranker_override_names(o->use, m->name)) {
			m->use = true;
			m->avoid = false;
		}
	}
}

void
ranker_overrides_expire(struct ranker *r)
{
	int64_t now_s = ranker_now_s();
	uint32_t i, n = 0;

	for (i = 0; i < r->overrides_n; i++) {
		if (r->overrides[i].until_s > now_s) {
			r->overrides[n++] = r->overrides[i];
			continue;
		}
		log_info("order %lld of %s is over",
		    (long long)r->overrides[i].id, r->overrides[i].by);
	}
	r->overrides_n = n;
}

/* --- for the control socket --- */

static int __attribute__((format(printf, 3, 4)))
refuse(struct ranker_why *why, const char *code, const char *fmt, ...)
{
	va_list ap;

	snprintf(why->code, sizeof(why->code), "%s", code);
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* Does any policy that the order is for name it? */
static bool
is_named(const struct ranker *r, const char *group, const char *name)
{
	const struct ranker_policy *p;

	if (strcmp(group, "*") != 0) {
		p = ranker_policy(r, group);
		return p != NULL &&
		       settings_intermediary(p->settings, name) >= 0;
	}
	LIST_FOREACH (p, &r->policies, next) {
		if (!p->revoked &&
		    settings_intermediary(p->settings, name) >= 0)
			return true;
	}
	return false;
}

static int
check_names(const struct ranker *r, const char *group, const char *list,
    struct ranker_why *why)
{
	char name[MANAGE_NAME_MAX + 1];
	size_t n;

	for (; *list != '\0'; list += n + (list[n] == ' ')) {
		n = strcspn(list, " ");
		if (n == 0 || n >= sizeof(name))
			return refuse(why, "usage",
			    "expected names with one blank between them: '%s'",
			    list);
		memcpy(name, list, n);
		name[n] = '\0';
		if (!is_named(r, group, name))
			return refuse(why, "not-found",
			    "no policy in force there names an intermediary "
			    "%s",
			    name);
	}
	return 0;
}

static int
check(const struct ranker *r, const struct store_override *o,
    struct ranker_why *why)
{
	int error = check_names(r, o->group, o->use, why);

	if (error == 0)
		error = check_names(r, o->group, o->avoid, why);
	if (error != 0)
		return error;
	if (o->use[0] == '\0' && o->avoid[0] == '\0')
		return refuse(why, "usage", "the order names no intermediary");
	if (o->until_s <= ranker_now_s())
		return refuse(why, "usage", "the order is over already");
	return 0;
}

int
ranker_override(
    struct ranker *r, struct store_override *o, struct ranker_why *why)
{
	int error = check(r, o, why);

	if (error != 0)
		return error;
	error = ranker_begin(r);
	if (error != 0)
		return ranker_disk_why(r, error, why);
	error = store_override_add(r->store, o);
	if (error == 0)
		error = ranker_event(r, "order",
		    strcmp(o->group, "*") == 0 ? "" : o->group, "",
		    "%.40s: use '%.60s', not '%.60s': %.60s", o->by, o->use,
		    o->avoid, o->why);
	error = ranker_end(r, error);
	if (error != 0)
		return ranker_disk_why(r, error, why);
	(void)add(r, o);
	log_info("order %lld of %s is in force", (long long)o->id, o->by);
	ranker_at_once(r);
	return 0;
}

int
ranker_override_end(
    struct ranker *r, int64_t id, const char *by, struct ranker_why *why)
{
	int error = ranker_begin(r);

	if (error != 0)
		return ranker_disk_why(r, error, why);
	error = store_override_end(r->store, id, ranker_now_s());
	if (error == 0)
		error = ranker_event(r, "order", "", "",
		    "order %lld was ended by %.63s", (long long)id, by);
	error = ranker_end(r, error);
	if (error == -ENOENT) {
		refuse(why, "not-found", "there is no order %lld that goes on",
		    (long long)id);
		return error;
	}
	if (error != 0)
		return ranker_disk_why(r, error, why);
	error = ranker_overrides_load(r);
	ranker_at_once(r);
	return error == 0 ? 0 : ranker_disk_why(r, error, why);
}
