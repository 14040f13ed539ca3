/* The handshake: who is believed, what is said of who is not, and sessions that
 * are taken up again. */
#include "base/tls.h"

#include <malloc.h>

#include "tests/unit/tls_far.h"

/* One authority for all, and servers by it. */
static struct tls_sample ca, server;

static const struct tls_sample *
authority(void)
{
	static const struct tls_sample_spec spec = {.cn = "an authority"};

	if (ca.cert == NULL)
		tls_sample_make(&ca, &spec);
	return &ca;
}

static const struct tls_sample *
good_server(void)
{
	const struct tls_sample_spec spec = {
	    .cn = "far", .alt = "DNS:far.example", .by = authority()};

	if (server.cert == NULL)
		tls_sample_make(&server, &spec);
	return &server;
}

static int
make_client(struct tls_client **out, const char *name,
    const struct tls_sample *ours, char why[static TLS_WHY_MAX])
{
	struct tls_client_spec spec = {.name = name};
	int error;

	if (ours != NULL) {
		spec.cert = ours->cert_pem;
		spec.key = ours->key_pem;
	}
	rig_must(
	    tls_authorities_new(&spec.authorities, authority()->cert_pem, why),
	    why);
	error = tls_client_new(out, &spec, why);
	tls_authorities_unref(spec.authorities);
	return error;
}

static struct tls_client *
client_of(const char *name)
{
	struct tls_client *c;
	char why[TLS_WHY_MAX] = "";

	rig_must(make_client(&c, name, NULL, why), why);
	return c;
}

/* One connection from its start to where the handshake has come to. */
struct
try {
	struct loop *l;
	struct stream s;
	struct far far;
	struct rig_op done, rx;
};

static void
try_start(struct try *t, struct tls_client *c, SSL_CTX *ctx)
{
	int fds[2];

	memset(t, 0, sizeof(*t));
	t->l = rig_loop();
	rig_tcp_pair(fds);
	t->s = stream_plain(fds[0]);
	far_open(&t->far, fds[1], ctx);
	rig_must(stream_secure(t->l, &t->s, c, &t->done.op, rig_saw), "secure");
	CHECK_INT(t->done.n, 0);
}

/* Each side has its way, `cut` bytes at a time. */
static void
try_step(struct try *t, size_t cut)
{
	far_shake(&t->far);
	while (far_flush(&t->far, cut) == cut)
		rig_must(loop_turn(t->l, 0), "loop_turn");
	rig_must(loop_turn(t->l, 1000), "loop_turn");
}

static void
try_run(struct try *t, size_t cut)
{
	int64_t end_us = mono_us() + RIG_DEADLINE_US;

	while (mono_us() < end_us &&
	       (t->done.n == 0 || (!far_shaken(&t->far) && t->far.failed == 0)))
		try_step(t, cut);
	CHECK_INT(t->done.n, 1);
}

static void
try_end(struct try *t)
{
	stream_close(t->l, t->s, false);
	loop_free(t->l);
	far_close(&t->far, false);
}

static void
check_fault(const struct try *t, enum tls_fault want, const char *text)
{
	char why[TLS_WHY_MAX];

	CHECK_INT(t->done.res[0], -EPROTO);
	CHECK_INT(tls_why(t->s.tls, why), want);
	CHECK(strstr(why, text) != NULL, "\"%s\", not \"%s\"", why, text);
}

static const struct {
	const char *case_name;
	const char *name; /* that the client expects */
	const char *alt;  /* what the certificate says */
	const char *text; /* NULL: it is right */
} names[] = {
    {"its name", "far.example", "DNS:far.example", NULL},
    {"one of its names", "b.example", "DNS:a.example,DNS:b.example", NULL},
    {"in other letters", "Far.Example", "DNS:far.example", NULL},
    {"a wildcard", "far.at.example", "DNS:*.at.example", NULL},
    {"a wildcard below a root", "far.example", "DNS:*.example",
	"hostname mismatch"},
    {"another's name", "far.example", "DNS:near.example", "hostname mismatch"},
    {"below its name", "a.far.example", "DNS:far.example", "hostname mismatch"},
    {"two labels by a wildcard", "a.far.at.example", "DNS:*.at.example",
	"hostname mismatch"},
    {"part of a label", "far.at.example", "DNS:f*.at.example",
	"hostname mismatch"},
    {"a common name only", "far", NULL, "hostname mismatch"},
    {"an address", "127.0.0.1", "IP:127.0.0.1", NULL},
    {"an address of v6", "::1", "IP:::1", NULL},
    {"another's address", "127.0.0.1", "IP:127.0.0.2", "IP address mismatch"},
    {"an address as a name", "127.0.0.1", "DNS:127.0.0.1",
	"IP address mismatch"},
};

