/*
 * Owns the run of bytes that a configuration is made from; fetches items from
 * the system while it is live, and never when it came out of a sealed fd.
 */
#include "conf/bundle.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"

/* Sealed form: magic, then for each item key length, data length (both
 * uint32_t in this machine's order: it never leaves it), key, data. */
#define BUNDLE_MAGIC "cagent-bundle-1\n"

#define SECRET_MAX 4096

struct item {
	struct item *next;
	char *key;
	char *data;
	size_t len;
};

struct bundle {
	struct item *first, **last;
	size_t bytes;
	bool live;
};

struct bundle *
bundle_new(void)
{
	struct bundle *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->last = &b->first;
	b->live = true;
	return b;
}

static void
item_free(struct item *it)
{
	if (it->data != NULL)
		explicit_bzero(it->data, it->len);
	free(it->data);
	free(it->key);
	free(it);
}

void
bundle_free(struct bundle *b)
{
	struct item *it;

	if (b == NULL)
		return;
	while ((it = b->first) != NULL) {
		b->first = it->next;
		item_free(it);
	}
	free(b);
}

static struct item *
find(const struct bundle *b, const char *key)
{
	struct item *it;

	for (it = b->first; it != NULL; it = it->next) {
		if (strcmp(it->key, key) == 0)
			return it;
	}
	return NULL;
}

static int
put(struct bundle *b, const char *key, size_t key_len, const char *data,
    size_t len)
{
	struct item *it;

	if (key_len > BUNDLE_KEY_MAX || len > BUNDLE_ITEM_MAX ||
	    b->bytes + key_len + len > BUNDLE_MAX)
		return -ENOSPC;
	it = calloc(1, sizeof(*it));
	if (it == NULL)
		return -ENOMEM;
	it->key = strndup(key, key_len);
	it->data = malloc(len + 1);
	if (it->key == NULL || it->data == NULL) {
		item_free(it);
		return -ENOMEM;
	}
	memcpy(it->data, data, len);
	it->data[len] = '\0';
	it->len = len;
	*b->last = it;
	b->last = &it->next;
	b->bytes += key_len + len;
	return 0;
}

int
bundle_put(struct bundle *b, const char *key, const char *data, size_t len)
{
	if (find(b, key) != NULL)
		return -EEXIST;
	return put(b, key, strlen(key), data, len);
}

int
bundle_set(struct bundle *b, const char *key, const char *data, size_t len)
{
	struct item **at, *it;

	for (at = &b->first; (it = *at) != NULL; at = &it->next) {
		if (strcmp(it->key, key) != 0)
			continue;
		*at = it->next;
		if (it->next == NULL)
			b->last = at;
		b->bytes -= strlen(it->key) + it->len;
		item_free(it);
		break;
	}
	return put(b, key, strlen(key), data, len);
}

void
bundle_thaw(struct bundle *b)
{
	b->live = true;
}

/* The first line of a private file, without its newline. */
static int
fetch_secret(struct bundle *b, const char *key, const char *path)
{
	size_t len, line;
	char *data;
	int error;

	error = conf_read_file(path, SECRET_MAX, true, &data, &len);
	if (error != 0)
		return error;
	line = strcspn(data, "\r\n");
	/* Cut at a NUL it would be another secret. */
	if (line < len && data[line] == '\0')
		error = -EILSEQ;
	else
		error = put(b, key, strlen(key), data, line);
	explicit_bzero(data, len);
	free(data);
	return error;
}

/* private: as in conf_read_file(). */
static int
fetch_file(struct bundle *b, const char *key, const char *path, bool private)
{
	char *data;
	size_t len;
	int error;

	error = conf_read_file(path, CONF_FILE_MAX, private, &data, &len);
	if (error != 0)
		return error;
	error = put(b, key, strlen(key), data, len);
	if (private)
		explicit_bzero(data, len);
	free(data);
	return error;
}

static int
fetch_user(struct bundle *b, const char *key, const char *name)
{
	struct passwd pw, *found = NULL;
	char text[64], scratch[4096];
	int n;

	if (getpwnam_r(name, &pw, scratch, sizeof(scratch), &found) != 0 ||
	    found == NULL)
		return -ENOENT;
	n = snprintf(text, sizeof(text), "%lu:%lu", (unsigned long)pw.pw_uid,
	    (unsigned long)pw.pw_gid);
	return put(b, key, strlen(key), text, (size_t)n);
}

