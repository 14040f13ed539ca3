/* Of which class datagrams are: their marks, what is counted and shown of them,
 * and which are dropped. */
#include "cagentd/worker/class_plan.h"
#include "cagentd/worker/relay/turns.h"
#include "tests/unit/associate_rig.h"

/* Where what is of a class goes. */
#define NORMAL	    "127.0.0.1"
#define INTERACTIVE "127.0.0.2"
#define BULK	    "127.0.0.3"

#define RULES                                                                \
	"[class \"interactive\"]\ndscp = ef\n[class \"bulk\"]\ndscp = cs1\n" \
	"[rule \"i\"]\nnetwork = 127.0.0.2\nclass = interactive\n"           \
	"via = direct\n"                                                     \
	"[rule \"b\"]\nnetwork = 127.0.0.3\nnetwork = ::1\nclass = bulk\n"   \
	"via = direct\n"                                                     \
	"[rule \"n\"]\nnetwork = 127.0.0.0/8\nvia = direct\n"

/* So many bytes that no rate below lets any other follow while the test runs. */
#define MANY 900

struct scene {
	struct rig *rig;
	struct assoc a;
	struct pace_state *state;
	struct turns turns;
	char many[MANY + 1];
	uint16_t normal_port, interactive_port, bulk_port;
	int normal, interactive, bulk; /* who is sent to */
};

static void
setup_with(struct scene *s, const char *rules)
{
	memset(s, 0, sizeof(*s));
	memset(s->many, 'x', MANY);
	s->rig = rig_new();
	configure(s->rig, rules);
	s->state = calloc(1, sizeof(*s->state));
	turns_init(&s->turns, s->rig->agent->loop, s->state);
	class_plan(s->rig->agent->settings, &s->turns.plan);
	s->rig->env.turns = &s->turns;
	s->normal = udp_open(NORMAL, &s->normal_port);
	s->interactive = udp_open(INTERACTIVE, &s->interactive_port);
	s->bulk = udp_open(BULK, &s->bulk_port);
	assoc_open(s->rig, &s->a);
}

static void
setup(struct scene *s)
{
	setup_with(s, RULES);
}

static void
teardown(struct scene *s)
{
	int i;

	for (i = 0; i < s->rig->clients_n; i++)
		close_client(s->rig, i, false);
	RIG_UNTIL(s->rig->agent->loop, s->rig->ended == s->rig->clients_n);
	turns_fini(&s->turns);
	close(s->normal);
	close(s->interactive);
	close(s->bulk);
	assoc_close(&s->a);
	rig_free(s->rig);
	free(s->state);
}

static const struct slab_class *
class_of(const struct scene *s, enum settings_built_in class)
{
	return &s->rig->agent->slab.classes[class];
}

/* The mark of what comes to fd. */
static int
mark_of(struct rig *rig, int fd)
{
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	char data[64];
	struct iovec part = {data, sizeof(data)};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr m;
	ssize_t n;

	do {
		m = (struct msghdr){.msg_iov = &part,
		    .msg_iovlen = 1,
		    .msg_control = &control,
		    .msg_controllen = sizeof(control)};
		loop_turn(rig->agent->loop, 1000);
		n = recvmsg(fd, &m, MSG_DONTWAIT);
	} while (n == -1 && mono_us() < end_us);
	if (n == -1 || CMSG_FIRSTHDR(&m) == NULL)
		return -1;
	return *(const uint8_t *)CMSG_DATA(CMSG_FIRSTHDR(&m));
}

static void
marks_each_by_its_class(void)
{
	static const struct {
		const char *to;
		int mark;
	} t[] = {{INTERACTIVE, 46 << 2}, {BULK, 8 << 2}, {NORMAL, 0},
	    {NORMAL, 0}, {BULK, 8 << 2}, {INTERACTIVE, 46 << 2}};
	struct scene s;
	const int on = 1;
	uint16_t port;
	size_t i;
	int fd;

	setup(&s);
	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		fd = udp_open(t[i].to, &port);
		setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
		assoc_send(&s.a, t[i].to, port, "x");
		CHECK_INT(mark_of(s.rig, fd), t[i].mark);
		close(fd);
	}
	teardown(&s);
}

