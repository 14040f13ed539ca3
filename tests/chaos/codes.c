/* What clients are told of destinations that cannot be reached, many times
 * over: never a success, and the right code. */
#include <string.h>

#include "tests/chaos/chaos.h"
#include "tests/chaos/scene.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"

#define THREADS	      96
#define ASK_MS	      20000
#define RIGHT_PERCENT 99

enum way {
	WAY_DIRECT,
	WAY_MICROSOCKS,
	WAY_DANTED,
	WAYS
};
static const char *const way_words[WAYS] = {"direct", "microsocks", "danted"};

enum fate {
	FATE_REFUSED,
	FATE_UNREACHABLE,
	FATE_BLACKHOLE,
	FATES
};
static const struct {
	const char *word;
	const char *host;
	int rep, status;
} fates[FATES] = {
    [FATE_REFUSED] = {"refused", "127.0.0.1", 5, 502},
    [FATE_UNREACHABLE] = {"unreachable", "198.18.77.1", 4, 502},
    [FATE_BLACKHOLE] = {"black-holed", "127.0.0.1", 6, 504},
};

#define KINDS (WAYS * FATES * RIG_AGENT_PROXIES)

struct asked {
	atomic_uint n, right, succeeded;
	atomic_int wrong; /* a code that is not right */
};

struct survey {
	struct rig_agent agents[WAYS];
	struct rig_peer peers[WAYS];
	struct rig_proxy proxies[WAYS][RIG_AGENT_PROXIES];
	uint16_t port[FATES];
	unsigned int total;
	atomic_uint next;
	struct asked asked[KINDS];
	pthread_t threads[THREADS];
};

static void
start_way(struct survey *s, enum way way)
{
	static const enum rig_peer_kind kinds[WAYS] = {
	    [WAY_MICROSOCKS] = RIG_PEER_MICROSOCKS,
	    [WAY_DANTED] = RIG_PEER_DANTED};
	static const char *const names[WAYS] = {"peer-0", "peer-1", "peer-2"};
	struct rig_agent *a = &s->agents[way];

	rig_agent_init(a, way_words[way]);
	rig_agent_key(a, "attempt-timeout = 1500ms");
	rig_agent_key(a, "dial-timeout = 4s");
	if (way == WAY_DIRECT) {
		rig_agent_key(a, "no-path = direct");
		rig_agent_direct(a);
	} else {
		rig_peer_start(&s->peers[way], kinds[way], names[way]);
		rig_agent_intermediary(a, names[way], s->peers[way].type,
		    s->peers[way].address, s->peers[way].port);
	}
	rig_agent_start(a);
	rig_agent_proxies(a, s->proxies[way]);
}

static int
right_code(enum fate fate, enum rig_proto p)
{
	if (p == RIG_SOCKS4 || p == RIG_SOCKS4A)
		return 0x5b;
	return p == RIG_CONNECT ? fates[fate].status : fates[fate].rep;
}

/* The ways in turn, then the protocols, then the fates. */
static void
locate(unsigned int number, enum way *way, enum fate *fate, unsigned int *proxy)
{
	*way = (enum way)(number % WAYS);
	*proxy = number / WAYS % RIG_AGENT_PROXIES;
	*fate = (enum fate)(number / (WAYS * RIG_AGENT_PROXIES) % FATES);
}

static void
ask(struct survey *s, unsigned int number)
{
	enum way way;
	enum fate fate;
	unsigned int proxy;
	const struct rig_proxy *p;
	struct asked *a;
	struct rig_conn c;
	enum rig_fail f;

	locate(number, &way, &fate, &proxy);
	p = &s->proxies[way][proxy];
	a = &s->asked[number % KINDS];
	f = rig_dial(&c, p, fates[fate].host, s->port[fate], ASK_MS);
	rig_conn_close(&c);
	atomic_fetch_add(&a->n, 1);
	if (f == RIG_OK)
		atomic_fetch_add(&a->succeeded, 1);
	else if (c.code == right_code(fate, p->proto))
		atomic_fetch_add(&a->right, 1);
	else
		atomic_store(&a->wrong, c.code);
}

static void *
ask_on(void *arg)
{
	struct survey *s = arg;
	unsigned int number;

	while ((number = atomic_fetch_add(&s->next, 1)) < s->total)
		ask(s, number);
	return NULL;
}

static void
tell_wrong(const struct survey *s, unsigned int number)
{
	enum way way;
	enum fate fate;
	unsigned int proxy;
	const struct asked *a;

	locate(number, &way, &fate, &proxy);
	a = &s->asked[number % KINDS];
	if (a->right == a->n)
		return;
	rig_note("%s, %s, %s: %u of %u right, %u successes; also code %d",
	    way_words[way], fates[fate].word,
	    rig_proto_word(s->proxies[way][proxy].proto), a->right, a->n,
	    a->succeeded, a->wrong);
}

static void
sum_up(const struct survey *s)
{
	unsigned int i, n = 0, right = 0, succeeded = 0;
	const struct asked *a = s->asked;

	for (i = 0; i < KINDS; i++) {
		tell_wrong(s, i);
		n += a[i].n;
		right += a[i].right;
		succeeded += a[i].succeeded;
	}
	scene_note("C  %u connects to nowhere: %u false successes, the right "
		   "code in %.2f %%",
	    n, succeeded, right * 100.0 / n);
	CHECK_INT(n, s->total);
	CHECK_INT(succeeded, 0);
	CHECK(right * 100.0 >= n * (double)RIGHT_PERCENT,
	    "%u of %u codes are right", right, n);
}

void
chaos_codes(void)
{
	static struct survey s;
	unsigned int i;

	rig_ns_unreachable(RIG_NS_UNREACHABLE);
	s.total = scene_count(300, 10000);
	s.port[FATE_REFUSED] = rig_port("127.0.0.1");
	s.port[FATE_UNREACHABLE] = 80;
	s.port[FATE_BLACKHOLE] = rig_port_blackhole("127.0.0.1");
	for (i = 0; i < WAYS; i++)
		start_way(&s, (enum way)i);
	for (i = 0; i < THREADS; i++) {
		REQUIRE(pthread_create(&s.threads[i], NULL, ask_on, &s) == 0,
		    "cannot start a thread");
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(s.threads[i], NULL);
	sum_up(&s);
	for (i = 0; i < WAYS; i++)
		rig_agent_stop(&s.agents[i]);
}
