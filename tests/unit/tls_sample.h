#ifndef TESTS_UNIT_TLS_SAMPLE_H
#define TESTS_UNIT_TLS_SAMPLE_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Certificates, made as they are needed so that none in the repository runs
 * out.  A failure ends the program: it is none of what is tested.
 */
struct tls_sample {
	X509 *cert;
	EVP_PKEY *key;
	char *cert_pem, *key_pem;
};

struct tls_sample_spec {
	const char *cn;
	const char *alt; /* as in "DNS:a.example,IP:127.0.0.1"; NULL: none */
	const struct tls_sample *by; /* who signs; NULL: itself, an authority */
	long from_s, to_s;	     /* from now; both 0: an hour, a day */
	bool client;
};

static inline void *
tls_sample_must(void *p)
{
	if (p == NULL) {
		fprintf(stderr, "a certificate cannot be made\n");
		abort();
	}
	return p;
}

static inline char *
tls_sample_text(BIO *b)
{
	char *data, *out;
	long len = BIO_get_mem_data(b, &data);

	out = tls_sample_must(malloc((size_t)len + 1));
	memcpy(out, data, (size_t)len);
	out[len] = '\0';
	BIO_free(b);
	return out;
}

static inline void
tls_sample_extend(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e;

	e = tls_sample_must(X509V3_EXT_conf_nid(NULL, NULL, nid, value));
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static inline void
tls_sample_describe(X509 *x, const struct tls_sample_spec *spec)
{
	static long serial;
	X509_NAME *name = X509_get_subject_name(x);

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_gmtime_adj(
	    X509_getm_notBefore(x), spec->from_s != 0 ? spec->from_s : -3600);
	X509_gmtime_adj(
	    X509_getm_notAfter(x), spec->to_s != 0 ? spec->to_s : 86400);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)spec->cn, -1, -1, 0);
	X509_set_issuer_name(
	    x, spec->by != NULL ? X509_get_subject_name(spec->by->cert) : name);
	if (spec->by == NULL) {
		tls_sample_extend(x, NID_basic_constraints, "critical,CA:TRUE");
		tls_sample_extend(x, NID_key_usage, "keyCertSign,cRLSign");
	} else
		tls_sample_extend(x, NID_ext_key_usage,
		    spec->client ? "clientAuth" : "serverAuth");
	if (spec->alt != NULL)
		tls_sample_extend(x, NID_subject_alt_name, spec->alt);
}

static inline void
tls_sample_make(struct tls_sample *s, const struct tls_sample_spec *spec)
{
	BIO *b;

	s->key = tls_sample_must(EVP_EC_gen("P-256"));
	s->cert = tls_sample_must(X509_new());
	X509_set_pubkey(s->cert, s->key);
	tls_sample_describe(s->cert, spec);
	if (X509_sign(s->cert, spec->by != NULL ? spec->by->key : s->key,
		EVP_sha256()) == 0)
		tls_sample_must(NULL);
	b = tls_sample_must(BIO_new(BIO_s_mem()));
	PEM_write_bio_X509(b, s->cert);
	s->cert_pem = tls_sample_text(b);
	b = tls_sample_must(BIO_new(BIO_s_mem()));
	PEM_write_bio_PrivateKey(b, s->key, NULL, NULL, 0, NULL, NULL);
	s->key_pem = tls_sample_text(b);
}

static inline void
tls_sample_free(struct tls_sample *s)
{
	X509_free(s->cert);
	EVP_PKEY_free(s->key);
	free(s->cert_pem);
	free(s->key_pem);
	memset(s, 0, sizeof(*s));
}

#endif
