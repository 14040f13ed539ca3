/* Key files: their text, who may read them, and the memory that secrets live
 * in; whom a key belongs to is not known here. */
#include "trust/keyfile.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/fdio.h"

_Static_assert(KEYFILE_KEY_LEN == crypto_sign_SEEDBYTES &&
		   KEYFILE_KEY_LEN == crypto_sign_PUBLICKEYBYTES &&
		   KEYFILE_KEY_LEN == crypto_box_SECRETKEYBYTES &&
		   KEYFILE_KEY_LEN == crypto_box_PUBLICKEYBYTES &&
		   KEYFILE_SIGN_LEN == crypto_sign_SECRETKEYBYTES,
    "Ed25519 and X25519");
_Static_assert(KEYFILE_B64_LEN == sodium_base64_ENCODED_LEN(KEYFILE_KEY_LEN,
				      sodium_base64_VARIANT_ORIGINAL),
    "base64");

const char *
keyfile_kind_word(enum keyfile_kind kind)
{
	switch (kind) {
	case KEYFILE_SIGN:
		return "sign";
	case KEYFILE_SEAL:
		return "seal";
	}
	return "?";
}

static int __attribute__((format(printf, 3, 4)))
fail(char why[KEYFILE_WHY_MAX], int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, KEYFILE_WHY_MAX, fmt, ap);
	va_end(ap);
	return error;
}

const char *
keyfile_base64(const uint8_t key[KEYFILE_KEY_LEN], char out[KEYFILE_B64_LEN])
{
	return sodium_bin2base64(out, KEYFILE_B64_LEN, key, KEYFILE_KEY_LEN,
	    sodium_base64_VARIANT_ORIGINAL);
}

bool
keyfile_unbase64(const char *text, size_t len, uint8_t key[KEYFILE_KEY_LEN])
{
	char again[KEYFILE_B64_LEN];
	size_t n;
	bool ok;

	if (len != KEYFILE_B64_LEN - 1 ||
	    sodium_base642bin(key, KEYFILE_KEY_LEN, text, len, NULL, &n, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    n != KEYFILE_KEY_LEN)
		return false;
	/* libsodium 1.0.18 takes some bytes above 127 for letters. */
	keyfile_base64(key, again);
	ok = sodium_memcmp(again, text, len) == 0;
	sodium_memzero(again, sizeof(again));
	return ok;
}

/* The first line of a file. */
static const char *
head(bool secret, enum keyfile_kind kind)
{
	if (secret)
		return kind == KEYFILE_SIGN ? "cagent secret key 1 sign\n"
					    : "cagent secret key 1 seal\n";
	return kind == KEYFILE_SIGN ? "cagent public key 1 sign\n"
				    : "cagent public key 1 seal\n";
}

static bool
parse_as(const char *first, const char *text, size_t len,
    uint8_t key[KEYFILE_KEY_LEN])
{
	size_t n = strlen(first);

	if (len != n + KEYFILE_B64_LEN || memcmp(text, first, n) != 0 ||
	    text[len - 1] != '\n')
		return false;
	return keyfile_unbase64(text + n, KEYFILE_B64_LEN - 1, key);
}

bool
keyfile_parse(const char *text, size_t len, struct keyfile_public *out)
{
	struct keyfile_public p;

	for (p.kind = KEYFILE_SIGN; p.kind <= KEYFILE_SEAL; p.kind++) {
		if (parse_as(head(false, p.kind), text, len, p.key)) {
			*out = p;
			return true;
		}
	}
	return false;
}

/* All that follows from the seed. */
static bool
derive(struct keyfile_secret *s)
{
	if (s->public.kind == KEYFILE_SIGN)
		return crypto_sign_seed_keypair(
			   s->public.key, s->sign, s->seed) == 0;
	memcpy(s->seal, s->seed, sizeof(s->seal));
	return crypto_scalarmult_base(s->public.key, s->seal) == 0;
}

bool
keyfile_parse_secret(struct keyfile_secret *s, size_t len)
{
	enum keyfile_kind kind;

	for (kind = KEYFILE_SIGN; kind <= KEYFILE_SEAL; kind++) {
		if (parse_as(head(true, kind), s->text, len, s->seed)) {
			s->public.kind = kind;
			return derive(s);
		}
	}
	return false;
}

/* NULL after saying why. */
static struct keyfile_secret *
secret_new(char why[KEYFILE_WHY_MAX])
{
	struct keyfile_secret *s = NULL;

	if (sodium_init() != -1)
		s = sodium_malloc(sizeof(*s));
	if (s == NULL) {
		fail(why, 0, "no memory for a secret key");
		return NULL;
	}
	/* sodium_malloc() goes on when this fails, we do not. */
	if (sodium_mlock(s, sizeof(*s)) == -1) {
		sodium_free(s);
		fail(why, 0,
		    "memory for a secret key cannot be locked: expected a "
		    "limit of at least 64 KiB (ulimit -l)");
		return NULL;
	}
	sodium_memzero(s, sizeof(*s));
	return s;
}

void
keyfile_free(struct keyfile_secret *s)
{
	sodium_free(s);
}

int
keyfile_generate(enum keyfile_kind kind, struct keyfile_secret **out,
    char why[KEYFILE_WHY_MAX])
{
	struct keyfile_secret *s = secret_new(why);

	*out = NULL;
	if (s == NULL)
		return -ENOMEM;
	s->public.kind = kind;
	randombytes_buf(s->seed, sizeof(s->seed));
	if (!derive(s)) {
		keyfile_free(s);
		return fail(why, -EIO, "no key can be made");
	}
	*out = s;
	return 0;
}

static int
write_new(
    const char *path, mode_t mode, const char *text, char why[KEYFILE_WHY_MAX])
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int rc;

	if (fd == -1 && errno == EEXIST)
		return fail(why, -EEXIST,
		    "%s: is there already, and no key is overwritten", path);
	if (fd == -1)
		return fail(why, -errno, "%s: cannot make it: %s", path,
		    strerror(errno));
	rc = fdio_save(fd, text, strlen(text));
	if (close(fd) == -1 && rc == 0)
		rc = -errno;
	if (rc == 0)
		return 0;
	unlink(path);
	return fail(why, rc, "%s: cannot write: %s", path, strerror(-rc));
}

