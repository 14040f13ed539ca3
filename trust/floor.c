/* The last accepted messages on disk, in a way that no crash can undo; whether
 * to accept one is not decided here. */
#include "trust/floor.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/fdio.h"
#include "trust/verify.h"
#include "wire/cursor.h"

#define TYPES	     (ENVELOPE_RANK + 1)
#define HASH_AT	     16
#define HASH_LEN     32
#define NAME_MAX_LEN 32

struct floor {
	int dir; /* owned */
	struct trust_mark marks[TYPES];
};

static const char *
type_name(enum envelope_type type)
{
	switch (type) {
	case ENVELOPE_ROOT:
		return "root";
	case ENVELOPE_POLICY:
		return "policy";
	case ENVELOPE_RANK:
		return "rank";
	}
	return "?";
}

static int __attribute__((format(printf, 3, 4)))
fail(char why[FLOOR_WHY_MAX], int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, FLOOR_WHY_MAX, fmt, ap);
	va_end(ap);
	return error;
}

static void
hash(const uint8_t *file, size_t len, uint8_t out[HASH_LEN])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, HASH_LEN);
	crypto_generichash_update(&state, file, HASH_AT);
	crypto_generichash_update(
	    &state, file + FLOOR_HEADER_LEN, len - FLOOR_HEADER_LEN);
	crypto_generichash_final(&state, out, HASH_LEN);
}

/* A whole file in memory. */
struct record {
	uint8_t *data; /* owned */
	size_t len;
	const uint8_t *message, *root; /* borrowed from data */
	size_t message_len, root_len;
};

static bool
record_decode(struct record *r, enum envelope_type type)
{
	uint8_t want[HASH_LEN], got[HASH_LEN];
	struct cursor_in c;
	char magic[4];
	bool ok;

	cursor_in_init(&c, r->data, r->len);
	cursor_get(&c, magic, sizeof(magic));
	ok = cursor_get_u8(&c) == FLOOR_VERSION;
	ok = cursor_get_u8(&c) == (uint8_t)type && ok;
	ok = cursor_get_u16(&c) == 0 && ok;
	r->message_len = cursor_get_u32(&c);
	r->root_len = cursor_get_u32(&c);
	cursor_get(&c, got, sizeof(got));
	r->message = cursor_take(&c, r->message_len);
	r->root = cursor_take(&c, r->root_len);
	if (c.state != CURSOR_OK || c.left > 0 || !ok ||
	    memcmp(magic, FLOOR_MAGIC, sizeof(magic)) != 0)
		return false;
	hash(r->data, r->len, want);
	return memcmp(got, want, sizeof(want)) == 0;
}

static int
record_encode(
    struct record *r, const struct verified *v, const struct verified *root)
{
	struct cursor_out c;
	const uint8_t *message, *under = NULL;
	uint8_t sum[HASH_LEN] = {0};

	message = verified_message(v, &r->message_len);
	r->root_len = 0;
	if (root != NULL)
		under = verified_message(root, &r->root_len);
	r->len = FLOOR_HEADER_LEN + r->message_len + r->root_len;
	r->data = malloc(r->len);
	if (r->data == NULL)
		return -ENOMEM;
	cursor_out_init(&c, r->data, r->len);
	cursor_put_text(&c, FLOOR_MAGIC);
	cursor_put_u8(&c, FLOOR_VERSION);
	cursor_put_u8(&c, (uint8_t)verified_envelope(v)->type);
	cursor_put_u16(&c, 0);
	cursor_put_u32(&c, (uint32_t)r->message_len);
	cursor_put_u32(&c, (uint32_t)r->root_len);
	cursor_put(&c, sum, sizeof(sum));
	cursor_put(&c, message, r->message_len);
	if (under != NULL)
		cursor_put(&c, under, r->root_len);
	if (cursor_out_result(&c) != (int)r->len)
		return -EINVAL;
	hash(r->data, r->len, r->data + HASH_AT);
	return 0;
}

