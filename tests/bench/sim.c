/* Simulated agents of one process: they register, report when told to, and
 * note when each signed message came. */
#include "tests/bench/sim.h"

#include <sys/mman.h>
#include <sys/prctl.h>

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/loop.h"
#include "base/mono.h"
#include "base/net.h"
#include "tests/integ/rig.h"
#include "wire/manage.h"

#define AT_ONCE	   64 /* connecting, of one process */
#define RETRY_US   50000
#define BODY_MAX   16384
#define LOOK_US	   1000 /* whether to report now */
#define POLLS_MS   2
#define ANSWER_MAX 512

enum step {
	STEP_IDLE, /* to connect */
	STEP_CONNECTING,
	STEP_REGISTERING,
	STEP_WAITING,	/* nothing is under way */
	STEP_REPORTING, /* a report is to be answered */
	STEP_LOST
};

struct agent {
	struct op recv, send;
	struct fleet *fleet;
	int fd;
	enum step step;
	uint32_t index;
	uint64_t sequence, count;
	struct sealed_pair pair;
	struct buf *in, *out;
};

struct fleet {
	const struct sim *sim;
	struct loop *loop;
	struct op timer;
	struct agent *agents;
	uint32_t n, next, connecting;
	bool reports;
	uint8_t body[BODY_MAX];
	uint8_t message[BODY_MAX + SEALED_HEADER_LEN + SEALED_TAG_LEN];
};

void
sim_keys(uint32_t i, struct sealed_keys *k)
{
	char text[64];

	snprintf(text, sizeof(text), "simulated agent %u", i);
	crypto_generichash(k->secret_key, sizeof(k->secret_key),
	    (const unsigned char *)text, strlen(text), NULL, 0);
	crypto_scalarmult_base(k->public_key, k->secret_key);
}

void
sim_name(uint32_t i, char out[32])
{
	snprintf(out, 32, "sim-%05u", i);
}

void
sim_hop_name(uint32_t i, char out[32])
{
	snprintf(out, 32, "hop-%02u", i);
}

static void
lose(struct agent *a)
{
	if (a->step == STEP_CONNECTING || a->step == STEP_REGISTERING)
		a->fleet->connecting--;
	loop_close(a->fleet->loop, a->fd);
	a->fd = -1;
	a->step = STEP_LOST;
	atomic_fetch_add(&a->fleet->sim->shared->lost, 1);
}

static void flush(struct agent *);

static void
on_sent(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct agent *a = container_of(op, struct agent, send);

	(void)loop;
	if (r->res < 0)
		lose(a);
	else
		flush(a);
}

static void
flush(struct agent *a)
{
	struct buf *b = a->out;

	if (b == NULL || loop_op_active(&a->send))
		return;
	a->out = NULL;
	if (loop_send(a->fleet->loop, &a->send, a->fd, b, on_sent) != 0)
		lose(a);
}

static void
say(struct agent *a, enum sealed_type type, size_t len)
{
	struct fleet *f = a->fleet;
	struct sealed s = {.type = type,
	    .sequence = ++a->sequence,
	    .issued_s = mono_wall_us() / 1000000};
	int n;

	randombytes_buf(s.nonce, sizeof(s.nonce));
	n = sealed_pair_encode(
	    &a->pair, &s, f->body, len, f->message, sizeof(f->message));
	if (n <= 0 || buf_extend(&a->out, f->message, (size_t)n) != 0)
		lose(a);
	else
		flush(a);
}

static void
say_register(struct agent *a)
{
	struct manage_register r = {
	    .group = "bench", .software = "simulated", .root_epoch = 1};
	int n;

	sim_name(a->index, r.name);
	n = manage_register_encode(&r, a->fleet->body, BODY_MAX);
	a->step = STEP_REGISTERING;
	say(a, SEALED_REGISTER, (size_t)n);
}

