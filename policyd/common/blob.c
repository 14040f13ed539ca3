/* Cuts what is longer than a message into pieces and puts them together again;
 * knows nothing of what is in them. */
#include "policyd/common/blob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/chan.h"
#include "policyd/common/pdfield.h"

#define HEAD_LEN  8
#define PIECE_MAX (CHAN_DATA_MAX - HEAD_LEN)

int
blob_send(struct chan *c, uint32_t type, const void *data, size_t len)
{
	uint8_t buf[CHAN_DATA_MAX], *p;
	const uint8_t *from = data;
	size_t at = 0, n;
	int error;

	if (len > BLOB_MAX)
		return -EMSGSIZE;
	do {
		n = len - at < PIECE_MAX ? len - at : PIECE_MAX;
		p = pdfield_put(buf, len, 4);
		p = pdfield_put(p, at, 4);
		if (n > 0)
			memcpy(p, from + at, n);
		error = chan_send(c, type, buf, HEAD_LEN + n, NULL, 0);
		at += n;
	} while (error == 0 && at < len);
	return error;
}

/* The first piece of another one; its NUL is for who reads text. */
static int
begin(struct blob *b, size_t len)
{
	blob_free(b);
	if (len > BLOB_MAX)
		return -EPROTO;
	b->data = malloc(len + 1);
	if (b->data == NULL)
		return -ENOMEM;
	b->len = len;
	return 0;
}

int
blob_take(struct blob *b, const struct chan_msg *m)
{
	struct pdfield f = {m->data, m->len, false};
	size_t len = (size_t)pdfield_get(&f, 4),
	       at = (size_t)pdfield_get(&f, 4);
	int error = 0;

	if (f.bad)
		return -EPROTO;
	if (at == 0)
		error = b->data == NULL || b->got == b->len ? begin(b, len)
							    : -EPROTO;
	if (error != 0)
		return error;
	if (b->data == NULL || len != b->len || at != b->got ||
	    f.left > len - at || (f.left == 0 && len != 0))
		return -EPROTO;
	memcpy(b->data + at, f.at, f.left);
	b->got += f.left;
	b->data[b->got] = '\0';
	return b->got == b->len ? 1 : 0;
}

void
blob_free(struct blob *b)
{
	free(b->data);
	*b = (struct blob){0};
}
