#ifndef POLICYD_RANKER_BATCH_H
#define POLICYD_RANKER_BATCH_H

#include "policyd/ranker/ranker.h"

/*
 * Group commit: what comes in from the collector and the prober waits a few
 * milliseconds, goes into one transaction, and is answered when that is on the
 * disk.  Nothing is acknowledged before; nothing is remembered before, either,
 * so that a transaction that fails leaves no trace.
 */
#define RANKER_BATCH_US	 4000
#define RANKER_BATCH_N	 256
#define RANKER_BATCH_LEN (4u << 20)

enum ranker_item_kind {
	RANKER_HELLO,
	RANKER_REPORT,
	RANKER_ANSWER,
	RANKER_PROBE
};

struct ranker_item {
	STAILQ_ENTRY(ranker_item) next;
	enum ranker_item_kind kind;
	uint64_t conn, sequence;
	struct ranker_why why; /* code "": not refused */
	uint64_t floor;	       /* of a hello that is refused */
	union {
		struct pdmsg_hello hello;
		struct store_probe probe;
		struct {
			bool nack;
			struct manage_answer what;
		} answer;
	};
	struct store_agent agent; /* of a hello: who it is */
	size_t len;
	uint8_t body[]; /* of a report */
};

/* From the collector and the prober. */
void ranker_batch_hello(struct ranker *, const struct chan_msg *);
void ranker_batch_report(struct ranker *, const uint8_t *data, size_t len);
void ranker_batch_answer(struct ranker *, const struct chan_msg *);
void ranker_batch_probe(struct ranker *, const struct store_probe *);

/* All that waits, now. */
void ranker_flush(struct ranker *);

/*
 * What is done with an item: within the transaction (0, or -errno for which
 * the whole of it is rolled back; why when it is refused alone), and, when
 * that is on the disk, after it.
 */
int ranker_hello_store(struct ranker *, struct ranker_item *);
void ranker_hello_stored(struct ranker *, struct ranker_item *);
/* Instead, when the disk cannot be written. */
void ranker_hello_unstored(struct ranker *, struct ranker_item *);
int ranker_answer_store(struct ranker *, struct ranker_item *);
int ranker_report_store(struct ranker *, struct ranker_item *);
void ranker_report_stored(struct ranker *, struct ranker_item *);

void ranker_refuse(struct ranker_item *, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
