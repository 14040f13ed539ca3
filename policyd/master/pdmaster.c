/*
 * Owns the policy server's life: start, reload, end.  Reads the configuration
 * and signals, and never a byte from a peer.
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
#include "policyd/common/pdload.h"
#include "policyd/master/pdhome.h"
#include "policyd/master/pdkids.h"
#include "policyd/roles.h"

#define PROGRAM "cagent-policyd"

/* Children that have not left by then are killed. */
#define STOP_GRACE_US 8000000
/* Until a detached start is ready. */
#define START_S 30
/* After an earlier master was killed: until its children let go. */
#define PATIENCE_US 3000000
/* The prober's files, and syslog's socket, are looked at this often. */
#define FILES_US 2000000

struct master {
	const struct serve_options *options;
	struct loop *loop;
	struct pdload conf; /* in force */
	uint32_t conf_serial;
	struct pdhome home;
	struct pdkids kids;
	struct sysfiles sysfiles;
	struct op signals, stop_timer, start_timer, files_timer;
	int signal_fd;
	int ready_fd; /* of proc_detach(); -1: not detached, or told */
	int terminal; /* who detached us, until then; else -1 */
	bool ready, reloading, failed, stopping;
};

static void stop(struct master *);

static void
on_ready(void *arg)
{
	struct master *m = arg;

	if (m->reloading)
		log_info(
		    "reloaded: configuration %u is in force", m->conf_serial);
	m->reloading = false;
	if (m->ready)
		return;
	m->ready = true;
	pdhome_ready(&m->home);
	log_info("ready: %u targets to probe, room for %lld agents, %s",
	    m->conf.conf->targets_n, (long long)m->conf.conf->agents_max,
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
	    PROGRAM ": not ready after %d s; the system log says why\n",
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
refuse_reload(const struct master *m, const char *why)
{
	log_lines(why);
	log_errx(
	    "reload refused: configuration %u stays in force", m->conf_serial);
}

/* The key that takes a restart to change, NULL if there is none: directories
 * are held, and what is in them belongs to the users that were. */
static const char *
fixed_key(const struct pdconf *a, const struct pdconf *b)
{
	const struct {
		const char *key, *was, *is;
	} keys[] = {
	    {"run-dir", a->run_dir, b->run_dir},
	    {"state-dir", a->state_dir, b->state_dir},
	    {"pid-file", a->pid_file, b->pid_file},
	    {"collector-user", a->collector_user.name, b->collector_user.name},
	    {"prober-user", a->prober_user.name, b->prober_user.name},
	    {"ranker-user", a->ranker_user.name, b->ranker_user.name},
	    {"signer-user", a->signer_user.name, b->signer_user.name},
	    {"page-user", a->page_user.name, b->page_user.name},
	};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (strcmp(keys[i].was, keys[i].is) != 0)
			return keys[i].key;
	}
	return NULL;
}

/* The listeners that c wants, or an error with nothing changed. */
static int
listen_as(struct pdkids_gift *g, const struct pdconf *c, int64_t patience_us,
    const union net_addr **which)
{
	const struct pdlisten_want agents = {
	    c->listeners, c->listeners_n, patience_us};
	const struct pdlisten_want readers = {
	    c->pages, c->pages_n, patience_us};
	struct pdlisten listeners, pages;
	int error;

	error = pdlisten_prepare(&g->listeners, &agents, &listeners, which);
	if (error != 0)
		return error;
	error = pdlisten_prepare(&g->pages, &readers, &pages, which);
	if (error != 0) {
		pdlisten_drop(&g->listeners, &listeners);
		return error;
	}
	pdlisten_use(&g->listeners, &listeners);
	pdlisten_use(&g->pages, &pages);
	return 0;
}

static void
say_listening(struct pdkids_gift *g)
{
	pdlisten_say(&g->listeners, "listening on ", "");
	pdlisten_say(&g->pages, "page on http://", "/");
}

/* Takes next. */
static void
use_conf(struct master *m, const struct pdload *next)
{
	pdload_free(&m->conf);
	m->conf = *next;
	m->conf_serial++;
	m->kids.gift.text = m->conf.text;
	m->kids.gift.text_len = m->conf.len;
	log_level_set((enum log_level)m->conf.conf->log_level);
	say_listening(&m->kids.gift);
}

static void
reload(struct master *m)
{
	const union net_addr *which = NULL;
	struct conf_errors errors;
	char text[NET_ADDR_STRLEN], why[256];
	struct pdload next;
	const char *fixed;
	int error;

	if (pdload(m->options->path, &next, &errors) != 0) {
		refuse_reload(m, errors.text);
		return;
	}
	fixed = fixed_key(m->conf.conf, next.conf);
	if (fixed != NULL) {
		snprintf(
		    why, sizeof(why), "'%s' takes a restart to change", fixed);
		goto refuse;
	}
	error = listen_as(&m->kids.gift, next.conf, 0, &which);
	if (error != 0) {
		snprintf(why, sizeof(why), "listen on %s: %s",
		    net_addr_format(which, text), strerror(-error));
		goto refuse;
	}
	use_conf(m, &next);
	m->reloading = true;
	pdkids_renew(&m->kids);
	return;
refuse:
	pdload_free(&next);
	refuse_reload(m, why);
}

static void
on_reload(struct master *m)
{
	char state[64];

	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)mono_us());
	proc_notify(state);
	reload(m);
	if (m->ready)
		proc_notify("READY=1");
}

