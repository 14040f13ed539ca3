/* The layout of signed messages; whom to trust is not decided here. */
#include "wire/envelope.h"

#include <sodium.h>
#include <string.h>

#include "wire/cursor.h"

_Static_assert(ENVELOPE_PUBLIC_LEN == crypto_sign_PUBLICKEYBYTES &&
		   ENVELOPE_SECRET_LEN == crypto_sign_SECRETKEYBYTES &&
		   ENVELOPE_SIGNATURE_LEN == crypto_sign_BYTES,
    "Ed25519");

const char *
envelope_fault_text(enum envelope_fault fault)
{
	switch (fault) {
	case ENVELOPE_FINE:
		return "well formed";
	case ENVELOPE_NOT_OURS:
		return "not a signed message of this version";
	case ENVELOPE_TYPE:
		return "of an unknown type";
	case ENVELOPE_SIZE:
		return "its body is too long";
	case ENVELOPE_TIMES:
		return "it expires before it was issued";
	case ENVELOPE_AUDIENCE:
		return "its audience is not a name";
	case ENVELOPE_PADDING:
		return "what must be zero is not";
	case ENVELOPE_SIGNATURES:
		return "no, too many or repeated signatures";
	}
	return "?";
}

bool
envelope_audience_ok(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.");

	if (strcmp(name, "*") == 0)
		return true;
	return n > 0 && n <= ENVELOPE_AUDIENCE_MAX && name[n] == '\0';
}

void
envelope_key_id(const uint8_t public_key[ENVELOPE_PUBLIC_LEN],
    uint8_t id[ENVELOPE_KEY_ID_LEN])
{
	uint8_t hash[32];

	crypto_generichash(
	    hash, sizeof(hash), public_key, ENVELOPE_PUBLIC_LEN, NULL, 0);
	memcpy(id, hash, ENVELOPE_KEY_ID_LEN);
}

static enum envelope_fault
check(const struct envelope *e, size_t body_len)
{
	if (e->type < ENVELOPE_ROOT || e->type > ENVELOPE_RANK)
		return ENVELOPE_TYPE;
	if (body_len > ENVELOPE_BODY_MAX)
		return ENVELOPE_SIZE;
	if (e->issued_s < 0 || e->expires_s <= e->issued_s)
		return ENVELOPE_TIMES;
	if (!envelope_audience_ok(e->audience))
		return ENVELOPE_AUDIENCE;
	return ENVELOPE_FINE;
}

static bool
all_zero(const char *p, size_t n)
{
	return sodium_is_zero((const unsigned char *)p, n) == 1;
}

/* The header; *body_len is as it says. */
static enum envelope_fault
get_header(struct cursor_in *c, struct envelope *e, uint32_t *body_len)
{
	char audience[ENVELOPE_AUDIENCE_MAX + 1], magic[4];
	uint8_t version;
	uint16_t zero;
	size_t n;

	cursor_get(c, magic, sizeof(magic));
	version = cursor_get_u8(c);
	if (c->state == CURSOR_OK &&
	    (memcmp(magic, ENVELOPE_MAGIC, sizeof(magic)) != 0 ||
		version != ENVELOPE_VERSION))
		return ENVELOPE_NOT_OURS;
	e->type = (enum envelope_type)cursor_get_u8(c);
	zero = cursor_get_u16(c);
	*body_len = cursor_get_u32(c);
	e->epoch = cursor_get_u32(c);
	e->serial = cursor_get_u64(c);
	e->issued_s = (int64_t)cursor_get_u64(c);
	e->expires_s = (int64_t)cursor_get_u64(c);
	cursor_get(c, audience, sizeof(audience));
	if (c->state != CURSOR_OK)
		return ENVELOPE_FINE;
	n = strnlen(audience, sizeof(audience));
	if (zero != 0 || !all_zero(audience + n, sizeof(audience) - n))
		return ENVELOPE_PADDING;
	if (n == sizeof(audience))
		return ENVELOPE_AUDIENCE;
	memcpy(e->audience, audience, sizeof(audience));
	return check(e, *body_len);
}

static bool
has_key(const struct envelope *e, const uint8_t id[ENVELOPE_KEY_ID_LEN])
{
	uint32_t i;

	for (i = 0; i < e->signatures_n; i++) {
		if (memcmp(e->signatures[i].key_id, id, ENVELOPE_KEY_ID_LEN) ==
		    0)
			return true;
	}
	return false;
}

static enum envelope_fault
get_signatures(struct cursor_in *c, struct envelope *e)
{
	struct envelope_signature s;
	uint8_t n = cursor_get_u8(c), i;

	if (c->state != CURSOR_OK)
		return ENVELOPE_FINE;
	if (n == 0 || n > ENVELOPE_SIGNATURES_MAX)
		return ENVELOPE_SIGNATURES;
	for (i = 0; i < n; i++) {
		cursor_get(c, s.key_id, sizeof(s.key_id));
		cursor_get(c, s.bytes, sizeof(s.bytes));
		if (c->state != CURSOR_OK)
			return ENVELOPE_FINE;
		if (has_key(e, s.key_id))
			return ENVELOPE_SIGNATURES;
		e->signatures[e->signatures_n++] = s;
	}
	return ENVELOPE_FINE;
}

