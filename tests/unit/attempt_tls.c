/* An attempt at an intermediary over TLS: what each failure is called, and what
 * stands in the end. */
#include <errno.h>

#include "cagentd/common/attempt.h"
#include "tests/unit/tls_far.h"

struct rig {
	struct loop *loop;
	struct resolve *resolve;
	struct attempt attempt;
	struct attempt_target target;
	struct attempt_result r;
	struct wire_host dest;
	struct tls_sample ca, cert;
	struct tls_client *client;
	SSL_CTX *ctx;
	struct far far;
	int listener, n;
	char got[512]; /* by the far end */
};

static void
done(struct attempt *a, struct attempt_result *r)
{
	struct rig *rig = container_of(a, struct rig, attempt);

	rig->n++;
	rig->r = *r;
}

static struct rig *
rig_new(const char *name)
{
	static const struct tls_sample_spec authority = {.cn = "an authority"};
	struct tls_client_spec spec = {.name = name};
	struct tls_sample_spec cert = {.cn = "far", .alt = "DNS:far.example"};
	struct far_spec far = {.cert = NULL};
	struct rig *rig = tls_sample_must(calloc(1, sizeof(*rig)));
	struct sockaddr_in sin;
	char why[TLS_WHY_MAX] = "";

	rig->loop = rig_loop();
	rig_must(resolve_new(&rig->resolve, rig->loop), "resolve_new");
	tls_sample_make(&rig->ca, &authority);
	cert.by = &rig->ca;
	tls_sample_make(&rig->cert, &cert);
	far.cert = &rig->cert;
	rig->ctx = far_context(&far);
	rig_must(
	    tls_authorities_new(&spec.authorities, rig->ca.cert_pem, why), why);
	rig_must(tls_client_new(&rig->client, &spec, why), why);
	tls_authorities_unref(spec.authorities);
	rig->listener = rig_listen(&sin);
	rig->far.fd = -1;
	rig->dest.port = 443;
	wire_host_set(&rig->dest, "www.example.com", 15);
	rig->target = (struct attempt_target){.host = "127.0.0.1",
	    .port = ntohs(sin.sin_port),
	    .type = HOP_HTTP,
	    .secure = true,
	    .tls = rig->client,
	    .dest = &rig->dest};
	rig->r.stream = STREAM_NONE;
	return rig;
}

static void
rig_free(struct rig *rig)
{
	attempt_cancel(&rig->attempt);
	stream_close(rig->loop, rig->r.stream, false);
	buf_free(rig->r.early);
	far_close(&rig->far, false);
	close(rig->listener);
	resolve_free(rig->resolve);
	loop_free(rig->loop);
	tls_client_unref(rig->client);
	SSL_CTX_free(rig->ctx);
	tls_sample_free(&rig->ca);
	tls_sample_free(&rig->cert);
	free(rig);
}

static void
start(struct rig *rig, int64_t limit_us)
{
	attempt_start(&rig->attempt, rig->loop, rig->resolve, &rig->target,
	    mono_us() + limit_us, done);
	CHECK_INT(rig->n, 0);
}

