/* Takes TLS off connections to a server, and puts it on what comes back; knows
 * no protocol above. */
#include "tests/integ/rig_veil.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig.h"
#include "tests/integ/rig_tls.h"
#include "tests/unit/tls_sample.h"

/* What has come one way and is to go on. */
struct way {
	char data[16384];
	size_t off, len;
	bool end;  /* nothing more will come, in order */
	bool told; /* ... and that has gone on, too */
};

struct visit {
	const struct rig_veil *veil;
	int fd, to;
	SSL *ssl;
	bool wants_room; /* to go on with TLS */
	struct way up, down;
};

static SSL_CTX *
make_context(void)
{
	const struct tls_sample_spec spec = {
	    .cn = "veil", .alt = "IP:127.0.0.1", .by = rig_tls_authority()};
	SSL_CTX *ctx = tls_sample_must(SSL_CTX_new(TLS_server_method()));
	struct tls_sample cert;

	tls_sample_make(&cert, &spec);
	SSL_CTX_use_certificate(ctx, cert.cert);
	SSL_CTX_use_PrivateKey(ctx, cert.key);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"v", 1);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	tls_sample_free(&cert);
	return ctx;
}

static struct sockaddr_in
here(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* What TLS has to say of a call: false when it has failed. */
static bool
goes_on(struct visit *v, int rc)
{
	switch (SSL_get_error(v->ssl, rc)) {
	case SSL_ERROR_WANT_WRITE:
		v->wants_room = true;
		return true;
	case SSL_ERROR_WANT_READ:
		return true;
	case SSL_ERROR_ZERO_RETURN:
		v->up.end = true;
		return true;
	default:
		return false;
	}
}

static bool
take_up(struct visit *v)
{
	struct way *w = &v->up;
	int n;

	if (w->len > 0 || w->end)
		return true;
	ERR_clear_error();
	n = SSL_read(v->ssl, w->data, sizeof(w->data));
	if (n <= 0)
		return goes_on(v, n);
	w->off = 0;
	w->len = (size_t)n;
	return true;
}

static bool
give_up(struct visit *v)
{
	struct way *w = &v->up;
	ssize_t n;

	if (w->len > 0) {
		n = send(v->to, w->data + w->off, w->len, MSG_NOSIGNAL);
		if (n == -1)
			return errno == EAGAIN;
		w->off += (size_t)n;
		w->len -= (size_t)n;
	}
	if (w->len == 0 && w->end && !w->told) {
		w->told = true;
		shutdown(v->to, SHUT_WR);
	}
	return true;
}

static bool
take_down(struct visit *v)
{
	struct way *w = &v->down;
	ssize_t n;

	if (w->len > 0 || w->end)
		return true;
	n = recv(v->to, w->data, sizeof(w->data), 0);
	if (n == -1)
		return errno == EAGAIN;
	w->end = n == 0;
	w->off = 0;
	w->len = (size_t)n;
	return true;
}

static bool
give_down(struct visit *v)
{
	struct way *w = &v->down;
	int n;

	ERR_clear_error();
	if (w->len > 0) {
		n = SSL_write(v->ssl, w->data + w->off, (int)w->len);
		if (n <= 0)
			return goes_on(v, n);
		w->off += (size_t)n;
		w->len -= (size_t)n;
	}
	if (w->len == 0 && w->end && !w->told) {
		n = SSL_shutdown(v->ssl);
		if (n < 0)
			return goes_on(v, n);
		w->told = true;
	}
	return true;
}

static bool
moves(struct visit *v)
{
	return take_up(v) && give_up(v) && take_down(v) && give_down(v);
}

/* False: one of them broke. */
static bool
pump(struct visit *v)
{
	struct pollfd p[2] = {{.fd = v->fd}, {.fd = v->to}};

	while (!v->up.told || !v->down.told) {
		v->wants_room = false;
		if (!moves(v))
			return false;
		if ((v->up.len == 0 && SSL_pending(v->ssl) > 0) ||
		    (v->up.told && v->down.told))
			continue;
		p[0].events = (short)((v->up.len == 0 ? POLLIN : 0) |
				      (v->wants_room ? POLLOUT : 0));
		p[1].events =
		    (short)((v->up.len > 0 ? POLLOUT : 0) |
			    (v->down.len == 0 && !v->down.end ? POLLIN : 0));
		/* An end that has been taken would be told of for ever. */
		p[0].fd = v->up.end && !v->wants_room ? -1 : v->fd;
		p[1].fd = p[1].events == 0 ? -1 : v->to;
		if (poll(p, 2, -1) == -1)
			return false;
	}
	return true;
}

/* What was said last is not to be lost by a reset. */
static void
see_off(int fd)
{
	char unread[4096];

	fcntl(fd, F_SETFL, 0);
	shutdown(fd, SHUT_WR);
	while (recv(fd, unread, sizeof(unread), 0) > 0)
		continue;
}

static void
cut(int fd)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static bool
carry(struct visit *v)
{
	struct sockaddr_in sin = here(v->veil->to);

	v->to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (v->to == -1 || SSL_accept(v->ssl) != 1 ||
	    connect(v->to, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		return false;
	fcntl(v->fd, F_SETFL, O_NONBLOCK);
	fcntl(v->to, F_SETFL, O_NONBLOCK);
	return pump(v);
}

static void *
visit_main(void *arg)
{
	struct visit *v = arg;

	v->ssl = tls_sample_must(SSL_new(v->veil->ctx));
	SSL_set_fd(v->ssl, v->fd);
	if (carry(v)) {
		see_off(v->fd);
	} else {
		cut(v->fd);
		cut(v->to);
	}
	ERR_clear_error();
	SSL_free(v->ssl);
	close(v->to);
	close(v->fd);
	free(v);
	return NULL;
}

static void *
accept_main(void *arg)
{
	const struct rig_veil *veil = arg;
	struct visit *v;
	pthread_t thread;
	int fd, on = 1;

	while ((fd = accept4(veil->fd, NULL, NULL, SOCK_CLOEXEC)) != -1) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		v = tls_sample_must(calloc(1, sizeof(*v)));
		v->veil = veil;
		v->fd = fd;
		v->to = -1;
		if (pthread_create(&thread, NULL, visit_main, v) != 0)
			abort();
		pthread_detach(thread);
	}
	return NULL;
}

void
rig_veil_start(struct rig_veil *veil)
{
	struct sockaddr_in sin = here(0);
	socklen_t len = sizeof(sin);
	pthread_t thread;
	sigset_t all, old;

	veil->ctx = make_context();
	veil->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(veil->fd != -1 &&
		    bind(veil->fd, (struct sockaddr *)&sin, len) == 0 &&
		    listen(veil->fd, 512) == 0 &&
		    getsockname(veil->fd, (struct sockaddr *)&sin, &len) == 0,
	    "listen: %s", strerror(errno));
	veil->port = ntohs(sin.sin_port);
	sigfillset(&all);
	/* OpenSSL writes without MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	REQUIRE(
	    pthread_create(&thread, NULL, accept_main, veil) == 0, "no thread");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_detach(thread);
}