static void
test_names(void)
{
	struct tls_sample_spec spec = {.cn = "far", .by = authority()};
	struct far_spec far = {.cert = NULL};
	struct tls_sample cert;
	struct tls_client *c;
	struct try t;
	SSL_CTX *ctx;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		spec.alt = names[i].alt;
		tls_sample_make(&cert, &spec);
		far.cert = &cert;
		ctx = far_context(&far);
		c = client_of(names[i].name);
		try_start(&t, c, ctx);
		try_run(&t, SIZE_MAX);
		if (names[i].text != NULL)
			check_fault(&t, TLS_FAULT_CERTIFICATE, names[i].text);
		else
			CHECK(t.done.res[0] == 0, "%s: %d", names[i].case_name,
			    t.done.res[0]);
		try_end(&t);
		tls_client_unref(c);
		SSL_CTX_free(ctx);
		tls_sample_free(&cert);
	}
}

static void
refused(const struct tls_sample_spec *spec, const char *text)
{
	struct far_spec far = {.cert = NULL};
	struct tls_sample cert;
	struct tls_client *c = client_of("far.example");
	struct try t;
	SSL_CTX *ctx;

	tls_sample_make(&cert, spec);
	far.cert = &cert;
	ctx = far_context(&far);
	try_start(&t, c, ctx);
	try_run(&t, SIZE_MAX);
	check_fault(&t, TLS_FAULT_CERTIFICATE, text);
	try_end(&t);
	tls_client_unref(c);
	SSL_CTX_free(ctx);
	tls_sample_free(&cert);
}

static void
test_not_to_be_trusted(void)
{
	static const struct tls_sample_spec stranger = {.cn = "a stranger"};
	struct tls_sample other;
	struct tls_sample_spec spec = {
	    .cn = "far", .alt = "DNS:far.example", .by = authority()};

	spec.from_s = -7200;
	spec.to_s = -3600;
	refused(&spec, "certificate has expired");
	spec.from_s = 3600;
	spec.to_s = 7200;
	refused(&spec, "certificate is not yet valid");
	spec.from_s = spec.to_s = 0;
	spec.client = true; /* which is not for servers */
	refused(&spec, "unsuitable certificate purpose");
	spec.client = false;
	tls_sample_make(&other, &stranger);
	spec.by = &other;
	refused(&spec, "unable to get local issuer certificate");
	spec.by = NULL;
	refused(&spec, "self-signed certificate");
	tls_sample_free(&other);
}

static void
test_versions(void)
{
	static const struct {
		int version;
		bool ok;
	} rows[] = {{TLS1_1_VERSION, false}, {TLS1_2_VERSION, true},
	    {TLS1_3_VERSION, true}};
	struct far_spec far = {.cert = good_server()};
	struct tls_client *c = client_of("far.example");
	struct try t;
	SSL_CTX *ctx;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		far.version = rows[i].version;
		ctx = far_context(&far);
		try_start(&t, c, ctx);
		try_run(&t, SIZE_MAX);
		if (rows[i].ok)
			CHECK_INT(t.done.res[0], 0);
		else
			check_fault(&t, TLS_FAULT_PEER, "protocol version");
		try_end(&t);
		SSL_CTX_free(ctx);
	}
	tls_client_unref(c);
}

static void
test_byte_by_byte(void)
{
	const struct far_spec far = {.cert = good_server()};
	struct tls_client *c = client_of("far.example");
	SSL_CTX *ctx = far_context(&far);
	struct try t;

	try_start(&t, c, ctx);
	try_run(&t, 1);
	CHECK_INT(t.done.res[0], 0);
	try_end(&t);
	tls_client_unref(c);
	SSL_CTX_free(ctx);
}

/* What answers is no TLS: every first byte there is. */
static void
test_rubbish(void)
{
	static const char *const said[] = {"HTTP/1.1 400 Bad\r\n\r\n",
	    "SSH-2.0-OpenSSH_9.2\r\n", "\x05\x00",
	    "\x16\x03\x03\xff\xff\x02\x00\x00", "\x15\x03\x03\x00\x02\x02\x28",
	    "220 mail\r\n"};
	struct tls_client *c = client_of("far.example");
	char why[TLS_WHY_MAX];
	struct try t;
	size_t i, len;

	for (i = 0; i < sizeof(said) / sizeof(*said); i++) {
		try_start(&t, c, NULL);
		len = i == 3 ? 8 : i == 4 ? 7 : strlen(said[i]);
		len = i == 2 ? 2 : len;
		far_write(&t.far, said[i], len);
		rig_must(shutdown(t.far.fd, SHUT_WR), "shutdown");
		RIG_UNTIL(t.l, t.done.n == 1);
		CHECK(t.done.res[0] == -EPROTO || len < 5, "row %zu: %d", i,
		    t.done.res[0]);
		CHECK(len < 5 || tls_why(t.s.tls, why) == TLS_FAULT_PEER,
		    "row %zu", i);
		try_end(&t);
	}
	tls_client_unref(c);
}

