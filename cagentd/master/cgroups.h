#ifndef CAGENTD_CGROUPS_H
#define CAGENTD_CGROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Names of control groups (of version 2) by their number, which is the inode
 * of the group's directory.  Read when one is asked for that is not known,
 * CGROUPS_READS at once and then one each CGROUPS_READ_US; what is asked in
 * between has no name.
 */
#define CGROUPS_MAX	  16384 /* of them are looked at */
#define CGROUPS_DEPTH_MAX 32
#define CGROUPS_NAME_MAX  127
#define CGROUPS_PATH_MAX  4096
#define CGROUPS_READS	  20
#define CGROUPS_READ_US	  100000

struct cgroup {
	uint64_t id;
	char name[CGROUPS_NAME_MAX + 1];
};

/* Zeroed before first use. */
struct cgroups {
	struct cgroup *all; /* by rising id; those without a name too */
	size_t n;
	int64_t full_us;	   /* when CGROUPS_READS are there again */
	bool said;		   /* that there are none */
	char at[CGROUPS_PATH_MAX]; /* where they are mounted; "": not known */
};

/* The name, or "". */
const char *cgroups_name(struct cgroups *, uint64_t id, int64_t now_us);
void cgroups_fini(struct cgroups *);

/* Where mountinfo(5)'s text says that they are mounted: 0 or -ENOENT. */
int cgroups_mount(const char *mountinfo, char out[static CGROUPS_PATH_MAX]);
/*
 * What the service is called whose processes are in the group of that path,
 * which begins with '/': below all slices the first part, and after a '/' the
 * last one, where that is another: "a.service", "user@5.service/b.service".
 * "" for a slice, and for what is too long or not printable.
 */
void cgroups_service(const char *path, char out[static CGROUPS_NAME_MAX + 1]);

#endif