int
keyfile_write_secret(
    const char *path, struct keyfile_secret *s, char why[KEYFILE_WHY_MAX])
{
	size_t n = strlen(head(true, s->public.kind));

	memcpy(s->text, head(true, s->public.kind), n);
	keyfile_base64(s->seed, s->text + n);
	memcpy(s->text + n + KEYFILE_B64_LEN - 1, "\n", 2);
	return write_new(path, 0600, s->text, why);
}

int
keyfile_write_public(
    const char *path, const struct keyfile_public *p, char why[KEYFILE_WHY_MAX])
{
	char text[KEYFILE_TEXT_MAX], key[KEYFILE_B64_LEN];

	snprintf(text, sizeof(text), "%s%s\n", head(false, p->kind),
	    keyfile_base64(p->key, key));
	return write_new(path, 0644, text, why);
}

/* May a secret stand in it? */
static int
check_private(const char *path, const struct stat *st, char *why)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return fail(why, -EPERM,
		    "%s: expected a file of our own or of root, found one of "
		    "uid %u",
		    path, (unsigned int)st->st_uid);
	if ((st->st_mode & 077) != 0)
		return fail(why, -EPERM,
		    "%s: a secret key that others may read or write (mode "
		    "%03o); expected 600: chmod 600, and think about a new key",
		    path, (unsigned int)st->st_mode & 0777);
	return 0;
}

static int
open_key(const char *path, struct stat *st, char *why)
{
	/* Non-blocking, or a fifo without a writer would hold us here. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc = 0;

	if (fd == -1)
		return fail(why, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, st) == -1)
		rc = fail(why, -errno, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st->st_mode))
		rc = fail(why, -EINVAL, "%s: not a regular file", path);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/* As much as there is, up to all of text; or -errno. */
static ssize_t
get(int fd, char text[KEYFILE_TEXT_MAX])
{
	size_t len = 0;
	ssize_t n;

	while (len < KEYFILE_TEXT_MAX) {
		n = read(fd, text + len, KEYFILE_TEXT_MAX - len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static ssize_t
read_text(
    const char *path, struct stat *st, char text[KEYFILE_TEXT_MAX], char *why)
{
	int fd = open_key(path, st, why);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = get(fd, text);
	close(fd);
	if (n < 0)
		fail(why, (int)n, "%s: cannot read: %s", path,
		    strerror((int)-n));
	return n;
}

static int
load_secret(const char *path, struct keyfile_secret *s, char *why)
{
	struct keyfile_public public;
	struct stat st = {0};
	ssize_t n = read_text(path, &st, s->text, why);
	int rc;

	if (n < 0)
		return (int)n;
	if (keyfile_parse(s->text, (size_t)n, &public))
		return fail(why, -EINVAL,
		    "%s: a public key: expected the secret one, NAME.key",
		    path);
	rc = check_private(path, &st, why);
	if (rc != 0)
		return rc;
	if (keyfile_parse_secret(s, (size_t)n))
		return 0;
	return fail(why, -EINVAL,
	    "%s: not a secret key: expected the two lines that "
	    "'cagent-policyd keygen' writes into NAME.key",
	    path);
}

int
keyfile_read_secret(
    const char *path, struct keyfile_secret **out, char why[KEYFILE_WHY_MAX])
{
	struct keyfile_secret *s = secret_new(why);
	int rc;

	*out = NULL;
	if (s == NULL)
		return -ENOMEM;
	rc = load_secret(path, s, why);
	if (rc == 0)
		*out = s;
	else
		keyfile_free(s);
	return rc;
}

int
keyfile_read_public(
    const char *path, struct keyfile_public *out, char why[KEYFILE_WHY_MAX])
{
	char text[KEYFILE_TEXT_MAX];
	struct stat st = {0};
	ssize_t n = read_text(path, &st, text, why);
	bool ok = n >= 0 && keyfile_parse(text, (size_t)n, out);

	/* It may be that somebody gave the secret one. */
	sodium_memzero(text, sizeof(text));
	if (ok)
		return 0;
	if (n < 0)
		return (int)n;
	return fail(why, -EINVAL,
	    "%s: not a public key: expected the two lines that "
	    "'cagent-policyd keygen' writes into NAME.pub",
	    path);
}