/* It goes away in the middle: that is the socket's, and no fault of TLS. */
static void
test_gone(void)
{
	const struct far_spec far = {.cert = good_server()};
	struct tls_client *c = client_of("far.example");
	SSL_CTX *ctx = far_context(&far);
	char why[TLS_WHY_MAX];
	struct try t;
	int i;

	for (i = 0; i < 3; i++) {
		try_start(&t, c, ctx);
		if (i > 0) {
			RIG_UNTIL(t.l,
			    (far_shake(&t.far), BIO_pending(t.far.out) > 100));
			far_flush(&t.far, 60);
		}
		far_close(&t.far, i == 2);
		RIG_UNTIL(t.l, t.done.n == 1);
		CHECK_INT(t.done.res[0], -ECONNRESET);
		CHECK_INT(tls_why(t.s.tls, why), TLS_FAULT_NONE);
		CHECK_STR(why, "");
		try_end(&t);
	}
	tls_client_unref(c);
	SSL_CTX_free(ctx);
}

/* At every point of it, and closed at once. */
static void
test_cancelled(void)
{
	const struct far_spec far = {.cert = good_server()};
	struct tls_client *c = client_of("far.example");
	SSL_CTX *ctx = far_context(&far);
	struct try t;
	int i, k, n;

	for (i = 0; i < 40; i++) {
		try_start(&t, c, ctx);
		for (k = 0; k < i && t.done.n == 0; k++) {
			far_shake(&t.far);
			far_flush(&t.far, 64);
			rig_must(loop_turn(t.l, 0), "loop_turn");
		}
		n = t.done.n;
		if (i % 2 == 0)
			stream_cancel(t.l, t.s, &t.done.op);
		stream_close(t.l, t.s, i % 3 == 0);
		t.s = STREAM_NONE;
		rig_settle(t.l);
		CHECK_INT(t.done.n, n);
		try_end(&t);
	}
	tls_client_unref(c);
	SSL_CTX_free(ctx);
}

static void
close_in_it(struct loop *l, struct rig_op *o)
{
	struct try *t = container_of(o, struct try, done);

	stream_close(l, t->s, false);
	t->s = STREAM_NONE;
}

static void
test_closed_in_its_callback(void)
{
	const struct far_spec far = {.cert = good_server()};
	struct tls_client *good = client_of("far.example");
	struct tls_client *bad = client_of("near.example");
	SSL_CTX *ctx = far_context(&far);
	struct try t;

	try_start(&t, good, ctx);
	t.done.then = close_in_it;
	try_run(&t, SIZE_MAX);
	CHECK_INT(t.done.res[0], 0);
	try_end(&t);
	try_start(&t, bad, ctx);
	t.done.then = close_in_it;
	try_run(&t, SIZE_MAX);
	CHECK_INT(t.done.res[0], -EPROTO);
	try_end(&t);
	tls_client_unref(good);
	tls_client_unref(bad);
	SSL_CTX_free(ctx);
}

/* A word back and forth, by which tickets come in as well. */
static void
say_something(struct try *t)
{
	if (t->rx.n == 0)
		rig_must(stream_recv(t->l, t->s, &t->rx.op, rig_saw), "recv");
	far_say(&t->far, "word");
	RIG_UNTIL(t->l, t->rx.bytes >= 4);
}

static void
resumes(int version, bool cut)
{
	const struct far_spec far = {.cert = good_server(), .version = version};
	struct tls_client *c = client_of("far.example");
	SSL_CTX *ctx = far_context(&far);
	struct try t;
	int i;

	for (i = 0; i < 4; i++) {
		try_start(&t, c, ctx);
		try_run(&t, SIZE_MAX);
		CHECK_INT(t.done.res[0], 0);
		CHECK(tls_resumed(t.s.tls) == (i > 0), "%d: resumed: %d", i,
		    tls_resumed(t.s.tls));
		say_something(&t);
		if (cut) {
			stream_close(t.l, t.s, true);
			t.s = STREAM_NONE;
		}
		try_end(&t);
	}
	tls_client_unref(c);
	SSL_CTX_free(ctx);
}

