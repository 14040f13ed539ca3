/* What a worker writes down, and for which tenant of a slot. */
#include "cagentd/worker/record.h"

#include <sys/eventfd.h>

#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define SLOT   7
#define NOW_US 1000000

#define GET(p) atomic_load_explicit((p), memory_order_relaxed)

struct rig {
	struct slab slab;
	struct path_load loads[TABLE_ROWS_MAX];
	struct record record;
	struct path_memo memo;
	struct slab_row *row;
	struct path_load *load;
};

static struct rig *
rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig->record = (struct record){.slab = &rig->slab,
	    .loads = rig->loads,
	    .wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
	    .memo = &rig->memo};
	rig->row = &rig->slab.rows[SLOT];
	rig->load = &rig->loads[SLOT];
	return rig;
}

static void
rig_free(struct rig *rig)
{
	close(rig->record.wake_fd);
	free(rig);
}

static const struct record_hop hop = {SLOT, 3};
static const struct record_hop next = {SLOT, 4};

/* Was the control process woken since the last time? */
static bool
woken(const struct rig *rig)
{
	uint64_t n = 0;

	return read(rig->record.wake_fd, &n, sizeof(n)) == sizeof(n);
}

static void
counts_what_succeeds(void)
{
	struct rig *rig = rig_new();

	record_enter(&rig->record, hop);
	record_enter(&rig->record, hop);
	CHECK_INT(GET(&rig->row->incarnation), 3);
	CHECK_INT(GET(&rig->row->attempts), 2);
	CHECK_INT(GET(&rig->row->in_flight), 2);
	CHECK_INT(rig->load->in_flight, 2);
	record_ok(&rig->record, hop, 1000, 5000, NOW_US);
	CHECK_INT(GET(&rig->row->successes), 1);
	CHECK_INT(rig->load->ewma_us, 5000);
	CHECK_INT(GET(&rig->row->handshake.count[hist_bucket(5000)]), 1);
	CHECK_INT(GET(&rig->row->connect.count[hist_bucket(1000)]), 1);
	CHECK(GET(&rig->row->last_ok_us) > 0, "by the wall clock");
	record_first_byte(&rig->record, hop, 700);
	CHECK_INT(GET(&rig->row->first_byte.count[hist_bucket(700)]), 1);
	record_bytes(&rig->record, hop, 10, 20);
	record_bytes(&rig->record, hop, 1, 2);
	CHECK_INT(GET(&rig->row->bytes_up), 11);
	CHECK_INT(GET(&rig->row->bytes_down), 22);
	record_leave(&rig->record, hop);
	record_leave(&rig->record, hop);
	record_leave(&rig->record, hop);
	CHECK_INT(GET(&rig->row->in_flight), 0);
	CHECK_INT(rig->load->in_flight, 0);
	CHECK(!woken(rig), "nothing has failed");
	rig_free(rig);
}

static void
counts_what_fails(void)
{
	struct rig *rig = rig_new();

	record_enter(&rig->record, hop);
	record_failed(&rig->record, hop, REASON_REFUSED, false, NOW_US);
	CHECK_INT(GET(&rig->row->failures[REASON_REFUSED]), 1);
	CHECK_INT(GET(&rig->row->charged), 0);
	CHECK_INT(rig->load->avoid_until_us, 0);
	CHECK(!woken(rig), "nobody is charged");
	record_failed(&rig->record, hop, REASON_HOP_REFUSED, true, NOW_US);
	record_failed(&rig->record, hop, REASON_HOP_REFUSED, true, NOW_US);
	CHECK_INT(GET(&rig->row->failures[REASON_HOP_REFUSED]), 2);
	CHECK_INT(GET(&rig->row->charged), 2);
	CHECK_INT(GET(&rig->row->failures_in_row), 2);
	CHECK_INT(GET(&rig->row->last_failure), REASON_HOP_REFUSED);
	CHECK(rig->load->avoid_until_us > NOW_US, "to be avoided");
	CHECK(woken(rig), "the control process is to know");
	record_ok(&rig->record, hop, 1, 1, NOW_US + 1);
	CHECK_INT(GET(&rig->row->failures_in_row), 0);
	CHECK_INT(rig->load->avoid_until_us, 0);
	rig_free(rig);
}

/* A tunnel that outlives its intermediary's slot says nothing about the next
 * tenant. */
static void
keeps_tenants_apart(void)
{
	struct rig *rig = rig_new();

	record_enter(&rig->record, hop);
	record_trial(&rig->record, hop, NOW_US);
	record_enter(&rig->record, next);
	CHECK_INT(GET(&rig->row->attempts), 1);
	CHECK_INT(rig->load->in_flight, 1);
	CHECK_INT(rig->load->trials, 0);
	record_ok(&rig->record, hop, 1, 1, NOW_US);
	record_failed(&rig->record, hop, REASON_HOP_BAD, true, NOW_US);
	record_first_byte(&rig->record, hop, 1);
	record_bytes(&rig->record, hop, 5, 5);
	record_trial_over(&rig->record, hop);
	record_leave(&rig->record, hop);
	CHECK_INT(GET(&rig->row->incarnation), 4);
	CHECK_INT(GET(&rig->row->successes), 0);
	CHECK_INT(GET(&rig->row->charged), 0);
	CHECK_INT(GET(&rig->row->bytes_up), 0);
	CHECK_INT(GET(&rig->row->in_flight), 1);
	CHECK_INT(rig->load->in_flight, 1);
	CHECK_INT(rig->load->avoid_until_us, 0);
	CHECK(!woken(rig), "of no interest any more");
	record_leave(&rig->record, next);
	CHECK_INT(GET(&rig->row->in_flight), 0);
	rig_free(rig);
}

static void
spaces_trials(void)
{
	struct rig *rig = rig_new();

	record_enter(&rig->record, hop);
	record_trial(&rig->record, hop, NOW_US);
	CHECK_INT(rig->load->trials, 1);
	CHECK_INT(rig->load->trial_us, NOW_US + PATH_TRIAL_GAP_US);
	record_trial_over(&rig->record, hop);
	record_trial_over(&rig->record, hop);
	CHECK_INT(rig->load->trials, 0);
	CHECK_INT(rig->load->trial_us, NOW_US + PATH_TRIAL_GAP_US);
	rig_free(rig);
}

/* The next pick is to look again at one that is avoided no longer. */
static void
one_that_serves_again_is_seen(void)
{
	struct rig *rig = rig_new();

	record_enter(&rig->record, hop);
	rig->memo.places[0] = 1;
	record_ok(&rig->record, hop, 1, 2, 1000);
	CHECK_INT(rig->memo.places[0], 1);
	record_failed(&rig->record, hop, REASON_HOP_TIMEOUT, true, 2000);
	CHECK_INT(rig->memo.places[0], 1);
	record_ok(&rig->record, hop, 1, 2, 3000);
	CHECK_INT(rig->memo.places[0], 0);
	rig->memo.places[0] = 1;
	record_enter(
	    &rig->record, (struct record_hop){hop.slot, hop.incarnation + 1});
	CHECK_INT(rig->memo.places[0], 0);
	rig_free(rig);
}

static const struct unit_case cases[] = {
    {"one that serves again is seen", one_that_serves_again_is_seen},
    {"counts what succeeds", counts_what_succeeds},
    {"counts what fails", counts_what_fails},
    {"keeps tenants apart", keeps_tenants_apart},
    {"spaces trials", spaces_trials},
};

UNIT_MAIN("record", cases)
