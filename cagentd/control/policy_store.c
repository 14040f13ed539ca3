/* Owns the file of what was accepted: two slots, one of which is whole at any
 * moment; what to accept is not decided here. */
#include "cagentd/control/policy_store.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/fdio.h"
#include "wire/cursor.h"
#include "wire/envelope.h"

#define MAGIC	"CAGS"
#define VERSION 1
#define HASH_AT 76
#define SLOTS	2

_Static_assert(
    POLICY_STORE_SLOT >= POLICY_STORE_HEADER_LEN + POLICY_PARTS * ENVELOPE_MAX,
    "a slot holds the largest messages");

enum slot_state {
	SLOT_EMPTY,
	SLOT_DAMAGED,
	SLOT_WHOLE
};

struct slot {
	enum slot_state state;
	uint64_t generation;
	struct policy_kept kept;
};

void
policy_store_hash(
    const void *data, size_t len, uint8_t out[POLICY_STORE_HASH_LEN])
{
	crypto_generichash(out, POLICY_STORE_HASH_LEN, data, len, NULL, 0);
}

static void
hash_slot(const uint8_t *slot, size_t len, uint8_t out[POLICY_STORE_HASH_LEN])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, POLICY_STORE_HASH_LEN);
	crypto_generichash_update(&state, slot, HASH_AT);
	crypto_generichash_update(&state, slot + POLICY_STORE_HEADER_LEN,
	    len - POLICY_STORE_HEADER_LEN);
	crypto_generichash_final(&state, out, POLICY_STORE_HASH_LEN);
}

static int
write_at(int fd, off_t at, const uint8_t *data, size_t len)
{
	int error = fdio_pwrite(fd, at, data, len);

	return error == 0 && fdatasync(fd) == -1 ? -errno : error;
}

/* The whole length of the slot that begins so; 0 when it is none. */
static size_t
decode_header(const uint8_t *in, struct slot *s)
{
	size_t i, len = POLICY_STORE_HEADER_LEN;
	struct cursor_in c;
	char magic[4];
	uint8_t flags;
	bool ok;

	cursor_in_init(&c, in, POLICY_STORE_HEADER_LEN);
	cursor_get(&c, magic, sizeof(magic));
	ok = cursor_get_u8(&c) == VERSION;
	flags = cursor_get_u8(&c);
	ok = flags <= 1 && ok;
	s->kept.stale = flags == 1;
	ok = cursor_get_u16(&c) == 0 && ok;
	s->generation = cursor_get_u64(&c);
	s->kept.rank.epoch = cursor_get_u32(&c);
	s->kept.rank.serial = cursor_get_u64(&c);
	for (i = 0; i < POLICY_PARTS; i++) {
		s->kept.parts[i].len = cursor_get_u32(&c);
		ok = s->kept.parts[i].len <= ENVELOPE_MAX && ok;
		len += s->kept.parts[i].len;
	}
	cursor_get(&c, s->kept.anchor, sizeof(s->kept.anchor));
	ok = memcmp(magic, MAGIC, sizeof(magic)) == 0 && ok;
	return ok && s->generation > 0 ? len : 0;
}

static bool
is_zero(const uint8_t *data, size_t len)
{
	return sodium_is_zero(data, len) == 1;
}

/* The messages behind a header that makes sense; 0 or -errno. */
static int
read_parts(int fd, off_t at, const uint8_t *header, struct slot *s, size_t len)
{
	uint8_t sum[POLICY_STORE_HASH_LEN], *p;
	size_t i;
	ssize_t n;

	s->kept.memory = malloc(len);
	if (s->kept.memory == NULL)
		return -ENOMEM;
	n = fdio_pread(fd, at, s->kept.memory, len);
	if (n < 0)
		return (int)n;
	hash_slot(s->kept.memory, len, sum);
	if ((size_t)n != len ||
	    memcmp(s->kept.memory, header, POLICY_STORE_HEADER_LEN) != 0 ||
	    memcmp(sum, header + HASH_AT, sizeof(sum)) != 0)
		return 0;
	p = s->kept.memory + POLICY_STORE_HEADER_LEN;
	for (i = 0; i < POLICY_PARTS; i++) {
		s->kept.parts[i].data = p;
		p += s->kept.parts[i].len;
	}
	s->state = SLOT_WHOLE;
	return 0;
}

