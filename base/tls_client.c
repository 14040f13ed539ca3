/* Owns what the connections to one server share: trust, our certificate, and
 * sessions to resume.  Moves no byte. */
#include "base/tls_client.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/net.h"

/* Of a server's certificate and its chain; the default is larger. */
#define CHAIN_MAX (64 * 1024)

struct tls_authorities {
	uint32_t refs;
	X509_STORE *store;
};

/* No file is read, not even a configuration: the processes that use this can
 * open none, and all are to do the same. */
static void
init(void)
{
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	ERR_clear_error();
}

/* A key in a PEM text may be encrypted: nobody is there to be asked. */
static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return -1;
}

static X509 *
next_certificate(BIO *pem)
{
	return PEM_read_bio_X509(pem, NULL, no_passphrase, NULL);
}

/* Did reading stop for want of more, and not at what is none? */
static bool
is_at_end(void)
{
	unsigned long e = ERR_peek_last_error();

	return ERR_GET_LIB(e) == ERR_LIB_PEM &&
	       ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

static int __attribute__((format(printf, 2, 3)))
wrong(char why[static TLS_WHY_MAX], const char *fmt, ...)
{
	unsigned long e = ERR_peek_error();
	const char *reason = ERR_reason_error_string(e);
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(why, TLS_WHY_MAX, fmt, ap);
	va_end(ap);
	len = strlen(why);
	if (e != 0 && reason != NULL)
		snprintf(why + len, TLS_WHY_MAX - len, ": %s", reason);
	ERR_clear_error();
	return -EINVAL;
}

static int
no_memory(char why[static TLS_WHY_MAX])
{
	ERR_clear_error();
	snprintf(why, TLS_WHY_MAX, "out of memory");
	return -ENOMEM;
}

static int
add_all(X509_STORE *store, BIO *pem, char why[static TLS_WHY_MAX])
{
	X509 *x;
	int n = 0, ok;

	while ((x = next_certificate(pem)) != NULL) {
		ok = X509_STORE_add_cert(store, x);
		X509_free(x);
		if (!ok)
			return no_memory(why);
		n++;
	}
	if (!is_at_end())
		return wrong(why, "certificate %d cannot be read", n + 1);
	ERR_clear_error();
	if (n == 0)
		return wrong(why, "there is no certificate in PEM in it");
	return 0;
}

int
tls_authorities_new(
    struct tls_authorities **out, const char *pem, char why[static TLS_WHY_MAX])
{
	struct tls_authorities *a = calloc(1, sizeof(*a));
	BIO *bio;
	int error;

	*out = NULL;
	init();
	bio = BIO_new_mem_buf(pem, -1);
	if (a != NULL) {
		a->refs = 1;
		a->store = X509_STORE_new();
	}
	if (a == NULL || a->store == NULL || bio == NULL)
		error = no_memory(why);
	else
		error = add_all(a->store, bio, why);
	BIO_free(bio);
	if (error == 0)
		*out = a;
	else
		tls_authorities_unref(a);
	return error;
}

struct tls_authorities *
tls_authorities_ref(struct tls_authorities *a)
{
	a->refs++;
	return a;
}

void
tls_authorities_unref(struct tls_authorities *a)
{
	if (a == NULL || --a->refs > 0)
		return;
	X509_STORE_free(a->store);
	free(a);
}

int64_t
tls_cert_expires(const char *pem)
{
	BIO *bio;
	X509 *x = NULL;
	struct tm tm;
	int64_t at = -EINVAL;

	init();
	bio = BIO_new_mem_buf(pem, -1);
	if (bio != NULL)
		x = next_certificate(bio);
	if (x != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1)
		at = (int64_t)timegm(&tm);
	X509_free(x);
	BIO_free(bio);
	ERR_clear_error();
	return at;
}

static int
use_chain(SSL_CTX *ctx, BIO *pem, char why[static TLS_WHY_MAX])
{
	X509 *x = next_certificate(pem);
	int ok;

	if (x == NULL)
		return wrong(why, "our certificate");
	ok = SSL_CTX_use_certificate(ctx, x);
	X509_free(x);
	if (!ok)
		return wrong(why, "our certificate");
	while ((x = next_certificate(pem)) != NULL) {
		if (!SSL_CTX_add0_chain_cert(ctx, x)) {
			X509_free(x);
			return wrong(why, "our certificate's chain");
		}
	}
	if (!is_at_end())
		return wrong(why, "our certificate's chain");
	ERR_clear_error();
	return 0;
}

static int
use_key(SSL_CTX *ctx, BIO *pem, char why[static TLS_WHY_MAX])
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_passphrase, NULL);
	int ok;

	if (key == NULL)
		return wrong(why, "our key, which must not be encrypted");
	ok = SSL_CTX_use_PrivateKey(ctx, key) && SSL_CTX_check_private_key(ctx);
	EVP_PKEY_free(key);
	return ok ? 0 : wrong(why, "our key is not our certificate's");
}

