/* Writes and reads the fields of messages; knows no message. */
#include "policyd/common/pdfield.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

uint8_t *
pdfield_put(uint8_t *p, uint64_t v, size_t n)
{
	uint64_t be = htobe64(v);

	memcpy(p, (const uint8_t *)&be + sizeof(be) - n, n);
	return p + n;
}

uint8_t *
pdfield_put_str(uint8_t *p, const char *s)
{
	size_t len = strlen(s);

	assert(len <= UINT8_MAX);
	*p++ = (uint8_t)len;
	memcpy(p, s, len);
	return p + len;
}

void
pdfield_get_bytes(struct pdfield *f, uint8_t *out, size_t n)
{
	memset(out, 0, n);
	if (f->bad || n > f->left) {
		f->bad = true;
		return;
	}
	memcpy(out, f->at, n);
	f->at += n;
	f->left -= n;
}

uint64_t
pdfield_get(struct pdfield *f, size_t n)
{
	uint8_t be[sizeof(uint64_t)] = {0};
	uint64_t v;

	pdfield_get_bytes(f, be + sizeof(be) - n, n);
	memcpy(&v, be, sizeof(v));
	return be64toh(v);
}

bool
pdfield_get_bool(struct pdfield *f)
{
	uint64_t v = pdfield_get(f, 1);

	f->bad |= v > 1;
	return v == 1;
}

void
pdfield_get_str(struct pdfield *f, char *out, size_t cap)
{
	size_t len = (size_t)pdfield_get(f, 1);

	out[0] = '\0';
	if (f->bad || len >= cap || len > f->left ||
	    memchr(f->at, '\0', len) != NULL) {
		f->bad = true;
		return;
	}
	memcpy(out, f->at, len);
	out[len] = '\0';
	f->at += len;
	f->left -= len;
}

int
pdfield_end(const struct pdfield *f)
{
	return f->bad || f->left != 0 ? -EPROTO : 0;
}
