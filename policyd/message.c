/* Messages in files, and the one place where they are signed; whether that
 * makes sense is for others to know. */
#include "policyd/message.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/fdio.h"
#include "policyd/say.h"
#include "trust/keyfile.h"
#include "trust/verify.h"

#define SIGNATURE_LEN (ENVELOPE_KEY_ID_LEN + ENVELOPE_SIGNATURE_LEN)
#define ROOM	      (1 + ENVELOPE_SIGNATURES_MAX * SIGNATURE_LEN)

/* Fill e; why: what is wrong. */
static bool
look(struct message *m, const char **why)
{
	enum envelope_fault fault;
	size_t pad = 1 + SIGNATURE_LEN;
	int n = envelope_decode(m->data, m->len, &m->e, &fault);

	if (n > 0 && (size_t)n == m->len)
		return true;
	*why = n == WIRE_BAD ? envelope_fault_text(fault)
			     : "not one whole message";
	if (n != WIRE_MORE)
		return false;
	/* One without signatures is whole when only these are lacking. */
	memset(m->data + m->len, 0, pad);
	m->data[m->len] = 1;
	n = envelope_decode(m->data, m->len + pad, &m->e, &fault);
	m->e.signatures_n = 0;
	return n > 0 && (size_t)n == m->len + pad;
}

static bool
alloc(struct message *m, size_t len)
{
	*m = (struct message){.len = len, .cap = len + ROOM};
	m->data = malloc(m->cap);
	if (m->data == NULL)
		say("out of memory");
	return m->data != NULL;
}

bool
message_make(struct message *m, const struct envelope *e)
{
	const char *why = "";

	if (!alloc(m, ENVELOPE_HEADER_LEN + e->body_len))
		return false;
	if (envelope_encode(e, m->data, m->cap) == (int)m->len && look(m, &why))
		return true;
	say("no message can be made of it: %s", why);
	message_free(m);
	return false;
}

bool
message_read(struct message *m, const char *path)
{
	const char *why = "";
	char *data;
	size_t len;
	int rc = conf_read_file(path, ENVELOPE_MAX, false, &data, &len);

	*m = (struct message){0};
	if (rc != 0) {
		say("%s: %s", path,
		    rc == -EINVAL  ? "not a regular file"
		    : rc == -EFBIG ? "too long for a message"
				   : strerror(-rc));
		return false;
	}
	if (alloc(m, len)) {
		memcpy(m->data, data, len);
		if (look(m, &why)) {
			free(data);
			return true;
		}
		say("%s: not a message: %s", path, why);
	}
	free(data);
	message_free(m);
	return false;
}

void
message_free(struct message *m)
{
	free(m->data);
	*m = (struct message){0};
}

/* So that the new name is still there after a crash. */
static int
sync_dir(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd, rc;

	snprintf(dir, sizeof(dir), "%.*s",
	    slash == NULL ? 1 : (int)(slash - path) + 1,
	    slash == NULL ? "." : path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	rc = fsync(fd) == -1 ? -errno : 0;
	close(fd);
	return rc;
}

static int
replace(const struct message *m, const char *path, const char *fresh)
{
	int fd, rc;

	if (unlink(fresh) == -1 && errno != ENOENT)
		return -errno;
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd == -1)
		return -errno;
	rc = fdio_save(fd, m->data, m->len);
	if (close(fd) == -1 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(fresh, path) == -1)
		rc = -errno;
	if (rc != 0)
		unlink(fresh);
	return rc != 0 ? rc : sync_dir(path);
}

bool
message_write(const struct message *m, const char *path)
{
	char fresh[PATH_MAX];
	int rc = snprintf(fresh, sizeof(fresh), "%s.new", path);

	if (rc < 0 || (size_t)rc >= sizeof(fresh))
		rc = -ENAMETOOLONG;
	else
		rc = replace(m, path, fresh);
	if (rc != 0)
		say("%s: cannot write: %s", path, strerror(-rc));
	return rc == 0;
}

bool
message_exists(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == -1 && errno == ENOENT)
		return false;
	say("%s: is there already, and is not overwritten", path);
	return true;
}

static bool
sign_with(struct message *m, const char *path, const struct keyfile_secret *key)
{
	const char *why = "";
	uint8_t id[ENVELOPE_KEY_ID_LEN];
	uint32_t i;
	int n;

	envelope_key_id(key->public.key, id);
	for (i = 0; i < m->e.signatures_n; i++) {
		if (memcmp(m->e.signatures[i].key_id, id, sizeof(id)) == 0) {
			say("%s: this key has signed it already", path);
			return false;
		}
	}
	n = envelope_sign(m->data, m->len, m->cap, key->public.key, key->sign);
	if (n == WIRE_BAD) {
		say("%s: no room for another signature", path);
		return false;
	}
	m->len = (size_t)n;
	return look(m, &why);
}

bool
message_sign(
    struct message *m, const char *path, const struct message_signer *who)
{
	char why[KEYFILE_WHY_MAX];
	uint8_t id[ENVELOPE_KEY_ID_LEN];
	struct keyfile_secret *key;
	bool ok;

	if (keyfile_read_secret(path, &key, why) != 0) {
		say("%s", why);
		return false;
	}
	envelope_key_id(key->public.key, id);
	if (key->public.kind != KEYFILE_SIGN) {
		say("%s: a sealing key, which cannot sign", path);
		ok = false;
	} else
		ok =
		    who->allowed(who->arg, path, id) && sign_with(m, path, key);
	keyfile_free(key);
	return ok;
}

struct verified *
message_root(const char *path)
{
	struct message m;
	struct trust_why why;
	struct verified *root;

	if (!message_read(&m, path))
		return NULL;
	root = verify_root_first(m.data, m.len, &why);
	if (root == NULL)
		say("%s: not a root to go by: %s", path,
		    m.e.signatures_n == 0 ? "nobody has signed it yet"
					  : why.text);
	message_free(&m);
	return root;
}

const char *
message_title(const struct envelope *e, char out[MESSAGE_TITLE_MAX])
{
	const char *whom =
	    strcmp(e->audience, "*") == 0 ? "everybody" : e->audience;

	if (e->type == ENVELOPE_ROOT)
		snprintf(out, MESSAGE_TITLE_MAX, "root %u", e->epoch);
	else
		snprintf(out, MESSAGE_TITLE_MAX,
		    "%s %" PRIu64 " of root %u for %s",
		    e->type == ENVELOPE_POLICY ? "policy" : "rank", e->serial,
		    e->epoch, whom);
	return out;
}