/* As of a host that is in use: all counters have risen a little. */
static void
say_report(struct agent *a)
{
	struct manage_report head = {
	    .instance = a->index, .served = a->count, .rows_n = SIM_ROWS};
	struct manage_row row = {.observed = 1, .tier = 1};
	uint8_t *out = a->fleet->body;
	uint32_t i;
	int used, n;

	a->count++;
	used = manage_report_encode(&head, out, BODY_MAX);
	for (i = 0; i < SIM_ROWS; i++) {
		sim_hop_name(i, row.name);
		row.attempts = a->count * 20;
		row.successes = a->count * 19;
		row.bytes_up = a->count * 1000;
		row.bytes_down = a->count * 100000;
		row.handshake.count[20 + i] = (uint32_t)a->count * 15;
		row.handshake.count[22 + i] = (uint32_t)a->count * 4;
		row.first_byte.count[30 + i] = (uint32_t)a->count * 19;
		n = manage_row_encode(
		    &row, out + used, (size_t)(BODY_MAX - used));
		used += n;
		memset(&row.handshake, 0, sizeof(row.handshake));
		memset(&row.first_byte, 0, sizeof(row.first_byte));
	}
	a->step = STEP_REPORTING;
	say(a, SEALED_REPORT, (size_t)used);
}

static void
take_answer(struct agent *a, const uint8_t *in, size_t len)
{
	struct sim_shared *shared = a->fleet->sim->shared;
	uint8_t body[ANSWER_MAX];
	struct sealed s;
	bool acked;

	if (len > sizeof(body) + SEALED_HEADER_LEN + SEALED_TAG_LEN ||
	    !sealed_pair_open(&a->pair, in, len, &s, body)) {
		lose(a);
		return;
	}
	acked = s.type == SEALED_ACK;
	if (a->step == STEP_REGISTERING) {
		a->fleet->connecting--;
		a->step = STEP_WAITING;
		if (acked)
			atomic_fetch_add(&shared->registered, 1);
		else
			lose(a);
	} else if (a->step == STEP_REPORTING) {
		atomic_fetch_add(acked ? &shared->acks : &shared->nacks, 1);
		a->step = STEP_WAITING;
		if (a->fleet->reports)
			say_report(a);
	}
}

static void
take_note(struct agent *a, const struct envelope *e)
{
	struct sim_shared *shared = a->fleet->sim->shared;
	struct manage_answer said = {
	    .of = (uint8_t)e->type, .what = {e->epoch, e->serial}};
	int n;

	if (atomic_exchange(&shared->got_us[e->type][a->index], mono_us()) == 0)
		atomic_fetch_add(&shared->got[e->type], 1);
	n = manage_answer_encode(&said, false, a->fleet->body, BODY_MAX);
	say(a, SEALED_ACK, (size_t)n);
}

/* The bytes of one message; 0: it is not whole. */
static size_t
take_one(struct agent *a, const uint8_t *in, size_t len)
{
	enum envelope_fault fault;
	struct envelope e;
	struct sealed s;
	int n = sealed_peek(in, len, &s);

	if (n > 0 && (size_t)n <= len) {
		take_answer(a, in, (size_t)n);
		return (size_t)n;
	}
	if (n != WIRE_BAD)
		return 0;
	n = envelope_decode(in, len, &e, &fault);
	if (n == WIRE_BAD)
		lose(a);
	if (n <= 0)
		return 0;
	take_note(a, &e);
	return (size_t)n;
}

static size_t
take_all(struct agent *a, const uint8_t *in, size_t len)
{
	size_t used = 0, n;

	while (a->fd != -1 && used < len &&
	       (n = take_one(a, in + used, len - used)) > 0)
		used += n;
	return used;
}

