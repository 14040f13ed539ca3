/* Fuzzes the SOCKS codecs and the setting of hosts: however a message is cut
 * its reading is the same, and what was read can be written and read again. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "wire/socks4.h"
#include "wire/socks5.h"

#define OUT_MAX 1024 /* the largest message or struct */

typedef int decode_fn(const uint8_t *in, size_t len, void *out);

static int
greeting(const uint8_t *in, size_t len, void *out)
{
	return socks5_greeting_decode(in, len, out);
}

static int
choice(const uint8_t *in, size_t len, void *out)
{
	return socks5_choice_decode(in, len, out);
}

static int
login(const uint8_t *in, size_t len, void *out)
{
	return socks5_login_decode(in, len, out);
}

static int
login_reply(const uint8_t *in, size_t len, void *out)
{
	return socks5_login_reply_decode(in, len, out);
}

static int
request5(const uint8_t *in, size_t len, void *out)
{
	uint8_t rep = 0xff;
	int rc = socks5_request_decode(in, len, out, &rep);

	assert(rc != WIRE_BAD || rep == SOCKS5_REP_FAILURE ||
	       rep == SOCKS5_REP_ADDRESS);
	return rc;
}

static int
reply5(const uint8_t *in, size_t len, void *out)
{
	return socks5_reply_decode(in, len, out);
}

static int
request4(const uint8_t *in, size_t len, void *out)
{
	return socks4_request_decode(in, len, out);
}

static int
reply4(const uint8_t *in, size_t len, void *out)
{
	return socks4_reply_decode(in, len, out);
}

/* From an allocation of exactly len bytes; out is zeroed before. */
static int
decode(decode_fn *fn, const uint8_t *in, size_t len, uint8_t out[OUT_MAX])
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int rc;

	assert(copy != NULL);
	memset(out, 0, OUT_MAX);
	if (len > 0)
		memcpy(copy, in, len);
	rc = fn(copy, len, out);
	free(copy);
	return rc;
}

/* Whole and cut, and without the byte that completed it. */
static int
decode_cut(decode_fn *fn, const uint8_t *in, size_t len, uint8_t out[OUT_MAX])
{
	static const uint8_t zero[OUT_MAX];
	uint8_t again[OUT_MAX] = {0};
	uint32_t seed = fuzz_seed(in, len);
	int whole = decode(fn, in, len, out), cut = WIRE_MORE;
	size_t n = 0;

	assert(whole >= WIRE_BAD && whole <= (int)len);
	while (n < len && cut == WIRE_MORE) {
		n += fuzz_chunk(&seed, len - n);
		cut = decode(fn, in, n, again);
		assert(cut > 0 || memcmp(again, zero, OUT_MAX) == 0);
	}
	assert(cut == whole);
	assert(memcmp(again, out, OUT_MAX) == 0);
	if (whole > 0)
		assert(decode(fn, in, (size_t)whole - 1, again) == WIRE_MORE);
	return whole;
}

static void
check_host(const struct wire_host *h)
{
	struct wire_host again = {.port = h->port};
	char text[WIRE_HOST_STRLEN];

	assert(h->kind != WIRE_HOST_NONE);
	assert(h->kind == WIRE_HOST_NAME || h->name[0] == '\0');
	wire_host_format(h, text);
	assert(wire_host_set(
		   &again, text, (size_t)(strrchr(text, ':') - text)) == 0);
	assert(memcmp(&again, h, sizeof(again)) == 0);
}

static void
fuzz_host(const uint8_t *data, size_t len)
{
	struct wire_host h = {.port = 1};

	if (wire_host_set(&h, (const char *)data, len) == 0)
		check_host(&h);
	else
		assert(h.kind == WIRE_HOST_NONE && h.port == 1);
}

static void
fuzz_greeting(const uint8_t *data, size_t len)
{
	uint8_t out[OUT_MAX];
	struct socks5_greeting g;
	int i, rc = decode_cut(greeting, data, len, out);

	if (rc <= 0)
		return;
	memcpy(&g, out, sizeof(g));
	assert(rc == 2 + g.methods_n);
	for (i = 0; i < g.methods_n; i++)
		assert(socks5_greeting_offers(&g, data[2 + i]));
}