int
envelope_decode(const uint8_t *in, size_t len, struct envelope *out,
    enum envelope_fault *fault)
{
	struct envelope e = {.covered = in};
	struct cursor_in c;
	uint32_t body_len;

	cursor_in_init(&c, in, len);
	*fault = get_header(&c, &e, &body_len);
	if (*fault != ENVELOPE_FINE)
		return WIRE_BAD;
	e.body = cursor_take(&c, body_len);
	e.body_len = body_len;
	e.covered_len = ENVELOPE_HEADER_LEN + (size_t)body_len;
	*fault = get_signatures(&c, &e);
	if (*fault != ENVELOPE_FINE)
		return WIRE_BAD;
	if (c.state == CURSOR_OK)
		*out = e;
	return cursor_in_result(&c);
}

int
envelope_encode(const struct envelope *e, uint8_t *out, size_t cap)
{
	char audience[ENVELOPE_AUDIENCE_MAX + 1] = "";
	struct cursor_out c;

	cursor_out_init(&c, out, cap);
	cursor_expect(&c, check(e, e->body_len) == ENVELOPE_FINE);
	memcpy(audience, e->audience, strnlen(e->audience, sizeof(audience)));
	cursor_put_text(&c, ENVELOPE_MAGIC);
	cursor_put_u8(&c, ENVELOPE_VERSION);
	cursor_put_u8(&c, (uint8_t)e->type);
	cursor_put_u16(&c, 0);
	cursor_put_u32(&c, (uint32_t)e->body_len);
	cursor_put_u32(&c, e->epoch);
	cursor_put_u64(&c, e->serial);
	cursor_put_u64(&c, (uint64_t)e->issued_s);
	cursor_put_u64(&c, (uint64_t)e->expires_s);
	cursor_put(&c, audience, sizeof(audience));
	cursor_put(&c, e->body, e->body_len);
	return cursor_out_result(&c);
}

static void
begin(crypto_sign_state *state, const uint8_t *covered, size_t len)
{
	crypto_sign_init(state);
	crypto_sign_update(state, (const unsigned char *)ENVELOPE_DOMAIN,
	    sizeof(ENVELOPE_DOMAIN));
	crypto_sign_update(state, covered, len);
}

/* An unsigned message is one whose signatures are yet to come. */
static bool
decode_partly(const uint8_t *message, size_t len, struct envelope *e)
{
	enum envelope_fault fault;
	struct cursor_in c;
	uint32_t body_len;
	int n;

	*e = (struct envelope){.covered = message, .covered_len = len};
	n = envelope_decode(message, len, e, &fault);
	if (n > 0 && (size_t)n == len)
		return true;
	cursor_in_init(&c, message, len);
	return get_header(&c, e, &body_len) == ENVELOPE_FINE &&
	       c.state == CURSOR_OK && len == ENVELOPE_HEADER_LEN + body_len;
}

int
envelope_sign(uint8_t *message, size_t len, size_t cap,
    const uint8_t public_key[ENVELOPE_PUBLIC_LEN],
    const uint8_t secret_key[ENVELOPE_SECRET_LEN])
{
	struct envelope_signature s;
	crypto_sign_state state;
	struct cursor_out c;
	struct envelope e;
	int n;

	if (!decode_partly(message, len, &e) ||
	    e.signatures_n == ENVELOPE_SIGNATURES_MAX)
		return WIRE_BAD;
	envelope_key_id(public_key, s.key_id);
	if (has_key(&e, s.key_id))
		return WIRE_BAD;
	begin(&state, e.covered, e.covered_len);
	crypto_sign_final_create(&state, s.bytes, NULL, secret_key);
	if (e.signatures_n > 0)
		cursor_out_init(&c, message + len, cap - len);
	else
		cursor_out_init(
		    &c, message + len + 1, cap > len ? cap - len - 1 : 0);
	cursor_put(&c, s.key_id, sizeof(s.key_id));
	cursor_put(&c, s.bytes, sizeof(s.bytes));
	n = cursor_out_result(&c);
	if (n == WIRE_BAD)
		return WIRE_BAD;
	message[e.covered_len] = (uint8_t)(e.signatures_n + 1);
	return (int)len + n + (e.signatures_n == 0);
}

bool
envelope_verify(const struct envelope *e, const struct envelope_signature *s,
    const uint8_t public_key[ENVELOPE_PUBLIC_LEN])
{
	uint8_t id[ENVELOPE_KEY_ID_LEN];
	crypto_sign_state state;

	envelope_key_id(public_key, id);
	if (memcmp(id, s->key_id, sizeof(id)) != 0)
		return false;
	begin(&state, e->covered, e->covered_len);
	return crypto_sign_final_verify(&state, s->bytes, public_key) == 0;
}
