/* Owns changes of the users file; asks nobody and prints nothing. */
#include "cagent-ctl/passwd_file.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/fdio.h"

#define DEFAULT_PATH SYSCONFDIR "/cagent/users"

/* A file in the making. */
struct change {
	char path[PATH_MAX]; /* links followed */
	char temp[PATH_MAX];
	int dir_fd; /* locked */
	char *old, *text;
	size_t old_len, len;
	struct stat st;
	bool is_new;
	char *why;
};

static int __attribute__((format(printf, 3, 4)))
fail(char why[PASSWD_WHY_MAX], int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, PASSWD_WHY_MAX, fmt, ap);
	va_end(ap);
	return error;
}

/* The value of "key = value", its comment cut off; NULL: another line. */
static char *
value_of(char *line, const char *key)
{
	size_t len = strlen(key);
	char *end;

	if (strncmp(line, key, len) != 0)
		return NULL;
	line += len + strspn(line + len, " \t");
	if (*line++ != '=')
		return NULL;
	line += strspn(line, " \t");
	end = strstr(line, " ;");
	if (end != NULL)
		*end = '\0';
	for (end = line + strlen(line); end > line && strchr(" \t\r", end[-1]);)
		*--end = '\0';
	return line;
}

bool
passwd_path(const char *conf, char out[PATH_MAX])
{
	char *text, *rest, *line, *value;
	bool access = false, found = false;
	size_t len;

	snprintf(out, PATH_MAX, "%s", DEFAULT_PATH);
	if (conf_read_file(conf, CONF_FILE_MAX, false, &text, &len) != 0)
		return false;
	rest = text;
	while (!found && (line = strsep(&rest, "\n")) != NULL) {
		if (line[0] == '[')
			access = strncmp(line, "[access]", 8) == 0;
		value = access ? value_of(line, "users-file") : NULL;
		found = value != NULL && value[0] == '/' &&
			strlen(value) < PATH_MAX;
		if (found)
			snprintf(out, PATH_MAX, "%s", value);
	}
	free(text);
	return found;
}

static int
read_text(const char *path, char **text, size_t *len, char *why)
{
	int error = conf_read_file(path, CONF_FILE_MAX, false, text, len);

	if (error == -EINVAL)
		return fail(why, error, "%s: expected a regular file", path);
	return error == 0 ? 0
			  : fail(why, error, "%s: %s", path, strerror(-error));
}

int
passwd_read(const char *path, struct users **users, char why[PASSWD_WHY_MAX])
{
	char *text;
	size_t len;
	int error = read_text(path, &text, &len, why);

	*users = NULL;
	if (error != 0)
		return error;
	error = users_parse(path, text, len, users, why);
	explicit_bzero(text, len);
	free(text);
	return error;
}

/* Where it really is, and nobody else changes it from here on. */
static int
lock(struct change *c, const char *path)
{
	char *slash;
	int rc;

	if (realpath(path, c->path) == NULL) {
		if (errno != ENOENT || strlen(path) >= sizeof(c->path))
			return fail(
			    c->why, -errno, "%s: %s", path, strerror(errno));
		snprintf(c->path, sizeof(c->path), "%s", path);
	}
	snprintf(c->temp, sizeof(c->temp), "%s", c->path);
	slash = strrchr(c->temp, '/');
	if (slash == NULL)
		snprintf(c->temp, sizeof(c->temp), ".");
	else
		slash[slash == c->temp] = '\0';
	c->dir_fd = open(c->temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dir_fd == -1)
		return fail(c->why, -errno, "%s: %s", c->temp, strerror(errno));
	do {
		rc = flock(c->dir_fd, LOCK_EX);
	} while (rc == -1 && errno == EINTR);
	return rc == 0
		   ? 0
		   : fail(c->why, -errno, "%s: %s", c->temp, strerror(errno));
}

