/* Encodes and decodes the list of what is to be probed. */
#include "policyd/common/probelist.h"

#include <errno.h>
#include <string.h>

#include "policyd/common/pdfield.h"
#include "wire/envelope.h"

size_t
probelist_encode(const struct probelist *l, uint8_t *out)
{
	const struct probelist_item *i;
	uint8_t *p = out;

	p = pdfield_put(p, l->serial, 8);
	p = pdfield_put(p, l->items_n, 2);
	for (i = l->items; i < l->items + l->items_n; i++) {
		p = pdfield_put_str(p, i->name);
		p = pdfield_put(p, i->type, 1);
		p = pdfield_put_str(p, i->host);
		p = pdfield_put(p, i->port, 2);
	}
	return (size_t)(p - out);
}

static bool
get_item(struct pdfield *f, struct probelist_item *i)
{
	struct net_ip ip;
	uint64_t type;

	pdfield_get_str(f, i->name, sizeof(i->name));
	type = pdfield_get(f, 1);
	pdfield_get_str(f, i->host, sizeof(i->host));
	i->port = (uint16_t)pdfield_get(f, 2);
	if (f->bad || type > HOP_HTTP || i->port == 0 ||
	    !envelope_audience_ok(i->name) || strcmp(i->name, "*") == 0)
		return false;
	i->type = (enum hop_type)type;
	return net_ip_parse(i->host, &ip) == 0 ||
	       net_name_valid(i->host, strlen(i->host));
}

int
probelist_decode(const uint8_t *in, size_t len, struct probelist *l)
{
	struct pdfield f = {in, len, false};
	uint16_t i, n;

	l->items_n = 0;
	l->serial = pdfield_get(&f, 8);
	n = (uint16_t)pdfield_get(&f, 2);
	if (n > MANAGE_ROWS_MAX)
		return -EPROTO;
	for (i = 0; i < n; i++) {
		if (!get_item(&f, &l->items[i]))
			return -EPROTO;
	}
	l->items_n = n;
	return pdfield_end(&f);
}
