/* A private sshd: own keys, own configuration, loopback only. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_peers.h"

#define START_MS 20000

static char options[6][RIG_PATH_MAX + 40];

static void
make_key(const char *name)
{
	char path[RIG_PATH_MAX];
	const char *const argv[] = {
	    "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path, NULL};
	const struct rig_spawn s = {.name = "ssh-keygen", .argv = argv};
	struct rig_output o;

	rig_path(path, "%s", name);
	if (access(path, F_OK) == 0)
		return;
	rig_run(&o, &s, START_MS);
	REQUIRE(o.code == 0, "ssh-keygen: exit %d: %s", o.code, o.err);
	rig_output_free(&o);
}

void
rig_sshd_start(struct rig_proc *p, uint16_t port)
{
	char conf[RIG_PATH_MAX], key[RIG_PATH_MAX], client[RIG_PATH_MAX],
	    text[2048];
	const char *const argv[] = {
	    "/usr/sbin/sshd", "-D", "-e", "-f", conf, NULL};
	const struct rig_spawn s = {.name = "sshd", .argv = argv};
	int rc;

	make_key("ssh_host_key");
	make_key("ssh_client_key");
	rig_path(conf, "sshd.conf");
	rig_path(key, "ssh_host_key");
	rig_path(client, "ssh_client_key.pub");
	snprintf(text, sizeof(text),
	    "Port %u\nListenAddress 127.0.0.1\nHostKey %s\n"
	    "AuthorizedKeysFile %s\nStrictModes no\nUsePAM no\n"
	    "PermitRootLogin prohibit-password\nPasswordAuthentication no\n"
	    "KbdInteractiveAuthentication no\nPidFile none\nUseDNS no\n"
	    /* Else bash takes itself for a login, and goes by the
	     * user's own start-up files. */
	    "SetEnv SHLVL=9\n"
	    "PermitUserRC no\nPrintMotd no\nMaxStartups 200\n"
	    "MaxSessions 200\nAllowTcpForwarding yes\nLogLevel ERROR\n",
	    port, key, client);
	rig_write(conf, text, 0600);
	rig_proc_start(p, &s);
	rc = rig_proc_wait_port(p, "127.0.0.1", port, START_MS);
	REQUIRE(rc == 0, "sshd does not accept: %s",
	    rc == -ESRCH ? "it has ended" : strerror(-rc));
}

size_t
rig_ssh_options(const char *argv[static RIG_SSH_OPTIONS_MAX])
{
	struct passwd *pw = getpwuid(geteuid());
	char key[RIG_PATH_MAX];
	size_t i, n = 0;

	REQUIRE(pw != NULL, "uid %u has no name", geteuid());
	rig_path(key, "ssh_client_key");
	snprintf(options[0], sizeof(options[0]), "IdentityFile=%s", key);
	snprintf(options[1], sizeof(options[1]), "User=%s", pw->pw_name);
	snprintf(
	    options[2], sizeof(options[2]), "UserKnownHostsFile=/dev/null");
	snprintf(options[3], sizeof(options[3]), "StrictHostKeyChecking=no");
	snprintf(options[4], sizeof(options[4]), "BatchMode=yes");
	snprintf(options[5], sizeof(options[5]), "LogLevel=ERROR");
	argv[n++] = "-F";
	argv[n++] = "/dev/null";
	for (i = 0; i < sizeof(options) / sizeof(*options); i++) {
		argv[n++] = "-o";
		argv[n++] = options[i];
	}
	argv[n] = NULL;
	return n;
}