/* The far end takes the connection, over TLS or not. */
static void
take(struct rig *rig, bool tls)
{
	int fd = -1;

	RIG_UNTIL(
	    rig->loop, fd != -1 || (fd = accept4(rig->listener, NULL, NULL,
					SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1);
	far_open(&rig->far, fd, tls ? rig->ctx : NULL);
}

static void
step(struct rig *rig)
{
	size_t len = strlen(rig->got);

	far_shake(&rig->far);
	if (far_shaken(&rig->far) && rig->far.ssl != NULL)
		far_read(&rig->far, rig->got + len, sizeof(rig->got) - 1 - len);
	if (rig->far.ssl != NULL)
		far_flush(&rig->far, SIZE_MAX);
}

static void
check_reason(const struct rig *rig, enum wire_reason want)
{
	CHECK_INT(rig->n, 1);
	CHECK(rig->r.reason == want, "%s, not %s",
	    wire_reason_word(rig->r.reason), wire_reason_word(want));
	CHECK((rig->r.stream.fd != -1) == (want == REASON_OK), "fd %d",
	    rig->r.stream.fd);
}

static void
stands(void)
{
	struct rig *rig = rig_new("far.example");
	struct rig_op rx = {0};

	start(rig, RIG_DEADLINE_US);
	take(rig, true);
	RIG_UNTIL(rig->loop, (step(rig), strstr(rig->got, "\r\n\r\n") != NULL));
	CHECK(strncmp(rig->got, "CONNECT www.example.com:443 HTTP/1.1\r\n",
		  38) == 0,
	    "\"%s\"", rig->got);
	CHECK_INT(rig->n, 0);
	far_say(&rig->far, "HTTP/1.1 200 OK\r\n\r\nearly");
	far_say(&rig->far, ", and late");
	RIG_UNTIL(rig->loop, rig->n > 0);
	check_reason(rig, REASON_OK);
	CHECK(rig->r.early != NULL && rig->r.early->len >= 5 &&
		  memcmp(buf_bytes(rig->r.early), "early", 5) == 0,
	    "no early bytes");
	CHECK(rig->r.handshake_us >= rig->r.connect_us, "times");
	if (rig->r.early != NULL && rig->r.early->len == 5) {
		rig_must(stream_recv(rig->loop, rig->r.stream, &rx.op, rig_saw),
		    "stream_recv");
		RIG_UNTIL(rig->loop, rx.bytes == 10);
		CHECK_STR(rx.text, ", and late");
	}
	rig_free(rig);
}

/* To the intermediary itself, who has not been asked for anything. */
static void
stands_bare(void)
{
	struct rig *rig = rig_new("far.example");

	rig->target.bare = true;
	start(rig, RIG_DEADLINE_US);
	take(rig, true);
	RIG_UNTIL(rig->loop, (step(rig), rig->n > 0));
	check_reason(rig, REASON_OK);
	CHECK(rig->r.stream.tls != NULL, "a plain one");
	rig_settle(rig->loop);
	step(rig);
	CHECK_STR(rig->got, "");
	rig_free(rig);
}

static void
is_another(void)
{
	struct rig *rig = rig_new("near.example");

	rig->target.user = "agent";
	rig->target.password = "secret";
	start(rig, RIG_DEADLINE_US);
	take(rig, true);
	RIG_UNTIL(rig->loop, (step(rig), rig->n > 0));
	check_reason(rig, REASON_HOP_CERT);
	step(rig);
	CHECK_STR(rig->got, "");
	rig_free(rig);
}

static void
is_no_tls(void)
{
	struct rig *rig = rig_new("far.example");

	start(rig, RIG_DEADLINE_US);
	take(rig, false);
	far_say(&rig->far, "HTTP/1.1 400 Bad Request\r\n\r\n");
	RIG_UNTIL(rig->loop, rig->n > 0);
	check_reason(rig, REASON_HOP_TLS);
	rig_free(rig);
}

static void
hangs_up(void)
{
	struct rig *rig = rig_new("far.example");

	start(rig, RIG_DEADLINE_US);
	take(rig, false);
	far_close(&rig->far, false);
	RIG_UNTIL(rig->loop, rig->n > 0);
	check_reason(rig, REASON_HOP_CLOSED);
	rig_free(rig);
}

static void
hangs_up_when_asked(void)
{
	struct rig *rig = rig_new("far.example");

	start(rig, RIG_DEADLINE_US);
	take(rig, true);
	RIG_UNTIL(rig->loop, (step(rig), rig->got[0] != '\0'));
	far_close(&rig->far, false);
	RIG_UNTIL(rig->loop, rig->n > 0);
	check_reason(rig, REASON_HOP_HUNG_UP);
	rig_free(rig);
}

static void
says_nothing(void)
{
	struct rig *rig = rig_new("far.example");

	start(rig, 50000);
	take(rig, false);
	RIG_UNTIL(rig->loop, rig->n > 0);
	check_reason(rig, REASON_HOP_TIMEOUT);
	rig_free(rig);
}

/* What could not be made must not be done without. */
static void
needs_its_client(void)
{
	struct rig *rig = rig_new("far.example");

	rig->target.tls = NULL;
	start(rig, RIG_DEADLINE_US);
	take(rig, false);
	RIG_UNTIL(rig->loop, rig->n > 0);
	check_reason(rig, REASON_HOP_TLS);
	RIG_UNTIL(
	    rig->loop, (far_read(&rig->far, rig->got, 10), rig->far.ended));
	CHECK_STR(rig->got, "");
	rig_free(rig);
}

static void
is_cancelled(void)
{
	struct rig *rig;
	int i, k;

	for (i = 0; i < 8; i++) {
		rig = rig_new("far.example");
		start(rig, RIG_DEADLINE_US);
		take(rig, true);
		for (k = 0; k < i; k++) {
			step(rig);
			rig_must(loop_turn(rig->loop, 0), "loop_turn");
		}
		attempt_cancel(&rig->attempt);
		rig_settle(rig->loop);
		CHECK_INT(rig->n, 0);
		rig_free(rig);
	}
}

static const struct unit_case cases[] = {
    {"a tunnel stands", stands},
    {"a connection stands", stands_bare},
    {"its certificate is another's", is_another},
    {"it speaks no TLS", is_no_tls},
    {"it hangs up", hangs_up},
    {"it hangs up when it is asked", hangs_up_when_asked},
    {"it says nothing", says_nothing},
    {"without a client", needs_its_client},
    {"cancelled", is_cancelled},
};

UNIT_MAIN("attempt_tls", cases)
