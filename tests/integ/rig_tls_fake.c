/* Serves as intermediaries over TLS that are wrong in one way each. */
#include "tests/integ/rig_tls_fake.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig.h"
#include "tests/integ/rig_tls.h"
#include "tests/unit/tls_sample.h"

struct visit {
	struct rig_tls_fake *fake;
	int fd;
};

const char *
rig_tls_word(enum rig_tls_kind kind)
{
	static const char *const words[RIG_TLS_KINDS] = {
	    [RIG_TLS_GOOD] = "good",
	    [RIG_TLS_WRONG_NAME] = "wrong-name",
	    [RIG_TLS_UNTRUSTED] = "untrusted",
	    [RIG_TLS_EXPIRED] = "expired",
	    [RIG_TLS_WANTS_CERT] = "wants-cert",
	    [RIG_TLS_11] = "tls11",
	    [RIG_TLS_GARBAGE] = "garbage",
	    [RIG_TLS_STALLS] = "stalls",
	    [RIG_TLS_DRIPS] = "drips",
	    [RIG_TLS_ENDLESS] = "endless",
	    [RIG_TLS_CUTS] = "cuts",
	};

	return words[kind];
}

static void
make_cert(enum rig_tls_kind kind, struct tls_sample *out)
{
	static const struct tls_sample_spec other = {.cn = "somebody's"};
	struct tls_sample_spec spec = {
	    .cn = "fake", .alt = "IP:127.0.0.1", .by = rig_tls_authority()};
	static struct tls_sample stranger;

	if (kind == RIG_TLS_WRONG_NAME)
		spec.alt = "IP:127.0.0.2,DNS:localhost";
	if (kind == RIG_TLS_EXPIRED) {
		spec.from_s = -7200;
		spec.to_s = -3600;
	}
	if (kind == RIG_TLS_UNTRUSTED) {
		if (stranger.cert == NULL)
			tls_sample_make(&stranger, &other);
		spec.by = &stranger;
	}
	tls_sample_make(out, &spec);
}

static SSL_CTX *
make_context(enum rig_tls_kind kind)
{
	SSL_CTX *ctx = tls_sample_must(SSL_CTX_new(TLS_server_method()));
	struct tls_sample cert;
	int i;

	make_cert(kind, &cert);
	SSL_CTX_use_certificate(ctx, cert.cert);
	SSL_CTX_use_PrivateKey(ctx, cert.key);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"f", 1);
	if (kind == RIG_TLS_WANTS_CERT) {
		X509_STORE_add_cert(
		    SSL_CTX_get_cert_store(ctx), rig_tls_authority()->cert);
		SSL_CTX_set_verify(ctx,
		    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	if (kind == RIG_TLS_11) {
		SSL_CTX_set_security_level(ctx, 0);
		SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
		SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
	}
	for (i = 0; kind == RIG_TLS_ENDLESS && i < 1000; i++) {
		SSL_CTX_add1_chain_cert(ctx, rig_tls_authority()->cert);
	}
	tls_sample_free(&cert);
	return ctx;
}

/* Byte by byte, as long as the other side takes it. */
static void
drip(int fd)
{
	/* The head of a record that is to be a server's hello. */
	static const char head[] =
	    "\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03";
	size_t i = 0;

	while (send(fd, i < sizeof(head) - 1 ? &head[i] : "x", 1,
		   MSG_NOSIGNAL) == 1) {
		i++;
		poll(NULL, 0, 20);
	}
}

static void
say_garbage(int fd)
{
	char unread[4096];

	if (recv(fd, unread, sizeof(unread), 0) <= 0)
		return;
	(void)!write(fd, "SSH-2.0-OpenSSH_9.2\r\n", 21);
	shutdown(fd, SHUT_WR);
	while (recv(fd, unread, sizeof(unread), 0) > 0)
		;
}

/* The head of a request; false when there is none. */
static bool
take_head(SSL *ssl)
{
	char head[4096] = "";
	size_t len = 0;
	int n;

	while (strstr(head, "\r\n\r\n") == NULL) {
		n = SSL_read(ssl, head + len, (int)(sizeof(head) - 1 - len));
		if (n <= 0)
			return false;
		len += (size_t)n;
		head[len] = '\0';
	}
	return true;
}

static void
serve(struct rig_tls_fake *fake, SSL *ssl)
{
	static const char yes[] = "HTTP/1.1 200 OK\r\n\r\n";
	char block[4096];
	int n;

	if (!take_head(ssl) || SSL_write(ssl, yes, sizeof(yes) - 1) <= 0)
		return;
	while ((n = SSL_read(ssl, block, sizeof(block))) > 0) {
		if (SSL_write(ssl, block, n) <= 0 || fake->kind == RIG_TLS_CUTS)
			return;
	}
	SSL_shutdown(ssl);
}

static void
talk(struct rig_tls_fake *fake, int fd)
{
	SSL *ssl = SSL_new(fake->ctx);
	char unread[4096];

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		atomic_fetch_add(&fake->shaken, 1);
		if (SSL_session_reused(ssl))
			atomic_fetch_add(&fake->resumed, 1);
		serve(fake, ssl);
	}
	ERR_clear_error();
	SSL_free(ssl);
	/* What was said last is not to be lost by a reset. */
	shutdown(fd, SHUT_WR);
	while (recv(fd, unread, sizeof(unread), 0) > 0)
		;
}

static void *
visit_main(void *arg)
{
	struct visit *v = arg;
	char unread[4096];

	if (v->fake->kind == RIG_TLS_GARBAGE)
		say_garbage(v->fd);
	else if (v->fake->kind == RIG_TLS_DRIPS)
		drip(v->fd);
	else if (v->fake->kind != RIG_TLS_STALLS)
		talk(v->fake, v->fd);
	else {
		while (recv(v->fd, unread, sizeof(unread), 0) > 0)
			;
	}
	close(v->fd);
	free(v);
	return NULL;
}

static void *
accept_main(void *arg)
{
	struct rig_tls_fake *fake = arg;
	struct visit *v;
	pthread_t thread;
	int fd, on = 1;

	while ((fd = accept(fake->fd, NULL, NULL)) != -1) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		atomic_fetch_add(&fake->accepted, 1);
		v = tls_sample_must(malloc(sizeof(*v)));
		*v = (struct visit){fake, fd};
		if (pthread_create(&thread, NULL, visit_main, v) == 0)
			pthread_detach(thread);
	}
	return NULL;
}

void
rig_tls_fake_start(struct rig_tls_fake *fake, enum rig_tls_kind kind)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	pthread_t thread;

	fake->kind = kind;
	fake->ctx = make_context(kind);
	fake->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(fake->fd != -1 &&
		    bind(fake->fd, (struct sockaddr *)&sin, len) == 0 &&
		    listen(fake->fd, 64) == 0 &&
		    getsockname(fake->fd, (struct sockaddr *)&sin, &len) == 0,
	    "listen: %s", strerror(errno));
	fake->port = ntohs(sin.sin_port);
	REQUIRE(
	    pthread_create(&thread, NULL, accept_main, fake) == 0, "no thread");
	pthread_detach(thread);
}
