/* Finds what the settings' lists say of something; makes nothing. */
#include <stdlib.h>
#include <string.h>

#include "conf/match_impl.h"

enum {
	BY_NAME,
	BY_ADDRESS,
	BY_PORT,
	BY_PATH,
	BY_ALL,
	NO_MORE
};

#define KIND_OF(kind) ((kind) & ~MATCH_FIRST)

uint8_t
match_path_power(size_t len)
{
	uint8_t power = 0;

	while (len >> (power + 1) != 0)
		power++;
	return power;
}

void
match_network_key(
    const struct net_ip *ip, uint8_t bits, uint8_t key[MATCH_ADDRESS_KEY])
{
	uint8_t whole = bits / 8;

	memset(key, 0, MATCH_ADDRESS_KEY);
	memcpy(key, ip->bytes, whole);
	if (bits % 8 != 0)
		key[whole] = (uint8_t)(ip->bytes[whole] & 0xff00 >> bits % 8);
	key[16] = ip->family;
	key[17] = bits;
}

void
match_port_key(uint16_t port, uint8_t bits, uint8_t key[MATCH_PORT_KEY])
{
	port = (uint16_t)(port & 0xffff0000u >> bits);
	key[0] = (uint8_t)(port >> 8);
	key[1] = (uint8_t)port;
	key[2] = bits;
}

static void
begin(struct match_walk *w, const struct match *m, int kind, int how)
{
	w->in = m;
	w->kind = (uint8_t)kind;
	w->how = (uint8_t)how;
	w->family = 0;
	w->looks = 0;
}

/* One longer than all that are listed is none of them. */
static void
skip_to(struct match_walk *w, const char *name)
{
	size_t longest = w->in->longest[KIND_OF(w->kind)];

	w->len = strlen(name);
	while (w->len > longest) {
		name = memchr(name, '.', w->len);
		if (name == NULL) {
			w->how = NO_MORE;
			return;
		}
		w->len = strlen(++name);
	}
	w->text = name;
}

void
match_domains(
    struct match_walk *w, const struct match *m, int kind, const char *name)
{
	begin(w, m, kind, BY_NAME);
	if (m->longest[KIND_OF(kind)] == 0)
		w->how = NO_MORE;
	else
		skip_to(w, name);
}

void
match_networks(struct match_walk *w, const struct match *m, int kind,
    const struct net_ip *ip, uint8_t least)
{
	begin(w, m, kind, ip->family != 0 ? BY_ADDRESS : NO_MORE);
	w->family = ip->family == 6;
	w->bits = (int16_t)(least - 1);
	memcpy(w->key, ip->bytes, sizeof(ip->bytes));
	w->key[16] = ip->family;
}

void
match_ports(
    struct match_walk *w, const struct match *m, int kind, uint16_t port)
{
	begin(w, m, kind, BY_PORT);
	w->bits = -1;
	w->len = port;
}

void
match_paths(
    struct match_walk *w, const struct match *m, int kind, const char *path)
{
	begin(w, m, kind, BY_PATH);
	w->bits = -1;
	w->text = path;
	w->len = strlen(path);
}

void
match_exactly(struct match_walk *w, const struct match *m, int kind,
    const void *key, size_t len)
{
	begin(w, m, kind, BY_ALL);
	w->text = key;
	w->len = len;
}

/* The next length that is in use, or false. */
static bool
next_bits(struct match_walk *w)
{
	const uint64_t *lens = w->in->lens[KIND_OF(w->kind)][w->family];
	uint32_t bit = (uint32_t)(w->bits + 1), word = bit / 64;
	uint64_t left;

	for (; word < 3; word++, bit = word * 64) {
		left = lens[word] >> bit % 64;
		if (left == 0)
			continue;
		w->bits = (int16_t)(bit + (uint32_t)__builtin_ctzll(left));
		return true;
	}
	return false;
}

static bool
find(struct match_walk *w, const void *key, size_t len, struct lookup_ids *out)
{
	w->looks++;
	*out = lookup_find(w->in->keys, w->kind, key, len);
	return out->n > 0;
}

static bool
next_name(struct match_walk *w, struct lookup_ids *out)
{
	const char *dot;
	bool found;

	do {
		found = find(w, w->text, w->len, out);
		dot = memchr(w->text, '.', w->len);
		if (dot == NULL) {
			w->how = NO_MORE;
			return found;
		}
		w->len -= (size_t)(dot + 1 - w->text);
		w->text = dot + 1;
	} while (!found);
	return true;
}

static bool
next_address(struct match_walk *w, struct lookup_ids *out)
{
	uint8_t key[MATCH_ADDRESS_KEY];
	struct net_ip ip;

	ip.family = w->key[16];
	memcpy(ip.bytes, w->key, sizeof(ip.bytes));
	while (next_bits(w)) {
		match_network_key(&ip, (uint8_t)w->bits, key);
		if (find(w, key, sizeof(key), out))
			return true;
	}
	return false;
}

static bool
next_port(struct match_walk *w, struct lookup_ids *out)
{
	uint8_t key[MATCH_PORT_KEY];

	while (next_bits(w)) {
		match_port_key((uint16_t)w->len, (uint8_t)w->bits, key);
		if (find(w, key, sizeof(key), out))
			return true;
	}
	return false;
}

static bool
next_path(struct match_walk *w, struct lookup_ids *out)
{
	while (next_bits(w) && (size_t)1 << w->bits <= w->len) {
		if (find(w, w->text, (size_t)1 << w->bits, out))
			return true;
	}
	return false;
}

bool
match_next(struct match_walk *w, struct lookup_ids *out)
{
	switch (w->how) {
	case BY_NAME:
		return next_name(w, out);
	case BY_ADDRESS:
		return next_address(w, out);
	case BY_PORT:
		return next_port(w, out);
	case BY_PATH:
		return next_path(w, out);
	case BY_ALL:
		w->how = NO_MORE;
		return find(w, w->text, w->len, out);
	default: /* NO_MORE */
		return false;
	}
}

static bool
is_among(const struct lookup_ids *ids, uint32_t id)
{
	uint32_t low = 0, high = ids->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (ids->id[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ids->n && ids->id[low] == id;
}

bool
match_has(struct match_walk *w, uint32_t id)
{
	struct lookup_ids ids;

	while (match_next(w, &ids)) {
		if (is_among(&ids, id))
			return true;
	}
	return false;
}

void
match_free(struct match *m)
{
	if (m == NULL)
		return;
	lookup_free(m->keys);
	free(m);
}