static void
test_resumed(void)
{
	resumes(TLS1_3_VERSION, false);
	resumes(TLS1_3_VERSION, true);
	resumes(TLS1_2_VERSION, false);
	resumes(TLS1_2_VERSION, true);
}

/* The same name is not the same server to another client. */
static void
test_not_resumed_by_others(void)
{
	const struct far_spec far = {.cert = good_server()};
	struct tls_client *a = client_of("far.example");
	struct tls_client *b = client_of("far.example");
	SSL_CTX *ctx = far_context(&far);
	struct try t;

	try_start(&t, a, ctx);
	try_run(&t, SIZE_MAX);
	say_something(&t);
	try_end(&t);
	try_start(&t, b, ctx);
	try_run(&t, SIZE_MAX);
	CHECK(!tls_resumed(t.s.tls), "resumed");
	try_end(&t);
	tls_client_unref(a);
	tls_client_unref(b);
	SSL_CTX_free(ctx);
}

static void
with_certificate(const struct tls_sample *ours, int version, int want)
{
	const struct far_spec far = {
	    .cert = good_server(), .clients = authority(), .version = version};
	SSL_CTX *ctx = far_context(&far);
	struct tls_client *c;
	char why[TLS_WHY_MAX] = "";
	struct try t;

	rig_must(make_client(&c, "far.example", ours, why), why);
	try_start(&t, c, ctx);
	try_run(&t, SIZE_MAX);
	/* TLS 1.3 says so only when we think that all is well. */
	if (t.done.res[0] == 0 && want != 0) {
		rig_must(stream_recv(t.l, t.s, &t.rx.op, rig_saw), "recv");
		far_flush(&t.far, SIZE_MAX);
		RIG_UNTIL(t.l, t.rx.n == 1);
		CHECK_INT(t.rx.res[0], want);
	} else
		CHECK_INT(t.done.res[0], want);
	if (want != 0) {
		CHECK_INT(tls_why(t.s.tls, why), TLS_FAULT_PEER);
		CHECK(strstr(why, "alert") != NULL, "\"%s\"", why);
	} else
		say_something(&t);
	try_end(&t);
	tls_client_unref(c);
	SSL_CTX_free(ctx);
}

static void
test_our_certificate(void)
{
	const struct tls_sample_spec spec = {
	    .cn = "us", .by = authority(), .client = true};
	struct tls_sample ours;

	tls_sample_make(&ours, &spec);
	with_certificate(&ours, TLS1_2_VERSION, 0);
	with_certificate(&ours, TLS1_3_VERSION, 0);
	with_certificate(NULL, TLS1_2_VERSION, -EPROTO);
	with_certificate(NULL, TLS1_3_VERSION, -EPROTO);
	tls_sample_free(&ours);
}

