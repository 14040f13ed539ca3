/* The run of bytes that a configuration is made from, live and sealed. */
#include "conf/bundle.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define MAGIC "cagent-bundle-1\n"

static char dir[64];

static const char *
write_file(const char *name, const char *data, size_t len, mode_t mode)
{
	static char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(fd != -1 && write(fd, data, len) == (ssize_t)len, "%s", path);
	CHECK_INT(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void
begin(void)
{
	snprintf(dir, sizeof(dir), "/tmp/bundle-XXXXXX");
	CHECK(mkdtemp(dir) != NULL, "mkdtemp: %s", strerror(errno));
}

static void
end(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/f", dir);
	unlink(path);
	CHECK_INT(rmdir(dir), 0);
}

/* What a key fetches: its bytes, or the error. */
static void
expect(struct bundle *b, const char *key, const char *want, size_t want_len)
{
	const char *got;
	size_t len = 0;
	int error = 1;

	got = bundle_get(b, key, &len, &error);
	CHECK(got != NULL && error == 0, "%s: error %d", key, error);
	if (got == NULL)
		return;
	CHECK(
	    len == want_len && memcmp(got, want, len) == 0 && got[len] == '\0',
	    "%s: %zu bytes \"%s\"", key, len, got);
}

static void
expect_error(struct bundle *b, const char *key, int want)
{
	size_t len;
	int error = 1;

	CHECK(bundle_get(b, key, &len, &error) == NULL, "%s: got it", key);
	CHECK(error == want, "%s: error %d, not %d", key, error, want);
}

static void
files(void)
{
	struct bundle *b = bundle_new();
	char key[160];

	begin();
	snprintf(key, sizeof(key), "file:%s",
	    write_file("f", "one\ntwo\n", 8, 0644));
	expect(b, key, "one\ntwo\n", 8);
	/* Once taken it is the bundle's, whatever becomes of the file. */
	write_file("f", "other", 5, 0644);
	expect(b, key, "one\ntwo\n", 8);
	memcpy(key, "conf:", 5);
	expect(b, key, "other", 5);
	snprintf(key, sizeof(key), "file:%s/none", dir);
	expect_error(b, key, -ENOENT);
	snprintf(key, sizeof(key), "file:%s", dir);
	expect_error(b, key, -EINVAL);
	expect_error(b, "nothing", -ENOENT);
	expect_error(b, "", -ENOENT);
	bundle_free(b);
	end();
}

static void
secrets(void)
{
	static const struct {
		const char *name, *text;
		size_t len;
		mode_t mode;
		int error;
		const char *want;
	} rows[] = {
	    {"a line", "pass word\nmore\n", 15, 0600, 0, "pass word"},
	    {"no newline", "x", 1, 0600, 0, "x"},
	    {"CR LF", "x\r\ny", 4, 0600, 0, "x"},
	    {"empty", "", 0, 0600, 0, ""},
	    {"a NUL behind the line", "x\n\0", 3, 0600, 0, "x"},
	    {"a NUL in the line", "x\0y\n", 4, 0600, -EILSEQ, NULL},
	    {"others can read", "x\n", 2, 0604, -EPERM, NULL},
	    {"the group can write", "x\n", 2, 0620, -EPERM, NULL},
	};
	struct bundle *b;
	char key[160];
	size_t i;

	begin();
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		b = bundle_new();
		snprintf(key, sizeof(key), "secret:%s",
		    write_file("f", rows[i].text, rows[i].len, rows[i].mode));
		if (rows[i].error == 0)
			expect(b, key, rows[i].want, strlen(rows[i].want));
		else
			expect_error(b, key, rows[i].error);
		bundle_free(b);
	}
	end();
}

static void
secret_size(void)
{
	struct bundle *b = bundle_new();
	char text[4097], key[160];

	begin();
	memset(text, 'x', sizeof(text));
	snprintf(key, sizeof(key), "secret:%s",
	    write_file("f", text, sizeof(text), 0600));
	expect_error(b, key, -EFBIG);
	write_file("f", text, 4096, 0600);
	expect(b, key, text, 4096);
	bundle_free(b);
	end();
}

static void
users(void)
{
	struct bundle *b = bundle_new();

	expect(b, "user:root", "0:0", 3);
	expect_error(b, "user:no such user", -ENOENT);
	bundle_free(b);
}

static void
putting(void)
{
	struct bundle *b = bundle_new();
	char *big = calloc(1, BUNDLE_ITEM_MAX + 1);
	char key[BUNDLE_KEY_MAX + 2];

	CHECK_INT(bundle_put(b, "k", "v", 1), 0);
	CHECK_INT(bundle_put(b, "k", "w", 1), -EEXIST);
	expect(b, "k", "v", 1);
	CHECK_INT(bundle_put(b, "empty", "", 0), 0);
	expect(b, "empty", "", 0);
	memset(key, 'k', sizeof(key));
	key[BUNDLE_KEY_MAX + 1] = '\0';
	CHECK_INT(bundle_put(b, key, "v", 1), -ENOSPC);
	key[BUNDLE_KEY_MAX] = '\0';
	CHECK_INT(bundle_put(b, key, "v", 1), 0);
	CHECK_INT(bundle_put(b, "big", big, BUNDLE_ITEM_MAX + 1), -ENOSPC);
	CHECK_INT(bundle_put(b, "big", big, BUNDLE_ITEM_MAX), 0);
	/* Two such are all that a bundle holds, and it has more already. */
	CHECK_INT(bundle_put(b, "big2", big, BUNDLE_ITEM_MAX), -ENOSPC);
	free(big);
	bundle_free(b);
	bundle_free(NULL);
}

/* Through a sealed fd: the same items, the end of fetching. */
static void
sealing(void)
{
	struct bundle *b = bundle_new(), *sealed = NULL;
	char key[160], secret[160];
	int fd;

	begin();
	snprintf(key, sizeof(key), "conf:%s", write_file("f", "a\0b", 3, 0600));
	expect(b, key, "a\0b", 3);
	snprintf(secret, sizeof(secret), "secret:%s",
	    write_file("f", "pw\n", 3, 0600));
	expect(b, secret, "pw", 2);
	CHECK_INT(bundle_put(b, "empty", "", 0), 0);
	fd = bundle_seal(b, BUNDLE_SECRETS);
	CHECK(fd >= 0, "seal: %d", fd);
	CHECK_INT(bundle_open(&sealed, fd), 0);
	expect(sealed, key, "a\0b", 3);
	expect(sealed, secret, "pw", 2);
	expect(sealed, "empty", "", 0);
	/* Nothing comes from the system any more, though it is there. */
	key[0] = 'f', key[1] = 'i', key[2] = 'l', key[3] = 'e';
	expect_error(sealed, key, -ENOENT);
	expect_error(sealed, "user:root", -ENOENT);
	bundle_free(sealed);
	close(fd);
	fd = bundle_seal(b, 0);
	CHECK_INT(bundle_open(&sealed, fd), 0);
	expect_error(sealed, secret, -ENOENT);
	expect(sealed, "empty", "", 0);
	bundle_free(sealed);
	close(fd);
	bundle_free(b);
	end();
}

static bool
holds(int fd, const char *text)
{
	char buf[512];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);

	return n > 0 && memmem(buf, (size_t)n, text, strlen(text)) != NULL;
}

