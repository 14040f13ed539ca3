/* Owns one TLS connection on the loop from its start to its end, and what it
 * receives.  Decides nothing about trust. */
#include "base/tls_impl.h"

#include <sys/socket.h>

#include <openssl/err.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* How long what is said last may be on its way out. */
#define LINGER_US 30000000

static void on_in(struct loop *, struct op *, const struct op_result *);

static void
destroy(struct tls *t)
{
	/* Without it OpenSSL takes the session for a bad one. */
	if (t->ssl != NULL && t->fault == TLS_FAULT_NONE)
		SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN);
	SSL_free(t->ssl);
	tls_client_unref(t->client);
	buf_free(t->out);
	buf_free(t->queue);
	buf_free(t->kept);
	free(t);
}

static bool
has_more(const struct tls *t)
{
	return t->in_len > 0 || SSL_pending(t->ssl) > 0 || t->end != TLS_OPEN;
}

/* Lent bytes end with the callback they were lent for. */
static void
keep_rest(struct tls *t)
{
	if (t->in_len == 0) {
		buf_free(t->kept);
		t->kept = NULL;
	} else if (t->kept == NULL) {
		t->kept = buf_copy(t->in, t->in_len);
		if (t->kept != NULL) {
			t->in = buf_bytes(t->kept);
			return;
		}
		t->in_len = 0;
		t->end = -ENOMEM;
	}
}

/* Receive only while somebody does, and not before what there is was read: 0
 * or -errno. */
static int
settle(struct tls *t)
{
	int64_t now = loop_now_us(t->loop);

	if (t->rx == NULL || has_more(t))
		loop_cancel(t->loop, &t->net_in);
	if (t->rx != NULL && has_more(t))
		return loop_timer(t->loop, &t->soon, now, tls_on_soon);
	if (t->rx != NULL && !loop_op_active(&t->net_in))
		return loop_recv(t->loop, &t->net_in, t->fd, on_in);
	return 0;
}

void
tls_enter(struct tls *t)
{
	t->depth++;
}

static void
tell_end(struct tls *t, int res)
{
	const struct op_result r = {.res = res};
	struct op *op = t->rx;

	t->rx = NULL;
	t->shaking = false;
	op->fn(t->loop, op, &r);
}

/* The last act of a callback of the loop's. */
void
tls_leave(struct tls *t)
{
	int error;

	if (!t->dead) {
		keep_rest(t);
		error = settle(t);
		if (error != 0) {
			t->end = error;
			tell_end(t, error);
		}
	}
	if (--t->depth == 0 && t->dead)
		destroy(t);
}

static void
blame(struct tls *t, enum tls_fault fault)
{
	t->end = -EPROTO;
	t->fault = fault;
	t->code = ERR_peek_error();
	ERR_clear_error();
}

static void
shake(struct tls *t)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(t->ssl);
	if (t->error != 0) {
		t->end = t->error;
	} else if (rc == 1) {
		tell_end(t, 0);
	} else if (SSL_get_error(t->ssl, rc) != SSL_ERROR_WANT_READ) {
		tls_client_forget(t->client);
		blame(t, SSL_get_verify_result(t->ssl) != X509_V_OK
			     ? TLS_FAULT_CERTIFICATE
			     : TLS_FAULT_PEER);
	}
}

/* As much as is lent at once; 0 when there is no more, for now or for ever. */
static size_t
decrypt(struct tls *t, uint8_t *out)
{
	size_t n = 0;
	int rc;

	while (n < LOOP_RECV_USUAL && t->end == TLS_OPEN) {
		ERR_clear_error();
		rc = SSL_read(t->ssl, out + n, (int)(LOOP_RECV_USUAL - n));
		if (rc > 0) {
			n += (size_t)rc;
			continue;
		}
		switch (SSL_get_error(t->ssl, rc)) {
		case SSL_ERROR_WANT_READ:
			return n;
		case SSL_ERROR_ZERO_RETURN:
			t->end = 0;
			break;
		default:
			blame(t, TLS_FAULT_PEER);
		}
	}
	return n;
}

static void
read_on(struct tls *t)
{
	struct tls_client *c = t->client;
	struct op_result r = {.more = true};

	if (c->lent == NULL)
		c->lent = malloc(LOOP_RECV_USUAL);
	if (c->lent == NULL)
		t->end = -ENOMEM;
	while (!t->dead && t->rx != NULL && !t->shaking &&
	       (r.res = (int)decrypt(t, c->lent)) > 0) {
		r.data = c->lent;
		t->rx->fn(t->loop, t->rx, &r);
	}
}

/* Read what there is for who receives. */
void
tls_run(struct tls *t)
{
	if (t->shaking && t->end == TLS_OPEN)
		shake(t);
	if (!t->dead && !t->shaking && t->rx != NULL)
		read_on(t);
	if (!t->dead && t->rx != NULL && t->end != TLS_OPEN)
		tell_end(t, t->end);
}

static void
on_in(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct tls *t = container_of(op, struct tls, net_in);

	(void)loop;
	tls_enter(t);
	if (r->res > 0) {
		t->in = r->data;
		t->in_len = (size_t)r->res;
	} else if (r->res < 0) {
		t->end = r->res;
	} else {
		/* Not announced: it may have been cut short. */
		t->end = t->shaking ? -ECONNRESET : -EPROTO;
	}
	tls_run(t);
	tls_leave(t);
}

int
tls_recv(struct tls *t, struct op *op, op_fn *fn)
{
	int error;

	if (t->rx != NULL || loop_op_active(op))
		return -EBUSY;
	op->fn = fn;
	t->rx = op;
	if (t->depth > 0) /* tls_tls_leave() sees to it */
		return 0;
	error = settle(t);
	if (error != 0)
		t->rx = NULL;
	return error;
}