static int
use_identity(SSL_CTX *ctx, const struct tls_client_spec *spec,
    char why[static TLS_WHY_MAX])
{
	BIO *cert, *key;
	int error;

	if (spec->cert == NULL)
		return 0;
	cert = BIO_new_mem_buf(spec->cert, -1);
	key = BIO_new_mem_buf(spec->key, -1);
	if (cert == NULL || key == NULL)
		error = no_memory(why);
	else
		error = use_chain(ctx, cert, why);
	if (error == 0)
		error = use_key(ctx, key, why);
	BIO_free(cert);
	BIO_free(key);
	return error;
}

/* A session that the server has given: ours when 1 is returned. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_client *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (c->sessions_n == TLS_SESSIONS_MAX) {
		SSL_SESSION_free(c->sessions[0]);
		memmove(c->sessions, c->sessions + 1,
		    (TLS_SESSIONS_MAX - 1) * sizeof(*c->sessions));
		c->sessions_n--;
	}
	c->sessions[c->sessions_n++] = session;
	return 1;
}

static bool
is_fresh(const SSL_SESSION *s)
{
	return SSL_SESSION_is_resumable(s) &&
	       SSL_SESSION_get_time(s) + SSL_SESSION_get_timeout(s) >
		   time(NULL);
}

/* One of TLS 1.3 is used once, or whoever watches knows us again (RFC 8446
 * appendix C.4); of 1.2 there would be no other. */
SSL_SESSION *
tls_client_session(struct tls_client *c)
{
	SSL_SESSION *s;

	while (c->sessions_n > 0) {
		s = c->sessions[c->sessions_n - 1];
		if (is_fresh(s) &&
		    SSL_SESSION_get_protocol_version(s) < TLS1_3_VERSION) {
			SSL_SESSION_up_ref(s);
			return s;
		}
		c->sessions_n--;
		if (is_fresh(s))
			return s;
		SSL_SESSION_free(s);
	}
	return NULL;
}

void
tls_client_forget(struct tls_client *c)
{
	while (c->sessions_n > 0)
		SSL_SESSION_free(c->sessions[--c->sessions_n]);
}

/* What its certificate must say, an authority of ours having signed it. */
static int
expect(struct tls_client *c, const struct tls_client_spec *spec)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(c->ctx);
	struct net_ip ip;

	SSL_CTX_set1_cert_store(c->ctx, spec->authorities->store);
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	/* Whoever is listed is believed, if it is an intermediate, too. */
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	/* RFC 9525: no common names, and a wildcard is a whole label. */
	X509_VERIFY_PARAM_set_hostflags(
	    param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
		       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (net_ip_parse(spec->name, &ip) == 0)
		return X509_VERIFY_PARAM_set1_ip(
			   param, ip.bytes, ip.family == 4 ? 4 : 16)
			   ? 0
			   : -ENOMEM;
	c->sni = strdup(spec->name);
	return c->sni != NULL && X509_VERIFY_PARAM_set1_host(
				     param, spec->name, strlen(spec->name))
		   ? 0
		   : -ENOMEM;
}

static int
configure(struct tls_client *c)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	SSL_CTX *ctx = c->ctx;

	SSL_CTX_set_app_data(ctx, c);
	if (!SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) ||
	    SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) != 0)
		return -ENOMEM;
	SSL_CTX_set_options(
	    ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	/* An idle connection has no buffers, and what could not be sent is
	 * ours to keep. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_max_cert_list(ctx, CHAIN_MAX);
	SSL_CTX_set_session_cache_mode(
	    ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	return 0;
}

int
tls_client_new(struct tls_client **out, const struct tls_client_spec *spec,
    char why[static TLS_WHY_MAX])
{
	struct tls_client *c = calloc(1, sizeof(*c));
	int error;

	*out = NULL;
	init();
	if (c == NULL)
		return no_memory(why);
	c->refs = 1;
	c->ctx = SSL_CTX_new(TLS_client_method());
	if (c->ctx == NULL || configure(c) != 0 || expect(c, spec) != 0)
		error = no_memory(why);
	else
		error = use_identity(c->ctx, spec, why);
	if (error == 0)
		*out = c;
	else
		tls_client_unref(c);
	return error;
}

struct tls_client *
tls_client_ref(struct tls_client *c)
{
	c->refs++;
	return c;
}

void
tls_client_unref(struct tls_client *c)
{
	if (c == NULL || --c->refs > 0)
		return;
	tls_client_forget(c);
	SSL_CTX_free(c->ctx);
	BIO_meth_free(c->bio);
	free(c->sni);
	free(c->lent);
	free(c);
}
