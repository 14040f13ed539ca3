/* Reads a configuration and tries what it names; starts nothing with it. */
#include "policyd/common/pdload.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/conf.h"
#include "base/log.h"
#include "policyd/common/pdchild.h"
#include "policyd/common/pdconf.h"
#include "policyd/common/pdsecret.h"
#include "trust/root.h"
#include "trust/verify.h"

static int __attribute__((format(printf, 2, 3)))
fail(struct conf_errors *errors, const char *fmt, ...)
{
	size_t used = strlen(errors->text), left = sizeof(errors->text) - used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(errors->text + used, left, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n + 1 < left)
		strlcat(errors->text, "\n", sizeof(errors->text));
	errors->n++;
	return -EINVAL;
}

static int
check_user(const struct settings_account *a, const char *key, const char *path,
    struct conf_errors *errors)
{
	if (a->uid == (uid_t)-1)
		return fail(errors,
		    "%s: user %s does not exist: make it (the package and "
		    "`make install` do), or name another by '%s'",
		    path, a->name, key);
	if (a->uid == 0)
		return fail(errors, "%s: '%s': %s is root: name another", path,
		    key, a->name);
	return 0;
}

/* Started by root: the users that the children become. */
static int
check_users(
    const struct pdconf *c, const char *path, struct conf_errors *errors)
{
	int bad = 0;

	if (geteuid() != 0)
		return 0;
	bad |= check_user(&c->collector_user, "collector-user", path, errors);
	bad |= check_user(&c->prober_user, "prober-user", path, errors);
	bad |= check_user(&c->ranker_user, "ranker-user", path, errors);
	bad |= check_user(&c->signer_user, "signer-user", path, errors);
	bad |= check_user(&c->page_user, "page-user", path, errors);
	return bad == 0 ? 0 : -EINVAL;
}

/* A later root, which agents may know already, may name another key. */
static void
look_up(const struct root *root, const char *path, const uint8_t *public,
    enum root_role role)
{
	uint8_t id[ENVELOPE_KEY_ID_LEN];

	envelope_key_id(public, id);
	if (root_find(root, id, role) == NULL)
		log_warnx("%s: root %u does not name this key to %s with", path,
		    root->version, root_role_word(role));
}

static int
check_keys(const struct pdconf *c, const struct verified *v,
    struct conf_errors *errors)
{
	const struct root *root = v != NULL ? verified_root(v) : NULL;
	char why[PDSECRET_WHY_MAX];
	uint8_t *key;
	int bad = 0;

	if (pdsecret_key(c->rank_key, KEYFILE_SIGN, &key, why) != 0)
		bad = fail(errors, "%s", why);
	else if (root != NULL)
		look_up(root, c->rank_key,
		    key + PDSECRET_KEY_LEN - KEYFILE_KEY_LEN, ROOT_ROLE_RANK);
	sodium_free(key);
	if (pdsecret_key(c->seal_key, KEYFILE_SEAL, &key, why) != 0)
		bad = fail(errors, "%s", why);
	else if (root != NULL)
		look_up(root, c->seal_key,
		    key + PDSECRET_KEY_LEN - KEYFILE_KEY_LEN, ROOT_ROLE_SEAL);
	sodium_free(key);
	return bad;
}

static int
check_files(const struct pdconf *c, struct conf_errors *errors)
{
	struct pdchild_login *logins = NULL;
	char why[PDSECRET_WHY_MAX];
	struct verified *v = NULL;
	struct trust_why ignored;
	uint8_t *root = NULL;
	size_t len = 0;
	int bad = 0;

	if (pdsecret_root(c->root, &root, &len, why) != 0)
		bad = fail(errors, "%s", why);
	else
		v = verify_root_first(root, len, &ignored);
	bad |= check_keys(c, v, errors);
	if (pdsecret_logins(c, &logins, why) != 0)
		bad = fail(errors, "%s", why);
	sodium_free(logins);
	verified_free(v);
	free(root);
	return bad == 0 ? 0 : -EINVAL;
}

int
pdload(const char *path, struct pdload *out, struct conf_errors *errors)
{
	int error;

	*out = (struct pdload){0};
	*errors = (struct conf_errors){0};
	error =
	    conf_read_file(path, PDCONF_TEXT_MAX, false, &out->text, &out->len);
	if (error != 0)
		return fail(errors, "%s: %s", path,
		    error == -EFBIG    ? "too long for a configuration"
		    : error == -EINVAL ? "not a regular file"
				       : strerror(-error));
	error = pdconf_parse(path, out->text, out->len, &out->conf, errors);
	if (error == 0) {
		error = check_users(out->conf, path, errors);
		error |= check_files(out->conf, errors);
	}
	if (error != 0)
		pdload_free(out);
	return error == 0 ? 0 : -EINVAL;
}

void
pdload_free(struct pdload *l)
{
	free(l->text);
	pdconf_unref(l->conf);
	*l = (struct pdload){0};
}
