/* The set-up for whom one key is enough: all files of it, in one folder. */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/args.h"
#include "policyd/keygen.h"
#include "policyd/message.h"
#include "policyd/roots.h"
#include "policyd/say.h"
#include "policyd/verb.h"
#include "trust/verify.h"
#include "trust/when.h"

#define EXPIRES "365d"

/* The folder, which is new or empty. */
static bool
make_dir(const char *path)
{
	struct dirent *d;
	bool empty = true;
	DIR *dir;

	if (mkdir(path, 0700) == 0)
		return true;
	dir = errno == EEXIST ? opendir(path) : NULL;
	if (dir == NULL) {
		say("%s: cannot make the folder: %s", path, strerror(errno));
		return false;
	}
	while ((d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			empty = false;
	}
	closedir(dir);
	if (!empty)
		say("%s: expected a new or an empty folder", path);
	return empty;
}

static bool
make_key(
    const char *dir, const char *name, struct root *root, unsigned int roles)
{
	struct keyfile_public p;
	char path[PATH_MAX];
	unsigned int role;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (!keygen_make(path,
		roles == ROOT_ROLE_SEAL ? KEYFILE_SEAL : KEYFILE_SIGN, &p))
		return false;
	for (role = ROOT_ROLE_ROOT; role <= ROOT_ROLE_SEAL; role <<= 1) {
		if ((roles & role) != 0 &&
		    !roots_add(root, name, &p, (enum root_role)role))
			return false;
	}
	return true;
}

static bool
any(const void *arg, const char *path, const uint8_t id[ENVELOPE_KEY_ID_LEN])
{
	(void)arg;
	(void)path;
	(void)id;
	return true; /* we have made it ourselves just now */
}

static bool
make_root(const struct call *c, const struct root *root, int64_t expires_s)
{
	const struct message_signer who = {any, NULL};
	char key[PATH_MAX], file[PATH_MAX];
	struct verified *v;
	struct message m;
	bool ok;

	snprintf(key, sizeof(key), "%s/admin.key", c->args[0]);
	snprintf(file, sizeof(file), "%s/root.1", c->args[0]);
	if (!roots_message(c, root, expires_s, &m))
		return false;
	ok = message_sign(&m, key, &who) && message_write(&m, file);
	message_free(&m);
	if (!ok)
		return false;
	/* As an agent will. */
	v = message_root(file);
	verified_free(v);
	return v != NULL;
}

/* For the server, by which its files are found from wherever it starts. */
static bool
make_config(const char *dir)
{
	char real[PATH_MAX], file[PATH_MAX];
	bool ok = realpath(dir, real) != NULL;
	FILE *f = NULL;

	snprintf(file, sizeof(file), "%s/cagent-policyd.ini", dir);
	if (ok)
		f = fopen(file, "wex");
	if (f != NULL) {
		fprintf(f,
		    "# The policy server's; cagent-policyd.ini(5) says more.\n"
		    "[policyd]\n"
		    "root = %s/root.1\n"
		    "rank-key = %s/online.key\n"
		    "seal-key = %s/seal.key\n"
		    "# Where agents connect, and where the page is.\n"
		    ";listen = 0.0.0.0:7443\n"
		    ";page = 127.0.0.1:7480\n"
		    "# The store.\n"
		    ";state-dir = /var/lib/cagent-policyd\n\n"
		    "# What is reached through each intermediary.\n"
		    ";[probe]\n"
		    ";target = http://www.example.org/\n",
		    real, real, real);
		ok = ferror(f) == 0;
		ok = fclose(f) == 0 && ok;
	}
	if (!ok || f == NULL)
		say("%s: cannot write: %s", file, strerror(errno));
	return ok && f != NULL;
}

static void
tell(const char *dir)
{
	printf(
	    "%s/root.1      which keys may sign what; a copy to every agent\n"
	    "%s/admin.key   signs roots and policies: keep it offline\n"
	    "%s/online.key  signs ranks: for the policy server\n"
	    "%s/seal.key    opens what agents report: for the policy "
	    "server\n\n"
	    "The policy server, and a token by which an agent can join it:\n\n"
	    "cagent-policyd serve -f %s/cagent-policyd.ini\n"
	    "cagent-policyd token new --group GROUP\n\n"
	    "In cagentd.ini of every agent, with root.1 in /etc/cagent:\n\n"
	    "[policy]\n"
	    "root = /etc/cagent/root.1\n"
	    "network = 192.0.2.0/24       ; where a policy's intermediaries\n"
	    "domain = proxies.example     ; may be: as many of these as fit\n"
	    "server = policy.example:7443\n"
	    "token-file = /etc/cagent/token\n\n"
	    "To sign a policy, and to put it in force at all of them, or by\n"
	    "hand at one:\n\n"
	    "cagent-policyd sign policy BODY --key %s/admin.key \\\n"
	    "    --root %s/root.1 --audience '*' --expires 30d -o policy\n"
	    "cagent-policyd publish policy\n"
	    "cagent-ctl policy load policy\n",
	    dir, dir, dir, dir, dir, dir, dir);
}

int
init_run(const struct call *c)
{
	const char *dir = c->args[0],
		   *expires = c->expires != NULL ? c->expires : EXPIRES;
	struct root root = {
	    .version = 1, .root_threshold = 1, .policy_threshold = 1};
	int64_t expires_s;

	if (strlen(dir) > PATH_MAX - 32)
		return say("%.40s...: too long a name", dir);
	if (!when_later(expires, c->now_s, &expires_s))
		return say_usage("--expires: expected a time to come, like "
				 "365d or 2027-01-01T00:00:00Z, found '%s'",
		    expires);
	if (!make_dir(dir) ||
	    !make_key(dir, "admin", &root, ROOT_ROLE_ROOT | ROOT_ROLE_POLICY) ||
	    !make_key(dir, "online", &root, ROOT_ROLE_RANK) ||
	    !make_key(dir, "seal", &root, ROOT_ROLE_SEAL) ||
	    !make_root(c, &root, expires_s) || !make_config(dir))
		return VERB_FAILED;
	tell(dir);
	return VERB_OK;
}
