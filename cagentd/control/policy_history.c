/* Owns the file of what was accepted and refused; nothing is decided by it. */
#include "cagentd/control/policy_history.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/fdio.h"
#include "base/log.h"
#include "wire/cursor.h"

#define MAGIC	    "CAGH"
#define VERSION	    1
#define AREAS	    2
#define AREA_HEADER 48
#define HEADER_LEN  36
#define HASH_LEN    32
#define AREA_SUM_AT 16
#define RECORD_MAX                                                        \
	(HEADER_LEN + POLICY_HISTORY_CODE_MAX + POLICY_HISTORY_TEXT_MAX + \
	    ENVELOPE_MAX + HASH_LEN)
#define KNOWN_MAX (POLICY_HISTORY_TAKEN + POLICY_HISTORY_REFUSED)

_Static_assert(POLICY_HISTORY_ALONG + 2 * RECORD_MAX < POLICY_HISTORY_AREA,
    "what is taken along leaves room for more");

struct policy_history {
	int fd; /* owned */
	uint64_t generation;
	uint32_t area;
	uint64_t end;	  /* of the records in it: where the next one goes */
	uint32_t records; /* in it, those forgotten too */
	int64_t rate_s;	  /* the second of the last refusal, */
	uint32_t rate_n;  /* and how many there were in it */
	uint32_t n;
	struct policy_past known[KNOWN_MAX]; /* the oldest first */
};

static off_t
offset_of(uint32_t area, uint64_t at)
{
	return (off_t)area * POLICY_HISTORY_AREA + (off_t)at;
}

/* --- records --- */

static void
hash_record(uint64_t generation, const uint8_t *record, size_t len,
    uint8_t out[HASH_LEN])
{
	crypto_generichash_state state;
	uint8_t before[8];
	struct cursor_out c;

	cursor_out_init(&c, before, sizeof(before));
	cursor_put_u64(&c, generation);
	crypto_generichash_init(&state, NULL, 0, HASH_LEN);
	crypto_generichash_update(&state, before, sizeof(before));
	crypto_generichash_update(&state, record, len - HASH_LEN);
	crypto_generichash_final(&state, out, HASH_LEN);
}

/* The whole length of the record that begins so; 0: it is none. */
static size_t
decode_header(const uint8_t *in, struct policy_past *p, size_t lens[2])
{
	struct cursor_in c;
	size_t len;
	uint8_t kind;
	bool ok;

	memset(p, 0, sizeof(*p));
	cursor_in_init(&c, in, HEADER_LEN);
	len = cursor_get_u32(&c);
	kind = cursor_get_u8(&c);
	p->type = cursor_get_u8(&c);
	ok = cursor_get_u16(&c) == 0;
	p->when_s = (int64_t)cursor_get_u64(&c);
	p->epoch = cursor_get_u32(&c);
	p->serial = cursor_get_u64(&c);
	lens[0] = cursor_get_u16(&c);
	lens[1] = cursor_get_u16(&c);
	p->message_len = cursor_get_u32(&c);
	p->kind = (enum policy_past_kind)kind;
	ok = (kind == POLICY_PAST_TAKEN || kind == POLICY_PAST_REFUSED) &&
	     lens[0] <= POLICY_HISTORY_CODE_MAX &&
	     lens[1] <= POLICY_HISTORY_TEXT_MAX &&
	     p->message_len <= ENVELOPE_MAX && ok &&
	     len == HEADER_LEN + lens[0] + lens[1] + p->message_len + HASH_LEN;
	return ok ? len : 0;
}

/* The record there: its length with *p filled, 0 when there is none, -errno.
 * buf holds RECORD_MAX. */
static ssize_t
read_record(const struct policy_history *h, uint64_t at, uint8_t *buf,
    struct policy_past *p)
{
	uint8_t sum[HASH_LEN];
	size_t len, lens[2];
	ssize_t n;

	n = fdio_pread(h->fd, offset_of(h->area, at), buf, HEADER_LEN);
	if (n != HEADER_LEN)
		return n < 0 ? n : 0;
	len = decode_header(buf, p, lens);
	if (len == 0 || len > POLICY_HISTORY_AREA - at)
		return 0;
	n = fdio_pread(h->fd, offset_of(h->area, at), buf, len);
	if (n != (ssize_t)len)
		return n < 0 ? n : 0;
	hash_record(h->generation, buf, len, sum);
	if (memcmp(sum, buf + len - HASH_LEN, HASH_LEN) != 0)
		return 0;
	memcpy(p->code, buf + HEADER_LEN, lens[0]);
	memcpy(p->text, buf + HEADER_LEN + lens[0], lens[1]);
	p->at = at;
	p->len = len;
	return (ssize_t)len;
}

