/* Starts, kills and freezes real intermediaries. */
#include "tests/integ/rig_peers.h"

#include <sys/stat.h>

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_net.h"
#include "tests/integ/rig_tls.h"

#define START_MS 20000

static const struct {
	const char *word;
	const char *program;
	const char *type;
} kinds[RIG_PEER_KINDS] = {
    [RIG_PEER_DANTED] = {"danted", "/usr/sbin/danted", "socks5"},
    [RIG_PEER_MICROSOCKS] = {"microsocks", "/usr/bin/microsocks", "socks5"},
    [RIG_PEER_SQUID] = {"squid", "/usr/sbin/squid", "http"},
    [RIG_PEER_TINYPROXY] = {"tinyproxy", "/usr/bin/tinyproxy", "http"},
    [RIG_PEER_SSH] = {"ssh -D", "/usr/bin/ssh", "socks5"},
    [RIG_PEER_PRIVOXY] = {"privoxy", "/usr/sbin/privoxy", "http"},
    [RIG_PEER_APACHE] = {"apache", "/usr/sbin/apache2", "http"},
    [RIG_PEER_SQUID_TLS] = {"squid (TLS)", "/usr/sbin/squid", "https"},
};

const char *
rig_peer_word(enum rig_peer_kind k)
{
	return kinds[k].word;
}

bool
rig_peer_installed(enum rig_peer_kind k)
{
	return access(kinds[k].program, X_OK) == 0 &&
	       (k != RIG_PEER_SSH || access("/usr/sbin/sshd", X_OK) == 0);
}

static void
launch(struct rig_peer *p, const char *name, const char *const *argv)
{
	const struct rig_spawn s = {
	    .name = name, .argv = argv, .netns = p->netns};

	rig_proc_start(&p->proc, &s);
}

static void
start_danted(struct rig_peer *p, const char *name)
{
	char conf[RIG_PATH_MAX], pid[RIG_PATH_MAX], text[1024];
	const char *const argv[] = {
	    kinds[p->kind].program, "-f", conf, "-p", pid, "-N", "1", NULL};

	rig_path(conf, "%s.conf", name);
	rig_path(pid, "%s.pid", name);
	snprintf(text, sizeof(text),
	    "logoutput: stderr\n"
	    "internal: %s port = %u\n"
	    "external: lo\n"
	    "socksmethod: none\n"
	    "clientmethod: none\n"
	    "%s"
	    "client pass {\n\tfrom: 0.0.0.0/0 to: 0.0.0.0/0\n}\n"
	    "socks pass {\n\tfrom: 0.0.0.0/0 to: 0.0.0.0/0\n}\n",
	    p->address, p->port,
	    geteuid() == 0 ? "user.unprivileged: nobody\n" : "");
	rig_write(conf, text, 0644);
	launch(p, name, argv);
}

static void
start_microsocks(struct rig_peer *p, const char *name)
{
	char port[8], user[64], *password;
	const char *argv[] = {kinds[p->kind].program, "-i", p->address, "-p",
	    port, NULL, user, "-P", NULL, NULL};

	snprintf(port, sizeof(port), "%u", p->port);
	if (p->login != NULL) {
		snprintf(user, sizeof(user), "%s", p->login);
		password = strchr(user, ':');
		REQUIRE(password != NULL, "login is user:password");
		*password++ = '\0';
		argv[5] = "-u";
		argv[8] = password;
	}
	launch(p, name, argv);
}

/* Squid as root becomes the user proxy, which must own its folder. */
static void
own_folder(const char *dir, const char *user)
{
	struct passwd *pw = getpwnam(user);

	REQUIRE(mkdir(dir, 0755) == 0 || errno == EEXIST, "%s: %s", dir,
	    strerror(errno));
	if (geteuid() != 0)
		return;
	REQUIRE(pw != NULL && chown(dir, pw->pw_uid, pw->pw_gid) == 0,
	    "cannot give %s to %s", dir, user);
}

/* A running squid needs their names no more, and a killed one would leave
 * them behind. */
static void
remove_segments(uint16_t port)
{
	static const char *const names[] = {
	    "cf__metadata", "cf__queues", "cf__readers"};
	char path[64];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "/dev/shm/rig%u-%s.shm", port,
		    names[i]);
		unlink(path);
	}
}

