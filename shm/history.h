#ifndef SHM_HISTORY_H
#define SHM_HISTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What tunnels of one user to one destination and port turned out to be: a
 * table that all workers write.  An entry is one word, changed by compare and
 * swap, and any word is a legal one, so that there is nothing to tear and
 * nothing to check.  Fixed size: a set is chosen by the hash, and in a full
 * one the entry makes room that was not touched for longest.
 *
 * Tunnels go by a hash under a key that no client knows, so that none can
 * choose whom to crowd out.  Two that share a hash share a history, and the
 * worst that comes of it is a tunnel that begins in the wrong class.
 */
#define HISTORY_SETS	1024
#define HISTORY_WAYS	8
#define HISTORY_ENTRIES (HISTORY_SETS * HISTORY_WAYS)
#define HISTORY_KINDS	3 /* what is counted; whatever they mean */
#define HISTORY_KEY_LEN 16
/* Counts halve when one is full, and with every such time that nothing was
 * added: what was long ago counts ever less. */
#define HISTORY_COUNT_MAX 31
#define HISTORY_HALF_S	  (24 * 3600)
/* So many, and three in four of all, make a forecast. */
#define HISTORY_ENOUGH 2

struct history {
	uint8_t key[HISTORY_KEY_LEN]; /* as it was made; for ever */
	_Atomic uint64_t words[HISTORY_ENTRIES];
};

/* Who goes where: user is a number that stands for one (usage_hash()). */
uint64_t history_hash(
    const struct history *, uint64_t user, const char *host, uint16_t port);
/* A tunnel turned out to be of that kind (< HISTORY_KINDS).  now_s: of a clock
 * that all who have the table share, and that never falls. */
void history_add(struct history *, uint64_t hash, uint32_t kind, int64_t now_s);
/* The kind to be expected, or -1: not known, or now this and now that. */
int history_expect(const struct history *, uint64_t hash, int64_t now_s);

#endif
