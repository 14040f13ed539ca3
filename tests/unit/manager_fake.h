#ifndef TESTS_UNIT_MANAGER_FAKE_H
#define TESTS_UNIT_MANAGER_FAKE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/mono.h"
#include "wire/manage.h"
#include "wire/sealed.h"

/* The other side of a link, as far as bytes go. */
struct manager_fake {
	struct sealed_keys keys;
	uint8_t agent[SEALED_KEY_LEN]; /* of whom it has heard */
	uint64_t sequence;
	uint8_t in[SEALED_MAX];
	size_t in_len;
	/* What manager_fake_next() has found. */
	struct sealed head;
	uint8_t body[SEALED_BODY_MAX];
};

static inline void
manager_fake_init(struct manager_fake *m, uint8_t seed)
{
	memset(m, 0, sizeof(*m));
	if (sodium_init() == -1)
		abort();
	memset(m->keys.secret_key, seed, SEALED_KEY_LEN);
	if (crypto_scalarmult_base(m->keys.public_key, m->keys.secret_key) != 0)
		abort();
}

/* The next whole message of what has come; false: there is none, or it is not
 * one for us. */
static inline bool
manager_fake_next(struct manager_fake *m)
{
	int n = sealed_peek(m->in, m->in_len, &m->head);
	bool ok;

	if (n <= 0 || (size_t)n > m->in_len)
		return false;
	ok = sealed_open(m->in, (size_t)n, &m->keys, &m->head, m->body);
	memcpy(m->agent, m->head.sender, sizeof(m->agent));
	m->in_len -= (size_t)n;
	memmove(m->in, m->in + n, m->in_len);
	return ok;
}

/* Bytes of an answer, for the agent that was heard last. */
static inline size_t
manager_fake_answer(struct manager_fake *m, const struct manage_answer *a,
    bool nack, uint8_t *out, size_t cap)
{
	struct sealed head = {.type = nack ? SEALED_NACK : SEALED_ACK,
	    .sequence = ++m->sequence,
	    .issued_s = mono_wall_us() / 1000000};
	uint8_t body[1024];
	int n = manage_answer_encode(a, nack, body, sizeof(body));

	memcpy(head.receiver, m->agent, sizeof(head.receiver));
	randombytes_buf(head.nonce, sizeof(head.nonce));
	if (n > 0)
		n = sealed_encode(&head, body, (size_t)n, &m->keys, out, cap);
	if (n <= 0)
		abort();
	return (size_t)n;
}

#endif