/* Of http_port, or https_port. */
static void
squid_options(const struct rig_peer *p, const char *name, char *out, size_t cap)
{
	struct rig_tls_files files;

	out[0] = '\0';
	if (p->kind != RIG_PEER_SQUID_TLS)
		return;
	if (p->tls != NULL) {
		snprintf(out, cap, " %s", p->tls);
		return;
	}
	rig_tls_server(&files, name);
	snprintf(out, cap, " tls-cert=%s tls-key=%s", files.cert, files.key);
}

static void
start_squid(struct rig_peer *p, const char *name)
{
	char conf[RIG_PATH_MAX], dir[RIG_PATH_MAX], text[4096], service[32];
	char options[2048];
	const char *const argv[] = {kinds[p->kind].program, "--foreground",
	    "-d", "1", "-n", service, "-f", conf, NULL};

	rig_path(conf, "%s.conf", name);
	rig_path(dir, "%s.d", name);
	/* Names its shared memory, which a SIGKILL leaves behind. */
	snprintf(service, sizeof(service), "rig%u", p->port);
	own_folder(dir, "proxy");
	squid_options(p, name, options, sizeof(options));
	snprintf(text, sizeof(text),
	    "%s %s:%u%s\n"
	    "http_access allow all\n"
	    "%s"
	    "pinger_enable off\n"
	    "shutdown_lifetime 1 second\n"
	    "visible_hostname rig\n"
	    "dns_nameservers 127.0.0.1\n"
	    "connect_timeout 5 seconds\n"
	    "max_filedescriptors 4096\n"
	    "access_log none\n"
	    "cache_log /dev/null\n"
	    "cache_store_log none\n"
	    "pid_filename %s/pid\n"
	    "coredump_dir %s\n",
	    p->kind == RIG_PEER_SQUID_TLS ? "https_port" : "http_port",
	    p->address, p->port, options,
	    p->caches ? "cache_mem 8 MB\n" : "cache deny all\n", dir, dir);
	rig_write(conf, text, 0644);
	launch(p, name, argv);
}

static void
start_tinyproxy(struct rig_peer *p, const char *name)
{
	char conf[RIG_PATH_MAX], text[512];
	const char *const argv[] = {
	    kinds[p->kind].program, "-d", "-c", conf, NULL};

	rig_path(conf, "%s.conf", name);
	snprintf(text, sizeof(text),
	    "%s"
	    "Listen %s\nPort %u\nAllow 127.0.0.1\n"
	    "Timeout 60\nMaxClients 500\nLogLevel Warning\n"
	    "DisableViaHeader No\n",
	    geteuid() == 0 ? "User nobody\nGroup nogroup\n" : "", p->address,
	    p->port);
	rig_write(conf, text, 0644);
	launch(p, name, argv);
}

static void
start_ssh(struct rig_peer *p, const char *name)
{
	const char *argv[RIG_SSH_OPTIONS_MAX + 10] = {kinds[p->kind].program};
	char listen[80], port[8];
	size_t n = 1;

	if (p->sshd.pid == 0) {
		p->sshd_port = rig_port("127.0.0.1");
		rig_sshd_start(&p->sshd, p->sshd_port);
	}
	snprintf(listen, sizeof(listen), "%s:%u", p->address, p->port);
	snprintf(port, sizeof(port), "%u", p->sshd_port);
	n += rig_ssh_options(argv + n);
	argv[n++] = "-N";
	argv[n++] = "-o";
	argv[n++] = "ExitOnForwardFailure=yes";
	argv[n++] = "-D";
	argv[n++] = listen;
	argv[n++] = "-p";
	argv[n++] = port;
	argv[n++] = "127.0.0.1";
	argv[n] = NULL;
	launch(p, name, argv);
}

