#ifndef TESTS_BENCH_SERVE_H
#define TESTS_BENCH_SERVE_H

#include "tests/bench/sim.h"
#include "tests/integ/rig_policyd.h"

/* A policy server that knows n simulated agents, who connect. */
struct serve {
	struct rig_policyd server;
	struct sim sim;
	int64_t signed_s;  /* when a policy was, last */
	double register_s; /* how long it took them all */
	/* Bytes of memory of its processes before that. */
	double collector_bytes, ranker_bytes;
};

void serve_start(struct serve *, uint32_t n, uint32_t processes_n);
/* A policy with the intermediaries that agents report, and so much text. */
void serve_policy(struct serve *, const char *file, size_t len);
void serve_publish(struct serve *, const char *file);

/* Wait until its processes have nothing left to do. */
void serve_settle(const struct serve *);

/* Of a process of the server: its CPU seconds, its memory that no other has. */
double serve_cpu_s(const struct serve *, const char *role);
double serve_bytes(const struct serve *, const char *role);

#endif
