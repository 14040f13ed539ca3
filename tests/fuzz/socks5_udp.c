/* Fuzzes the header of SOCKS5's datagrams: what is taken is whole, can be said
 * again, and says the same then. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "wire/socks5_udp.h"

/* From an allocation of its own size, so that the sanitizer sees more. */
static int
decode(const uint8_t *data, size_t len, struct wire_host *host)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int n;

	assert(copy != NULL);
	if (len > 0)
		memcpy(copy, data, len);
	n = socks5_udp_decode(copy, len, host);
	free(copy);
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct wire_host host, again;
	uint8_t head[SOCKS5_UDP_HEAD_MAX];
	int n = decode(data, len, &host), k;

	if (n == WIRE_BAD)
		return 0;
	assert(n >= 8 && (size_t)n <= len && n <= SOCKS5_UDP_HEAD_MAX);
	assert(data[0] == 0 && data[1] == 0 && data[2] == 0);
	assert(host.port != 0 && host.kind != WIRE_HOST_NONE);
	/* Nothing shorter passes, and what follows does not matter. */
	assert(decode(data, (size_t)n - 1, &again) == WIRE_BAD);
	assert(decode(data, (size_t)n, &again) == n);
	assert(memcmp(&host, &again, sizeof(host)) == 0);
	k = socks5_udp_encode(&host, head, sizeof(head));
	assert(k > 0 && decode(head, (size_t)k, &again) == k);
	assert(memcmp(&host, &again, sizeof(host)) == 0);
	assert(socks5_udp_encode(&host, head, (size_t)k - 1) == WIRE_BAD);
	return 0;
}
