/* Owns what is known of the terminal; writes nothing to it. */
#include "cagent-ctl/screen.h"

#include <sys/ioctl.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

unsigned int
screen_size(unsigned int *rows)
{
	struct winsize ws = {0};

	if (rows != NULL)
		*rows = 0;
	if (isatty(STDOUT_FILENO) != 1)
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == -1 || ws.ws_col == 0)
		ws = (struct winsize){.ws_row = 24, .ws_col = 80};
	if (rows != NULL)
		*rows = ws.ws_row;
	return ws.ws_col;
}

bool
screen_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return (no == NULL || *no == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0 && isatty(STDOUT_FILENO) == 1;
}
