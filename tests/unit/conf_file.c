/* Reading whole files: what kinds, modes and sizes are taken. */
#include "base/conf.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static char dir[64];

static const char *
path(const char *name)
{
	static char out[100];

	snprintf(out, sizeof(out), "%s/%s", dir, name);
	return out;
}

static void
write_file(const char *name, const char *text, mode_t mode)
{
	ssize_t n;
	int fd = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd != -1, "open %s: %s", path(name), strerror(errno));
	n = write(fd, text, strlen(text));
	CHECK_INT(n, strlen(text));
	CHECK_INT(fchmod(fd, mode), 0);
	close(fd);
}

static int
read_file(const char *name, size_t max, bool private)
{
	char *data;
	size_t len;
	int err = conf_read_file(path(name), max, private, &data, &len);

	if (err == 0) {
		CHECK_STR(data, "text");
		CHECK_INT(len, 4);
	} else
		CHECK(data == NULL && len == 0, "%s: data after error", name);
	free(data);
	return err;
}

static void
make_dir(void)
{
	char *made;

	snprintf(dir, sizeof(dir), "/tmp/unit-conf-XXXXXX");
	made = mkdtemp(dir);
	CHECK(made != NULL, "mkdtemp: %s", strerror(errno));
}

static void
remove_dir(const char *const *names)
{
	int err;

	for (; *names != NULL; names++)
		unlink(path(*names));
	err = rmdir(dir);
	CHECK(err == 0, "rmdir: %s", strerror(errno));
}

static void
reads_files(void)
{
	static const struct {
		mode_t mode;
		int err; /* as a private file */
	} modes[] = {{0600, 0}, {0400, 0}, {0640, 0}, {0660, -EPERM},
	    {0620, -EPERM}, {0644, -EPERM}, {0602, -EPERM}, {0610, 0}};
	size_t i;

	make_dir();
	for (i = 0; i < N(modes); i++) {
		write_file("f", "text", modes[i].mode);
		CHECK_INT(read_file("f", 4, true), modes[i].err);
		CHECK_INT(read_file("f", 4, false), 0);
		unlink(path("f"));
	}
	write_file("f", "text", 0600);
	CHECK_INT(read_file("f", 3, false), -EFBIG);
	CHECK_INT(read_file("none", 4, false), -ENOENT);
	remove_dir((const char *const[]){"f", NULL});
}

/* As root with another uid in force, as root may read everything. */
static void
refuses_the_unreadable(void)
{
	uid_t uid = geteuid();
	int err = 0;

	make_dir();
	err = chmod(dir, 0755);
	CHECK_INT(err, 0);
	write_file("f", "text", 0);
	if (uid == 0)
		err = seteuid(65534);
	CHECK_INT(err, 0);
	CHECK_INT(read_file("f", 4, false), -EACCES);
	if (uid == 0)
		err = seteuid(uid);
	CHECK_INT(err, 0);
	remove_dir((const char *const[]){"f", NULL});
}

static void
refuses_other_kinds(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd, err;

	make_dir();
	write_file("f", "text", 0600);
	err = symlink("f", path("link"));
	CHECK_INT(err, 0);
	CHECK_INT(read_file("link", 4, true), 0);
	err = symlink("loop", path("loop"));
	CHECK_INT(err, 0);
	CHECK_INT(read_file("loop", 4, false), -ELOOP);
	err = mkfifo(path("fifo"), 0600);
	CHECK_INT(err, 0);
	CHECK_INT(read_file("fifo", 4, false), -EINVAL);
	CHECK_INT(read_file("", 4, false), -EINVAL); /* the folder */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path("sock"));
	err = bind(fd, (struct sockaddr *)&un, sizeof(un));
	CHECK_INT(err, 0);
	CHECK_INT(read_file("sock", 4, false), -EINVAL);
	close(fd);
	remove_dir(
	    (const char *const[]){"f", "link", "loop", "fifo", "sock", NULL});
}

static void
reads_an_empty_file(void)
{
	char *data;
	size_t len;
	int err;

	make_dir();
	write_file("f", "", 0600);
	err = conf_read_file(path("f"), 0, true, &data, &len);
	CHECK_INT(err, 0);
	CHECK_STR(data, "");
	CHECK_INT(len, 0);
	free(data);
	remove_dir((const char *const[]){"f", NULL});
}

/* /proc says 0 bytes of files that have some: as if it grew while read. */
static void
refuses_a_file_that_grows(void)
{
	char *data;
	size_t len;

	int err = conf_read_file("/proc/self/status", 4096, false, &data, &len);

	CHECK_INT(err, -ETXTBSY);
	CHECK(data == NULL, "data after an error");
}

static const struct unit_case cases[] = {
    {"reads files of the right mode and size", reads_files},
    {"refuses what it may not read", refuses_the_unreadable},
    {"refuses what is no regular file", refuses_other_kinds},
    {"reads an empty file", reads_an_empty_file},
    {"refuses a file that grows", refuses_a_file_that_grows},
};

UNIT_MAIN("conf_file", cases)
