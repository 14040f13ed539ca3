/*
 * Owns the service's life: start, reload, end.  Reads the configuration and
 * signals, and never a byte from a peer.
 */
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mono.h"
#include "base/sysfiles.h"
#include "conf/bundle.h"
#include "cagentd/master/change.h"
#include "cagentd/master/children_tell.h"
#include "cagentd/master/home.h"
#include "cagentd/master/identity.h"
#include "cagentd/master/master_policy.h"
#include "cagentd/master/shared.h"
#include "cagentd/roles.h"

/* After the drain timeout workers cut their tunnels; then this, and they are
 * killed. */
#define STOP_GRACE_US 3000000
/* Until a detached start is ready. */
#define START_S 30
/* The resolver's files are looked at this often. */
#define FILES_US 2000000

struct master {
	const struct master_options *options;
	struct loop *loop;
	struct settings *settings;
	struct master_policy policy; /* in force */
	struct shared shared;
	struct children children;
	struct home home;
	struct identity identity;
	struct sysfiles sysfiles;
	struct op signals, stop_timer, start_timer, files_timer;
	int signal_fd;
	int ready_fd; /* of proc_detach(); -1: not detached, or told */
	int terminal; /* who detached us, until then; else -1 */
	bool ready, failed, stopping;
};

static void stop(struct master *);

static void
on_ready(void *arg)
{
	struct master *m = arg;

	if (m->ready)
		return;
	m->ready = true;
	home_ready(&m->home);
	log_info("ready: %u workers, %u intermediaries, %s",
	    m->settings->workers, m->settings->intermediaries_n,
	    loop_backend(m->loop));
	proc_notify("READY=1");
	loop_cancel(m->loop, &m->start_timer);
	if (m->ready_fd != -1)
		proc_ready(m->ready_fd);
	if (m->terminal != -1)
		close(m->terminal);
	m->ready_fd = m->terminal = -1;
}

/* In the foreground we go on trying, and the log can be seen; but a start
 * that somebody waits for must come to an end. */
static void
on_start_over(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct master *m = container_of(op, struct master, start_timer);

	(void)loop, (void)r; /* time is the only news */
	log_errx("not ready after %d s: giving up", START_S);
	dprintf(m->terminal,
	    "cagentd: not ready after %d s; the system log says why\n",
	    START_S);
	m->failed = true;
	stop(m);
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
	log_lines(why);
	log_errx("reload refused: configuration %llu stays in force",
	    (unsigned long long)m->settings->serial);
	children_note(&m->children, "reload refused: %s", why);
}

/* 0 with *fd, or -1 with why. */
static int
open_decisions(const struct settings *s, int *fd, char *why, size_t size)
{
	int error = shared_open_decisions(s, fd);

	if (error != 0)
		snprintf(why, size, "decisions: %s: %s", s->decisions,
		    error == -EPERM ? "must be a regular file of ours"
				    : strerror(-error));
	return error == 0 ? 0 : -1;
}

/* All that can fail, before anything changes: 0, or -1 with why. */
static int
prepare(struct master *m, const struct settings *s, struct bundle *b, char *why,
    size_t size)
{
	const char *fixed = change_fixed(m->settings, s);
	const union net_addr *which = NULL;
	char text[NET_ADDR_STRLEN];
	struct shared_new new;
	int error, decisions;

	if (fixed != NULL) {
		snprintf(why, size, "'%s' takes a restart to change", fixed);
		return -1;
	}
	if (home_verifier(s, why, size) != 0)
		return -1;
	error = shared_slabs(&m->shared, s);
	if (error == 0)
		error = shared_open(&m->shared, s, b, &new, &which);
	if (error != 0) {
		if (which != NULL)
			snprintf(why, size, "listen on %s: %s",
			    net_addr_format(which, text), strerror(-error));
		else
			snprintf(why, size, "%s", strerror(-error));
		return -1;
	}
	if (open_decisions(s, &decisions, why, size) != 0) {
		shared_drop(&m->shared, &new);
		return -1;
	}
	shared_use(&m->shared, &new);
	shared_use_decisions(&m->shared, decisions);
	return 0;
}

/* Takes s; false when it is refused. */
static bool
apply(struct master *m, struct settings *s, struct bundle *b)
{
	struct settings *old = m->settings;
	char why[sizeof(s->decisions) + 256];

	if (prepare(m, s, b, why, sizeof(why)) != 0) {
		refuse_reload(m, why);
		settings_unref(s);
		return false;
	}
	s->serial = old->serial + 1;
	m->settings = s;
	m->children.settings = s;
	log_level_set((enum log_level)s->log_level);
	shared_say(&m->shared);
	identity_load(&m->identity, s);
	children_tell_identity(&m->children);
	children_reload(&m->children);
	if (change_nameservers(old, s))
		children_renew_resolver(&m->children);
	settings_unref(old);
	children_note(&m->children, "configuration %llu is in force",
	    (unsigned long long)s->serial);
	log_info("reloaded: configuration %llu is in force",
	    (unsigned long long)s->serial);
	return true;
}

static void
reload(struct master *m)
{
	const struct settings_source from = {m->options->path,
	    m->policy.text != NULL ? &m->policy.body : NULL, m->settings};
	struct conf_errors errors = {0};
	struct settings *s = NULL;
	struct bundle *b = NULL;
	char state[64];

	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)mono_us());
	proc_notify(state);
	if (settings_reload(&from, &b, &s, &errors) != 0)
		refuse_reload(m, errors.text);
	else
		apply(m, s, b);
	bundle_free(b);
	if (m->ready)
		proc_notify("READY=1");
}

/* It was checked against the configuration that is in force, so that is what
 * it is put into: what the file says by now is SIGHUP's affair. */
