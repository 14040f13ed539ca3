#ifndef SHM_TABLE_H
#define SHM_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The tier table: one writer (the control process), any number of readers in
 * any process, no locks; a writer that is killed at any instruction neither
 * stalls a reader nor shows it a torn or older table.
 *
 * The file holds a head and two slots.  pub is (generation << 1 | slot); the
 * writer fills the slot that is not published, behind a release fence that
 * keeps its first store from passing the previous publication, and stores
 * pub with release.  A reader loads pub with acquire, copies the slot word by
 * word with relaxed loads, fences with acquire, and starts over if pub has
 * moved on.  (Boehm, "Can seqlocks get along with programming language memory
 * models?", MSPC 2012; modelled in tests/model.)
 *
 * All sizes are fixed, there are no pointers, and names are NUL-terminated.
 */
#define TABLE_MAGIC	 0x746e6567614331ull /* "1Cagent" */
#define TABLE_LAYOUT	 5
#define TABLE_ROWS_MAX	 1024
#define TABLE_TIERS_MAX	 64
#define TABLE_NAME_MAX	 63
#define TABLE_HOST_MAX	 255
#define TABLE_REASON_MAX 95

enum table_type {
	TABLE_SOCKS5,
	TABLE_SOCKS4A,
	TABLE_HTTP,
	TABLE_HTTPS /* HTTP over TLS */
};

/* What the administrator wants. */
enum table_admin {
	TABLE_ENABLED,
	TABLE_DRAIN
};

/* What was seen. */
enum table_observed {
	TABLE_UNKNOWN,
	TABLE_UP,
	TABLE_SUSPECT,
	TABLE_EJECTED,
	TABLE_HALF_OPEN,
	TABLE_SLOW_START
};

/* Why it stands where it does, a stable word each; the reason says the same in
 * a sentence.  The later ones are of events only. */
enum table_why {
	TABLE_WHY_NONE,
	TABLE_WHY_UNUSED,
	TABLE_WHY_SUCCEEDS,
	TABLE_WHY_FAILED,
	TABLE_WHY_IN_ROW,
	TABLE_WHY_LOW_SUCCESS,
	TABLE_WHY_LAST_USABLE,
	TABLE_WHY_TRIAL_FAILED,
	TABLE_WHY_EJECTION_OVER,
	TABLE_WHY_ONLY_CHOICE,
	TABLE_WHY_TRIALS_PASSED,
	TABLE_WHY_SLOW_START_OVER,
	TABLE_WHY_SLOW,
	TABLE_WHY_FAST_AGAIN,
	TABLE_WHY_SLOW_RETRY,
	TABLE_WHY_FORGOTTEN,
	TABLE_WHY_CONFIGURED,
	TABLE_WHY_PINNED,
	TABLE_WHY_UNPINNED,
	TABLE_WHY_DRAINED,
	TABLE_WHY_ENABLED,
	TABLE_WHY_ADDED,
	TABLE_WHY_REMOVED,
	TABLE_WHY_NEW_ADDRESS,
	TABLE_WHY_UPLINK_DOWN,
	TABLE_WHY_UPLINK_UP,
	TABLE_WHY_RANKED,
	TABLE_WHY_COUNT
};

/* Times are wall-clock microseconds; 0: never. */
struct table_row {
	uint32_t slot;	      /* of its statistics in every slab */
	uint32_t incarnation; /* of that slot's tenant, from 1 */
	char name[TABLE_NAME_MAX + 1];
	char host[TABLE_HOST_MAX + 1]; /* name or address literal */
	uint16_t port;
	uint8_t type;	  /* enum table_type */
	uint8_t admin;	  /* enum table_admin */
	uint8_t observed; /* enum table_observed */
	uint8_t why;	  /* enum table_why */
	/* Ranks, 1 the best; 0: none. */
	uint16_t tier_observed; /* lowered to, for slowness */
	uint16_t tier_conf;
	uint16_t tier_policy;
	uint16_t tier_pinned; /* by the administrator, at run time */
	uint16_t tier;	      /* effective; 0: not to be used now */
	uint32_t weight;
	uint32_t connections_max;	   /* 0: no limit */
	uint32_t trials;		   /* half-open: requests let through */
	uint32_t ejections;		   /* in a row, for the back-off */
	int64_t since_us;		   /* of the present tier and state */
	int64_t reconsider_us;		   /* when it will be looked at again */
	char reason[TABLE_REASON_MAX + 1]; /* why it stands where it does */
	/* Folded from the slabs at each publication. */
	uint32_t in_flight;
	uint32_t handshake_p50_us;
	uint32_t handshake_p95_us;
	uint32_t connect_p50_us;
	uint64_t attempts;
	uint64_t successes;
	uint64_t charged; /* failures that are the intermediary's own */
	uint64_t bytes_up;
	uint64_t bytes_down;
	int64_t last_ok_us;
	int64_t last_failure_us;
	uint32_t last_failure;	/* enum wire_reason */
	uint32_t recent_p95_us; /* of the last 30 s' handshakes; 0: too few */
	uint64_t hedged;	/* attempts given up for one that was faster */
	uint32_t first_byte_p95_us; /* from the tunnel to its first byte back */
	uint32_t check_reason; /* of the last active check, enum wire_reason */
	int64_t checked_us;    /* when that was; 0: never */
	/* What the next control process goes on with. */
	int64_t moved_us;	  /* the last change of state or tier */
	int64_t placed_us;	  /* of tier, by what was seen */
	int64_t well_since_us;	  /* up, for the back-off to be forgotten */
	int64_t lowered_until_us; /* for slowness, at least */
	uint32_t lowerings;	  /* in a row */
	uint32_t failures_row;	  /* charged, in a row */
	int64_t drained_us;	  /* when the administrator said so */
	int64_t pinned_us;
};

/* As tier_policy: the ranking wants no new requests for it. */
#define TABLE_TIER_DRAIN UINT16_MAX

/* What a row is there for.  Caches and services are in no tier: these ranks,
 * which no tier has, are all of them in, so that whoever looks for one of a
 * tier does not come upon them. */
enum table_duty {
	TABLE_RANKED,
	TABLE_CACHE,
	TABLE_SERVICE
};
#define TABLE_RANK_CACHE   0xf001
#define TABLE_RANK_SERVICE 0xf002

struct table_tier {
	char name[TABLE_NAME_MAX + 1]; /* "" when the tier has only a rank */
	uint16_t rank;
	uint16_t pad;
	uint32_t reserved_for; /* bit set of classes; 0: for all */
};

/* A private copy, or what the writer publishes. */
struct table {
	uint64_t generation;  /* of this publication; rises by 1 */
	uint64_t conf_serial; /* of the configuration it was made from */
	int64_t published_us; /* wall clock */
	int64_t uplink_us; /* since when ours is taken for dead; 0: it is not */
	uint32_t control_pid;
	uint32_t control_sandbox; /* bits of base/sandbox */
	uint32_t tiers_n;
	uint32_t rows_n;
	struct table_tier tiers[TABLE_TIERS_MAX]; /* by rising rank */
	struct table_row rows[TABLE_ROWS_MAX];
};

/* Bytes of the file. */
size_t table_size(void);

/*
 * Make a new table file at path with this mode, or take over the one that is
 * there if its layout is ours (so that ranks outlive a restart).
 * returns an fd open for reading and writing, or -errno.
 */
int table_create(const char *path, unsigned int mode);

struct table_writer;
/* Map fd (stays the caller's) for writing.  0, -errno, -EPROTO (layout). */
int table_writer_open(struct table_writer **, int fd);
void table_writer_close(struct table_writer *);
/* Publish a copy of t; fills in generation and published_us.  Only the first
 * rows_n rows and tiers_n tiers are written. */
void table_publish(struct table_writer *, struct table *t);

struct table_reader;
/* Map fd read-only.  0, -errno, -EPROTO. */
int table_reader_open(struct table_reader **, int fd);
void table_reader_close(struct table_reader *);
/* Has something been published since the last table_read()?  One atomic
 * load. */
bool table_changed(const struct table_reader *);
/*
 * Copy the newest publication.  1: *out is new; 0: nothing was ever
 * published; -EPROTO: what is there is not a table (checksum, counts); then
 * *out is unchanged.
 */
int table_read(struct table_reader *, struct table *out);

/* The row of that name, or NULL. */
const struct table_row *table_find(const struct table *, const char *name);
/* By its configured rank. */
enum table_duty table_duty(const struct table_row *);
/* The duty that a rank belongs to, and the one rank of a duty (0: of the
 * ranked, which have many). */
enum table_duty table_rank_duty(uint16_t rank);
uint16_t table_duty_rank(enum table_duty);
/* A rank to be shown: 0 where it is no tier's. */
uint16_t table_rank_shown(uint16_t rank);
/* "tier 3", "cache", "service".  returns out. */
#define TABLE_RANK_TEXT_LEN 16
const char *table_rank_text(uint16_t rank, char out[TABLE_RANK_TEXT_LEN]);
/* Drained by the administrator; or by the ranking, unless that pinned it. */
bool table_drained(const struct table_row *);
/* The rank that the administrator and policy give it, whatever was observed:
 * pinned, else policy, else configured. */
uint16_t table_home(const struct table_row *);

const char *table_observed_word(enum table_observed);
const char *table_admin_word(enum table_admin);
const char *table_type_word(enum table_type);
/* "ranked", "cache", "service" */
const char *table_duty_word(enum table_duty);
const char *table_why_word(enum table_why);

#endif
