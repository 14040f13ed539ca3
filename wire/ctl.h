#ifndef WIRE_CTL_H
#define WIRE_CTL_H

/*
 * What cagentd and cagent-ctl agree on.  Over the stream socket in the run
 * directory the client sends one line, a verb and its arguments separated by
 * spaces, and gets JSON objects, one a line, then the end of the stream
 * (with "events -f" only when it goes away itself).  The first has "schema"
 * and "ok"; when ok is false, "error" says why.
 */
#define CTL_SCHEMA	1
#define CTL_LINE_MAX	4096
#define CTL_SOCKET_NAME "control" /* in the run directory */
#define CTL_TABLE_NAME	"tiers"
#define CTL_PID_NAME	"cagentd.pid"

#endif