static void
marks_over_ipv6(void)
{
	struct sockaddr_in6 sin6 = {
	    .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t len = sizeof(sin6);
	const int on = 1;
	struct scene s;
	int fd;

	setup(&s);
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin6, len) == -1) {
		close(fd); /* not every host has it */
		teardown(&s);
		return;
	}
	getsockname(fd, (struct sockaddr *)&sin6, &len);
	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
	assoc_send(&s.a, "::1", ntohs(sin6.sin6_port), "x");
	CHECK_INT(mark_of(s.rig, fd), 8 << 2);
	close(fd);
	teardown(&s);
}

static struct tunnels_about
row_of(const struct scene *s)
{
	struct tunnels_about a = {0};

	CHECK(
	    tunnels_at(&s->rig->agent->slab.live, 0, mono_us(), &a), "no row");
	return a;
}

static void
counts_and_shows_it(void)
{
	struct scene s;
	struct tunnels_about a;
	uint16_t from;

	setup(&s);
	a = row_of(&s);
	CHECK_STR(a.dest, "udp");
	CHECK(a.class == CLASS_NORMAL && a.slot == TUNNELS_DIRECT,
	    "as it begins: class %u", a.class);
	CHECK_INT(gauge(&class_of(&s, CLASS_NORMAL)->tunnels), 0);
	assoc_send(&s.a, BULK, s.bulk_port, "12345");
	udp_expect(s.rig, s.bulk, "12345", &from);
	CHECK_INT(gauge(&class_of(&s, CLASS_BULK)->tunnels), 1);
	udp_send(s.bulk, from, "123", 3);
	udp_take(s.rig, s.a.udp, &(char[64]){0}, 64, NULL);
	/* Of the class of the destination that came last. */
	assoc_send(&s.a, NORMAL, s.normal_port, "12");
	udp_expect(s.rig, s.normal, "12", NULL);
	assoc_send(&s.a, BULK, s.bulk_port, "1");
	udp_expect(s.rig, s.bulk, "1", NULL);
	a = row_of(&s);
	CHECK(a.class == CLASS_NORMAL && a.why == SLAB_CLASS_BY_DEFAULT,
	    "class %u by %u", a.class, a.why);
	CHECK(a.up == 8 && a.down == 3, "%llu up, %llu down",
	    (unsigned long long)a.up, (unsigned long long)a.down);
	CHECK_INT(AGENT_GET(&class_of(&s, CLASS_BULK)->bytes_up), 6);
	CHECK_INT(AGENT_GET(&class_of(&s, CLASS_BULK)->bytes_down), 3);
	CHECK_INT(AGENT_GET(&class_of(&s, CLASS_NORMAL)->bytes_up), 2);
	CHECK_INT(
	    AGENT_GET(&class_of(&s, CLASS_BULK)->began[SLAB_CLASS_BY_RULE]), 1);
	CHECK_INT(AGENT_GET(&class_of(&s, CLASS_NORMAL)->came), 1);
	CHECK_INT(gauge(&class_of(&s, CLASS_BULK)->tunnels), 0);
	CHECK_INT(gauge(&class_of(&s, CLASS_NORMAL)->tunnels), 1);
	close_client(s.rig, 0, false);
	RIG_UNTIL(s.rig->agent->loop, s.rig->ended == 1);
	CHECK_INT(gauge(&class_of(&s, CLASS_NORMAL)->tunnels), 0);
	CHECK_INT(tunnels_next(&s.rig->agent->slab.live, 0), TUNNELS_ROWS);
	teardown(&s);
}

static uint64_t
dropped(const struct scene *s, enum settings_built_in class)
{
	return AGENT_GET(&class_of(s, class)->datagrams_dropped);
}

/* What is over its class's ceiling is lost, each way by itself, and nothing of
 * the other classes'. */
