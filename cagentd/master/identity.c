/* Owns the agent's sealing key and its token, on their way from the disk to the
 * control process; seals nothing itself. */
#include "cagentd/master/identity.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/conf.h"
#include "base/log.h"
#include "trust/keyfile.h"

#define KEY_NAME "agent.key"
#define NEW_NAME "agent.key.new" /* until all of it is on the disk */

#define PATH_LEN (sizeof(((struct settings *)0)->state_dir) + 32)

/* The name, too, is to be on the disk: a key that is lost is another agent. */
static int
keep_name(const char *dir, const char *from, const char *to)
{
	int fd, rc = -1;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1 && rename(from, to) == 0)
		rc = fsync(fd);
	if (rc == -1)
		log_warn("%s", to);
	if (fd != -1)
		close(fd);
	return rc;
}

/* In two steps, or a crash could leave a file that is no key. */
static struct keyfile_secret *
make_key(const struct settings *s, const char *path)
{
	char new[PATH_LEN], why[KEYFILE_WHY_MAX], text[KEYFILE_B64_LEN];
	struct keyfile_secret *key;

	snprintf(new, sizeof(new), "%s/" NEW_NAME, s->state_dir);
	if ((mkdir(s->state_dir, 0700) == -1 && errno != EEXIST) ||
	    (unlink(new) == -1 && errno != ENOENT)) {
		log_warn("%s", new);
		return NULL;
	}
	if (keyfile_generate(KEYFILE_SEAL, &key, why) != 0) {
		log_errx("%s", why);
		return NULL;
	}
	if (keyfile_write_secret(new, key, why) != 0) {
		log_errx("%s", why);
	} else if (keep_name(s->state_dir, new, path) == 0) {
		log_info("%s: made; the public key is %s", path,
		    keyfile_base64(key->public.key, text));
		return key;
	}
	keyfile_free(key);
	return NULL;
}

static struct keyfile_secret *
get_key(const struct settings *s)
{
	char path[PATH_LEN], why[KEYFILE_WHY_MAX];
	struct keyfile_secret *key = NULL;
	int error;

	snprintf(path, sizeof(path), "%s/" KEY_NAME, s->state_dir);
	error = keyfile_read_secret(path, &key, why);
	if (error == -ENOENT)
		return make_key(s, path);
	if (error == 0 && key->public.kind == KEYFILE_SEAL)
		return key;
	log_errx("no reports are sent: %s%s", error == 0 ? path : why,
	    error == 0 ? ": not a sealing key" : "");
	keyfile_free(key);
	return NULL;
}

static bool
is_token(const char *line)
{
	const char *c;

	for (c = line; *c != '\0'; c++) {
		if (*c <= ' ' || *c > '~')
			return false;
	}
	return line[0] != '\0' && strlen(line) <= MANAGE_TOKEN_MAX;
}

/* Once we are known nobody asks for it any more, and it may be gone. */
static void
get_token(const struct settings *s, char out[MANAGE_TOKEN_MAX + 1])
{
	const char *path = s->policy_token_file;
	char *text = NULL;
	size_t len = 0;
	int error;

	out[0] = '\0';
	if (path[0] == '\0')
		return;
	error = conf_read_file(path, 4096, true, &text, &len);
	if (error == -ENOENT)
		return;
	if (error != 0) {
		log_warnx("token-file %s: %s", path,
		    error == -EPERM ? "others may read or change it (chmod go= "
				      "it)"
				    : strerror(-error));
		return;
	}
	text[strcspn(text, "\r\n")] = '\0';
	if (is_token(text))
		memcpy(out, text, strlen(text) + 1);
	else
		log_warnx("token-file %s: expected a first line of 1 to %d "
			  "printable characters without blanks",
		    path, MANAGE_TOKEN_MAX);
	explicit_bzero(text, len);
	free(text);
}

void
identity_load(struct identity *id, const struct settings *s)
{
	struct keyfile_secret *key;

	if (s->policy_servers_n == 0 && s->subscribers_n == 0)
		return;
	if (id->is == NULL) {
		key = get_key(s);
		if (key == NULL)
			return;
		id->is = sodium_malloc(sizeof(*id->is));
		if (id->is != NULL) {
			memcpy(
			    id->is->keys.secret_key, key->seal, SEALED_KEY_LEN);
			memcpy(id->is->keys.public_key, key->public.key,
			    SEALED_KEY_LEN);
		}
		keyfile_free(key);
	}
	if (id->is != NULL)
		get_token(s, id->is->token);
}
