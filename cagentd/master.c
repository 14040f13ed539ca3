/*
 * Owns the service's life: start, reload, end.  Reads the configuration and
 * signals, and never a byte from a peer.
 */
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <bsd/libutil.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mono.h"
#include "cagentd/bundle.h"
#include "cagentd/children_tell.h"
#include "cagentd/roles.h"
#include "cagentd/shared.h"

/* After the drain timeout workers cut their tunnels; then this, and they are
 * killed. */
#define STOP_GRACE_US 3000000

struct master {
	const struct master_options *options;
	struct loop *loop;
	struct settings *settings;
	struct shared shared;
	struct children children;
	struct pidfh *pidfile;
	struct op signals, stop_timer;
	int signal_fd;
	int ready_fd; /* of proc_detach(); -1: not detached, or told */
	bool ready, reloading, stopping;
};

static void
own_directory(const char *dir, mode_t mode)
{
	struct stat st;

	if (mkdir(dir, mode) == -1 && errno != EEXIST)
		fatal("%s", dir);
	if (lstat(dir, &st) == -1)
		fatal("%s", dir);
	/* Whoever can write here could swap the table under us. */
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		fatalx("%s: must be a directory of ours that only we can write",
		    dir);
}

static void
lock_pidfile(struct master *m)
{
	char path[SHARED_PATH_MAX];
	const char *file = m->settings->pid_file;
	pid_t other = 0;

	if (file[0] == '\0')
		file = shared_path(m->settings, SHARED_PID, path);
	m->pidfile = pidfile_open(file, 0644, &other);
	if (m->pidfile == NULL && errno == EEXIST)
		fatalx("already running as pid %d (%s)", (int)other, file);
	if (m->pidfile == NULL)
		fatal("%s", file);
}

static void
check_users(const struct settings *s)
{
	const struct settings_account *users[] = {
	    &s->control_user, &s->worker_user, &s->resolver_user};
	size_t i;

	if (geteuid() != 0)
		return;
	for (i = 0; i < sizeof(users) / sizeof(*users); i++) {
		if (users[i]->uid == (uid_t)-1)
			fatalx("user %s does not exist: make it (the package "
			       "and `make install` do), or name another in "
			       "[agent]",
			    users[i]->name);
		if (users[i]->uid == 0)
			fatalx("user %s is root: name another in [agent]",
			    users[i]->name);
	}
}

static void
on_ready(void *arg)
{
	struct master *m = arg;

	if (m->ready)
		return;
	m->ready = true;
	pidfile_write(m->pidfile);
	log_info("ready: %u workers, %u intermediaries, %s",
	    m->settings->workers, m->settings->intermediaries_n,
	    loop_backend(m->loop));
	proc_notify("READY=1");
	if (m->ready_fd != -1)
		proc_ready(m->ready_fd);
	m->ready_fd = -1;
}

static void
on_gone(void *arg)
{
	struct master *m = arg;

	loop_stop(m->loop);
}

/* Errors of a configuration, a log line each. */
static void
log_lines(const char *text)
{
	char copy[sizeof(((struct conf_errors *)0)->text)];
	char *rest = copy, *line;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (line[0] != '\0')
			log_errx("%s", line);
	}
}

static void
refuse_reload(struct master *m, const char *why)
{
	log_errx(
	    "reload refused, the old configuration stays in force:\n%s", why);
	children_note(&m->children, "reload refused: %s", why);
}

/* What only a restart can change. */
static void
keep_fixed(const struct settings *old, struct settings *s)
{
	if (strcmp(old->run_dir, s->run_dir) != 0) {
		log_warnx("run-dir changes at the next restart only");
		memcpy(s->run_dir, old->run_dir, sizeof(s->run_dir));
	}
}

static void
apply(struct master *m, struct settings *s, const struct bundle *b)
{
	const union net_addr *which = NULL;
	char text[NET_ADDR_STRLEN];
	int error;

	error = shared_listen(&m->shared, s, &which);
	if (error != 0) {
		log_errx("reload: listen on %s: %s",
		    net_addr_format(which, text), strerror(-error));
		refuse_reload(m, "a listener cannot be opened");
		settings_unref(s);
		return;
	}
	error = shared_slabs(&m->shared, s);
	if (error == 0)
		error = shared_seal(&m->shared, b);
	if (error != 0) {
		refuse_reload(m, strerror(-error));
		settings_unref(s);
		return;
	}
	s->serial = m->settings->serial + 1;
	keep_fixed(m->settings, s);
	settings_unref(m->settings);
	m->settings = s;
	m->children.settings = s;
	log_level_set((enum log_level)s->log_level);
	children_reload(&m->children);
	children_note(&m->children, "configuration %llu is in force",
	    (unsigned long long)s->serial);
	log_info("reloaded: configuration %llu is in force",
	    (unsigned long long)s->serial);
}