static int
read_slot(int fd, uint32_t index, struct slot *s)
{
	uint8_t header[POLICY_STORE_HEADER_LEN] = {0};
	off_t at = (off_t)index * POLICY_STORE_SLOT;
	ssize_t n = fdio_pread(fd, at, header, sizeof(header));
	size_t len;

	memset(s, 0, sizeof(*s));
	if (n < 0)
		return (int)n;
	if (is_zero(header, sizeof(header)))
		return 0;
	s->state = SLOT_DAMAGED;
	len = (size_t)n == sizeof(header) ? decode_header(header, s) : 0;
	return len > 0 ? read_parts(fd, at, header, s, len) : 0;
}

void
policy_kept_free(struct policy_kept *kept)
{
	free(kept->memory);
	memset(kept, 0, sizeof(*kept));
}

/* Which of them counts, or -1 when there is none; -EBADMSG. */
static int
newest(const struct slot s[SLOTS])
{
	bool second = s[1].state == SLOT_WHOLE;

	if (s[0].state == SLOT_WHOLE)
		return second && s[1].generation > s[0].generation;
	if (second)
		return 1;
	/* The first one was written first: this start never came to its
	 * end. */
	return s[1].state == SLOT_EMPTY ? -1 : -EBADMSG;
}

int
policy_store_open(struct policy_store *st, int fd, struct policy_kept *kept)
{
	struct slot s[SLOTS] = {{.state = SLOT_EMPTY}};
	int error, which;
	uint32_t i;

	*st = (struct policy_store){.fd = fd, .slot = SLOTS - 1};
	memset(kept, 0, sizeof(*kept));
	error = read_slot(fd, 0, &s[0]);
	if (error == 0)
		error = read_slot(fd, 1, &s[1]);
	which = error == 0 ? newest(s) : -1;
	if (which == -EBADMSG)
		error = -EBADMSG;
	for (i = 0; i < SLOTS; i++) {
		if ((int)i != which)
			policy_kept_free(&s[i].kept);
	}
	if (error != 0 || which < 0)
		return error;
	*kept = s[which].kept;
	st->generation = s[which].generation;
	st->slot = (uint32_t)which;
	return 0;
}

static int
encode(
    const struct policy_kept *k, uint64_t generation, uint8_t *out, size_t len)
{
	const uint8_t blank[POLICY_STORE_HASH_LEN] = {0};
	struct cursor_out c;
	size_t i;

	cursor_out_init(&c, out, len);
	cursor_put_text(&c, MAGIC);
	cursor_put_u8(&c, VERSION);
	cursor_put_u8(&c, k->stale);
	cursor_put_u16(&c, 0);
	cursor_put_u64(&c, generation);
	cursor_put_u32(&c, k->rank.epoch);
	cursor_put_u64(&c, k->rank.serial);
	for (i = 0; i < POLICY_PARTS; i++)
		cursor_put_u32(&c, (uint32_t)k->parts[i].len);
	cursor_put(&c, k->anchor, sizeof(k->anchor));
	cursor_put(&c, blank, sizeof(blank));
	for (i = 0; i < POLICY_PARTS; i++) {
		if (k->parts[i].len > 0)
			cursor_put(&c, k->parts[i].data, k->parts[i].len);
	}
	if (cursor_out_result(&c) != (int)len)
		return -EINVAL;
	hash_slot(out, len, out + HASH_AT);
	return 0;
}

static int
write_slot(struct policy_store *st, const struct policy_kept *k)
{
	uint32_t slot = (st->slot + 1) % SLOTS;
	size_t i, len = POLICY_STORE_HEADER_LEN;
	uint8_t *data;
	int error;

	for (i = 0; i < POLICY_PARTS; i++)
		len += k->parts[i].len;
	data = malloc(len);
	if (data == NULL)
		return -ENOMEM;
	error = encode(k, st->generation + 1, data, len);
	if (error == 0)
		error = write_at(
		    st->fd, (off_t)slot * POLICY_STORE_SLOT, data, len);
	free(data);
	if (error != 0)
		return error;
	st->generation++;
	st->slot = slot;
	return 0;
}

int
policy_store_write(struct policy_store *st, const struct policy_kept *k)
{
	int error = 0;

	if (st->generation == 0)
		error = write_slot(st, k);
	return error == 0 ? write_slot(st, k) : error;
}
