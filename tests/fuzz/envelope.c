/* Fuzzes signed and sealed messages: however a message is cut its reading is
 * the same, nothing is read beyond its end, and nothing that was not signed or
 * sealed is taken for it. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "wire/envelope.h"
#include "wire/sealed.h"

static int
decode(const uint8_t *in, size_t len, struct envelope *out)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	enum envelope_fault fault;
	int rc;

	assert(copy != NULL);
	if (len > 0)
		memcpy(copy, in, len);
	rc = envelope_decode(copy, len, out, &fault);
	assert((rc == WIRE_BAD) == (fault != ENVELOPE_FINE));
	if (rc > 0)
		assert(out->body == copy + ENVELOPE_HEADER_LEN);
	free(copy);
	return rc;
}

/* What can be read can be written, and is the same. */
static void
again(const uint8_t *in, size_t len)
{
	enum envelope_fault fault;
	struct envelope e;
	uint8_t *out = malloc(len);
	int n;

	assert(out != NULL);
	assert(envelope_decode(in, len, &e, &fault) > 0);
	n = envelope_encode(&e, out, len);
	assert(n == (int)e.covered_len && memcmp(in, out, (size_t)n) == 0);
	free(out);
}

static void
sealed(const uint8_t *in, size_t len)
{
	struct sealed_keys keys;
	struct sealed s;
	uint8_t *body;
	int n = sealed_peek(in, len, &s);

	if (n <= 0 || (size_t)n > len)
		return;
	memset(keys.secret_key, 9, sizeof(keys.secret_key));
	memcpy(keys.public_key, s.receiver, sizeof(keys.public_key));
	body = malloc(s.body_len + 1);
	assert(body != NULL);
	assert(!sealed_open(in, (size_t)n, &keys, &s, body));
	free(body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint32_t seed = fuzz_seed(data, len);
	int whole, cut = WIRE_MORE;
	struct envelope e;
	size_t n = 0;

	whole = decode(data, len, &e);
	while (n < len && cut == WIRE_MORE) {
		n += fuzz_chunk(&seed, len - n);
		cut = decode(data, n, &e);
	}
	assert(cut == whole);
	if (whole > 0)
		again(data, len);
	sealed(data, len);
	return 0;
}