/* Up to the end of the file or of the room; -errno. */
static ssize_t
read_all(int fd, uint8_t *out, size_t cap)
{
	size_t len = 0;
	ssize_t n;

	while (len < cap) {
		n = read(fd, out + len, cap - len);
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

/* 0, -ENOENT, -errno; r->data is the caller's. */
static int
record_read(int dir, const char *name, struct record *r)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	ssize_t n = -EBADMSG;

	if (fd == -1)
		return -errno;
	if (fstat(fd, &st) == -1)
		n = -errno;
	else if (S_ISREG(st.st_mode) && st.st_size <= FLOOR_MAX) {
		r->data = malloc((size_t)st.st_size + 1);
		n = -ENOMEM;
		if (r->data != NULL)
			n = read_all(fd, r->data, (size_t)st.st_size + 1);
	}
	close(fd);
	if (n < 0)
		return (int)n;
	r->len = (size_t)n;
	return 0;
}

/* What a record holds, checked again. */
static struct verified *
reverify(const struct record *r, enum envelope_type type,
    const struct trust_mark *policy, struct trust_why *why)
{
	struct verify ctx = {.mode = VERIFY_KEPT, .policy = *policy};
	struct verified *under, *v;

	if (type == ENVELOPE_ROOT)
		return verify_root_first(r->message, r->message_len, why);
	under = verify_root_first(r->root, r->root_len, why);
	if (under == NULL)
		return NULL;
	ctx.root = under;
	v = verify_message(&ctx, r->message, r->message_len, why);
	verified_free(under);
	return v;
}

static bool
for_us(const struct record *r, const char *group)
{
	enum envelope_fault fault;
	struct envelope e;

	if (envelope_decode(r->message, r->message_len, &e, &fault) <= 0)
		return true; /* to be refused, then */
	return strcmp(e.audience, "*") == 0 || strcmp(e.audience, group) == 0;
}

/* The record itself is whole: its message, or its mark alone. */
static int
take(struct floor *f, const struct record *r, enum envelope_type type,
    struct verified **out, struct trust_why *why)
{
	enum envelope_fault fault;
	struct envelope e;

	*out = reverify(r, type, &f->marks[ENVELOPE_POLICY], why);
	if (*out == NULL && why->fault != TRUST_MIX)
		return why->fault == TRUST_MEMORY ? -ENOMEM : -EBADMSG;
	envelope_decode(r->message, r->message_len, &e, &fault);
	f->marks[type] = (struct trust_mark){e.epoch, e.serial};
	return 0;
}

static int
load(struct floor *f, const char *group, enum envelope_type type,
    struct verified **out, struct trust_why *why)
{
	struct record r = {0};
	char name[NAME_MAX_LEN];
	int rc;

	*out = NULL;
	snprintf(name, sizeof(name), "%s.kept", type_name(type));
	rc = record_read(f->dir, name, &r);
	if (rc == 0 && !record_decode(&r, type)) {
		trust_refuse(why, TRUST_MALFORMED, "its checksum is wrong");
		rc = -EBADMSG;
	} else if (rc == 0 && for_us(&r, group))
		rc = take(f, &r, type, out, why);
	free(r.data);
	return rc == -ENOENT ? 0 : rc;
}

static int
load_all(struct floor *f, const char *group, const char *dir,
    struct floor_kept *kept, char why[FLOOR_WHY_MAX])
{
	struct verified **out[TYPES] = {[ENVELOPE_ROOT] = &kept->root,
	    [ENVELOPE_POLICY] = &kept->policy,
	    [ENVELOPE_RANK] = &kept->rank};
	enum envelope_type type;
	struct trust_why t;
	int rc;

	for (type = ENVELOPE_ROOT; type <= ENVELOPE_RANK; type++) {
		t.text[0] = '\0';
		rc = load(f, type == ENVELOPE_ROOT ? "*" : group, type,
		    out[type], &t);
		if (rc == -EBADMSG)
			return fail(why, rc,
			    "%s/%s.kept: damaged (%s); what was accepted last "
			    "is not known: remove it to begin anew",
			    dir, type_name(type),
			    t.text[0] != '\0' ? t.text : "not a file of ours");
		if (rc != 0)
			return fail(why, rc, "%s/%s.kept: %s", dir,
			    type_name(type), strerror(-rc));
	}
	return 0;
}

/* Whoever can write to it can take the floor away. */
static int
check_dir(int fd, const char *dir, char why[FLOOR_WHY_MAX])
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return fail(why, -errno, "%s: %s", dir, strerror(errno));
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return 0;
	return fail(why, -EPERM,
	    "%s: expected a directory that its owner alone can write to, "
	    "found mode %03o",
	    dir, (unsigned int)st.st_mode & 0777);
}