static void
drops_what_is_over_a_ceiling(void)
{
	struct scene s;
	uint16_t from;

	setup(&s);
	s.turns.plan.classes[CLASS_BULK].ceiling[PACE_UP] = 1;
	s.turns.plan.classes[CLASS_BULK].ceiling[PACE_DOWN] = 1;
	assoc_send(&s.a, BULK, s.bulk_port, s.many);
	udp_expect(s.rig, s.bulk, s.many, &from);
	assoc_send(&s.a, BULK, s.bulk_port, "more");
	assoc_send(&s.a, BULK, s.bulk_port, "");
	ASSOC_DROPS(&s.a, 0, 2);
	udp_nothing(s.rig, s.bulk);
	CHECK_INT(dropped(&s, CLASS_BULK), 2);
	/* The way back is not held up for that. */
	udp_send(s.bulk, from, s.many, MANY);
	CHECK(udp_take(s.rig, s.a.udp, &(char[2048]){0}, 2048, NULL) > MANY,
	    "no answer");
	udp_send(s.bulk, from, "more", 4);
	ASSOC_DROPS(&s.a, 2, 1);
	CHECK_INT(dropped(&s, CLASS_BULK), 3);
	assoc_send(&s.a, NORMAL, s.normal_port, s.many);
	udp_expect(s.rig, s.normal, s.many, NULL);
	assoc_send(&s.a, NORMAL, s.normal_port, s.many);
	udp_expect(s.rig, s.normal, s.many, NULL);
	CHECK_INT(dropped(&s, CLASS_NORMAL), 0);
	CHECK_INT(AGENT_GET(&class_of(&s, CLASS_BULK)->bytes_up), MANY);
	teardown(&s);
}

/* A tunnel's ceiling is an association's, a user's is that of all of its. */
static void
keeps_to_tunnels_and_users(void)
{
	struct pace_class_plan *plan;
	struct assoc second;
	struct scene s;
	int users;

	for (users = 0; users < 2; users++) {
		setup(&s);
		plan = &s.turns.plan.classes[CLASS_NORMAL];
		plan->tunnel_ceiling[PACE_UP] = users ? 0 : 1;
		plan->user_ceiling[PACE_UP] = users ? 1 : 0;
		assoc_open(s.rig, &second);
		assoc_send(&s.a, NORMAL, s.normal_port, s.many);
		udp_expect(s.rig, s.normal, s.many, NULL);
		assoc_send(&s.a, NORMAL, s.normal_port, "first");
		ASSOC_DROPS(&s.a, 0, 1);
		assoc_send(&second, NORMAL, s.normal_port, "second");
		if (users)
			ASSOC_DROPS(&s.a, 1, 1);
		else
			udp_expect(s.rig, s.normal, "second", NULL);
		assoc_close(&second);
		teardown(&s);
	}
}

/* On a link that is full, what is urgent goes all the same, and counts: what
 * is not has no room then. */
static void
lets_urgent_ones_pass(void)
{
	struct scene s;
	int i;

	setup(&s);
	s.turns.plan.link[PACE_UP] = 1;
	for (i = 0; i < 3; i++) {
		assoc_send(&s.a, INTERACTIVE, s.interactive_port, s.many);
		udp_expect(s.rig, s.interactive, s.many, NULL);
	}
	CHECK_INT(assoc_dropped(&s.a), 0);
	assoc_send(&s.a, NORMAL, s.normal_port, "x");
	ASSOC_DROPS(&s.a, 0, 1);
	CHECK_INT(dropped(&s, CLASS_NORMAL), 1);
	/* A ceiling of its own holds for it, too. */
	s.turns.plan.classes[CLASS_INTERACTIVE].ceiling[PACE_UP] = 1;
	s.turns.plan.link[PACE_UP] = 0;
	assoc_send(&s.a, INTERACTIVE, s.interactive_port, s.many);
	udp_expect(s.rig, s.interactive, s.many, NULL);
	assoc_send(&s.a, INTERACTIVE, s.interactive_port, "x");
	ASSOC_DROPS(&s.a, 1, 1);
	CHECK_INT(dropped(&s, CLASS_INTERACTIVE), 1);
	teardown(&s);
}