static void
test_keys_change(void)
{
	const struct far_spec far = {
	    .cert = good_server(), .version = TLS1_3_VERSION};
	struct tls_client *c = client_of("far.example");
	SSL_CTX *ctx = far_context(&far);
	char text[16] = "";
	struct try t;
	ssize_t n;
	int i;

	try_start(&t, c, ctx);
	try_run(&t, SIZE_MAX);
	for (i = 0; i < 5; i++) {
		say_something(&t);
		CHECK_INT(
		    SSL_key_update(t.far.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	}
	say_something(&t);
	RIG_UNTIL(t.l, t.rx.bytes == 24);
	n = stream_send_now(t.l, t.s, "with new ones", 13);
	CHECK_INT(n, 13);
	RIG_UNTIL(t.l,
	    (far_read(&t.far, text + strlen(text), 2), strlen(text) == 13));
	CHECK_STR(text, "with new ones");
	try_end(&t);
	tls_client_unref(c);
	SSL_CTX_free(ctx);
}

/* A server that wants to begin anew is told no; what it does then is its
 * affair, as long as it comes to an end. */
static void
test_no_renegotiation(void)
{
	const struct far_spec far = {
	    .cert = good_server(), .version = TLS1_2_VERSION};
	struct tls_client *c = client_of("far.example");
	SSL_CTX *ctx = far_context(&far);
	char text[16];
	struct try t;

	try_start(&t, c, ctx);
	try_run(&t, SIZE_MAX);
	say_something(&t);
	CHECK_INT(SSL_renegotiate(t.far.ssl), 1);
	SSL_do_handshake(t.far.ssl);
	far_flush(&t.far, SIZE_MAX);
	rig_settle(t.l);
	far_read(&t.far, text, sizeof(text));
	CHECK(t.far.failed != 0, "it was let begin anew");
	try_end(&t);
	tls_client_unref(c);
	SSL_CTX_free(ctx);
}

static const char rubbish[] =
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

static void
test_bad_files(void)
{
	const struct tls_sample_spec spec = {.cn = "us", .by = authority()};
	struct tls_authorities *a = NULL;
	struct tls_client *c = NULL;
	struct tls_sample ours, other, mixed;
	char why[TLS_WHY_MAX] = "", text[8192];
	int64_t left;

	CHECK_INT(tls_authorities_new(&a, "", why), -EINVAL);
	CHECK(strstr(why, "no certificate") != NULL, "%s", why);
	CHECK_INT(
	    tls_authorities_new(&a, "nothing of the kind\n", why), -EINVAL);
	CHECK_INT(tls_authorities_new(&a, rubbish, why), -EINVAL);
	CHECK(strstr(why, "certificate 1") != NULL, "%s", why);
	snprintf(text, sizeof(text), "%s%s", authority()->cert_pem, rubbish);
	CHECK_INT(tls_authorities_new(&a, text, why), -EINVAL);
	CHECK(strstr(why, "certificate 2") != NULL, "%s", why);
	CHECK(a == NULL, "there are authorities");
	tls_sample_make(&ours, &spec);
	tls_sample_make(&other, &spec);
	mixed = (struct tls_sample){
	    .cert_pem = ours.cert_pem, .key_pem = other.key_pem};
	CHECK_INT(make_client(&c, "a.example", &mixed, why), -EINVAL);
	CHECK(strstr(why, "not our certificate's") != NULL, "%s", why);
	mixed.key_pem = ours.cert_pem;
	CHECK_INT(make_client(&c, "a.example", &mixed, why), -EINVAL);
	CHECK(strstr(why, "our key") != NULL, "%s", why);
	mixed.cert_pem = ours.key_pem;
	CHECK_INT(make_client(&c, "a.example", &mixed, why), -EINVAL);
	CHECK(strstr(why, "our certificate") != NULL, "%s", why);
	CHECK(c == NULL, "there is a client");
	left = tls_cert_expires(ours.cert_pem) - (int64_t)time(NULL);
	CHECK(left > 86300 && left <= 86400, "%lld s left", (long long)left);
	CHECK_INT(tls_cert_expires("none"), -EINVAL);
	tls_sample_free(&ours);
	tls_sample_free(&other);
}

/* An idle one holds no record's worth of buffers, but for the one that OpenSSL
 * has read the last ticket in. */
#define IDLE_MAX (36 * 1024)

static void
test_idle_is_small(void)
{
#if defined(__SANITIZE_ADDRESS__)
	unit_skip("memory is not counted under a sanitizer");
#else
	const struct far_spec far = {.cert = good_server()};
	struct tls_client *c = client_of("far.example");
	SSL_CTX *ctx = far_context(&far);
	struct try t;
	size_t before;

	/* Of the first one the client keeps what the second needs not. */
	try_start(&t, c, ctx);
	try_run(&t, SIZE_MAX);
	say_something(&t);
	try_end(&t);
	try_start(&t, c, ctx);
	try_run(&t, SIZE_MAX);
	say_something(&t);
	before = mallinfo2().uordblks;
	stream_close(t.l, t.s, false);
	t.s = STREAM_NONE;
	before -= mallinfo2().uordblks;
	printf("  | %zu bytes an idle connection\n", before);
	CHECK(before < IDLE_MAX, "%zu bytes", before);
	try_end(&t);
	tls_client_unref(c);
	SSL_CTX_free(ctx);
#endif
}

static const struct unit_case cases[] = {
    {"names, and whose they are", test_names},
    {"certificates that are not to be trusted", test_not_to_be_trusted},
    {"versions", test_versions},
    {"split at every byte", test_byte_by_byte},
    {"what is no TLS", test_rubbish},
    {"gone in the middle", test_gone},
    {"cancelled in the middle", test_cancelled},
    {"closed in its callback", test_closed_in_its_callback},
    {"a session is resumed", test_resumed},
    {"but not by others", test_not_resumed_by_others},
    {"our certificate", test_our_certificate},
    {"new keys on the way", test_keys_change},
    {"no renegotiation", test_no_renegotiation},
    {"files that are wrong", test_bad_files},
    {"an idle connection is small", test_idle_is_small},
};

UNIT_MAIN("tls", cases)