/* A new record; the caller frees. */
static uint8_t *
encode(const struct policy_past *p, const uint8_t *message, uint64_t generation,
    size_t *len)
{
	size_t code_len = strlen(p->code), text_len = strlen(p->text);
	struct cursor_out c;
	uint8_t *out;

	*len = HEADER_LEN + code_len + text_len + p->message_len + HASH_LEN;
	out = malloc(*len);
	if (out == NULL)
		return NULL;
	cursor_out_init(&c, out, *len);
	cursor_put_u32(&c, (uint32_t)*len);
	cursor_put_u8(&c, (uint8_t)p->kind);
	cursor_put_u8(&c, p->type);
	cursor_put_u16(&c, 0);
	cursor_put_u64(&c, (uint64_t)p->when_s);
	cursor_put_u32(&c, p->epoch);
	cursor_put_u64(&c, p->serial);
	cursor_put_u16(&c, (uint16_t)code_len);
	cursor_put_u16(&c, (uint16_t)text_len);
	cursor_put_u32(&c, (uint32_t)p->message_len);
	cursor_put_text(&c, p->code);
	cursor_put_text(&c, p->text);
	if (p->message_len > 0)
		cursor_put(&c, message, p->message_len);
	hash_record(generation, out, *len, out + *len - HASH_LEN);
	return out;
}

/* --- what is known of them --- */

static uint32_t
count(const struct policy_history *h, enum policy_past_kind kind)
{
	uint32_t i, n = 0;

	for (i = 0; i < h->n; i++)
		n += h->known[i].kind == kind;
	return n;
}

/* The oldest of that kind. */
static void
forget(struct policy_history *h, enum policy_past_kind kind)
{
	uint32_t i = 0;

	while (i < h->n && h->known[i].kind != kind)
		i++;
	if (i == h->n)
		return;
	h->n--;
	memmove(
	    &h->known[i], &h->known[i + 1], (h->n - i) * sizeof(h->known[0]));
}

static void
learn(struct policy_history *h, const struct policy_past *p)
{
	uint32_t most = p->kind == POLICY_PAST_TAKEN ? POLICY_HISTORY_TAKEN
						     : POLICY_HISTORY_REFUSED;

	if (count(h, p->kind) == most)
		forget(h, p->kind);
	h->known[h->n++] = *p;
}

/* --- areas --- */

static int
write_area_header(const struct policy_history *h)
{
	uint8_t header[AREA_HEADER];
	struct cursor_out c;

	cursor_out_init(&c, header, sizeof(header));
	cursor_put_text(&c, MAGIC);
	cursor_put_u32(&c, VERSION << 24);
	cursor_put_u64(&c, h->generation);
	crypto_generichash(
	    header + AREA_SUM_AT, HASH_LEN, header, AREA_SUM_AT, NULL, 0);
	return fdio_pwrite(
	    h->fd, offset_of(h->area, 0), header, sizeof(header));
}

/* Its generation; 0 when there is none, or it is damaged. */
static uint64_t
read_area_header(int fd, uint32_t area)
{
	uint8_t header[AREA_HEADER], sum[HASH_LEN];
	struct cursor_in c;

	if (fdio_pread(fd, offset_of(area, 0), header, sizeof(header)) !=
	    AREA_HEADER)
		return 0;
	crypto_generichash(sum, sizeof(sum), header, AREA_SUM_AT, NULL, 0);
	if (memcmp(header, MAGIC, 4) != 0 || header[4] != VERSION ||
	    memcmp(sum, header + AREA_SUM_AT, sizeof(sum)) != 0)
		return 0;
	cursor_in_init(&c, header + 8, 8);
	return cursor_get_u64(&c);
}

/* Where the records that are taken along begin among those known. */
static uint32_t
first_along(const struct policy_history *h)
{
	uint64_t bytes = 0;
	uint32_t i;

	for (i = h->n; i > 0; i--) {
		bytes += h->known[i - 1].len;
		if (bytes > POLICY_HISTORY_ALONG)
			break;
	}
	return i;
}

/* One record to the other area, of which `to` is the state in the making. */
static int
take_along(const struct policy_history *h, struct policy_history *to,
    const struct policy_past *known, uint8_t *buf)
{
	struct policy_past p;
	ssize_t len;
	int error;

	if (known->len == 0) /* was never written */
		return 0;
	len = read_record(h, known->at, buf, &p);
	if (len <= 0)
		return (int)len;
	hash_record(to->generation, buf, (size_t)len, buf + len - HASH_LEN);
	error =
	    fdio_pwrite(h->fd, offset_of(to->area, to->end), buf, (size_t)len);
	if (error != 0)
		return error;
	p.at = to->end;
	to->end += (uint64_t)len;
	to->records++;
	learn(to, &p);
	return 0;
}

/* What counts still does, until the other area's header is on the disk. */
static int
change_area(struct policy_history *h)
{
	struct policy_history *to = calloc(1, sizeof(*to));
	uint8_t *buf = malloc(RECORD_MAX);
	int error = to == NULL || buf == NULL ? -ENOMEM : 0;
	uint32_t i;

	if (error == 0) {
		to->fd = h->fd;
		to->generation = h->generation + 1;
		to->area = (h->area + 1) % AREAS;
		to->end = AREA_HEADER;
		to->rate_s = h->rate_s;
		to->rate_n = h->rate_n;
	}
	for (i = error == 0 ? first_along(h) : h->n; i < h->n && error == 0;
	     i++)
		error = take_along(h, to, &h->known[i], buf);
	if (error == 0 && fdatasync(h->fd) == -1)
		error = -errno;
	if (error == 0)
		error = write_area_header(to);
	if (error == 0 && fdatasync(h->fd) == -1)
		error = -errno;
	if (error == 0)
		*h = *to;
	free(to);
	free(buf);
	return error;
}

