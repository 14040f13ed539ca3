/* The layout and the opening of sealed messages; keeps no keys. */
#include "wire/sealed.h"

#include <sodium.h>
#include <string.h>

#include "wire/cursor.h"

#define AEAD(name) crypto_aead_xchacha20poly1305_ietf_##name

_Static_assert(SEALED_KEY_LEN == crypto_scalarmult_BYTES &&
		   SEALED_KEY_LEN == AEAD(KEYBYTES) &&
		   SEALED_NONCE_LEN == AEAD(NPUBBYTES) &&
		   SEALED_TAG_LEN == AEAD(ABYTES),
    "X25519 and XChaCha20-Poly1305");

/* The key of what goes from one to the other, out of what both have. */
static void
direct(const uint8_t *shared, const uint8_t *from, const uint8_t *to,
    uint8_t key[SEALED_KEY_LEN])
{
	crypto_generichash_state h;

	crypto_generichash_init(
	    &h, shared, crypto_scalarmult_BYTES, SEALED_KEY_LEN);
	crypto_generichash_update(
	    &h, (const unsigned char *)SEALED_DOMAIN, sizeof(SEALED_DOMAIN));
	crypto_generichash_update(&h, from, SEALED_KEY_LEN);
	crypto_generichash_update(&h, to, SEALED_KEY_LEN);
	crypto_generichash_final(&h, key, SEALED_KEY_LEN);
	sodium_memzero(&h, sizeof(h));
}

bool
sealed_pair_init(struct sealed_pair *p, const struct sealed_keys *own,
    const uint8_t peer[SEALED_KEY_LEN])
{
	uint8_t shared[crypto_scalarmult_BYTES];

	if (crypto_scalarmult(shared, own->secret_key, peer) != 0)
		return false;
	memcpy(p->own, own->public_key, SEALED_KEY_LEN);
	memcpy(p->peer, peer, SEALED_KEY_LEN);
	direct(shared, p->own, p->peer, p->out);
	direct(shared, p->peer, p->own, p->in);
	sodium_memzero(shared, sizeof(shared));
	return true;
}

static bool
is_possible(const struct sealed *s, size_t body_len)
{
	return s->type >= SEALED_REGISTER && s->type <= SEALED_NACK &&
	       body_len <= SEALED_BODY_MAX && s->issued_s >= 0;
}

int
sealed_peek(const uint8_t *in, size_t len, struct sealed *out)
{
	struct cursor_in c;
	struct sealed s;
	char magic[4];
	bool zeroes;

	cursor_in_init(&c, in, len);
	cursor_get(&c, magic, sizeof(magic));
	cursor_require(&c, memcmp(magic, SEALED_MAGIC, sizeof(magic)) == 0);
	cursor_require(&c, cursor_get_u8(&c) == SEALED_VERSION);
	s.type = (enum sealed_type)cursor_get_u8(&c);
	zeroes = cursor_get_u16(&c) == 0;
	s.body_len = cursor_get_u32(&c);
	zeroes = cursor_get_u32(&c) == 0 && zeroes;
	s.sequence = cursor_get_u64(&c);
	s.issued_s = (int64_t)cursor_get_u64(&c);
	cursor_get(&c, s.sender, sizeof(s.sender));
	cursor_get(&c, s.receiver, sizeof(s.receiver));
	cursor_get(&c, s.nonce, sizeof(s.nonce));
	cursor_require(&c, zeroes && is_possible(&s, s.body_len));
	if (cursor_in_result(&c) <= 0)
		return cursor_in_result(&c);
	*out = s;
	return SEALED_HEADER_LEN + (int)s.body_len + SEALED_TAG_LEN;
}

bool
sealed_pair_open(const struct sealed_pair *p, const uint8_t *in, size_t len,
    struct sealed *out, uint8_t *body)
{
	bool opened = false;

	if (sealed_peek(in, len, out) != (int)len)
		return false;
	if (memcmp(out->receiver, p->own, SEALED_KEY_LEN) == 0 &&
	    memcmp(out->sender, p->peer, SEALED_KEY_LEN) == 0)
		opened = AEAD(decrypt)(body, NULL, NULL, in + SEALED_HEADER_LEN,
			     len - SEALED_HEADER_LEN, in, SEALED_HEADER_LEN,
			     out->nonce, p->in) == 0;
	if (!opened)
		sodium_memzero(body, out->body_len);
	return opened;
}

bool
sealed_open(const uint8_t *in, size_t len, const struct sealed_keys *keys,
    struct sealed *out, uint8_t *body)
{
	struct sealed_pair p;
	bool opened = false;

	if (sealed_peek(in, len, out) != (int)len)
		return false;
	/* Of what is not for us nothing is worked out. */
	if (memcmp(out->receiver, keys->public_key, SEALED_KEY_LEN) == 0 &&
	    sealed_pair_init(&p, keys, out->sender)) {
		opened = sealed_pair_open(&p, in, len, out, body);
		sodium_memzero(&p, sizeof(p));
	}
	if (!opened)
		sodium_memzero(body, out->body_len);
	return opened;
}

static void
put_header(struct cursor_out *c, const struct sealed *s)
{
	cursor_put_text(c, SEALED_MAGIC);
	cursor_put_u8(c, SEALED_VERSION);
	cursor_put_u8(c, (uint8_t)s->type);
	cursor_put_u16(c, 0);
	cursor_put_u32(c, s->body_len);
	cursor_put_u32(c, 0);
	cursor_put_u64(c, s->sequence);
	cursor_put_u64(c, (uint64_t)s->issued_s);
	cursor_put(c, s->sender, sizeof(s->sender));
	cursor_put(c, s->receiver, sizeof(s->receiver));
	cursor_put(c, s->nonce, sizeof(s->nonce));
}

int
sealed_pair_encode(const struct sealed_pair *p, const struct sealed *what,
    const uint8_t *body, size_t body_len, uint8_t *out, size_t cap)
{
	size_t len = SEALED_HEADER_LEN + body_len + SEALED_TAG_LEN;
	struct sealed s = *what;
	struct cursor_out c;

	if (!is_possible(&s, body_len) || cap < len)
		return WIRE_BAD;
	s.body_len = (uint32_t)body_len;
	memcpy(s.sender, p->own, sizeof(s.sender));
	memcpy(s.receiver, p->peer, sizeof(s.receiver));
	cursor_out_init(&c, out, SEALED_HEADER_LEN);
	put_header(&c, &s);
	AEAD(encrypt)
	(out + SEALED_HEADER_LEN, NULL, body, body_len, out, SEALED_HEADER_LEN,
	    NULL, s.nonce, p->out);
	return (int)len;
}

int
sealed_encode(const struct sealed *what, const uint8_t *body, size_t body_len,
    const struct sealed_keys *keys, uint8_t *out, size_t cap)
{
	struct sealed_pair p;
	int len;

	if (!sealed_pair_init(&p, keys, what->receiver))
		return WIRE_BAD;
	len = sealed_pair_encode(&p, what, body, body_len, out, cap);
	sodium_memzero(&p, sizeof(p));
	return len;
}