static void
on_stop_over(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct master *m = container_of(op, struct master, stop_timer);

	(void)loop, (void)r; /* time is the only news */
	log_warnx("children that would not leave are killed");
	pdkids_kill(&m->kids);
}

static void
stop(struct master *m)
{
	if (m->stopping) {
		log_info("stopping at once");
		pdkids_kill(&m->kids);
		return;
	}
	m->stopping = true;
	log_info("stopping");
	proc_notify("STOPPING=1");
	loop_cancel(m->loop, &m->start_timer);
	if (loop_timer(m->loop, &m->stop_timer,
		loop_now_us(m->loop) + STOP_GRACE_US, on_stop_over) != 0)
		log_errx("out of memory for a timer");
	pdkids_stop(&m->kids);
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
		pdkids_reap(&m->kids);
		break;
	case SIGHUP:
		if (!m->stopping)
			on_reload(m);
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

static void
on_files_timer(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct master *m = container_of(op, struct master, files_timer);
	unsigned int changed = sysfiles_changed(&m->sysfiles);
	bool hosts = (changed & 1u << SYSFILES_HOSTS) != 0;

	(void)r; /* time is the only news */
	if ((changed & 1u << SYSFILES_LOG) != 0 && m->kids.syslog) {
		log_info("syslog is another"); /* and so we reach it again */
		pdkids_tell_log(&m->kids);
	}
	if (hosts || (changed & 1u << SYSFILES_RESOLV) != 0) {
		log_info("%s has changed: the prober starts anew",
		    sysfiles_path(hosts ? SYSFILES_HOSTS : SYSFILES_RESOLV));
		pdkids_renew_one(&m->kids, PDPROC_PROBER);
	}
	if (loop_timer(
		loop, op, loop_now_us(loop) + FILES_US, on_files_timer) != 0)
		log_errx("out of memory for a timer");
}

/* Keep only what it takes to start children, once all is open. */
static void
drop_rights(const struct pdconf *c)
{
	struct sandbox_spec spec;
	uint32_t reached;
	int error;

	if (geteuid() != 0)
		return; /* nothing to drop, and /proc/self must stay ours */
	pdproc_rights(PDPROC_MASTER, c, &spec);
	error = sandbox_apply(&spec, &reached);
	if (error != 0)
		fatalx("sandbox: %s", strerror(-error));
}

static void
open_all(struct master *m)
{
	struct pdkids_gift *g = &m->kids.gift;
	const union net_addr *which = NULL;
	struct conf_errors errors;
	char text[NET_ADDR_STRLEN];
	bool was_there;
	int error;

	if (pdload(m->options->path, &m->conf, &errors) != 0) {
		log_lines(errors.text);
		fatalx("configuration refused");
	}
	m->conf_serial = 1;
	(void)sysfiles_changed(&m->sysfiles); /* no change, the first look */
	pdhome_take(&m->home, m->conf.conf);
	g->text = m->conf.text;
	g->text_len = m->conf.len;
	g->state_fd = m->home.state_fd;
	g->control_fd = pdlisten_control(m->conf.conf, &was_there);
	error = listen_as(
	    g, m->conf.conf, was_there ? mono_us() + PATIENCE_US : 0, &which);
	if (error == 0)
		return;
	pdlisten_control_remove(m->conf.conf);
	pdhome_leave(&m->home);
	fatalx(
	    "listen on %s: %s", net_addr_format(which, text), strerror(-error));
}

/* All that is likely to go wrong has been said by now, where it is seen. */
static void
detach(struct master *m)
{
	int error, no_log;

	m->terminal = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	no_log = log_open(PROGRAM, LOG_DEST_SYSLOG, LOG_LEVEL_INFO);
	if (no_log != 0)
		log_warnx("no log from here on: syslog: %s", strerror(-no_log));
	error = proc_detach(&m->ready_fd);
	if (error != 0)
		fatalx("cannot detach: %s", strerror(-error));
	if (no_log != 0) /* then stderr, which is /dev/null now */
		(void)log_open(PROGRAM, LOG_DEST_STDERR, LOG_LEVEL_INFO);
}

static void
start_children(struct master *m)
{
	struct op_result now = {0};

	m->kids.loop = m->loop;
	m->kids.syslog = m->options->detach;
	m->kids.ready = on_ready;
	m->kids.gone = on_gone;
	m->kids.arg = m;
	pdkids_start(&m->kids);
	on_files_timer(m->loop, &m->files_timer, &now);
	if (m->options->detach &&
	    loop_timer(m->loop, &m->start_timer,
		loop_now_us(m->loop) + START_S * INT64_C(1000000),
		on_start_over) != 0)
		fatalx("out of memory");
}

int
pdmaster_main(const struct serve_options *options)
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
	log_level_set((enum log_level)m.conf.conf->log_level);
	say_listening(&m.kids.gift);
	error = loop_new(&m.loop);
	if (error != 0)
		fatalx("loop: %s", strerror(-error));
	watch_signals(&m);
	drop_rights(m.conf.conf);
	start_children(&m);
	error = loop_run(m.loop);
	pdlisten_control_remove(m.conf.conf);
	pdhome_leave(&m.home);
	pdload_free(&m.conf);
	log_info("stopped");
	return error == 0 && !m.failed ? 0 : 1;
}