int
tls_peek(const struct tls *t)
{
	if (t->in_len > 0 || SSL_pending(t->ssl) > 0)
		return 1;
	return loop_peek(t->loop, t->fd);
}

void
tls_on_soon(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct tls *t = container_of(op, struct tls, soon);

	(void)loop, (void)r; /* time is the only news */
	tls_enter(t);
	if (t->orphan)
		tls_bury(t, true); /* it has had its time */
	if (tls_tx_done(t))
		tls_tell_sent(t);
	if (!t->dead)
		tls_run(t);
	tls_leave(t);
}

static int
prepare(struct tls *t)
{
	SSL_SESSION *session;

	t->ssl = SSL_new(t->client->ctx);
	if (t->ssl == NULL || tls_bio(t) != 0 ||
	    (t->client->sni != NULL &&
		!SSL_set_tlsext_host_name(t->ssl, t->client->sni)))
		return -ENOMEM;
	SSL_set_connect_state(t->ssl);
	session = tls_client_session(t->client);
	if (session != NULL) {
		SSL_set_session(t->ssl, session);
		SSL_SESSION_free(session);
	}
	return 0;
}

int
tls_start(struct tls **out, struct loop *loop, int fd, struct tls_client *c,
    struct op *op, op_fn *fn)
{
	struct tls *t = calloc(1, sizeof(*t));
	int error;

	*out = NULL;
	if (t == NULL)
		return -ENOMEM;
	t->client = tls_client_ref(c);
	t->loop = loop;
	t->fd = fd;
	t->end = TLS_OPEN;
	error = prepare(t);
	if (error == 0) {
		shake(t); /* which cannot end yet */
		t->shaking = true;
		error = tls_recv(t, op, fn);
	}
	ERR_clear_error();
	if (error == 0)
		*out = t;
	else
		(void)tls_close(t, true); /* which leaves the socket */
	return error;
}

void
tls_cancel(struct tls *t, struct op *op)
{
	if (op == t->rx) {
		t->rx = NULL;
		t->shaking = false;
		if (t->depth == 0)
			loop_cancel(t->loop, &t->net_in);
	}
	if (op == t->tx) {
		t->tx = NULL;
		buf_free(t->out);
		t->out = NULL;
	}
}

bool
tls_op_active(const struct tls *t, const struct op *op)
{
	return t->rx == op || t->tx == op;
}

/* What is owed will not come: then the stream is cut, and must look it. */
void
tls_end(struct tls *t)
{
	if (t->ended || t->end_after)
		return;
	if (t->owed > 0 || !SSL_is_init_finished(t->ssl))
		loop_shutdown(t->loop, t->fd);
	else if (loop_op_active(&t->net_out))
		t->end_after = true;
	else
		tls_say_end(t);
	/* Without memory for the timer it is the owner's time that ends it. */
	if (t->error != 0 && t->depth == 0 && t->rx != NULL)
		(void)settle(t);
}

/* The kernel answers a close with a reset, and forgets what was sent, when
 * there is something that nobody has read: a ticket, say. */
static void
discard(struct tls *t)
{
	uint8_t unread[4096];

	while (
	    recv(t->fd, unread, sizeof(unread), MSG_DONTWAIT) == sizeof(unread))
		;
}

void
tls_bury(struct tls *t, bool cut)
{
	if (!cut)
		discard(t);
	loop_cancel(t->loop, &t->net_out);
	loop_cancel(t->loop, &t->soon);
	if (cut)
		loop_reset(t->loop, t->fd);
	else
		loop_close(t->loop, t->fd);
	t->dead = true;
}

/* Say that no more will come; false: that has gone, or never will. */
static bool
says_end_later(struct tls *t)
{
	int64_t end_us = loop_now_us(t->loop) + LINGER_US;

	if (t->error != 0 || t->owed > 0 || t->fault != TLS_FAULT_NONE ||
	    !SSL_is_init_finished(t->ssl))
		return false;
	if (!t->ended && loop_op_active(&t->net_out))
		t->end_after = true;
	else if (!t->ended)
		tls_say_end(t);
	return t->error == 0 && loop_op_active(&t->net_out) &&
	       loop_timer(t->loop, &t->soon, end_us, tls_on_soon) == 0;
}

bool
tls_close(struct tls *t, bool cut)
{
	t->orphan = !cut && says_end_later(t);
	t->rx = t->tx = NULL;
	loop_cancel(t->loop, &t->net_in);
	if (t->orphan)
		return true;
	if (!cut && t->end == TLS_OPEN)
		discard(t);
	loop_cancel(t->loop, &t->net_out);
	loop_cancel(t->loop, &t->soon);
	t->dead = true;
	if (t->depth == 0)
		destroy(t);
	return false;
}

enum tls_fault
tls_why(const struct tls *t, char out[static TLS_WHY_MAX])
{
	const char *text = NULL;

	out[0] = '\0';
	if (t->fault == TLS_FAULT_CERTIFICATE)
		text = X509_verify_cert_error_string(
		    SSL_get_verify_result(t->ssl));
	else if (t->fault == TLS_FAULT_PEER)
		text = ERR_reason_error_string(t->code);
	if (t->fault != TLS_FAULT_NONE)
		snprintf(out, TLS_WHY_MAX, "%s", text != NULL ? text : "?");
	return t->fault;
}

bool
tls_resumed(const struct tls *t)
{
	return SSL_session_reused(t->ssl) == 1;
}
