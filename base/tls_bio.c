/* Owns what is between OpenSSL and a socket of the loop's: takes what was
 * received, and sends at once or later. */
#include "base/tls_impl.h"

#include <errno.h>
#include <string.h>

/* Of records that nobody has asked for (answers to a peer's wishes), behind
 * one that the kernel has not taken. */
#define QUEUE_MAX (32 * 1024)

static int
bio_read(BIO *bio, char *out, int len)
{
	struct tls *t = BIO_get_data(bio);
	size_t n = len < 0 ? 0 : (size_t)len;

	BIO_clear_retry_flags(bio);
	if (n > t->in_len)
		n = t->in_len;
	if (n == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(out, t->in, n);
	t->in += n;
	t->in_len -= n;
	return (int)n;
}

/* 0 or -errno. */
static int
send_later(struct tls *t, const uint8_t *data, size_t len)
{
	struct buf *rest;

	if (loop_op_active(&t->net_out)) {
		if (t->queue != NULL && t->queue->len + len > QUEUE_MAX)
			return -ENOBUFS;
		return buf_extend(&t->queue, data, len);
	}
	rest = buf_copy(data, len);
	if (rest == NULL)
		return -ENOMEM;
	return loop_send(t->loop, &t->net_out, t->fd, rest, tls_on_out);
}

/* Never fails towards OpenSSL, which would not read on either: what was
 * received before is still worth having. */
static int
bio_write(BIO *bio, const char *data, int len)
{
	struct tls *t = BIO_get_data(bio);
	const uint8_t *bytes = (const uint8_t *)data;
	ssize_t n = 0;

	BIO_clear_retry_flags(bio);
	if (len <= 0 || t->error != 0)
		return len;
	if (!loop_op_active(&t->net_out))
		n = loop_send_now(t->loop, t->fd, bytes, (size_t)len);
	if (n >= 0 && n < len)
		n = send_later(t, bytes + n, (size_t)len - (size_t)n);
	if (n < 0)
		tls_failed(t, (int)n);
	return len;
}

static long
bio_ctrl(BIO *bio, int what, long num, void *ptr)
{
	(void)bio, (void)num, (void)ptr;
	return what == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *
make_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");

	if (m != NULL && BIO_meth_set_read(m, bio_read) &&
	    BIO_meth_set_write(m, bio_write) && BIO_meth_set_ctrl(m, bio_ctrl))
		return m;
	BIO_meth_free(m);
	return NULL;
}

int
tls_bio(struct tls *t)
{
	struct tls_client *c = t->client;
	BIO *bio;

	if (c->bio == NULL)
		c->bio = make_bio_method();
	bio = c->bio != NULL ? BIO_new(c->bio) : NULL;
	if (bio == NULL)
		return -ENOMEM;
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	return 0;
}
