/* Owns the look into shared memory; never writes there, asks nobody. */
#include "cagent-ctl/peek.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cagent-ctl/field.h"
#include "cagent-ctl/row.h"
#include "wire/ctl.h"

static int
copy(int fd, struct table *t)
{
	struct table_reader *r;
	int rc = table_reader_open(&r, fd);

	if (rc != 0)
		return rc;
	rc = table_read(r, t);
	table_reader_close(r);
	if (rc < 0)
		return rc;
	return rc == 1 ? 0 : -ENODATA;
}

int
peek_table(const char *path, struct table **out)
{
	int fd, rc;

	*out = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return -errno;
	*out = calloc(1, sizeof(**out));
	rc = *out == NULL ? -ENOMEM : copy(fd, *out);
	close(fd);
	if (rc != 0) {
		free(*out);
		*out = NULL;
	}
	return rc;
}

static json_t *
reserved_json(uint32_t bits)
{
	json_t *list = json_array();
	char word[ROW_CLASS_LEN];
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if ((bits & 1u << bit) != 0)
			json_array_append_new(
			    list, json_string(row_class_word(bit, word)));
	}
	return list;
}

static json_t *
tiers_json(const struct table *t)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < t->tiers_n; i++)
		json_array_append_new(list,
		    json_pack("{s:i, s:o, s:o}", "rank", (int)t->tiers[i].rank,
			"name", field_json_string(t->tiers[i].name),
			"reserved_for",
			reserved_json(t->tiers[i].reserved_for)));
	return list;
}

static int
by_tier(const void *a, const void *b)
{
	const struct table_row *l = *(const struct table_row *const *)a;
	const struct table_row *r = *(const struct table_row *const *)b;
	int ld = table_duty(l), rd = table_duty(r);
	int lt = l->tier != 0 ? l->tier : UINT16_MAX + 1;
	int rt = r->tier != 0 ? r->tier : UINT16_MAX + 1;

	if (ld != rd)
		return ld < rd ? -1 : 1;
	if (lt != rt)
		return lt < rt ? -1 : 1;
	/* qsort() is not stable: in the order of the configuration. */
	return l < r ? -1 : l > r;
}

static json_t *
rows_json(const struct table *t)
{
	const struct table_row *order[TABLE_ROWS_MAX] = {NULL};
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < t->rows_n; i++)
		order[i] = &t->rows[i];
	qsort(order, t->rows_n, sizeof(*order), by_tier);
	for (i = 0; i < t->rows_n; i++)
		json_array_append_new(list, row_json(t, order[i]));
	return list;
}

json_t *
peek_json(const struct table *t, int64_t now_us)
{
	return json_pack("{s:i, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
	    "schema", CTL_SCHEMA, "ok", 1, "now_us", (json_int_t)now_us,
	    "published_us", (json_int_t)t->published_us, "uplink_us",
	    (json_int_t)t->uplink_us, "generation", (json_int_t)t->generation,
	    "config_serial", (json_int_t)t->conf_serial, "control_pid",
	    (json_int_t)t->control_pid, "tiers", tiers_json(t), "rows",
	    rows_json(t));
}
