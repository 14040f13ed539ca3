/* Reads the files that the configuration names into memory that is wiped; says
 * what is wrong with them, and never what is in them. */
#include "policyd/common/pdsecret.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/conf.h"
#include "policyd/common/pdchild.h"
#include "policyd/common/pdconf.h"
#include "trust/verify.h"

#define PASSWORD_FILE_MAX 4096

_Static_assert(PDSECRET_KEY_LEN == PDCHILD_SECRET_LEN, "one secret");
_Static_assert(PDSECRET_KEY_LEN == KEYFILE_SIGN_LEN, "a seed and its key");

static int __attribute__((format(printf, 3, 4)))
fail(char why[PDSECRET_WHY_MAX], int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, PDSECRET_WHY_MAX, fmt, ap);
	va_end(ap);
	return error;
}

int
pdsecret_key(const char *path, enum keyfile_kind kind, uint8_t **out,
    char why[PDSECRET_WHY_MAX])
{
	struct keyfile_secret *k = NULL;
	int error = keyfile_read_secret(path, &k, why);

	*out = NULL;
	if (error != 0)
		return error;
	if (k->public.kind != kind) {
		error = fail(why, -EINVAL, "%s: expected a key to %s with",
		    path, keyfile_kind_word(kind));
		goto out;
	}
	*out = sodium_malloc(PDSECRET_KEY_LEN);
	if (*out == NULL) {
		error = fail(why, -ENOMEM, "%s: out of memory", path);
		goto out;
	}
	if (kind == KEYFILE_SIGN) {
		memcpy(*out, k->sign, sizeof(k->sign));
	} else {
		memcpy(*out, k->seal, sizeof(k->seal));
		memcpy(*out + sizeof(k->seal), k->public.key,
		    sizeof(k->public.key));
	}
out:
	keyfile_free(k);
	return error;
}

static int
read_password(const char *path, char out[256], char why[PDSECRET_WHY_MAX])
{
	size_t len = 0, line;
	char *text = NULL;
	int error = conf_read_file(path, PASSWORD_FILE_MAX, true, &text, &len);

	if (error == -EPERM)
		return fail(why, error,
		    "%s: others may read or change it (chmod go= it)", path);
	if (error != 0)
		return fail(why, error, "%s: %s", path, strerror(-error));
	line = strcspn(text, "\r\n");
	if (line == 0 || line > 255 || memchr(text, '\0', line) != NULL ||
	    (line < len && text[line] == '\0'))
		error = fail(why, -EINVAL,
		    "%s: expected a first line of 1 to 255 bytes", path);
	else
		memcpy(out, text, line);
	explicit_bzero(text, len);
	free(text);
	return error;
}

int
pdsecret_logins(const struct pdconf *c, struct pdchild_login **out,
    char why[PDSECRET_WHY_MAX])
{
	struct pdchild_login *l;
	uint32_t i;
	int error = 0;

	*out = NULL;
	if (c->logins_n == 0)
		return 0;
	l = sodium_allocarray(c->logins_n, sizeof(*l));
	if (l == NULL)
		return fail(why, -ENOMEM, "logins: out of memory");
	sodium_memzero(l, c->logins_n * sizeof(*l));
	for (i = 0; i < c->logins_n && error == 0; i++) {
		memcpy(l[i].name, c->logins[i].name, sizeof(l[i].name));
		memcpy(l[i].username, c->logins[i].username,
		    sizeof(l[i].username));
		if (c->logins[i].password_file[0] != '\0')
			error = read_password(
			    c->logins[i].password_file, l[i].password, why);
	}
	if (error == 0)
		*out = l;
	else
		sodium_free(l);
	return error;
}

int
pdsecret_root(
    const char *path, uint8_t **out, size_t *len, char why[PDSECRET_WHY_MAX])
{
	struct verified *root;
	struct trust_why t;
	char *text = NULL;
	int error = conf_read_file(path, ENVELOPE_MAX, false, &text, len);

	*out = NULL;
	if (error != 0)
		return fail(why, error, "%s: %s", path, strerror(-error));
	root = verify_root_first((const uint8_t *)text, *len, &t);
	if (root == NULL) {
		free(text);
		return fail(
		    why, -EINVAL, "%s: not a root to go by: %s", path, t.text);
	}
	verified_free(root);
	*out = (uint8_t *)text;
	return 0;
}
