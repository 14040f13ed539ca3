/* The tier table's file: made, taken over, or replaced. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/table_layout.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/cagent-table.XXXXXX";
static char path[sizeof(dir) + 8], aside[sizeof(dir) + 8];
static struct table table; /* too large for a stack */

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/cagent-table.XXXXXX");
	if (mkdtemp(dir) == NULL)
		exit(1);
	snprintf(path, sizeof(path), "%s/table", dir);
	snprintf(aside, sizeof(aside), "%s/aside", dir);
}

static void
teardown(void)
{
	char tmp[sizeof(path) + 4];

	snprintf(tmp, sizeof(tmp), "%s.new", path);
	CHECK(access(tmp, F_OK) == -1, "a temporary file is left");
	unlink(path);
	unlink(aside);
	CHECK(rmdir(dir) == 0, "%s: %s", dir, strerror(errno));
}

static ino_t
inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* One publication into fd; its generation. */
static uint64_t
publish(int fd)
{
	struct table_writer *w;
	int r = table_writer_open(&w, fd);

	CHECK_INT(r, 0);
	if (r < 0)
		return 0;
	memset(&table, 0, sizeof(table));
	table_publish(w, &table);
	table_writer_close(w);
	return table.generation;
}

/* What a reader of path finds; 0 or less: nothing. */
static int64_t
generation(void)
{
	struct table_reader *reader;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = table_reader_open(&reader, fd);

	close(fd);
	if (r < 0)
		return r;
	r = table_read(reader, &table);
	table_reader_close(reader);
	return r <= 0 ? r : (int64_t)table.generation;
}

static void
mode(void)
{
	static const mode_t masks[] = {0, 022, 077, 0777};
	struct stat st;
	mode_t old;
	size_t i;
	int fd;

	setup();
	for (i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
		old = umask(masks[i]);
		fd = table_create(path, 0640);
		umask(old);
		CHECK(fd >= 0, "create: %s", strerror(-fd));
		CHECK_INT(fstat(fd, &st), 0);
		CHECK_INT(st.st_mode, S_IFREG | 0640);
		CHECK_INT(st.st_size, table_size());
		CHECK(st.st_blocks * 512 >= st.st_size, "a file with holes");
		CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
		CHECK_INT(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
		close(fd);
		unlink(path);
	}
	/* Taken over, it gets the mode asked for. */
	close(table_create(path, 0600));
	close(table_create(path, 0640));
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode, S_IFREG | 0640);
	teardown();
}

static void
takeover(void)
{
	uint64_t published;
	int fd, again;

	setup();
	fd = table_create(path, 0640);
	CHECK_INT(generation(), 0);
	published = publish(fd);
	CHECK_INT(published, 1);
	again = table_create(path, 0640);
	CHECK_INT(inode(again), inode(fd));
	CHECK_INT(generation(), 1);
	published = publish(again);
	CHECK_INT(published, 2);
	close(fd);
	close(again);
	teardown();
}

/* Make path something else; 0 or -1. */
static int
other_layout(void)
{
	uint64_t layout = TABLE_LAYOUT + 1;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ssize_t n = pwrite(fd, &layout, 8, 8);

	close(fd);
	return n == 8 ? 0 : -1;
}

static int
other_rows(void)
{
	uint64_t rows = TABLE_ROWS_MAX * 2;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ssize_t n = pwrite(fd, &rows, 8, 32);

	close(fd);
	return n == 8 ? 0 : -1;
}

static int
other_size(void)
{
	return truncate(path, (off_t)table_size() + 4096);
}

static int
empty_file(void)
{
	return unlink(path) == 0 ? mknod(path, S_IFREG | 0600, 0) : -1;
}

static int
fifo(void)
{
	return unlink(path) == 0 ? mkfifo(path, 0600) : -1;
}

static int
hard_link(void)
{
	return link(path, aside);
}

static int
sym_link(void)
{
	return rename(path, aside) == 0 ? symlink(aside, path) : -1;
}

static int
other_owner(void)
{
	return chown(path, 65534, (gid_t)-1);
}

static void
replaced_one(const char *name, int (*make)(void))
{
	struct stat st;
	int fd, again;

	setup();
	fd = table_create(path, 0640);
	publish(fd);
	CHECK(make() == 0, "%s: %s", name, strerror(errno));
	again = table_create(path, 0640);
	CHECK(again >= 0, "%s: %s", name, strerror(-again));
	CHECK(inode(again) != inode(fd), "%s: kept", name);
	CHECK(lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		  st.st_uid == geteuid() && st.st_nlink == 1,
	    "%s: what is it now?", name);
	CHECK(generation() == 0, "%s: not empty", name);
	/* Nobody who has mapped the old one loses it. */
	CHECK(fstat(fd, &st) == 0 && st.st_size >= (off_t)table_size(),
	    "%s: the old file was cut", name);
	close(fd);
	close(again);
	teardown();
}

static void
replaced(void)
{
	replaced_one("other layout", other_layout);
	replaced_one("other rows", other_rows);
	replaced_one("other size", other_size);
	replaced_one("empty", empty_file);
	replaced_one("fifo", fifo);
	replaced_one("hard link", hard_link);
	replaced_one("symlink", sym_link);
}

static void
replaced_owner(void)
{
	if (geteuid() == 0)
		replaced_one("other owner", other_owner);
	else
		unit_skip("needs root");
}

static void
reader_survives(void)
{
	struct table_reader *reader;
	int fd, again, r;

	setup();
	fd = table_create(path, 0640);
	publish(fd);
	r = table_reader_open(&reader, fd);
	CHECK_INT(r, 0);
	r = other_layout();
	CHECK_INT(r, 0);
	again = table_create(path, 0640);
	publish(again);
	r = table_read(reader, &table);
	CHECK_INT(r, 1);
	CHECK_INT(table.generation, 1);
	table_reader_close(reader);
	close(fd);
	close(again);
	teardown();
}

static void
leftover(void)
{
	char tmp[sizeof(path) + 4];
	int fd;

	setup();
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	CHECK(symlink(aside, tmp) == 0, "symlink: %s", strerror(errno));
	fd = table_create(path, 0640);
	CHECK(fd >= 0, "create: %s", strerror(-fd));
	CHECK(access(aside, F_OK) == -1, "followed the link");
	close(fd);
	teardown();
}

static void
errors(void)
{
	char name[5000];
	int r;

	setup();
	r = mkdir(path, 0700);
	CHECK_INT(r, 0);
	r = table_create(path, 0640);
	CHECK_INT(r, -EISDIR);
	rmdir(path);
	r = table_create("/nonexistent/table", 0640);
	CHECK_INT(r, -ENOENT);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	r = table_create(name, 0640);
	CHECK_INT(r, -ENAMETOOLONG);
	teardown();
}

static const struct unit_case cases[] = {
    {"mode, whatever the umask", mode},
    {"a file of ours is taken over", takeover},
    {"anything else is replaced, not touched", replaced},
    {"another's file is replaced", replaced_owner},
    {"a reader of the replaced file goes on", reader_survives},
    {"what a killed predecessor left is not followed", leftover},
    {"errors", errors},
};

UNIT_MAIN("table_file", cases)