/* All that is whole; what follows was torn off. */
static int
read_area(struct policy_history *h)
{
	uint8_t *buf = malloc(RECORD_MAX);
	struct policy_past p;
	ssize_t len = 0;

	if (buf == NULL)
		return -ENOMEM;
	h->end = AREA_HEADER;
	while (h->end + HEADER_LEN < POLICY_HISTORY_AREA &&
	       (len = read_record(h, h->end, buf, &p)) > 0) {
		h->end += (uint64_t)len;
		h->records++;
		learn(h, &p);
	}
	free(buf);
	return len < 0 ? (int)len : 0;
}

static int
begin(struct policy_history *h)
{
	int error;

	h->generation = 1;
	h->area = 0;
	h->end = AREA_HEADER;
	error = write_area_header(h);
	return error == 0 && fdatasync(h->fd) == -1 ? -errno : error;
}

static int
take_up(struct policy_history *h)
{
	uint64_t first = read_area_header(h->fd, 0);
	uint64_t second = read_area_header(h->fd, 1);
	off_t size = lseek(h->fd, 0, SEEK_END);

	if (size == -1)
		return -errno;
	h->area = second > first;
	h->generation = second > first ? second : first;
	if (h->generation > 0)
		return read_area(h);
	if (size > AREA_HEADER)
		log_warnx("policy.history is damaged, and begun anew");
	return begin(h);
}

int
policy_history_open(struct policy_history **out, int fd)
{
	struct policy_history *h = calloc(1, sizeof(*h));
	int error = -ENOMEM;

	*out = NULL;
	if (h == NULL) {
		close(fd);
		return error;
	}
	h->fd = fd;
	error = take_up(h);
	if (error == 0)
		*out = h;
	else
		policy_history_close(h);
	return error;
}

void
policy_history_close(struct policy_history *h)
{
	if (h == NULL)
		return;
	close(h->fd);
	free(h);
}

/* At the end, and on the disk where it was something. */
static int
append(struct policy_history *h, struct policy_past *p, const uint8_t *message)
{
	size_t len;
	uint8_t *record = encode(p, message, h->generation, &len);
	int error = record != NULL ? 0 : -ENOMEM;

	if (error == 0)
		error =
		    fdio_pwrite(h->fd, offset_of(h->area, h->end), record, len);
	free(record);
	if (error == 0 && p->kind == POLICY_PAST_TAKEN &&
	    fdatasync(h->fd) == -1)
		error = -errno;
	if (error != 0)
		return error;
	p->at = h->end;
	p->len = len;
	h->end += len;
	h->records++;
	return 0;
}

/* Is that refusal one too many? */
static bool
too_many(struct policy_history *h, const struct policy_past *p)
{
	if (p->kind != POLICY_PAST_REFUSED)
		return false;
	if (h->rate_s != p->when_s) {
		h->rate_s = p->when_s;
		h->rate_n = 0;
	}
	return h->rate_n++ >= POLICY_HISTORY_RATE;
}

int
policy_history_add(struct policy_history *h, const struct policy_past *past,
    const uint8_t *message)
{
	struct policy_past p = *past;
	int error = 0;

	if (too_many(h, &p))
		return 0;
	p.at = p.len = 0;
	if (h->records >= 2 * KNOWN_MAX ||
	    POLICY_HISTORY_AREA - h->end < RECORD_MAX)
		error = change_area(h);
	if (error == 0)
		error = append(h, &p, message);
	if (error != 0)
		p.message_len = 0;
	learn(h, &p);
	return error;
}

uint32_t
policy_history_n(const struct policy_history *h)
{
	return h != NULL ? h->n : 0;
}

const struct policy_past *
policy_history_at(const struct policy_history *h, uint32_t i)
{
	return &h->known[i];
}

const struct policy_past *
policy_history_find(const struct policy_history *h, uint64_t serial)
{
	const struct policy_past *p;
	uint32_t i;

	for (i = policy_history_n(h); i > 0; i--) {
		p = &h->known[i - 1];
		if (p->kind == POLICY_PAST_TAKEN &&
		    p->type == ENVELOPE_POLICY && p->serial == serial &&
		    p->message_len > 0)
			return p;
	}
	return NULL;
}

int
policy_history_message(const struct policy_history *h,
    const struct policy_past *past, uint8_t **message)
{
	uint8_t *buf = malloc(RECORD_MAX);
	struct policy_past p;
	ssize_t len;

	*message = NULL;
	if (buf == NULL)
		return -ENOMEM;
	len = read_record(h, past->at, buf, &p);
	if (len <= 0 || p.message_len != past->message_len) {
		free(buf);
		return len < 0 ? (int)len : -EBADMSG;
	}
	memmove(buf, buf + len - HASH_LEN - p.message_len, p.message_len);
	*message = buf;
	return 0;
}
