/* Owns the live view of `cagent-ctl top`: when to look, and what ends it. */
#include "cagent-ctl/top/top_live.h"

#include <sys/signalfd.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/top/top_screen.h"
#include "cagent-ctl/top/top_ui.h"
#include "cagent-ctl/verb.h"

/* Keys wait that long for an agent that does not answer. */
#define ANSWER_US 2000000

struct live {
	const struct call *call;
	struct top_ui ui;
	struct top_screen *screen;
	struct top_look before, now;
	json_t *model;	 /* of these two, as it is wanted */
	int error;	 /* of the last look */
	int64_t lost_us; /* since when it fails */
	int64_t next_us; /* when to look again */
	int signals;	 /* signalfd */
	sigset_t were;	 /* blocked */
};

static int
block_signals(struct live *v)
{
	static const int all[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(all) / sizeof(*all); i++)
		sigaddset(&set, all[i]);
	if (sigprocmask(SIG_BLOCK, &set, &v->were) == -1)
		return -errno;
	v->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return v->signals == -1 ? -errno : 0;
}

/* The lists are made anew of the two looks, by what is wanted now. */
static int
pick(struct live *v)
{
	json_t *model = top_model(&v->before, &v->now, &v->ui.wish.filter);
	size_t n;

	if (model == NULL || top_apply(model, &v->ui.wish) != 0) {
		json_decref(model);
		return -ENOMEM;
	}
	json_decref(v->model);
	v->model = model;
	n = json_array_size(
	    json_object_get(model, top_view_name(v->ui.wish.view)));
	top_ui_bound(&v->ui, top_screen_page(v->screen), n);
	return 0;
}

static int
look(struct live *v)
{
	struct top_look next;
	int64_t now_us = mono_us();
	int error = top_look(v->call, ANSWER_US, &next);

	v->next_us = now_us + v->ui.wish.interval_us;
	if (error != 0) {
		if (v->error == 0)
			v->lost_us = now_us;
		v->error = error;
		return 0;
	}
	top_look_fini(&v->before);
	/* It may be another agent by now: nothing is compared. */
	if (v->error == 0)
		v->before = v->now;
	else
		top_look_fini(&v->now);
	v->now = next;
	v->error = 0;
	return pick(v);
}

static const char *
trouble(const struct live *v, char *out, size_t size)
{
	char span[FORMAT_LEN];
	const char *why;

	if (v->error == 0)
		return NULL;
	switch (-v->error) {
	case ENOENT:
	case ECONNREFUSED:
		why = "cagentd is not running";
		break;
	case ETIMEDOUT:
		why = "the control process does not answer";
		break;
	default:
		why = strerror(-v->error);
	}
	snprintf(out, size, "%s, for %s: this is from before; trying on", why,
	    format_between(v->lost_us, mono_us(), span));
	return out;
}

static void
draw(struct live *v, bool clear)
{
	char text[256];
	struct top_picture p = {
	    &v->ui, v->model, trouble(v, text, sizeof(text)), clear};

	top_screen_draw(v->screen, &p);
}

/* 1: it is over; else 0 or -errno. */
static int
act(struct live *v, enum top_act a)
{
	switch (a) {
	case TOP_ACT_NONE:
		return 0;
	case TOP_ACT_DRAW:
	case TOP_ACT_CLEAR:
		draw(v, a == TOP_ACT_CLEAR);
		return 0;
	case TOP_ACT_PICK:
		if (pick(v) != 0)
			return -ENOMEM;
		draw(v, false);
		return 0;
	case TOP_ACT_PAUSE:
		v->next_us = mono_us() + v->ui.wish.interval_us;
		draw(v, false);
		return 0;
	case TOP_ACT_QUIT:
		return 1;
	}
	return 0;
}

static int
keys(struct live *v)
{
	const json_t *rows;
	int key, rc = 0;

	while (rc == 0 && (key = top_screen_key(v->screen)) != -1) {
		rows =
		    json_object_get(v->model, top_view_name(v->ui.wish.view));
		rc = act(v, top_ui_key(&v->ui, key, top_screen_page(v->screen),
				json_array_size(rows)));
	}
	return rc;
}

/* 1: one that ends it. */
static int
signals(struct live *v)
{
	struct signalfd_siginfo info;

	while (read(v->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGWINCH)
			return 1;
		top_screen_resize(v->screen);
		draw(v, true);
	}
	return 0;
}

static int
timeout_ms(const struct live *v)
{
	int64_t left_us = v->next_us - mono_us();

	if (v->ui.paused)
		return -1;
	return left_us > 0 ? (int)((left_us + 999) / 1000) : 0;
}

/* Wait for whatever comes first; 1: it is over. */
static int
turn(struct live *v)
{
	struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
	    {.fd = v->signals, .events = POLLIN}};
	int rc;

	/* Stopped and continued: curses has put the screen back. */
	if (poll(fds, 2, timeout_ms(v)) == -1)
		return errno == EINTR ? 0 : -errno;
	if (fds[1].revents != 0 && (rc = signals(v)) != 0)
		return rc;
	if ((fds[0].revents & POLLIN) != 0 && (rc = keys(v)) != 0)
		return rc;
	/* The terminal has gone. */
	if ((fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
		return 1;
	if (v->ui.paused || v->next_us > mono_us())
		return 0;
	if ((rc = look(v)) == 0)
		draw(v, false);
	return rc;
}

static int
run(struct live *v)
{
	int rc = top_screen_open(&v->screen, v->call->colour);

	if (rc == -ENODEV)
		return say_failure(v->call, VERB_FAILED, "terminal",
		    "the terminal \"%s\" is not known, or cannot move its "
		    "cursor: set TERM, or say --json for one look",
		    getenv("TERM") != NULL ? getenv("TERM") : "");
	if (rc == 0)
		rc = pick(v);
	if (rc == 0)
		draw(v, false);
	while (rc == 0)
		rc = turn(v);
	top_screen_close(v->screen);
	if (rc == 1)
		return VERB_OK;
	return say_failure(
	    v->call, VERB_FAILED, "internal", "%s", strerror(-rc));
}

int
top_live(const struct call *call, const struct top_wish *wish)
{
	struct live v = {.call = call, .signals = -1};
	int status, error = top_look(call, CLIENT_TIMEOUT_US, &v.now);

	if (error != 0)
		return ask_explain(call, error);
	top_ui_init(&v.ui, wish, call->args, CALL_ARGS_MAX);
	v.next_us = mono_us() + wish->interval_us;
	error = block_signals(&v);
	if (error != 0)
		status = say_failure(
		    call, VERB_FAILED, "internal", "%s", strerror(-error));
	else
		status = run(&v);
	if (v.signals != -1)
		close(v.signals);
	sigprocmask(SIG_SETMASK, &v.were, NULL);
	json_decref(v.model);
	top_look_fini(&v.before);
	top_look_fini(&v.now);
	return status;
}