static int
fetch(struct bundle *b, const char *key)
{
	if (strncmp(key, "conf:", 5) == 0)
		return fetch_file(b, key, key + 5, false);
	if (strncmp(key, "file:", 5) == 0)
		return fetch_file(b, key, key + 5, false);
	if (strncmp(key, "users:", 6) == 0)
		return fetch_file(b, key, key + 6, true);
	if (strncmp(key, "key:", 4) == 0)
		return fetch_file(b, key, key + 4, true);
	if (strncmp(key, "secret:", 7) == 0)
		return fetch_secret(b, key, key + 7);
	if (strncmp(key, "user:", 5) == 0)
		return fetch_user(b, key, key + 5);
	return -ENOENT;
}

const char *
bundle_get(struct bundle *b, const char *key, size_t *len, int *error)
{
	struct item *it = find(b, key);

	*error = 0;
	if (it == NULL && b->live) {
		*error = fetch(b, key);
		it = find(b, key);
	}
	if (it == NULL) {
		if (*error == 0)
			*error = -ENOENT;
		return NULL;
	}
	*len = it->len;
	return it->data;
}

static int
write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n == -1)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
write_item(int fd, const struct item *it)
{
	uint32_t lens[2] = {(uint32_t)strlen(it->key), (uint32_t)it->len};
	int error;

	error = write_all(fd, lens, sizeof(lens));
	if (error == 0)
		error = write_all(fd, it->key, lens[0]);
	if (error == 0)
		error = write_all(fd, it->data, lens[1]);
	return error;
}

static bool
goes_along(const struct item *it, unsigned int with)
{
	if (strncmp(it->key, "secret:", 7) == 0 ||
	    strncmp(it->key, "key:", 4) == 0)
		return (with & BUNDLE_SECRETS) != 0;
	if (strncmp(it->key, "users:", 6) == 0)
		return (with & BUNDLE_USERS) != 0;
	return true;
}

int
bundle_seal(const struct bundle *b, unsigned int with)
{
	const struct item *it;
	int error, fd;

	fd = memfd_create("cagent-conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -errno;
	error = fchmod(fd, 0600) == -1 ? -errno : 0;
	if (error == 0)
		error = write_all(fd, BUNDLE_MAGIC, strlen(BUNDLE_MAGIC));
	for (it = b->first; it != NULL && error == 0; it = it->next) {
		if (goes_along(it, with))
			error = write_item(fd, it);
	}
	if (error == 0 &&
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == -1)
		error = -errno;
	if (error != 0) {
		close(fd);
		return error;
	}
	return fd;
}

/* Take one item off the front; 0 when nothing is left, -EPROTO. */
static int
read_item(struct bundle *b, const char **p, size_t *left)
{
	uint32_t lens[2];
	int error;

	if (*left == 0)
		return 0;
	if (*left < sizeof(lens))
		return -EPROTO;
	memcpy(lens, *p, sizeof(lens));
	*p += sizeof(lens);
	*left -= sizeof(lens);
	if (lens[0] > *left || lens[1] > *left - lens[0])
		return -EPROTO;
	error = put(b, *p, lens[0], *p + lens[0], lens[1]);
	if (error != 0)
		return error;
	*p += lens[0] + lens[1];
	*left -= lens[0] + lens[1];
	return 1;
}

static int
read_all(struct bundle *b, const char *map, size_t len)
{
	size_t magic = strlen(BUNDLE_MAGIC);
	size_t left;
	int rc;

	if (len < magic || memcmp(map, BUNDLE_MAGIC, magic) != 0)
		return -EPROTO;
	map += magic;
	left = len - magic;
	while ((rc = read_item(b, &map, &left)) > 0)
		continue;
	return rc;
}

int
bundle_open(struct bundle **out, int fd)
{
	struct bundle *b;
	off_t size;
	void *map;
	int error;

	/* lseek, since fstat is a path call to a seccomp filter. */
	size = lseek(fd, 0, SEEK_END);
	if (size == -1)
		return -errno;
	if (size == 0 || size > (off_t)BUNDLE_MAX * 2)
		return -EPROTO;
	map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	b = bundle_new();
	error = b != NULL ? read_all(b, map, (size_t)size) : -ENOMEM;
	munmap(map, (size_t)size);
	if (error != 0) {
		bundle_free(b);
		return error;
	}
	b->live = false;
	*out = b;
	return 0;
}

const char *
bundle_trouble(int error)
{
	switch (error) {
	case -EPERM:
		return "others may read or change it (chmod go= it)";
	case -EINVAL:
		return "it is not a regular file";
	case -EFBIG:
		return "it is too large";
	case -ENOSPC:
		return "the files of this configuration are too large in all";
	case -ETXTBSY:
		return "it changed while it was read";
	default:
		return strerror(-error);
	}
}
