/* Encodes and decodes the payloads of the messages between our processes. */
#include "policyd/common/pdmsg.h"

#include <errno.h>
#include <string.h>

#include "policyd/common/pdfield.h"
#include "wire/envelope.h"

/* Of an agent, a group or an intermediary. */
static bool
is_name(const char *s)
{
	return envelope_audience_ok(s) && strcmp(s, "*") != 0;
}

static uint8_t *
put_mark(uint8_t *p, const struct manage_mark *m)
{
	p = pdfield_put(p, m->epoch, 4);
	return pdfield_put(p, m->serial, 8);
}

static void
get_mark(struct pdfield *f, struct manage_mark *m)
{
	m->epoch = (uint32_t)pdfield_get(f, 4);
	m->serial = pdfield_get(f, 8);
}

size_t
pdmsg_hello_encode(const struct pdmsg_hello *h, uint8_t *buf)
{
	uint8_t *p = buf;

	p = pdfield_put(p, h->agent, 8);
	memcpy(p, h->key, sizeof(h->key));
	p += sizeof(h->key);
	p = pdfield_put(p, h->sequence, 8);
	p = pdfield_put(p, (uint64_t)h->issued_s, 8);
	p = pdfield_put_str(p, h->said.name);
	p = pdfield_put_str(p, h->said.group);
	p = pdfield_put_str(p, h->said.token);
	p = pdfield_put_str(p, h->said.software);
	p = pdfield_put(p, h->said.root_epoch, 4);
	p = put_mark(p, &h->said.policy);
	p = put_mark(p, &h->said.rank);
	return (size_t)(p - buf);
}

int
pdmsg_hello_decode(const uint8_t *in, size_t len, struct pdmsg_hello *h)
{
	struct pdfield f = {in, len, false};
	struct manage_register *r = &h->said;

	h->agent = pdfield_get(&f, 8);
	pdfield_get_bytes(&f, h->key, sizeof(h->key));
	h->sequence = pdfield_get(&f, 8);
	h->issued_s = (int64_t)pdfield_get(&f, 8);
	pdfield_get_str(&f, r->name, sizeof(r->name));
	pdfield_get_str(&f, r->group, sizeof(r->group));
	pdfield_get_str(&f, r->token, sizeof(r->token));
	pdfield_get_str(&f, r->software, sizeof(r->software));
	r->root_epoch = (uint32_t)pdfield_get(&f, 4);
	get_mark(&f, &r->policy);
	get_mark(&f, &r->rank);
	if (pdfield_end(&f) != 0 || !is_name(r->name) || !is_name(r->group))
		return -EPROTO;
	return 0;
}

size_t
pdmsg_welcome_encode(const struct pdmsg_welcome *w, uint8_t *buf)
{
	uint8_t *p = buf;

	p = pdfield_put(p, w->agent, 8);
	p = pdfield_put(p, w->sequence, 8);
	p = pdfield_put(p, w->welcome, 1);
	p = pdfield_put(p, w->interval_ms, 4);
	p = pdfield_put(p, w->sequence_floor, 8);
	p = pdfield_put_str(p, w->group);
	p = pdfield_put_str(p, w->code);
	p = pdfield_put_str(p, w->text);
	return (size_t)(p - buf);
}

int
pdmsg_welcome_decode(const uint8_t *in, size_t len, struct pdmsg_welcome *w)
{
	struct pdfield f = {in, len, false};

	w->agent = pdfield_get(&f, 8);
	w->sequence = pdfield_get(&f, 8);
	w->welcome = pdfield_get_bool(&f);
	w->interval_ms = (uint32_t)pdfield_get(&f, 4);
	w->sequence_floor = pdfield_get(&f, 8);
	pdfield_get_str(&f, w->group, sizeof(w->group));
	pdfield_get_str(&f, w->code, sizeof(w->code));
	pdfield_get_str(&f, w->text, sizeof(w->text));
	if (pdfield_end(&f) != 0 || (w->welcome && !is_name(w->group)))
		return -EPROTO;
	return 0;
}

size_t
pdmsg_probed_encode(const struct pdmsg_probed *m, uint8_t *buf)
{
	uint8_t *p = buf;

	p = pdfield_put(p, m->list, 8);
	p = pdfield_put_str(p, m->name);
	p = pdfield_put(p, m->ok, 1);
	p = pdfield_put(p, m->reason, 1);
	p = pdfield_put(p, m->blames_target, 1);
	p = pdfield_put(p, m->connect_us, 4);
	p = pdfield_put(p, m->handshake_us, 4);
	p = pdfield_put(p, m->first_byte_us, 4);
	p = pdfield_put(p, m->bytes_s, 8);
	p = pdfield_put(p, m->load, 1);
	p = pdfield_put(p, m->load_percent, 2);
	return (size_t)(p - buf);
}

int
pdmsg_probed_decode(const uint8_t *in, size_t len, struct pdmsg_probed *m)
{
	struct pdfield f = {in, len, false};
	uint64_t load;

	m->list = pdfield_get(&f, 8);
	pdfield_get_str(&f, m->name, sizeof(m->name));
	m->ok = pdfield_get_bool(&f);
	m->reason = (uint8_t)pdfield_get(&f, 1);
	m->blames_target = pdfield_get_bool(&f);
	m->connect_us = (uint32_t)pdfield_get(&f, 4);
	m->handshake_us = (uint32_t)pdfield_get(&f, 4);
	m->first_byte_us = (uint32_t)pdfield_get(&f, 4);
	m->bytes_s = pdfield_get(&f, 8);
	load = pdfield_get(&f, 1);
	m->load_percent = (uint16_t)pdfield_get(&f, 2);
	if (pdfield_end(&f) != 0 || !is_name(m->name) ||
	    m->reason >= REASON_COUNT || load > PDMSG_LOAD_DOWN ||
	    m->load_percent > 100)
		return -EPROTO;
	m->load = (enum pdmsg_load)load;
	return 0;
}
