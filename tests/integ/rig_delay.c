/* The process that carries packets between two networks and takes its time;
 * it does not look into them. */
#include "tests/integ/rig_delay.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/integ/rig.h"
#include "tests/integ/rig_proc.h"

#define MTU	1500
#define NS_US	1000
#define NS_S	1000000000
#define BATCH_N 64 /* packets of one end before the other has its turn */

struct packet {
	int64_t due_ns;
	size_t len;
	uint8_t bytes[MTU];
};

/* One direction. */
struct lane {
	int from, to;
	int64_t delay_ns, bits_per_s, queue_ns;
	int64_t free_ns; /* when the line has sent what it was given */
	size_t first, n;
	struct packet *queue; /* a ring of RIG_DELAY_QUEUE */
	struct rig_delay_count *count;
};

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NS_S + ts.tv_nsec;
}

static struct packet *
slot(const struct lane *l, size_t i)
{
	return &l->queue[(l->first + i) % RIG_DELAY_QUEUE];
}

/* Stamp what came, as long as there is room: the device keeps the rest. */
static void
take(struct lane *l)
{
	struct packet *p;
	int64_t now;
	ssize_t n;
	int i;

	for (i = 0; i < BATCH_N && l->n < RIG_DELAY_QUEUE; i++) {
		p = slot(l, l->n);
		n = read(l->from, p->bytes, sizeof(p->bytes));
		if (n <= 0)
			return;
		now = now_ns();
		if (l->free_ns < now)
			l->free_ns = now;
		if (l->queue_ns > 0 && l->free_ns - now > l->queue_ns) {
			atomic_fetch_add_explicit(
			    &l->count->dropped, 1, memory_order_relaxed);
			continue;
		}
		if (l->bits_per_s > 0)
			l->free_ns += n * 8 * NS_S / l->bits_per_s;
		p->len = (size_t)n;
		p->due_ns = l->free_ns + l->delay_ns;
		l->n++;
	}
}

/* Deliver what is due, and say when the next is; -1: there is none. */
static int64_t
give(struct lane *l)
{
	const struct packet *p;

	while (l->n > 0) {
		p = slot(l, 0);
		if (p->due_ns > now_ns())
			return p->due_ns;
		if (write(l->to, p->bytes, p->len) == (ssize_t)p->len) {
			atomic_fetch_add_explicit(
			    &l->count->packets, 1, memory_order_relaxed);
			atomic_fetch_add_explicit(
			    &l->count->bytes, p->len, memory_order_relaxed);
		} else {
			atomic_fetch_add_explicit(
			    &l->count->lost, 1, memory_order_relaxed);
		}
		l->first = (l->first + 1) % RIG_DELAY_QUEUE;
		l->n--;
	}
	return -1;
}

static void
carry(struct lane lanes[static 2])
{
	struct pollfd p[2];
	struct timespec ts;
	int64_t due, next;
	int i;

	for (;;) {
		next = -1;
		for (i = 0; i < 2; i++) {
			p[i] = (struct pollfd){.fd = lanes[i].from,
			    .events =
				lanes[i].n < RIG_DELAY_QUEUE ? POLLIN : 0};
			due = give(&lanes[i]);
			if (due != -1 && (next == -1 || due < next))
				next = due;
		}
		if (next != -1) {
			next -= now_ns();
			next = next > 0 ? next : 0;
			ts = (struct timespec){
			    .tv_sec = next / NS_S, .tv_nsec = next % NS_S};
		}
		if (ppoll(p, 2, next != -1 ? &ts : NULL, NULL) <= 0)
			continue;
		for (i = 0; i < 2; i++) {
			if (p[i].revents != 0)
				take(&lanes[i]);
		}
	}
}

static int
open_tun(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	REQUIRE(fd != -1 && ioctl(fd, TUNSETIFF, &ifr) == 0,
	    "the device %s: %s", name, strerror(errno));
	return fd;
}

static void
run_in(pid_t netns, const char *const *argv)
{
	struct rig_output o;

	rig_run(&o,
	    &(struct rig_spawn){.name = argv[0], .argv = argv, .netns = netns},
	    10000);
	REQUIRE(o.code == 0, "%s: exit %d: %s", argv[0], o.code, o.err);
	rig_output_free(&o);
}

static void
configure(pid_t netns, const char *name, const char *address, const char *peer)
{
	run_in(netns, (const char *const[]){"ip", "address", "add", address,
			  "peer", peer, "dev", name, NULL});
	run_in(netns, (const char *const[]){"ip", "link", "set", name,
			  "txqueuelen", "10000", "up", NULL});
}

/* In the process that carries: it never execs, so what is open would stay. */
static void
live(struct lane lanes[static 2])
{
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The kernel would else gather wake-ups of 50 us. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	if (dup2(lanes[0].from, 0) == -1 || dup2(lanes[0].to, 1) == -1)
		_exit(1);
	syscall(SYS_close_range, 2u, ~0u, 0u);
	for (i = 0; i < 2; i++) {
		lanes[i].from = i;
		lanes[i].to = !i;
	}
	carry(lanes);
}

static void *
shared_memory(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	REQUIRE(p != MAP_FAILED, "memory");
	return p;
}

static int
namespace_of(const char *who)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/ns/net", who);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd != -1, "%s: %s", path, strerror(errno));
	return fd;
}

void
rig_delay_cross(const struct rig_delay *d, bool there)
{
	char who[16];
	int fd = d->here_ns;

	snprintf(who, sizeof(who), "%d", (int)d->there);
	if (there)
		fd = namespace_of(who);
	REQUIRE(setns(fd, CLONE_NEWNET) == 0, "setns: %s", strerror(errno));
	if (there)
		close(fd);
}

void
rig_delay_start(struct rig_delay *d)
{
	struct rig_delay_count *count = shared_memory(sizeof(*count));
	struct lane lanes[2];
	int i, ends[2];

	d->count = count;
	d->here_ns = namespace_of("thread-self");
	ends[0] = open_tun("long0");
	rig_delay_cross(d, true);
	ends[1] = open_tun("long1");
	rig_delay_cross(d, false);
	/* A device that is down takes no packet. */
	configure(0, "long0", RIG_DELAY_HERE, RIG_DELAY_THERE);
	configure(d->there, "long1", RIG_DELAY_THERE, RIG_DELAY_HERE);
	for (i = 0; i < 2; i++) {
		lanes[i] = (struct lane){.from = ends[i],
		    .to = ends[!i],
		    .delay_ns = d->delay_us * NS_US,
		    .bits_per_s = d->bits_per_s,
		    .queue_ns = d->queue_us * NS_US,
		    .count = count};
		lanes[i].queue =
		    shared_memory(RIG_DELAY_QUEUE * sizeof(struct packet));
	}
	fflush(NULL);
	d->pid = fork();
	REQUIRE(d->pid != -1, "fork: %s", strerror(errno));
	if (d->pid == 0)
		live(lanes);
	for (i = 0; i < 2; i++) {
		munmap(lanes[i].queue, RIG_DELAY_QUEUE * sizeof(struct packet));
		close(ends[i]);
	}
}
