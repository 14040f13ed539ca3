#ifndef PROBE_OPTS_H
#define PROBE_OPTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "probe/url.h"

struct tls_authorities;

/* The command line of cagent-probe. */
#define OPTS_HOPS_MAX	  256
#define OPTS_TARGETS_MAX  16
#define OPTS_COUNT_MAX	  10000
#define OPTS_PROBES_MAX	  100000 /* in all */
#define OPTS_PARALLEL_MAX 256
#define OPTS_COUNT	  3
#define OPTS_PARALLEL	  8
#define OPTS_INTERVAL_US  100000
#define OPTS_TIMEOUT_US	  5000000
#define OPTS_RATE_BYTES	  (1 << 20)
#define OPTS_RATE_MIN	  (64 << 10)

enum opts_exit {
	OPTS_OK = 0,
	OPTS_FAILED = 1, /* some probe has, or the command itself */
	OPTS_USAGE = 2
};

struct opts {
	struct url_hop *hops; /* ours; hold passwords */
	struct query *targets;
	uint32_t hops_n, targets_n;
	uint32_t count, parallel;
	int64_t interval_us, timeout_us;
	int64_t rate_bytes;		     /* 0: no rate */
	struct tls_authorities *authorities; /* of https; NULL: none needed */
	bool json, quiet, help, version;
	bool colour;	 /* set by the caller, --no-color takes it away */
	FILE *out, *err; /* data and notes; set by the caller */
};

/*
 * Read it into *o, in which out, err and colour are set and the rest is zero.
 * argv is permuted, and passwords in it are overwritten.  What is wrong is
 * said on o->err.  returns enum opts_exit; opts_fini() in any case.
 */
int opts_parse(int argc, char **argv, struct opts *o);
void opts_fini(struct opts *);

void opts_help(const struct opts *);
/* A note on o->err, "cagent-probe: ..."; with --json also an object with "ok"
 * false, "code" (a stable word) and "error" on o->out. */
void opts_fail(const struct opts *, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
