#ifndef CAGENTD_TUNNEL_CLASS_H
#define CAGENTD_TUNNEL_CLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cagentd/decide/behave.h"
#include "cagentd/decide/classify.h"
#include "shm/slab.h"
#include "shm/traffic.h"

/*
 * Of which class a tunnel is, and why: by its rule, and then for good; else
 * as its like were before, and then by how it behaves.  Counted in the slab;
 * what it turned out to be is remembered when it ends.
 */
struct tunnel_class {
	struct behave behave; /* which ends at half a word: */
	uint8_t class;
	uint8_t why;   /* enum slab_class_why */
	bool watched;  /* by its behaviour */
	bool counted;  /* in the slab, as one that stands */
	uint64_t user; /* whose it is (usage_hash()) */
	uint64_t past; /* its history's hash */
};

/* What it is judged by; all borrowed. */
struct tunnel_class_env {
	struct slab *slab;
	struct traffic *traffic; /* NULL: nothing is remembered */
};

/* What a tunnel is for. */
struct tunnel_class_of {
	const struct verdict *verdict;
	const struct client *client;
	const struct wire_host *host;
	bool behaviour; /* its class follows it */
};

/* Before a way is looked for: the class is set; nothing is counted yet. */
void tunnel_class_begin(struct tunnel_class *, const struct tunnel_class_env *,
    const struct tunnel_class_of *, int64_t now_us);
/* It stands, setup_us after it was asked for; 0: that is not known. */
void tunnel_class_stands(
    struct tunnel_class *, const struct tunnel_class_env *, int64_t setup_us);
/* Bytes (> 0) have moved: true when it is of another class now. */
bool tunnel_class_moved(struct tunnel_class *, const struct tunnel_class_env *,
    bool up, size_t len, int64_t now_us);
/* It is of that class from here on, and by nothing that it did. */
void tunnel_class_put(
    struct tunnel_class *, const struct tunnel_class_env *, uint8_t class);
/* It has ended; idempotent. */
void tunnel_class_end(
    struct tunnel_class *, const struct tunnel_class_env *, int64_t now_us);

#endif