static void
reload(struct master *m)
{
	struct conf_errors errors = {0};
	struct settings *s = NULL;
	struct bundle *b = NULL;

	if (settings_load(m->options->path, &b, &s, &errors) != 0)
		refuse_reload(m, errors.text);
	else
		apply(m, s, b);
	bundle_free(b);
}

static void
on_stop_over(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct master *m = container_of(op, struct master, stop_timer);

	(void)loop, (void)r; /* time is the only news */
	log_warnx("children that would not leave are killed");
	children_kill(&m->children);
}

static void
stop(struct master *m)
{
	int64_t end = loop_now_us(m->loop) +
		      m->settings->drain_timeout_ms * 1000 + STOP_GRACE_US;

	if (m->stopping) {
		log_info("stopping at once");
		children_kill(&m->children);
		return;
	}
	m->stopping = true;
	log_info("stopping: tunnels may take %lld s to end",
	    (long long)(m->settings->drain_timeout_ms / 1000));
	proc_notify("STOPPING=1");
	shared_unlisten(&m->shared);
	if (loop_timer(m->loop, &m->stop_timer, end, on_stop_over) != 0)
		log_errx("out of memory for a timer");
	children_stop(&m->children);
}

static void
on_signal(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct master *m = container_of(op, struct master, signals);
	struct signalfd_siginfo info;

	(void)loop, (void)r; /* readable is the only news */
	if (read(m->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGCHLD:
		children_reap(&m->children);
		break;
	case SIGHUP:
		if (!m->stopping)
			reload(m);
		break;
	default:
		stop(m);
		break;
	}
}

static void
watch_signals(struct master *m)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		fatal("sigprocmask");
	m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->signal_fd == -1)
		fatal("signalfd");
	if (loop_poll(m->loop, &m->signals, m->signal_fd, POLLIN, on_signal) !=
	    0)
		fatalx("loop: cannot watch signals");
}

/* Keep only what it takes to start children, once all is open. */
static void
drop_rights(const struct settings *s)
{
	struct sandbox_spec spec;
	uint32_t reached;
	int error;

	if (geteuid() != 0)
		return; /* nothing to drop, and /proc/self must stay ours */
	procs_rights(ROLE_MASTER, s, &spec);
	error = sandbox_apply(&spec, &reached);
	if (error != 0)
		fatalx("sandbox: %s", strerror(-error));
}

static void
open_all(struct master *m)
{
	struct conf_errors errors = {0};
	const union net_addr *which = NULL;
	struct bundle *b = NULL;
	char text[NET_ADDR_STRLEN];
	int error;

	if (settings_load(m->options->path, &b, &m->settings, &errors) != 0) {
		log_lines(errors.text);
		fatalx("configuration refused");
	}
	m->settings->serial = 1;
	log_level_set((enum log_level)m->settings->log_level);
	check_users(m->settings);
	own_directory(m->settings->run_dir, 0755);
	lock_pidfile(m);
	shared_init(&m->shared, m->settings);
	error = shared_listen(&m->shared, m->settings, &which);
	if (error != 0)
		fatalx("listen on %s: %s", net_addr_format(which, text),
		    strerror(-error));
	error = shared_slabs(&m->shared, m->settings);
	if (error == 0)
		error = shared_seal(&m->shared, b);
	if (error != 0)
		fatalx("start: %s", strerror(-error));
	bundle_free(b);
}

/* What is wrong with the configuration is said while there is a terminal. */
static void
detach(struct master *m)
{
	struct conf_errors errors = {0};
	struct settings *s = NULL;
	struct bundle *b = NULL;
	int error;

	if (settings_load(m->options->path, &b, &s, &errors) != 0) {
		fputs(errors.text, stderr);
		exit(1);
	}
	settings_unref(s);
	bundle_free(b);
	error = proc_detach(&m->ready_fd);
	if (error != 0)
		fatalx("cannot detach: %s", strerror(-error));
	log_open("cagentd", LOG_DEST_SYSLOG, LOG_LEVEL_INFO);
}

int
master_main(const struct master_options *options)
{
	static struct master m;
	int error;

	m.options = options;
	m.ready_fd = -1;
	if (options->detach)
		detach(&m);
	open_all(&m);
	error = loop_new(&m.loop);
	if (error != 0)
		fatalx("loop: %s", strerror(-error));
	watch_signals(&m);
	drop_rights(m.settings);
	m.children.loop = m.loop;
	m.children.shared = &m.shared;
	m.children.settings = m.settings;
	m.children.syslog = options->detach;
	m.children.ready = on_ready;
	m.children.gone = on_gone;
	m.children.arg = &m;
	children_start(&m.children);
	error = loop_run(m.loop);
	pidfile_remove(m.pidfile);
	settings_unref(m.settings);
	log_info("stopped");
	return error == 0 ? 0 : 1;
}
