#ifndef TESTS_UNIT_TLS_FAR_H
#define TESTS_UNIT_TLS_FAR_H

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/stream.h"
#include "base/tls.h"
#include "tests/unit/loop_rig.h"
#include "tests/unit/tls_sample.h"

/*
 * The far end of a stream under test: a socket, or an OpenSSL server on one,
 * driven by the test and not by the loop.  Its ciphertext passes through
 * memory, so that a test may cut it where it likes.
 */
struct far {
	int fd;
	SSL *ssl; /* NULL: plain */
	BIO *in, *out;
	bool ended; /* it was told of the end */
	int failed; /* of OpenSSL's reasons: why nothing goes on */
};

struct far_spec {
	const struct tls_sample *cert;
	const struct tls_sample *clients; /* whose must be shown; NULL: none */
	int version;			  /* the one it speaks; 0: any */
};

static inline SSL_CTX *
far_context(const struct far_spec *spec)
{
	SSL_CTX *ctx = tls_sample_must(SSL_CTX_new(TLS_server_method()));

	SSL_CTX_use_certificate(ctx, spec->cert->cert);
	SSL_CTX_use_PrivateKey(ctx, spec->cert->key);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"far", 3);
	if (spec->version != 0) {
		SSL_CTX_set_min_proto_version(ctx, spec->version);
		SSL_CTX_set_max_proto_version(ctx, spec->version);
	}
	if (spec->version != 0 && spec->version < TLS1_2_VERSION)
		SSL_CTX_set_security_level(ctx, 0);
	if (spec->clients != NULL) {
		X509_STORE_add_cert(
		    SSL_CTX_get_cert_store(ctx), spec->clients->cert);
		SSL_CTX_set_verify(ctx,
		    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	return ctx;
}

/* fd is the far's from here on; ctx NULL: it stays plain. */
static inline void
far_open(struct far *f, int fd, SSL_CTX *ctx)
{
	*f = (struct far){.fd = fd};
	if (ctx == NULL)
		return;
	f->ssl = tls_sample_must(SSL_new(ctx));
	f->in = BIO_new(BIO_s_mem());
	f->out = BIO_new(BIO_s_mem());
	SSL_set_bio(f->ssl, f->in, f->out);
	SSL_set_accept_state(f->ssl);
}

/* What the other side has sent goes in. */
static inline void
far_fill(struct far *f)
{
	static uint8_t block[65536];
	ssize_t n = recv(f->fd, block, sizeof(block), MSG_DONTWAIT);

	if (n > 0)
		BIO_write(f->in, block, (int)n);
}

/* Ciphertext that is to go out, at most max bytes: how much went. */
static inline size_t
far_flush(struct far *f, size_t max)
{
	static uint8_t block[65536];
	char *data;
	size_t len = (size_t)BIO_get_mem_data(f->out, &data);
	ssize_t n;

	if (len > max)
		len = max;
	if (len > sizeof(block))
		len = sizeof(block);
	if (len == 0)
		return 0;
	n = send(f->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n <= 0)
		return 0;
	BIO_read(f->out, block, (int)n);
	return (size_t)n;
}

static inline bool
far_shaken(const struct far *f)
{
	return f->ssl == NULL || SSL_is_init_finished(f->ssl);
}

/* One step of its handshake. */
static inline void
far_shake(struct far *f)
{
	int rc;

	if (far_shaken(f) || f->failed != 0)
		return;
	far_fill(f);
	ERR_clear_error();
	rc = SSL_do_handshake(f->ssl);
	if (rc != 1 && SSL_get_error(f->ssl, rc) == SSL_ERROR_SSL)
		f->failed = ERR_GET_REASON(ERR_peek_error());
	ERR_clear_error();
}

/* Bytes read, 0 when there are none now; f->ended when there never will be. */
static inline size_t
far_read(struct far *f, void *out, size_t max)
{
	ssize_t n;
	int rc;

	if (f->ssl == NULL) {
		n = recv(f->fd, out, max, MSG_DONTWAIT);
		f->ended = f->ended || n == 0;
		return n > 0 ? (size_t)n : 0;
	}
	far_fill(f);
	ERR_clear_error();
	rc = SSL_read(f->ssl, out, (int)max);
	if (rc > 0)
		return (size_t)rc;
	if (SSL_get_error(f->ssl, rc) == SSL_ERROR_ZERO_RETURN)
		f->ended = true;
	else if (SSL_get_error(f->ssl, rc) == SSL_ERROR_SSL)
		f->failed = ERR_GET_REASON(ERR_peek_error());
	ERR_clear_error();
	return 0;
}

/* Sends, or with ssl makes ciphertext for far_flush(): bytes taken. */
static inline size_t
far_write(struct far *f, const void *data, size_t len)
{
	ssize_t n;

	if (f->ssl != NULL)
		return (size_t)rig_must(
		    SSL_write(f->ssl, data, (int)len), "SSL_write");
	n = send(f->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	return n > 0 ? (size_t)n : 0;
}

static inline void
far_say(struct far *f, const char *text)
{
	far_write(f, text, strlen(text));
	if (f->ssl != NULL)
		far_flush(f, SIZE_MAX);
}

/* No more will come, and it says so. */
static inline void
far_end(struct far *f)
{
	if (f->ssl != NULL) {
		SSL_shutdown(f->ssl);
		far_flush(f, SIZE_MAX);
	}
	rig_must(shutdown(f->fd, SHUT_WR), "shutdown");
}

static inline void
far_close(struct far *f, bool reset)
{
	const struct linger now = {1, 0};

	if (reset && f->fd != -1)
		setsockopt(f->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
	SSL_free(f->ssl);
	f->ssl = NULL;
}

#endif
