/* Owns the record of a worker's choices: when a table is written, and when no
 * more is.  The form is decision.c's, the file the master's. */
#include "cagentd/worker/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

struct trace_memory {
	uint8_t record[DECISION_RECORD_MAX];
	uint64_t choice; /* counts them, from 1 */
	struct {
		uint64_t choice; /* that it was asked for */
		uint32_t n;
	} answers[TABLE_ROWS_MAX];
};

static void
end(struct trace *t)
{
	if (t->fd != -1)
		close(t->fd);
	t->fd = -1;
	t->has_table = false;
}

void
trace_use(struct trace *t, int fd)
{
	end(t);
	if (fd != -1 && t->memory == NULL)
		t->memory = calloc(1, sizeof(*t->memory));
	if (fd != -1 && t->memory == NULL) {
		log_warnx("decisions: out of memory: none is recorded");
		close(fd);
		return;
	}
	t->fd = fd;
	trace_begin(t);
}

void
trace_fini(struct trace *t)
{
	end(t);
	free(t->memory);
	t->memory = NULL;
}

void
trace_begin(struct trace *t)
{
	if (t->fd != -1)
		t->memory->choice++;
}

uint32_t
trace_answer(struct trace *t, uint32_t slot, uint32_t counted)
{
	struct trace_memory *m = t->memory;

	if (t->fd == -1 || slot >= TABLE_ROWS_MAX)
		return counted;
	if (m->answers[slot].choice != m->choice) {
		m->answers[slot].choice = m->choice;
		m->answers[slot].n = counted;
	}
	return m->answers[slot].n;
}

/* All or nothing goes on: half a record is passed over by who reads it. */
static bool
append(struct trace *t, size_t len)
{
	off_t size = lseek(t->fd, 0, SEEK_END);
	ssize_t n;

	if (len == 0) {
		log_warnx("decisions: one cannot be expressed: "
			  "no more are recorded");
	} else if (size == -1) {
		log_warn("decisions: no more are recorded");
	} else if (size + (off_t)len > TRACE_FILE_MAX) {
		log_warnx("decisions: the file holds %lld MiB: "
			  "no more are recorded",
		    TRACE_FILE_MAX / (1024 * 1024));
	} else {
		n = write(t->fd, t->memory->record, len);
		if (n == (ssize_t)len)
			return true;
		if (n != -1)
			errno = ENOSPC;
		log_warn("decisions: no more are recorded");
	}
	end(t);
	return false;
}

static bool
append_table(struct trace *t, const struct table *table)
{
	if (t->has_table && t->generation == table->generation)
		return true;
	t->has_table = append(
	    t, decision_table_encode(t->worker, table, t->memory->record));
	t->generation = table->generation;
	return t->has_table;
}

void
trace_decided(struct trace *t, const struct path_query *q, uint64_t seed,
    const struct path_pick *pick)
{
	const struct decision_made made = {t->worker, q, seed, pick};

	if (t->fd == -1)
		return;
	if (append_table(t, q->table))
		append(t, decision_encode(&made, t->memory->record));
	trace_begin(t);
}
