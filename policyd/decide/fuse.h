#ifndef POLICYD_FUSE_H
#define POLICYD_FUSE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What is true of one intermediary as seen from one group, made from what its
 * agents say and what the server's own probes found.  Pure.
 *
 * Agents may lie: each one's word counts once, however much traffic it claims,
 * and only the median of those that have enough samples is used; fewer than
 * agents_min of them say nothing.  Of two medians the one is taken that leaves
 * things as they are.  Probes outrank them: what a probe finds dead is dead,
 * whatever agents say.  But what only agents see, because it is on their own
 * way there, is believed as far as their median goes.
 */
struct fuse_rules {
	uint32_t agents_min;  /* with enough samples, for a group's word: 3 */
	uint32_t samples_min; /* attempts in the window that say something, for
				 an agent's, and probes for the server's: 5 */
	uint32_t probe_fall;  /* failed in a row: dead: 3 */
	uint32_t probe_rise;  /* passed in a row: alive again: 2 */
};

/* What one agent saw within the window. */
struct fuse_agent {
	uint64_t attempts, successes; /* clamped: successes <= attempts */
	uint64_t charged;	      /* failures of the intermediary's own */
	uint32_t handshake_p50_us;    /* 0: none */
	uint32_t first_byte_p50_us;
};

/* What the probes came to; without those whose failure may be the target's. */
struct fuse_probe {
	uint32_t made, passed;		 /* within the window */
	uint32_t failed_row, passed_row; /* up to the newest, window or not */
	bool was_dead;			 /* by the estimate before */
	uint32_t handshake_p50_us, first_byte_p50_us;
	uint32_t load_percent; /* 100: as it is; 0: drain */
	bool drain;	       /* it asked for no new requests */
	/* Monotonic, by when they were begun: the newest that passed, and the
	 * first of failed_row; 0: none. */
	int64_t passed_us, failing_us;
};

enum fuse_source {
	FUSE_NOTHING, /* nobody knows */
	FUSE_PROBES,
	FUSE_REPORTS,
	FUSE_BOTH
};

/* What one side has to say.  The two are never compared with each other: they
 * look from different places. */
struct fuse_side {
	bool speaks;
	uint32_t success_permille;	      /* 1000 when it does not speak */
	uint32_t handshake_us, first_byte_us; /* 0: not known */
};

struct fuse_estimate {
	enum fuse_source source;
	uint32_t agents; /* that had a say */
	bool dead;	 /* to the probes */
	bool drain;
	uint32_t success_permille; /* the worse of both; 1000: nobody knows */
	uint32_t latency_us;	   /* handshake and first byte, by reports or
				      else by probes; 0: not known */
	uint32_t load_percent;
	struct fuse_side reports, probes;
	int64_t passed_us, failing_us; /* as the probe's */
};

/* agents_n may be 0, agents NULL then.  The array is reordered. */
void fuse(const struct fuse_rules *, struct fuse_agent *agents,
    uint32_t agents_n, const struct fuse_probe *, struct fuse_estimate *);

#endif