int
floor_open(const char *dir, const char *group, struct floor **out,
    struct floor_kept *kept, char why[FLOOR_WHY_MAX])
{
	struct floor *f = calloc(1, sizeof(*f));
	int rc;

	*out = NULL;
	*kept = (struct floor_kept){0};
	if (f == NULL)
		return fail(why, -ENOMEM, "%s: out of memory", dir);
	f->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir == -1) {
		rc = fail(why, -errno, "%s: %s", dir, strerror(errno));
		free(f);
		return rc;
	}
	rc = check_dir(f->dir, dir, why);
	if (rc == 0)
		rc = load_all(f, group, dir, kept, why);
	if (rc == 0) {
		*out = f;
		return 0;
	}
	floor_kept_free(kept);
	floor_close(f);
	return rc;
}

void
floor_close(struct floor *f)
{
	if (f == NULL)
		return;
	close(f->dir);
	free(f);
}

void
floor_kept_free(struct floor_kept *kept)
{
	verified_free(kept->root);
	verified_free(kept->policy);
	verified_free(kept->rank);
	*kept = (struct floor_kept){0};
}

struct trust_mark
floor_mark(const struct floor *f, enum envelope_type type)
{
	return f->marks[type];
}

/* Each step is on the disk before the next one is begun. */
static int
replace(int dir, enum envelope_type type, const struct record *r)
{
	char name[NAME_MAX_LEN], fresh[NAME_MAX_LEN];
	int fd, rc;

	snprintf(name, sizeof(name), "%s.kept", type_name(type));
	snprintf(fresh, sizeof(fresh), "%s.new", type_name(type));
	/* One that an earlier writer left when it was killed here. */
	if (unlinkat(dir, fresh, 0) == -1 && errno != ENOENT)
		return -errno;
	fd = openat(dir, fresh,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -errno;
	rc = fdio_save(fd, r->data, r->len);
	if (close(fd) == -1 && rc == 0)
		rc = -errno;
	if (rc == 0 && renameat(dir, fresh, dir, name) == -1)
		rc = -errno;
	if (rc != 0) {
		unlinkat(dir, fresh, 0);
		return rc;
	}
	return fsync(dir) == -1 ? -errno : 0;
}

int
floor_keep(struct floor *f, const struct verified *message,
    const struct verified *root)
{
	enum envelope_type type = verified_envelope(message)->type;
	struct trust_mark mark = verified_mark(message);
	struct record r = {0};
	int rc;

	if (trust_compare(mark, f->marks[type]) <= 0)
		return -ESTALE;
	rc = record_encode(&r, message, root);
	if (rc == 0)
		rc = replace(f->dir, type, &r);
	free(r.data);
	if (rc == 0)
		f->marks[type] = mark;
	return rc;
}

static int
forget(struct floor *f, enum envelope_type type)
{
	char name[NAME_MAX_LEN];

	f->marks[type] = (struct trust_mark){0, 0};
	snprintf(name, sizeof(name), "%s.kept", type_name(type));
	return unlinkat(f->dir, name, 0) == -1 && errno != ENOENT ? -errno : 0;
}

int
floor_restart(struct floor *f, const struct verified *root)
{
	int rc = forget(f, ENVELOPE_RANK);

	if (rc == 0)
		rc = forget(f, ENVELOPE_POLICY);
	if (rc == 0)
		rc = forget(f, ENVELOPE_ROOT);
	return rc == 0 ? floor_keep(f, root, NULL) : rc;
}