static int
take_old(struct change *c)
{
	struct users *users;
	int error;

	if (stat(c->path, &c->st) == -1 && errno == ENOENT) {
		c->is_new = true;
		c->old = calloc(1, 1);
		return c->old != NULL ? 0 : -ENOMEM;
	}
	error = read_text(c->path, &c->old, &c->old_len, c->why);
	if (error != 0)
		return error;
	/* A file that cagentd would refuse is not made worse. */
	error = users_parse(c->path, c->old, c->old_len, &users, c->why);
	users_free(users);
	return error;
}

static void
append(struct change *c, const char *text, size_t len)
{
	memcpy(c->text + c->len, text, len);
	c->len += len;
}

static void
append_line(struct change *c, const char *user, const char *hash)
{
	append(c, user, strlen(user));
	append(c, ":", 1);
	append(c, hash, strlen(hash));
	append(c, "\n", 1);
}

static int
make_text(struct change *c, const char *user, const char *hash, bool *was)
{
	size_t user_len = strlen(user), len;
	const char *p = c->old, *end = c->old + c->old_len, *lf;

	*was = false;
	c->text = malloc(c->old_len + USERS_LINE_MAX + 3);
	if (c->text == NULL)
		return fail(c->why, -ENOMEM, "out of memory");
	for (; p < end; p += len) {
		lf = memchr(p, '\n', (size_t)(end - p));
		len = lf != NULL ? (size_t)(lf - p) + 1 : (size_t)(end - p);
		if (len > user_len && strncmp(p, user, user_len) == 0 &&
		    p[user_len] == ':') {
			*was = true;
			if (hash != NULL)
				append_line(c, user, hash);
			continue;
		}
		append(c, p, len);
		if (lf == NULL)
			append(c, "\n", 1);
	}
	if (!*was && hash != NULL)
		append_line(c, user, hash);
	return 0;
}

static int
save(struct change *c)
{
	mode_t mode = c->is_new ? 0600 : (c->st.st_mode & 0640) | 0600;
	int error = 0, fd;

	if (strlen(c->path) + 8 > sizeof(c->temp))
		return fail(c->why, -ENAMETOOLONG, "%s: too long", c->path);
	memcpy(c->temp, c->path, strlen(c->path));
	memcpy(c->temp + strlen(c->path), ".XXXXXX", 8);
	fd = mkostemp(c->temp, O_CLOEXEC);
	if (fd == -1)
		return fail(c->why, -errno, "%s: %s", c->temp, strerror(errno));
	if (!c->is_new && fchown(fd, c->st.st_uid, c->st.st_gid) == -1)
		error = -errno;
	if (error == 0 && fchmod(fd, mode) == -1)
		error = -errno;
	if (error == 0)
		error = fdio_save(fd, c->text, c->len);
	close(fd);
	if (error == 0 && rename(c->temp, c->path) == -1)
		error = -errno;
	if (error != 0) {
		unlink(c->temp);
		return fail(c->why, error, "%s: %s", c->path, strerror(-error));
	}
	return fsync(c->dir_fd) == 0
		   ? 0
		   : fail(c->why, -errno, "%s: %s", c->path, strerror(errno));
}

static void
forget(char *text, size_t len)
{
	if (text != NULL)
		explicit_bzero(text, len);
	free(text);
}

int
passwd_change(const char *path, const char *user, const char *hash, bool *was,
    char why[PASSWD_WHY_MAX])
{
	struct change c = {.dir_fd = -1, .why = why};
	struct users *check = NULL;
	int error;

	*was = false;
	error = lock(&c, path);
	if (error == 0)
		error = take_old(&c);
	if (error == 0)
		error = make_text(&c, user, hash, was);
	if (error == 0 && hash == NULL && !*was)
		error = fail(why, -ESRCH, "%s: no user '%s'", path, user);
	/* One too many, for instance. */
	if (error == 0)
		error = users_parse(c.path, c.text, c.len, &check, why);
	users_free(check);
	if (error == 0)
		error = save(&c);
	if (c.dir_fd != -1)
		close(c.dir_fd);
	forget(c.old, c.old_len);
	forget(c.text, c.len);
	return error;
}