static bool
apply_policy(struct master *m, const struct settings_body *policy)
{
	struct conf_errors errors = {0};
	struct settings *s = NULL;
	struct bundle *b = NULL;
	bool applied = false;
	int error = bundle_open(&b, m->shared.conf.fds[SHARED_ALL]);

	if (error != 0)
		refuse_reload(m, strerror(-error));
	else if (settings_change_policy(b, policy, &s, &errors) != 0)
		refuse_reload(m, errors.text);
	else
		applied = apply(m, s, b);
	bundle_free(b);
	return applied;
}

static void
on_policy(void *arg, const struct chan_msg *msg)
{
	struct master_policy policy;
	struct master *m = arg;
	int error;

	if (m->stopping || m->settings->policy_root[0] == '\0')
		return;
	error = master_policy_read(msg, m->shared.policy[1], &policy);
	if (error == -ESTALE) /* there is another already */
		return;
	if (error != 0)
		refuse_reload(m, strerror(-error));
	else if (master_policy_same(&policy, &m->policy) ||
		 !apply_policy(m, &policy.body))
		free(policy.text);
	else {
		free(m->policy.text);
		m->policy = policy;
	}
}

static void
on_files_timer(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct master *m = container_of(op, struct master, files_timer);
	unsigned int changed = sysfiles_changed(&m->sysfiles);
	bool hosts = (changed & 1u << SYSFILES_HOSTS) != 0;

	(void)r; /* time is the only news */
	if ((changed & 1u << SYSFILES_LOG) != 0 && m->children.syslog) {
		log_info("syslog is another"); /* and so we reach it again */
		children_tell_log(&m->children);
	}
	if (hosts || (changed & 1u << SYSFILES_RESOLV) != 0) {
		log_info("%s has changed: the resolver starts anew",
		    sysfiles_path(hosts ? SYSFILES_HOSTS : SYSFILES_RESOLV));
		children_renew_resolver(&m->children);
	}
	if (loop_timer(
		loop, op, loop_now_us(loop) + FILES_US, on_files_timer) != 0)
		log_errx("out of memory for a timer");
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
	loop_cancel(m->loop, &m->start_timer);
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
	struct shared_new new;
	struct bundle *b = NULL;
	char text[NET_ADDR_STRLEN], why[sizeof(m->settings->decisions) + 256];
	int error, decisions;

	if (settings_load(m->options->path, &b, &m->settings, &errors) != 0) {
		log_lines(errors.text);
		fatalx("configuration refused");
	}
	m->settings->serial = 1;
	home_users(m->settings);
	if (open_decisions(m->settings, &decisions, why, sizeof(why)) != 0)
		fatalx("%s", why);
	home_take(&m->home, m->settings);
	shared_init(&m->shared, m->settings);
	shared_use_decisions(&m->shared, decisions);
	master_policy_open(m->settings, m->shared.policy);
	error = shared_open(&m->shared, m->settings, b, &new, &which);
	if (error != 0) {
		/* What is left behind says that we were killed. */
		shared_remove(m->settings);
		home_leave(&m->home);
		fatalx("listen on %s: %s",
		    which != NULL ? net_addr_format(which, text) : "all",
		    strerror(-error));
	}
	shared_use(&m->shared, &new);
	m->shared.patience_us = 0;
	error = shared_slabs(&m->shared, m->settings);
	if (error != 0)
		fatalx("start: %s", strerror(-error));
	bundle_free(b);
	identity_load(&m->identity, m->settings);
	(void)sysfiles_changed(&m->sysfiles); /* no change, the first look */
}

/* All that is likely to go wrong has been said by now, where it is seen. */
static void
detach(struct master *m)
{
	int error, no_log;

	m->terminal = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	no_log = log_open("cagentd", LOG_DEST_SYSLOG, LOG_LEVEL_INFO);
	if (no_log != 0)
		log_warnx("no log from here on: syslog: %s", strerror(-no_log));
	error = proc_detach(&m->ready_fd);
	if (error != 0)
		fatalx("cannot detach: %s", strerror(-error));
	if (no_log != 0) /* then stderr, which is /dev/null now */
		(void)log_open("cagentd", LOG_DEST_STDERR, LOG_LEVEL_INFO);
}

static void
start_children(struct master *m)
{
	struct op_result now = {0};

	m->children.loop = m->loop;
	m->children.shared = &m->shared;
	m->children.identity = &m->identity;
	m->children.settings = m->settings;
	m->children.syslog = m->options->detach;
	m->children.ready = on_ready;
	m->children.policy = on_policy;
	m->children.gone = on_gone;
	m->children.arg = m;
	children_start(&m->children);
	on_files_timer(m->loop, &m->files_timer, &now);
	if (m->options->detach &&
	    loop_timer(m->loop, &m->start_timer,
		loop_now_us(m->loop) + START_S * INT64_C(1000000),
		on_start_over) != 0)
		fatalx("out of memory");
}

int
master_main(const struct master_options *options)
{
	static struct master m;
	int error;

	m.options = options;
	m.ready_fd = m.terminal = -1;
	/* The modes of what we make are meant. */
	umask(022);
	open_all(&m);
	if (options->detach)
		detach(&m);
	log_level_set((enum log_level)m.settings->log_level);
	shared_say(&m.shared);
	error = loop_new(&m.loop);
	if (error != 0)
		fatalx("loop: %s", strerror(-error));
	watch_signals(&m);
	drop_rights(m.settings);
	start_children(&m);
	error = loop_run(m.loop);
	shared_remove(m.settings);
	home_leave(&m.home);
	settings_unref(m.settings);
	log_info("stopped");
	return error == 0 && !m.failed ? 0 : 1;
}
