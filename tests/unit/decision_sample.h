#ifndef TESTS_UNIT_DECISION_SAMPLE_H
#define TESTS_UNIT_DECISION_SAMPLE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cagentd/decide/path.h"
#include "tests/unit/unit.h"

/* Four intermediaries that are alike, a request for any of them, and a file to
 * record in. */
struct sample {
	struct table table;
	struct path_index index;
	struct path_load loads[TABLE_ROWS_MAX];
	struct settings settings;
	struct settings_intermediary configured[4];
	struct verdict verdict;
	struct wire_host host;
	struct path_query query;
	char dir[64], path[80];
};

static inline struct sample *
sample_new(void)
{
	struct sample *s = calloc(1, sizeof(*s));
	struct table_row *row;
	uint32_t i;

	s->table.generation = 1;
	s->table.rows_n = 4;
	for (i = 0; i < 4; i++) {
		row = &s->table.rows[i];
		*row = (struct table_row){.slot = 10 + i,
		    .incarnation = 1,
		    .tier = 1,
		    .tier_conf = 1,
		    .weight = 10};
		snprintf(row->name, sizeof(row->name), "hop-%u", i);
		snprintf(s->configured[i].name, sizeof(row->name), "hop-%u", i);
		s->loads[10 + i] =
		    (struct path_load){.incarnation = 1, .ewma_us = 20000};
	}
	s->settings.intermediaries = s->configured;
	s->settings.intermediaries_n = 4;
	s->verdict = (struct verdict){.class = CLASS_NORMAL, .rule = -1};
	s->host.port = 443;
	CHECK_INT(wire_host_set(&s->host, "example.com", 11), 0);
	s->query = (struct path_query){.table = &s->table,
	    .index = &s->index,
	    .loads = s->loads,
	    .settings = &s->settings,
	    .verdict = &s->verdict,
	    .host = &s->host,
	    .times_max = 2};
	path_index_build(&s->index, &s->table);
	snprintf(s->dir, sizeof(s->dir), "/tmp/cagent-unit-XXXXXX");
	CHECK(mkdtemp(s->dir) != NULL, "mkdtemp");
	snprintf(s->path, sizeof(s->path), "%s/decisions", s->dir);
	return s;
}

static inline void
sample_free(struct sample *s)
{
	unlink(s->path);
	CHECK_INT(rmdir(s->dir), 0);
	free(s);
}

/* As the master opens it. */
static inline int
sample_open(const struct sample *s)
{
	int fd = open(s->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	CHECK(fd != -1, "%s", s->path);
	return fd;
}

/* All of the file; the caller frees. */
static inline uint8_t *
sample_read(const struct sample *s, size_t *len)
{
	FILE *f = fopen(s->path, "r");
	uint8_t *out = malloc(1 << 20);

	CHECK(f != NULL, "%s", s->path);
	*len = f != NULL ? fread(out, 1, 1 << 20, f) : 0;
	if (f != NULL)
		fclose(f);
	return out;
}

#endif
