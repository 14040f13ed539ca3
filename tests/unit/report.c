/* What managers are told of what workers have counted. */
#include "cagentd/control/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tests/unit/ranking_rig.h"

static struct report *p;
static struct manage_report head;
static struct manage_row rows[TABLE_ROWS_MAX];

static void
begin(const char *text)
{
	clock_stop();
	rig_open(text);
	step();
	rig_ok(report_new(&p, r), "report_new");
	CHECK_INT(report_look(p, mono_wall_us()), 0);
}

static void
end(void)
{
	report_free(p);
	rig_close();
}

static void
look(void)
{
	size_t len = 0, used;
	uint8_t *body;
	uint16_t i;
	int n;

	step();
	CHECK_INT(report_look(p, mono_wall_us()), 0);
	body = report_body(p, MANAGE_INTERVAL, &len);
	if (body == NULL)
		abort();
	CHECK(manage_report_ok(body, len), "as it should be");
	n = manage_report_decode(body, len, &head);
	for (i = 0, used = (size_t)n; n > 0 && i < head.rows_n; i++) {
		n = manage_row_decode(body + used, len - used, &rows[i]);
		used += (size_t)n;
	}
	CHECK_INT(used, len);
	free(body);
}

static const struct manage_row *
row(const char *name)
{
	uint16_t i;

	for (i = 0; i < head.rows_n; i++) {
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	CHECK(0, "no row %s", name);
	abort();
}

static void
sums(void)
{
	begin(ABC);
	works(0, "a", 3);
	works(1, "a", 4);
	fails(0, "b", 2);
	hist_add(&rig_counts(0, "a")->handshake, 1000);
	hist_add(&rig_counts(1, "a")->handshake, 1000);
	hist_add(&rig_counts(1, "a")->first_byte, 5000);
	slab_add(&rig_counts(0, "a")->bytes_up, 10);
	slab_add(&rig_counts(1, "a")->bytes_down, 20);
	slab_up(&rig_counts(0, "c")->in_flight);
	slab_add(&rig_slabs[0]->served, 5);
	slab_add(&rig_slabs[1]->direct, 6);
	slab_add(&rig_slabs[1]->refused[3], 7);
	look();
	CHECK_INT(head.rows_n, 3);
	CHECK_INT(head.served, 5);
	CHECK_INT(head.direct, 6);
	CHECK_INT(head.refused, 7);
	CHECK_INT(row("a")->attempts, 7);
	CHECK_INT(row("a")->successes, 7);
	CHECK_INT(row("a")->charged, 0);
	CHECK_INT(row("a")->handshake.count[hist_bucket(1000)], 2);
	CHECK_INT(row("a")->first_byte.count[hist_bucket(5000)], 1);
	CHECK_INT(row("a")->bytes_up, 10);
	CHECK_INT(row("a")->bytes_down, 20);
	CHECK_INT(row("a")->tier, 1);
	CHECK_INT(row("a")->observed, TABLE_UP);
	CHECK_INT(row("b")->charged, 2);
	CHECK_INT(row("c")->in_flight, 1);
	CHECK_INT(row("c")->tier, 2);
	look();
	CHECK_INT(row("a")->attempts, 7);
	end();
}

/* What was before our time was another's to tell. */
static void
begins_at_nothing(void)
{
	rig_open(ABC);
	works(0, "a", 100);
	slab_add(&rig_slabs[0]->served, 100);
	rig_ok(report_new(&p, r), "report_new");
	CHECK_INT(report_look(p, mono_wall_us()), 0);
	works(0, "a", 1);
	slab_add(&rig_slabs[0]->served, 1);
	look();
	CHECK_INT(row("a")->attempts, 1);
	CHECK_INT(head.served, 1);
	end();
}

/* One that was under way then may succeed now: no more of them than there
 * were tries. */
static void
stays_possible(void)
{
	rig_open(ABC);
	slab_add(&rig_counts(0, "a")->attempts, 5);
	rig_ok(report_new(&p, r), "report_new");
	CHECK_INT(report_look(p, mono_wall_us()), 0);
	slab_add(&rig_counts(0, "a")->successes, 5);
	look();
	CHECK_INT(row("a")->attempts, 0);
	CHECK_INT(row("a")->successes, 0);
	end();
}

static void
change(const char *text)
{
	settings_unref(rig_control.settings);
	rig_control.settings = rig_settings(text);
	ranking_settings(r, rig_control.settings);
	ranking_publish(r);
}

/* By name, whoever had its slot. */
static void
goes_by_name(void)
{
	uint64_t instance;

	begin(ABC);
	works(0, "a", 5);
	look();
	instance = head.instance;
	/* Another address: the slot's counts begin anew, ours do not. */
	change(RIG_HEAD ONE("a", "192.0.2.99:1080", "1") B C);
	works(0, "a", 2);
	look();
	CHECK_INT(row("a")->attempts, 7);
	/* Away, and back again. */
	change(RIG_HEAD B C);
	look();
	CHECK_INT(head.rows_n, 2);
	change(ABC);
	works(0, "a", 1);
	look();
	CHECK_INT(row("a")->attempts, 8);
	CHECK(head.instance == instance, "the same instance");
	end();
}

/* A slab that was spoilt, and is replaced, takes its counts with it. */
static void
never_falls(void)
{
	int fd, ro;

	begin(ABC);
	works(0, "a", 5);
	works(1, "a", 5);
	hist_add(&rig_counts(0, "a")->handshake, 1000);
	slab_add(&rig_slabs[0]->served, 5);
	look();
	CHECK_INT(row("a")->attempts, 10);
	slab_unmap(rig_slabs[0]);
	fd = rig_ok(
	    slab_create(0, (const uint8_t[USAGE_KEY_LEN]){0}, &ro), "slab");
	rig_ok(slab_map(fd, true, &rig_slabs[0]), "slab_map");
	rig_ok(ranking_slab(r, 0, ro), "slab");
	close(fd);
	look();
	CHECK_INT(row("a")->attempts, 10);
	CHECK_INT(row("a")->handshake.count[hist_bucket(1000)], 1);
	CHECK_INT(head.served, 5);
	works(0, "a", 1);
	look();
	CHECK_INT(row("a")->attempts, 11);
	end();
}

/* A worker may write what it likes. */
static void
lies(void)
{
	struct slab_row *s;

	begin(ABC);
	s = rig_counts(0, "a");
	atomic_store(&s->attempts, UINT64_MAX);
	atomic_store(&s->successes, UINT64_MAX);
	atomic_store(&s->charged, UINT64_MAX);
	atomic_store(&s->in_flight, UINT32_MAX);
	atomic_store(&s->bytes_up, UINT64_MAX);
	atomic_store(&rig_slabs[0]->served, UINT64_MAX);
	atomic_store(&rig_slabs[1]->served, UINT64_MAX);
	look();
	CHECK(row("a")->successes <= row("a")->attempts, "possible");
	atomic_store(&s->attempts, 0);
	look();
	end();
}

/* The table may be full of others each time. */
static void
forgets(void)
{
	static char text[200000];
	uint64_t instance;
	size_t used;
	int i, n;

	begin(ABC);
	works(0, "a", 5);
	look();
	instance = head.instance;
	for (i = 0; i < 3; i++) {
		used =
		    (size_t)snprintf(text, sizeof(text), "%s%s", RIG_HEAD, A);
		for (n = 0; n < 1000; n++)
			used +=
			    (size_t)snprintf(text + used, sizeof(text) - used,
				"[intermediary \"n%d-%d\"]\ntype = http\n"
				"address = 192.0.2.7:%d\n",
				i, n, 1 + n);
		change(text);
		works(0, "a", 1);
		look();
		CHECK_INT(head.rows_n, 1001);
	}
	CHECK(head.instance != instance, "begun anew");
	CHECK(row("a")->attempts <= 1, "from nothing");
	end();
}

static const struct unit_case cases[] = {
    {"sums", sums},
    {"begins at nothing", begins_at_nothing},
    {"stays possible", stays_possible},
    {"goes by name", goes_by_name},
    {"never falls", never_falls},
    {"lies", lies},
    {"forgets", forgets},
};

int
main(void)
{
	log_level_set(LOG_LEVEL_ERROR);
	return unit_main("report", cases, sizeof(cases) / sizeof(*cases));
}
