#ifndef CAGENT_CTL_ARGS_H
#define CAGENT_CTL_ARGS_H

struct call;

#define ARGS_RUN_DIR "/run/cagent"
/* Seconds between two looks of --watch, when not said. */
#define ARGS_WATCH_US 2000000

/*
 * Read a command line into *call, in which out, err, colour and pretty are
 * set; argv may be permuted.  What is wrong is said on call->err.
 * returns VERB_OK or VERB_USAGE.
 */
int args_parse(int argc, char **argv, struct call *call);

/* How the call's command is used, or all of them; on call->out. */
void args_help(const struct call *call);

#endif
