/* Sees whether files of the system have changed; opens none of them. */
#include "base/sysfiles.h"

#include <sys/stat.h>

#include <string.h>

static const char *const paths[SYSFILES_N] = {
    [SYSFILES_RESOLV] = "/etc/resolv.conf",
    [SYSFILES_HOSTS] = "/etc/hosts",
    [SYSFILES_LOG] = "/dev/log",
};

const char *
sysfiles_path(enum sysfiles_name name)
{
	return paths[name];
}

static struct sysfiles_one
look(const char *path)
{
	struct sysfiles_one one = {0};
	struct stat st;

	if (stat(path, &st) == -1)
		return one;
	one.dev = st.st_dev;
	one.ino = st.st_ino;
	one.size = (uint64_t)st.st_size;
	one.sec = st.st_mtim.tv_sec;
	one.nsec = st.st_mtim.tv_nsec;
	return one;
}

unsigned int
sysfiles_changed(struct sysfiles *s)
{
	struct sysfiles_one now;
	unsigned int i, bits = 0;

	for (i = 0; i < SYSFILES_N; i++) {
		now = look(paths[i]);
		/* On the way from one to the next it may be away for a
		 * moment. */
		if (now.ino == 0 || memcmp(&now, &s->seen[i], sizeof(now)) == 0)
			continue;
		s->seen[i] = now;
		bits |= 1u << i;
	}
	if (!s->looked)
		bits = 0;
	s->looked = true;
	return bits;
}
