/* The names of control groups: where they are, what they mean, a real tree. */
#include "cagentd/master/cgroups.h"

#include <sys/stat.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/unit/unit.h"

#define NOW_US 5000000000ll

static void
finds_the_mount(void)
{
	static const struct {
		const char *text, *at;
	} rows[] = {
	    {"", ""},
	    {"30 22 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 "
	     "rw\n",
		"/sys/fs/cgroup"},
	    {"30 22 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
	     "31 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
	     "41 30 0:9 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup "
	     "rw\n",
		"/sys/fs/cgroup/unified"},
	    {"41 30 0:9 / /a\\040b\\134c rw - cgroup2 x rw\n", "/a b\\c"},
	    {"41 30 0:9 / /a rw - cgroup cgroup2 rw\n", ""},
	    {"41 30 0:9 / /a rw - cgroup2x x rw\n", ""},
	    {"41 30 0:9 / /cgroup2 rw - ext4 /dev/sda rw\n", ""},
	    {"41 30\n41 30 0:9 / /b rw - cgroup2 x rw", "/b"},
	};
	char at[CGROUPS_PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK((cgroups_mount(rows[i].text, at) == 0) ==
			  (rows[i].at[0] != '\0'),
		    "row %zu", i);
		CHECK_STR(at, rows[i].at);
	}
}

static void
names_services(void)
{
	static const struct {
		const char *path, *want;
	} rows[] = {
	    {"/", ""},
	    {"/system.slice", ""},
	    {"/system.slice/ssh.service", "ssh.service"},
	    {"/system.slice/system-getty.slice/getty@tty1.service",
		"getty@tty1.service"},
	    {"/system.slice/ssh.service/payload", "ssh.service/payload"},
	    {"/init.scope", "init.scope"},
	    {"/user.slice/user-1000.slice/session-3.scope", "session-3.scope"},
	    {"/user.slice/user-1000.slice/user@1000.service/app.slice/"
	     "ssh.service",
		"user@1000.service/ssh.service"},
	    {"/user.slice/user-1000.slice/user@1000.service/app.slice",
		"user@1000.service/app.slice"},
	    {"/docker/0123456789abcdef", "docker/0123456789abcdef"},
	    {"/system.slice/docker-0123.scope/init.scope",
		"docker-0123.scope/init.scope"},
	    /* Whoever has a group of his own is not the system's service. */
	    {"/users/alice/ssh.service", "users/ssh.service"},
	    {"/.slice", ".slice"},
	    {"/slice/a", "slice/a"},
	    {"/a b", ""},
	    {"/a\nb", ""},
	    {"/a\x80", ""},
	};
	char out[CGROUPS_NAME_MAX + 1], path[CGROUPS_NAME_MAX + 3];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cgroups_service(rows[i].path, out);
		CHECK(strcmp(out, rows[i].want) == 0, "%s: %s", rows[i].path,
		    out);
	}
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	cgroups_service(path, out);
	CHECK_STR(out, "");
	path[sizeof(path) - 2] = '\0';
	cgroups_service(path, out);
	CHECK_INT(strlen(out), CGROUPS_NAME_MAX);
}

/* --- a tree of directories, which is all that it looks at --- */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(path);
}

static void
tree_new(struct cgroups *c)
{
	memset(c, 0, sizeof(*c));
	snprintf(c->at, sizeof(c->at), "/tmp/cgroups.XXXXXX");
	CHECK(mkdtemp(c->at) != NULL, "a directory");
}

static void
tree_free(struct cgroups *c)
{
	nftw(c->at, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	cgroups_fini(c);
}

static uint64_t
make(const struct cgroups *c, const char *name)
{
	char path[CGROUPS_PATH_MAX + 64];
	struct stat st = {0};

	snprintf(path, sizeof(path), "%s/%s", c->at, name);
	CHECK_INT(mkdir(path, 0755), 0);
	CHECK_INT(stat(path, &st), 0);
	return st.st_ino;
}

static void
reads_a_tree(void)
{
	struct cgroups c;
	uint64_t slice, ssh, sub, later;

	tree_new(&c);
	slice = make(&c, "system.slice");
	ssh = make(&c, "system.slice/ssh.service");
	sub = make(&c, "system.slice/ssh.service/a");
	CHECK_STR(cgroups_name(&c, ssh, NOW_US), "ssh.service");
	CHECK_STR(cgroups_name(&c, sub, NOW_US), "ssh.service/a");
	CHECK_STR(cgroups_name(&c, slice, NOW_US), "");
	CHECK_STR(cgroups_name(&c, 0, NOW_US), "");
	later = make(&c, "later.service");
	CHECK_STR(cgroups_name(&c, later, NOW_US), "later.service");
	tree_free(&c);
}

static void
reads_no_more_than_so_often(void)
{
	struct cgroups c;
	uint64_t one;
	int i;

	tree_new(&c);
	for (i = 0; i < 1000; i++)
		CHECK_STR(cgroups_name(&c, 1, NOW_US), "");
	one = make(&c, "one.service");
	CHECK_STR(cgroups_name(&c, one, NOW_US), "");
	CHECK_STR(cgroups_name(&c, one, NOW_US + CGROUPS_READ_US - 1), "");
	CHECK_STR(
	    cgroups_name(&c, one, NOW_US + CGROUPS_READ_US), "one.service");
	/* What is known takes none. */
	CHECK_STR(
	    cgroups_name(&c, one, NOW_US + CGROUPS_READ_US), "one.service");
	tree_free(&c);
}

static void
is_bounded_in_depth(void)
{
	char path[CGROUPS_PATH_MAX] = "d0";
	uint64_t deep = 0, last = 0;
	struct cgroups c;
	int i;

	tree_new(&c);
	for (i = 1; i < CGROUPS_DEPTH_MAX + 10; i++) {
		last = make(&c, path);
		if (i == CGROUPS_DEPTH_MAX)
			deep = last;
		snprintf(path + strlen(path), 8, "/d%d", i);
	}
	CHECK_STR(cgroups_name(&c, deep, NOW_US), "d0/d31");
	CHECK_STR(cgroups_name(&c, last, NOW_US), "");
	tree_free(&c);
}

static void
no_tree_means_no_names(void)
{
	struct cgroups c = {.at = "/nonexistent/cgroups"};

	log_level_set(LOG_LEVEL_ERROR);
	CHECK_STR(cgroups_name(&c, 5, NOW_US), "");
	CHECK(c.said, "it was said");
	cgroups_fini(&c);
}

static const struct unit_case cases[] = {
    {"finds the mount", finds_the_mount},
    {"names services", names_services},
    {"reads a tree", reads_a_tree},
    {"reads no more than so often", reads_no_more_than_so_often},
    {"is bounded in depth", is_bounded_in_depth},
    {"no tree means no names", no_tree_means_no_names},
};

UNIT_MAIN("cgroups", cases)
