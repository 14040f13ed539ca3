#ifndef CAGENT_CTL_CHECK_H
#define CAGENT_CTL_CHECK_H

#include <limits.h>

/* The configuration that cagentd takes when it is told none. */
#define CHECK_DEFAULT  SYSCONFDIR "/cagent/cagentd.ini"
#define CHECK_TEXT_MAX 65536

/* Where cagentd is: beside this program, in PATH, or where daemons live.
 * 0 or -ENOENT. */
int check_program(char out[PATH_MAX]);

/*
 * Let cagentd check a configuration.
 * text     what it says of it, NUL-terminated.
 * returns  its exit status (0: it is good), or -errno when it did not run.
 */
int check_file(const char *file, char text[CHECK_TEXT_MAX]);

#endif