static void
fuzz_login(const uint8_t *data, size_t len)
{
	uint8_t out[OUT_MAX], wire[SOCKS5_LOGIN_MAX];
	struct socks5_login l;
	int rc = decode_cut(login, data, len, out);

	if (rc <= 0)
		return;
	memcpy(&l, out, sizeof(l));
	assert(l.user[l.user_len] == 0 && l.password[l.password_len] == 0);
	assert(socks5_login_encode(&l, wire, sizeof(wire)) == rc);
	assert(memcmp(wire, data, (size_t)rc) == 0);
	assert(socks5_login_encode(&l, wire, (size_t)rc - 1) == WIRE_BAD);
}

static void
fuzz_request5(const uint8_t *data, size_t len)
{
	uint8_t out[OUT_MAX], again[OUT_MAX], wire[SOCKS5_MESSAGE_MAX];
	struct socks5_request r;
	int n, rc = decode_cut(request5, data, len, out);

	if (rc <= 0)
		return;
	memcpy(&r, out, sizeof(r));
	assert(r.host.port != 0 || r.command != SOCKS5_CONNECT);
	check_host(&r.host);
	n = socks5_request_encode(&r, wire, sizeof(wire));
	assert(n > 0 && n <= SOCKS5_MESSAGE_MAX);
	assert(decode(request5, wire, (size_t)n, again) == n);
	assert(memcmp(again, out, OUT_MAX) == 0);
}

/* In SOCKS4 an address that came as a name goes back as an address, and a
 * v6 address cannot go back. */
static void
fuzz_request4(const uint8_t *data, size_t len)
{
	uint8_t out[OUT_MAX], again[OUT_MAX], wire[SOCKS4_REQUEST_MAX];
	struct socks4_request r, back;
	int n, rc = decode_cut(request4, data, len, out);

	if (rc <= 0)
		return;
	memcpy(&r, out, sizeof(r));
	assert(r.host.port != 0 || r.command != SOCKS4_CONNECT);
	assert(memchr(r.userid, '\0', sizeof(r.userid)) != NULL);
	assert(r.is_4a || r.host.kind == WIRE_HOST_V4);
	check_host(&r.host);
	n = socks4_request_encode(&r, wire, sizeof(wire));
	if (n == WIRE_BAD) {
		assert(r.is_4a && r.host.kind != WIRE_HOST_NAME);
		return;
	}
	assert(decode(request4, wire, (size_t)n, again) == n);
	memcpy(&back, again, sizeof(back));
	assert(back.command == r.command);
	assert(back.is_4a == (r.host.kind == WIRE_HOST_NAME));
	assert(strcmp(back.userid, r.userid) == 0);
	assert(memcmp(&back.host, &r.host, sizeof(r.host)) == 0);
}

/* What has two bytes, or is only partly kept. */
static void
fuzz_replies(const uint8_t *data, size_t len)
{
	uint8_t out[OUT_MAX], wire[SOCKS5_MESSAGE_MAX], got;
	int rc = decode_cut(choice, data, len, out);

	if (rc > 0) {
		assert(socks5_choice_encode(out[0], wire) == rc);
		assert(memcmp(wire, data, (size_t)rc) == 0);
	}
	rc = decode_cut(login_reply, data, len, out);
	assert(rc <= 0 || (rc == 2 && (out[0] != 0) == (data[1] == 0)));
	rc = decode_cut(reply4, data, len, out);
	if (rc > 0) {
		assert(socks4_reply_encode(out[0], wire) == rc);
		assert(wire[0] == data[0] && wire[1] == data[1]);
	}
	rc = decode_cut(reply5, data, len, out);
	if (rc > 0) {
		assert(out[0] == data[1] && rc <= SOCKS5_MESSAGE_MAX);
		rc = socks5_reply_encode(out[0], NULL, wire, sizeof(wire));
		assert(socks5_reply_decode(wire, (size_t)rc, &got) == rc);
		assert(got == out[0]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_host(data, len);
	fuzz_greeting(data, len);
	fuzz_login(data, len);
	fuzz_request5(data, len);
	fuzz_request4(data, len);
	fuzz_replies(data, len);
	return 0;
}
