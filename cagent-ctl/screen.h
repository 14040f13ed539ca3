#ifndef CAGENT_CTL_SCREEN_H
#define CAGENT_CTL_SCREEN_H

#include <stdbool.h>

/* The terminal behind stdout: its columns, and *rows (NULL allowed); both 0
 * when stdout is no terminal.  One that does not say has 80 and 24. */
unsigned int screen_size(unsigned int *rows);
/* Are colours wanted there?  Not with NO_COLOR, nor on a dumb one. */
bool screen_colour(void);

#endif