static void
start_privoxy(struct rig_peer *p, const char *name)
{
	char conf[RIG_PATH_MAX], actions[RIG_PATH_MAX], text[1024];
	const char *const argv[] = {
	    kinds[p->kind].program, "--no-daemon", conf, NULL};

	rig_path(conf, "%s.conf", name);
	rig_path(actions, "%s.action", name);
	/* Of itself it lets nobody CONNECT but to 443. */
	rig_write(actions, "{+limit-connect{1-65535}}\n/\n", 0644);
	snprintf(text, sizeof(text),
	    "listen-address %s:%u\n"
	    "confdir /etc/privoxy\n"
	    "actionsfile %s\n"
	    "logdir %s\nlogfile %s.privoxy\n"
	    "toggle 1\nkeep-alive-timeout 30\nsocket-timeout 60\n"
	    "max-client-connections 500\n",
	    p->address, p->port, actions, rig_dir(), name);
	rig_write(conf, text, 0644);
	launch(p, name, argv);
}

static void
start_apache(struct rig_peer *p, const char *name)
{
	char conf[RIG_PATH_MAX], dir[RIG_PATH_MAX], text[2048];
	const char *const argv[] = {
	    kinds[p->kind].program, "-DFOREGROUND", "-f", conf, NULL};

	rig_path(conf, "%s.conf", name);
	rig_path(dir, "%s.d", name);
	own_folder(dir, "nobody");
	snprintf(text, sizeof(text),
	    "ServerRoot /usr/lib/apache2\n"
	    "LoadModule mpm_event_module modules/mod_mpm_event.so\n"
	    "LoadModule authz_core_module modules/mod_authz_core.so\n"
	    "LoadModule proxy_module modules/mod_proxy.so\n"
	    "LoadModule proxy_http_module modules/mod_proxy_http.so\n"
	    "LoadModule proxy_connect_module modules/mod_proxy_connect.so\n"
	    "ServerName rig\nListen %s:%u\n"
	    "%sDefaultRuntimeDir %s\nPidFile %s/pid\nMutex sem\n"
	    "ErrorLog /dev/stderr\nLogLevel warn\n"
	    "StartServers 1\nThreadsPerChild 32\nMaxRequestWorkers 64\n"
	    "ProxyRequests On\nProxyVia On\nAllowCONNECT 1-65535\n"
	    "<Proxy \"*\">\n\tRequire all granted\n</Proxy>\n",
	    p->address, p->port,
	    geteuid() == 0 ? "User nobody\nGroup nogroup\n" : "", dir, dir);
	rig_write(conf, text, 0644);
	launch(p, name, argv);
}

void
rig_peer_restart(struct rig_peer *p, const char *name)
{
	static void (*const starts[RIG_PEER_KINDS])(
	    struct rig_peer *, const char *) = {
	    [RIG_PEER_DANTED] = start_danted,
	    [RIG_PEER_MICROSOCKS] = start_microsocks,
	    [RIG_PEER_SQUID] = start_squid,
	    [RIG_PEER_SQUID_TLS] = start_squid,
	    [RIG_PEER_TINYPROXY] = start_tinyproxy,
	    [RIG_PEER_SSH] = start_ssh,
	    [RIG_PEER_PRIVOXY] = start_privoxy,
	    [RIG_PEER_APACHE] = start_apache,
	};
	int rc;

	starts[p->kind](p, name);
	rc = rig_proc_wait_port(&p->proc, p->address, p->port, START_MS);
	REQUIRE(rc == 0, "%s does not accept on %s:%u: %s", kinds[p->kind].word,
	    p->address, p->port, rc == -ESRCH ? "it has ended" : strerror(-rc));
	if (p->kind == RIG_PEER_SQUID || p->kind == RIG_PEER_SQUID_TLS)
		remove_segments(p->port);
}

void
rig_peer_start(struct rig_peer *p, enum rig_peer_kind kind, const char *name)
{
	p->kind = kind;
	p->type = kinds[kind].type;
	if (p->address == NULL)
		p->address = "127.0.0.1";
	if (p->port == 0)
		p->port = rig_port("127.0.0.1");
	if (!rig_peer_installed(kind))
		rig_skip("%s is not installed", kinds[kind].program);
	rig_peer_restart(p, name);
}

void
rig_peer_kill(struct rig_peer *p)
{
	rig_proc_kill(&p->proc);
}

void
rig_peer_freeze(struct rig_peer *p)
{
	rig_proc_signal_group(&p->proc, SIGSTOP);
}

void
rig_peer_thaw(struct rig_peer *p)
{
	rig_proc_signal_group(&p->proc, SIGCONT);
}
