/* Owns the checks of the run directory's files and of the configuration. */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cagent-ctl/ask.h"
#include "cagent-ctl/check.h"
#include "cagent-ctl/doctor/doctor.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/peek.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"

#define RESTART_FIX "restart cagentd, which makes it anew"

static void
check_table(struct doctor *d)
{
	char path[ASK_PATH_MAX], age[FORMAT_LEN];
	struct table *t;
	int rc = peek_table(ask_path(d->call, CTL_TABLE_NAME, path), &t);

	if (rc == -ENOENT && d->status == NULL)
		return;
	if (rc == -EACCES) {
		doctor_add(d, "table", DOCTOR_SKIP, "",
		    "%s may not be read as this user", path);
		return;
	}
	if (rc != 0) {
		doctor_add(d, "table", DOCTOR_FAIL, RESTART_FIX, "%s: %s", path,
		    rc == -EPROTO    ? "not a tier table of this version"
		    : rc == -ENODATA ? "nothing was published yet"
				     : strerror(-rc));
		return;
	}
	format_between(t->published_us, d->now_us, age);
	if (t->published_us > d->now_us + 1000000)
		doctor_add(d, "table", DOCTOR_WARN,
		    "the clock was set back: see the check of the clock",
		    "it was published in the future");
	else
		doctor_add(d, "table", DOCTOR_OK, "",
		    "layout %d, generation %llu, last changed %s ago, %u "
		    "intermediaries",
		    TABLE_LAYOUT, (unsigned long long)t->generation, age,
		    t->rows_n);
	free(t);
}

/* A file of the run directory: mode bits that must not be set, whom it must
 * belong to.  What is not there is not for us to judge. */
struct expected {
	const char *name; /* "" the directory itself */
	mode_t type;
	mode_t never;
	const char *danger;
};

static bool
check_one(struct doctor *d, const struct expected *e, uid_t owner)
{
	char path[ASK_PATH_MAX];
	struct stat st;

	ask_path(d->call, e->name, path);
	if (lstat(path, &st) == -1)
		return true;
	if ((st.st_mode & S_IFMT) != e->type) {
		doctor_add(d, "files", DOCTOR_FAIL,
		    "remove it and restart cagentd", "%s is of another kind",
		    path);
		return false;
	}
	if ((st.st_mode & e->never) != 0) {
		doctor_add(d, "files", DOCTOR_FAIL,
		    "chmod o-rwx,g-w on it, and ask who changed it",
		    "%s has mode %03o: %s", path, st.st_mode & 0777, e->danger);
		return false;
	}
	if (st.st_uid != 0 && st.st_uid != owner) {
		doctor_add(d, "files", DOCTOR_FAIL,
		    "remove it and restart cagentd",
		    "%s belongs to uid %u, its directory to uid %u", path,
		    (unsigned int)st.st_uid, (unsigned int)owner);
		return false;
	}
	return true;
}

static void
check_modes(struct doctor *d)
{
	static const struct expected files[] = {
	    {".", S_IFDIR, 022, "others could replace its files"},
	    {CTL_SOCKET_NAME, S_IFSOCK, 007, "everybody may ask"},
	    {CTL_TABLE_NAME, S_IFREG, 022, "others could forge the ranks"},
	    {CTL_PID_NAME, S_IFREG, 022,
		"others could have another process signalled"},
	};
	bool good = true;
	struct stat st;
	size_t i;

	if (stat(d->call->run_dir, &st) == -1)
		return;
	for (i = 0; i < sizeof(files) / sizeof(*files); i++)
		good = check_one(d, &files[i], st.st_uid) && good;
	if (good)
		doctor_add(d, "files", DOCTOR_OK, "",
		    "owner and mode of %s and what is in it are right",
		    d->call->run_dir);
}

static void
check_config(struct doctor *d)
{
	static char text[CHECK_TEXT_MAX];
	int rc;

	/* One that was told another file runs without the default one. */
	if (d->call->args[0] == NULL &&
	    (d->status != NULL || d->error == -EACCES) &&
	    access(d->file, F_OK) == -1) {
		doctor_add(d, "configuration", DOCTOR_SKIP, "",
		    "there is no %s: name the file, cagent-ctl doctor FILE",
		    d->file);
		return;
	}
	rc = check_file(d->file, text);
	if (rc == 0) {
		doctor_add(d, "configuration", DOCTOR_OK, "",
		    "%s: cagentd would take it", d->file);
	} else if (rc < 0) {
		doctor_add(d, "configuration", DOCTOR_WARN,
		    "install cagentd beside cagent-ctl, or put it into PATH",
		    "%s was not checked: cagentd: %s", d->file, strerror(-rc));
	} else {
		text[strcspn(text, "\n")] = '\0';
		doctor_add(d, "configuration", DOCTOR_FAIL,
		    "\"cagent-ctl config check FILE\" lists all errors; "
		    "\"cagent-ctl doctor FILE\" takes another file",
		    "the next start or reload would refuse it: %.400s", text);
	}
}

void
doctor_files(struct doctor *d)
{
	check_table(d);
	check_modes(d);
	check_config(d);
}
