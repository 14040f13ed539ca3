/* Owns the way from a row of the table to what an attempt is made at. */
#include "cagentd/worker/dial/target.h"

#include <string.h>

#include "conf/settings.h"

/* The table's rows follow the order of the configuration it was made from,
 * which is this request's unless a reload has come between. */
static const struct settings_intermediary *
login_of(const struct settings *s, const struct table *table, uint32_t row)
{
	const char *name = table->rows[row].name;
	int i = (int)row;

	if (row >= s->intermediaries_n ||
	    strcmp(s->intermediaries[row].name, name) != 0)
		i = settings_intermediary(s, name);
	return i >= 0 ? &s->intermediaries[i] : NULL;
}

uint32_t
target_window(const struct settings *s)
{
	return s->link.down > 0 ? TARGET_WINDOW : 0;
}

struct attempt_target
target_of(const struct settings *s, const struct table *table, uint32_t n)
{
	const struct table_row *row = &table->rows[n];
	const struct settings_intermediary *login = login_of(s, table, n);
	struct attempt_target t = {.type = path_hop_type(row),
	    .host = row->host,
	    .port = row->port,
	    .window = target_window(s)};

	/* Of two makes the one that is careful: a login is never sent in the
	 * clear to who should be asked by TLS. */
	t.secure =
	    row->type == TABLE_HTTPS || (login != NULL && login->tls != NULL);
	t.fast = login != NULL && login->fast_open;
	if (login != NULL && login->tls != NULL)
		t.tls = login->tls->client;
	if (login != NULL && login->username[0] != '\0') {
		t.user = login->username;
		t.password = login->password != NULL ? login->password : "";
	}
	return t;
}