/* A frame each, however small. */
static void
counts_their_frames(void)
{
	int64_t begun_ns = mono_us() * 1000;
	struct scene s;
	int i;

	setup(&s);
	s.turns.plan.link[PACE_UP] = 1000;
	for (i = 0; i < 3; i++) {
		assoc_send(&s.a, INTERACTIVE, s.interactive_port, "x");
		udp_expect(s.rig, s.interactive, "x", NULL);
	}
	CHECK(s.state->lanes[PACE_UP].link >=
		  begun_ns + 3 * INT64_C(1000000) * (1 + ASSOCIATE_FRAME),
	    "less than three frames");
	teardown(&s);
}

/* While others take all of the link that they may, there is room still for what
 * goes before them, though it can not wait. */
static void
goes_before_who_is_after_it(void)
{
	struct pace_flow flow = {.class = CLASS_BULK, .way = PACE_UP};
	struct pacer pacer;
	struct scene s;
	int64_t again_ns = 0, now_ns;
	size_t sum = 0, n;

	setup(&s);
	s.turns.plan.link[PACE_UP] = 12500000;
	pacer = (struct pacer){s.state, &s.turns.plan};
	now_ns = mono_us() * 1000;
	do {
		n = pace_ask(&pacer, &flow, MANY, now_ns, &again_ns);
		sum += n;
	} while (n > 0);
	CHECK(sum > MANY && again_ns > now_ns, "%zu bytes", sum);
	assoc_send(&s.a, NORMAL, s.normal_port, s.many);
	udp_expect(s.rig, s.normal, s.many, NULL);
	CHECK_INT(assoc_dropped(&s.a), 0);
	teardown(&s);
}

static void
reload(struct rig *rig, const char *rules)
{
	struct settings *old = rig->agent->settings;

	rig->agent->conf[0] = '\0';
	agent_settings(rig->agent, rules);
	rig->env.settings = rig->agent->settings;
	session_reclass(&rig->sessions);
	settings_unref(old);
}

/* The index of its class is another name's: it is normal, and so is what goes
 * to destinations that it had before. */
static void
leaves_a_class_that_is_another(void)
{
	const struct slab_class *own, *normal;
	struct scene s;

	setup_with(&s, "[class \"a\"]\n[rule \"a\"]\n"
		       "network = 127.0.0.3\nclass = a\nvia = direct\n");
	own = class_of(&s, CLASS_BUILT_IN);
	normal = class_of(&s, CLASS_NORMAL);
	assoc_send(&s.a, BULK, s.bulk_port, "one");
	udp_expect(s.rig, s.bulk, "one", NULL);
	reload(s.rig, "[class \"a\"]\n[class \"b\"]\n");
	CHECK_INT(gauge(&own->tunnels), 1);
	CHECK_INT(row_of(&s).class, CLASS_BUILT_IN);
	reload(s.rig, "[class \"b\"]\n");
	CHECK_INT(gauge(&own->tunnels), 0);
	CHECK_INT(gauge(&normal->tunnels), 1);
	CHECK_INT(row_of(&s).class, CLASS_NORMAL);
	assoc_send(&s.a, BULK, s.bulk_port, "1");
	udp_expect(s.rig, s.bulk, "1", NULL);
	CHECK_INT(AGENT_GET(&own->bytes_up), 3);
	CHECK_INT(AGENT_GET(&normal->bytes_up), 1);
	close_client(s.rig, 0, false);
	RIG_UNTIL(s.rig->agent->loop, s.rig->ended == 1);
	CHECK_INT(gauge(&normal->tunnels), 0);
	teardown(&s);
}

static const struct unit_case cases[] = {
    {"marks each by its class", marks_each_by_its_class},
    {"marks over IPv6", marks_over_ipv6},
    {"counts and shows it", counts_and_shows_it},
    {"drops what is over a ceiling", drops_what_is_over_a_ceiling},
    {"keeps to tunnels and users", keeps_to_tunnels_and_users},
    {"lets urgent ones pass", lets_urgent_ones_pass},
    {"counts their frames", counts_their_frames},
    {"goes before who is after it", goes_before_who_is_after_it},
    {"leaves a class that is another", leaves_a_class_that_is_another},
};

UNIT_MAIN("associate_class", cases)
