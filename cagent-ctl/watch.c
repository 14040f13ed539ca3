/* Owns --watch: when to look again, and how the screen is redrawn. */
#include "cagent-ctl/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mono.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/screen.h"
#include "cagent-ctl/verb.h"

static void
on_interrupt(int sig)
{
	(void)sig; /* either means: enough */
	_exit(VERB_OK);
}

static void
on_resize(int sig)
{
	(void)sig; /* that poll() returns is enough */
}

void
watch_end_on_interrupt(void)
{
	struct sigaction sa = {.sa_handler = on_interrupt};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

/* Overwrite the screen line by line, which flickers less than clearing it;
 * what does not fit is counted. */
static void
draw(char *text, unsigned int rows)
{
	char *line = text, *end;
	unsigned int n = 0, left = 0;

	fputs("\033[H", stdout);
	for (; *line != '\0'; line = end + 1) {
		end = strchrnul(line, '\n');
		if (rows == 0 || n + 1 < rows) {
			printf("%s%.*s\033[K", n > 0 ? "\n" : "",
			    (int)(end - line), line);
			n++;
		} else {
			left++;
		}
		if (*end == '\0')
			break;
	}
	fputs("\033[J", stdout);
	if (left > 0)
		printf("\n(%u more lines)", left);
}

/* One look into *text (caller frees); the notes too when screen. */
static int
look(const struct call *call, bool screen, char **text)
{
	struct call once = *call;
	char now[FORMAT_LEN], every[FORMAT_LEN];
	size_t len;
	int status;

	*text = NULL;
	once.out = open_memstream(text, &len);
	if (once.out == NULL)
		return say_failure(
		    call, VERB_FAILED, "internal", "%s", strerror(errno));
	if (screen) {
		once.err = once.out;
		fprintf(once.out, "%s  every %s: cagent-ctl %s\n\n",
		    format_date(mono_wall_us(), now),
		    format_span(call->watch_us, every), call->verb->name);
	}
	status = call->verb->run(&once);
	fclose(once.out);
	return status;
}

/* Until the next look; false when nobody reads stdout any more. */
static bool
wait_next(const struct call *call)
{
	struct pollfd fd = {.fd = STDOUT_FILENO};

	if (fflush(stdout) != 0)
		return false;
	/* A resize ends it early, which is what is wanted. */
	return poll(&fd, 1, (int)(call->watch_us / 1000)) != 1 ||
	       (fd.revents & POLLERR) == 0;
}

int
watch_run(const struct call *call)
{
	struct sigaction sa = {.sa_handler = on_resize};
	bool screen = isatty(STDOUT_FILENO) == 1 && !call->json;
	struct call now = *call;
	unsigned int rows = 0;
	char *text;
	int status;

	watch_end_on_interrupt();
	sigaction(SIGWINCH, &sa, NULL);
	now.pretty = false;
	if (screen)
		fputs("\033[2J", stdout);
	do {
		if (screen)
			now.width = screen_size(&rows);
		status = look(&now, screen, &text);
		if (text == NULL)
			return status;
		if (screen)
			draw(text, rows);
		else
			fputs(text, stdout);
		free(text);
	} while (wait_next(call));
	return VERB_OK;
}