static void
sealed_is_sealed(void)
{
	struct bundle *b = bundle_new();
	struct stat st;
	int fd, plain;

	CHECK_INT(bundle_put(b, "secret:/x", "hush-hush", 9), 0);
	CHECK_INT(bundle_put(b, "users:/u", "who-is-who", 10), 0);
	fd = bundle_seal(b, BUNDLE_SECRETS);
	plain = bundle_seal(b, 0);
	CHECK(holds(fd, "hush-hush"), "the secret is not there");
	CHECK(!holds(fd, "who-is-who"), "the users are there, too");
	CHECK(!holds(plain, "hush-hush"), "the secret is there");
	CHECK(!holds(plain, "who-is-who"), "the users are there");
	close(plain);
	plain = bundle_seal(b, BUNDLE_USERS);
	CHECK(!holds(plain, "hush-hush"), "the secret is there, too");
	CHECK(holds(plain, "who-is-who"), "the users are not there");
	CHECK_INT(pwrite(fd, "x", 1, 0), -1);
	CHECK_INT(ftruncate(fd, 0), -1);
	CHECK(mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
		  MAP_FAILED,
	    "mapped for writing");
	CHECK_INT(fcntl(fd, F_ADD_SEALS, 0), -1);
	CHECK_INT(fstat(fd, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	close(fd);
	close(plain);
	bundle_free(b);
}

static int
open_bytes(const void *data, size_t len)
{
	struct bundle *b = NULL;
	int error, fd = memfd_create("test", MFD_CLOEXEC);

	CHECK(fd != -1 && write(fd, data, len) == (ssize_t)len, "memfd");
	error = bundle_open(&b, fd);
	bundle_free(b);
	close(fd);
	return error;
}

/* Every cut of a good one, and sizes that lie. */
static void
hostile(void)
{
	struct bundle *b = bundle_new();
	static const uint32_t lies[][2] = {{5, 0}, {0, 5}, {UINT32_MAX, 0},
	    {0, UINT32_MAX}, {UINT32_MAX, UINT32_MAX}, {2, 3}, {4, 1}};
	char buf[256], *p;
	size_t i, whole = 0;
	ssize_t len;
	int fd;

	bundle_put(b, "key", "data", 4);
	bundle_put(b, "k2", "", 0);
	fd = bundle_seal(b, BUNDLE_SECRETS);
	len = pread(fd, buf, sizeof(buf), 0);
	CHECK_INT(len, 16 + 8 + 7 + 8 + 2);
	close(fd);
	bundle_free(b);
	for (i = 0; i <= (size_t)len; i++)
		whole += open_bytes(buf, i) == 0;
	/* The head alone, the first item, both. */
	CHECK_INT(whole, 3);
	CHECK_INT(open_bytes("cagent-bundle-2\n", 16), -EPROTO);
	p = buf + strlen(MAGIC);
	for (i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		memcpy(p, lies[i], sizeof(lies[i]));
		CHECK(open_bytes(buf, strlen(MAGIC) + 8 + 4) != 0,
		    "lie %zu was taken", i);
	}
	CHECK_INT(bundle_open(&b, -1), -EBADF);
}

static const struct unit_case cases[] = {
    {"files", files},
    {"secrets", secrets},
    {"secret size", secret_size},
    {"users", users},
    {"putting", putting},
    {"sealing", sealing},
    {"sealed is sealed", sealed_is_sealed},
    {"hostile", hostile},
};

UNIT_MAIN("bundle", cases)
