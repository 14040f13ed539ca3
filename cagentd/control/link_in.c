/* Owns the bytes of a manager until they are a message; opens and verifies
 * none. */
#include "cagentd/control/link_in.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define HELD_MIN   1024
#define HEAD_BYTES 4 /* by which the two kinds are told apart */

_Static_assert(LINK_IN_ANSWER_MAX >=
		   1 + 12 + 8 + 4 + 8 + 2 + MANAGE_CODE_MAX + MANAGE_TEXT_MAX,
    "the longest nack");

/* By doubling, or a long message that comes byte by byte would be copied as
 * often. */
static int
make_room(struct link_in *in, size_t len)
{
	size_t had = in->held != NULL ? in->held->len : 0, cap = HELD_MIN;
	struct buf *more;

	if (in->held != NULL && len <= in->held->cap - had)
		return 0;
	while (cap < had + len)
		cap *= 2;
	more = buf_new(cap);
	if (more == NULL)
		return -ENOMEM;
	if (had > 0)
		buf_append(more, buf_bytes(in->held), had);
	buf_free(in->held);
	in->held = more;
	return 0;
}

int
link_in_add(struct link_in *in, const uint8_t *data, size_t len)
{
	int error;

	if (len == 0)
		return 0;
	error = make_room(in, len);
	return error == 0 ? buf_append(in->held, data, len) : error;
}

static int __attribute__((format(printf, 3, 4)))
bad(struct link_in_fault *f, enum link_in_kind kind, const char *fmt, ...)
{
	va_list ap;

	f->kind = kind;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return -1;
}

static int
next_signed(struct link_in *in, struct link_in_msg *m, struct link_in_fault *f)
{
	const uint8_t *p = buf_bytes(in->held);
	enum envelope_fault fault;
	struct envelope e;
	int n;

	f->of = ENVELOPE_POLICY;
	if (in->held->len > 5 && p[5] >= ENVELOPE_ROOT && p[5] <= ENVELOPE_RANK)
		f->of = p[5];
	if (in->sealed_alone)
		return bad(f, LINK_IN_SIGNED,
		    "it sends what only the policy server may");
	n = envelope_decode(p, in->held->len, &e, &fault);
	if (n == WIRE_BAD)
		return bad(f, LINK_IN_SIGNED, "not a signed message: %s",
		    envelope_fault_text(fault));
	m->kind = LINK_IN_SIGNED;
	m->bytes = p;
	m->len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static int
next_sealed(struct link_in *in, struct link_in_msg *m, struct link_in_fault *f)
{
	const uint8_t *p = buf_bytes(in->held);
	int n = sealed_peek(p, in->held->len, &m->head);

	if (n == WIRE_BAD)
		return bad(f, LINK_IN_SEALED, "not a sealed message");
	if (n == WIRE_MORE)
		return 0;
	if (m->head.type != SEALED_ACK && m->head.type != SEALED_NACK)
		return bad(f, LINK_IN_SEALED,
		    "expected an answer, found a sealed message of type %u",
		    (unsigned int)m->head.type);
	if (m->head.body_len > LINK_IN_ANSWER_MAX)
		return bad(f, LINK_IN_SEALED,
		    "expected an answer of at most %d bytes, found one of %u",
		    LINK_IN_ANSWER_MAX, m->head.body_len);
	m->kind = LINK_IN_SEALED;
	m->bytes = p;
	m->len = (size_t)n;
	return in->held->len >= m->len;
}

int
link_in_next(struct link_in *in, struct link_in_msg *m, struct link_in_fault *f)
{
	const uint8_t *p;
	size_t n;

	if (in->held == NULL || in->held->len == 0)
		return 0;
	p = buf_bytes(in->held);
	n = in->held->len < HEAD_BYTES ? in->held->len : HEAD_BYTES;
	if (memcmp(p, ENVELOPE_MAGIC, n) == 0 &&
	    memcmp(p, SEALED_MAGIC, n) == 0)
		return 0;
	if (memcmp(p, ENVELOPE_MAGIC, n) == 0)
		return n == HEAD_BYTES ? next_signed(in, m, f) : 0;
	if (memcmp(p, SEALED_MAGIC, n) == 0)
		return n == HEAD_BYTES ? next_sealed(in, m, f) : 0;
	f->of = ENVELOPE_POLICY;
	return bad(f, LINK_IN_SIGNED, "what it sends is no message of ours");
}

/* An idle connection owns no memory. */
void
link_in_done(struct link_in *in, const struct link_in_msg *m)
{
	buf_consume(in->held, m->len);
	if (in->held->len == 0)
		link_in_reset(in);
}

bool
link_in_waits(const struct link_in *in)
{
	return in->held != NULL;
}

void
link_in_reset(struct link_in *in)
{
	buf_free(in->held);
	in->held = NULL;
}
