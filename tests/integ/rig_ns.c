/* The namespaces of a case: made, wired and filtered here, and nowhere else. */
#include "tests/integ/rig_ns.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig.h"
#include "tests/integ/rig_proc.h"

static const char hosts[] =
    "127.0.0.1 localhost " RIG_NAME " " RIG_NAME_GIT "\n"
    "::1 localhost ip6-localhost\n";
static const char resolv[] =
    "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";

static int
lo_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;

	if (fd == -1)
		return -errno;
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) == -1)
		rc = -errno;
	close(fd);
	return rc;
}

static int
mount_file(const char *name, const char *text, const char *over)
{
	char path[RIG_PATH_MAX];

	rig_path(path, "%s", name);
	rig_write(path, text, 0644);
	return mount(path, over, NULL, MS_BIND, NULL) == -1 ? -errno : 0;
}

static int
private_files(void)
{
	int rc;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return -errno;
	rc = mount_file("resolv.conf", resolv, "/etc/resolv.conf");
	if (rc == 0)
		rc = mount_file("hosts", hosts, "/etc/hosts");
	if (rc != 0)
		return rc;
	/* Squid leaves its segments there when it is killed. */
	if (mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID, "mode=1777") == -1)
		return -errno;
	/* Hides sockets of the machine's daemons; sshd wants a folder. */
	if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID, "mode=0755") == -1 ||
	    mkdir("/run/sshd", 0755) == -1)
		return -errno;
	return 0;
}

int
rig_ns_isolate(void)
{
	int rc;

	if (geteuid() != 0)
		return -EPERM;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) == -1)
		return -errno;
	rc = lo_up();
	if (rc == 0)
		rc = private_files();
	/* Half a namespace is none: better no case than one that reaches
	 * out by mistake. */
	REQUIRE(rc == 0, "cannot set up the namespaces: %s", strerror(-rc));
	return 0;
}

static void
run_in(pid_t netns, const char *const *argv)
{
	const struct rig_spawn s = {
	    .name = argv[0], .argv = argv, .netns = netns};
	struct rig_output o;

	rig_run(&o, &s, 10000);
	REQUIRE(o.code == 0, "%s: exit %d: %s", argv[0], o.code, o.err);
	rig_output_free(&o);
}

void
rig_ns_drop_syn(pid_t netns, uint16_t port)
{
	char path[RIG_PATH_MAX], text[400];
	const char *const argv[] = {"nft", "-f", path, NULL};

	rig_path(path, "drop-%u.nft", port);
	snprintf(text, sizeof(text),
	    "table inet rig%u {\n chain in {\n"
	    "  type filter hook input priority 0; policy accept;\n"
	    "  tcp dport %u tcp flags & (syn | ack) == syn counter drop\n"
	    " }\n}\n",
	    port, port);
	rig_write(path, text, 0644);
	run_in(netns, argv);
}

void
rig_ns_answer_syn(pid_t netns, uint16_t port)
{
	char table[16];
	const char *const argv[] = {
	    "nft", "delete", "table", "inet", table, NULL};

	snprintf(table, sizeof(table), "rig%u", port);
	run_in(netns, argv);
}

void
rig_ns_own(uint16_t port, enum rig_ns_fate fate)
{
	static const char *const rules[] = {
	    [RIG_NS_REFUSED] = "flags & (syn | ack) == syn counter "
			       "reject with tcp reset",
	    [RIG_NS_SILENT] = "flags & (syn | ack) == syn counter drop",
	    [RIG_NS_BROKEN] = "flags & psh == psh counter "
			      "reject with tcp reset",
	};
	char path[RIG_PATH_MAX], text[400];
	const char *const argv[] = {"nft", "-f", path, NULL};

	rig_path(path, "own.nft");
	snprintf(text, sizeof(text),
	    "table inet rig_own {\n chain in {\n"
	    "  type filter hook input priority 0; policy accept;\n"
	    "  iifname \"lo\" tcp dport %u tcp %s\n"
	    " }\n}\n",
	    port, rules[fate]);
	rig_write(path, text, 0644);
	run_in(0, argv);
}

void
rig_ns_unreachable(const char *prefix)
{
	const char *const argv[] = {
	    "ip", "route", "add", "unreachable", prefix, NULL};

	run_in(0, argv);
}

void
rig_ns_plug(pid_t netns, bool in)
{
	const char *const argv[] = {"ip", "link", "set",
	    netns == 0 ? "rig0" : "rig1", in ? "up" : "down", NULL};

	run_in(netns, argv);
}

/* In the holder: its own network, and then to wait for its end. */
static void
hold_peer(int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It never execs: what is open would stay open. */
	dup2(ready, 0);
	ready = 0;
	syscall(SYS_close_range, 3u, ~0u, 0u);
	if (unshare(CLONE_NEWNET) == -1 || lo_up() != 0)
		_exit(1);
	if (write(ready, "+", 1) != 1)
		_exit(1);
	close(ready);
	for (;;)
		pause();
}

pid_t
rig_ns_peer(void)
{
	static const char *const here[] = {
	    "ip", "address", "add", RIG_NS_HERE "/30", "dev", "rig0", NULL};
	static const char *const here_up[] = {
	    "ip", "link", "set", "rig0", "up", NULL};
	static const char *const there[] = {
	    "ip", "address", "add", RIG_NS_THERE "/30", "dev", "rig1", NULL};
	static const char *const there_up[] = {
	    "ip", "link", "set", "rig1", "up", NULL};
	char number[16], byte;
	const char *const pair[] = {"ip", "link", "add", "rig0", "type", "veth",
	    "peer", "name", "rig1", "netns", number, NULL};
	int ready[2];
	pid_t pid;

	REQUIRE(rig_isolated(), "a second network needs the first");
	REQUIRE(pipe2(ready, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		hold_peer(ready[1]);
	close(ready[1]);
	REQUIRE(pid > 0 && read(ready[0], &byte, 1) == 1,
	    "no second network namespace");
	close(ready[0]);
	snprintf(number, sizeof(number), "%d", (int)pid);
	run_in(0, pair);
	run_in(0, here);
	run_in(0, here_up);
	run_in(pid, there);
	run_in(pid, there_up);
	return pid;
}

void
rig_ns_mute(pid_t netns, bool on)
{
	static const char text[] =
	    "table inet rigmute {\n"
	    " chain in {\n  type filter hook input priority 0;\n"
	    "  iifname \"rig*\" counter drop\n }\n"
	    " chain out {\n  type filter hook output priority 0;\n"
	    "  oifname \"rig*\" counter drop\n }\n}\n";
	char path[RIG_PATH_MAX];
	const char *const add[] = {"nft", "-f", path, NULL};
	static const char *const undo[] = {
	    "nft", "delete", "table", "inet", "rigmute", NULL};

	rig_path(path, "mute.nft");
	rig_write(path, text, 0644);
	run_in(netns, on ? add : undo);
}