static void
on_recv(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct agent *a = container_of(op, struct agent, recv);
	size_t len = r->res > 0 ? (size_t)r->res : 0, used;

	(void)loop;
	if (r->res <= 0) {
		lose(a);
		return;
	}
	if (a->in == NULL) {
		used = take_all(a, r->data, len);
		if (used < len && a->fd != -1)
			(void)buf_extend(&a->in, r->data + used, len - used);
		return;
	}
	(void)buf_extend(&a->in, r->data, len);
	buf_consume(a->in, take_all(a, buf_bytes(a->in), a->in->len));
	if (a->in->len == 0) {
		buf_free(a->in);
		a->in = NULL;
	}
}

static void
on_connected(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct agent *a = container_of(op, struct agent, send);

	if (r->res < 0 || loop_recv(loop, &a->recv, a->fd, on_recv) != 0)
		lose(a);
	else
		say_register(a);
}

static void
connect_one(struct agent *a)
{
	union net_addr addr = {.in = {.sin_family = AF_INET,
				   .sin_port = htons(a->fleet->sim->port),
				   .sin_addr = {htonl(INADDR_LOOPBACK)}}};

	a->fd = net_stream_socket(AF_INET);
	a->step = STEP_CONNECTING;
	a->fleet->connecting++;
	if (a->fd < 0 || loop_connect(a->fleet->loop, &a->send, a->fd, &addr.sa,
			     sizeof(addr.in), on_connected) != 0)
		lose(a);
}

/* What the parent wants, and whoever has not connected yet. */
static void
on_timer(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct fleet *f = container_of(op, struct fleet, timer);
	uint32_t i;

	(void)r;
	while (f->next < f->n && f->connecting < AT_ONCE)
		connect_one(&f->agents[f->next++]);
	f->reports = atomic_load(&f->sim->shared->reports);
	for (i = 0; f->reports && i < f->n; i++) {
		if (f->agents[i].step == STEP_WAITING)
			say_report(&f->agents[i]);
	}
	if (loop_timer(loop, op, loop_now_us(loop) + LOOK_US, on_timer) != 0)
		abort();
}

/* Agents first, first + processes_n, ... */
static void
run(const struct sim *s, uint32_t first)
{
	static struct fleet f;
	struct op_result now = {0};
	struct sealed_keys keys;
	struct agent *a;
	uint32_t i;

	f.sim = s;
	f.agents = calloc(s->n / s->processes_n + 1, sizeof(*f.agents));
	if (f.agents == NULL || loop_new(&f.loop) != 0)
		abort();
	for (i = first; i < s->n; i += s->processes_n) {
		a = &f.agents[f.n++];
		a->fleet = &f;
		a->index = i;
		a->fd = -1;
		a->sequence = (uint64_t)mono_wall_us();
		sim_keys(i, &keys);
		if (!sealed_pair_init(&a->pair, &keys, s->server))
			abort();
	}
	on_timer(f.loop, &f.timer, &now);
	_exit(loop_run(f.loop) == 0 ? 0 : 1);
}

void
sim_start(const struct sim *s)
{
	uint32_t i;
	pid_t pid;

	for (i = 0; i < s->processes_n; i++) {
		pid = fork();
		REQUIRE(pid != -1, "fork: %s", strerror(errno));
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			run(s, i);
		}
	}
}

bool
sim_await_registered(const struct sim *s, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;

	while (atomic_load(&s->shared->registered) < s->n) {
		if (atomic_load(&s->shared->lost) > 0 || !rig_pause(deadline))
			return false;
	}
	return true;
}

bool
sim_await_got(const struct sim *s, enum envelope_type type, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;

	while (atomic_load(&s->shared->got[type]) < s->n) {
		if (!rig_pause(deadline))
			return false;
	}
	return true;
}

void
sim_reset(const struct sim *s)
{
	uint32_t type, i;

	for (type = ENVELOPE_ROOT; type <= ENVELOPE_RANK; type++) {
		for (i = 0; i < s->n; i++)
			atomic_store(&s->shared->got_us[type][i], 0);
		atomic_store(&s->shared->got[type], 0);
	}
}
