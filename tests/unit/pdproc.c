/* The tables of the policy server's processes and messages: who may say what
 * to whom, and that no role has more than its own. */
#include "policyd/common/pdproc.h"

#include <linux/capability.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "policyd/common/pdconf.h"
#include "tests/unit/unit.h"

#define BIT(role) (1u << (role))
#define ALL	  (BIT(PDPROC_COUNT) - 1)
#define CHILDREN  (ALL & ~BIT(PDPROC_MASTER))

static void
roles(void)
{
	int role;

	for (role = 0; role < PDPROC_COUNT; role++)
		CHECK_INT(
		    pdproc_role_parse(pdproc_role_word((enum pdproc_role)role)),
		    role);
	CHECK_INT(pdproc_role_parse("?"), -1);
	CHECK_INT(pdproc_role_parse(""), -1);
	CHECK_INT(pdproc_role_parse("Ranker"), -1);
	CHECK_INT(pdproc_role_parse("ranker "), -1);
}

static void
bounds(void)
{
	const struct chan_rule *r;
	uint32_t i, j;

	CHECK_INT(pdproc_rules.rows_n, PDMSG_COUNT);
	for (i = 0; i < pdproc_rules.rows_n; i++) {
		r = &pdproc_rules.rows[i];
		CHECK(r->name != NULL && r->name[0] != '\0', "row %u", i);
		CHECK(r->from != 0 && (r->from & ~ALL) == 0 && r->to != 0 &&
			  (r->to & ~ALL) == 0 && (r->from & r->to) == 0,
		    "%s: roles", r->name);
		CHECK(r->len_min <= r->len_max && r->len_max <= CHAN_DATA_MAX,
		    "%s: length", r->name);
		CHECK(r->fds_min <= r->fds_max && r->fds_max <= CHAN_FDS_MAX,
		    "%s: fds", r->name);
		for (j = 0; j < i; j++)
			CHECK(strcmp(r->name, pdproc_rules.rows[j].name) != 0,
			    "%s twice", r->name);
	}
	CHECK(
	    pdproc_rules.rows[PDMSG_LISTENERS].fds_max >= PDCONF_LISTENERS_MAX,
	    "listeners do not fit");
}

/* A bit for each message that a role may send to another. */
static uint64_t
may_say(enum pdproc_role from, enum pdproc_role to)
{
	uint64_t bits = 0;
	uint32_t i;

	for (i = 0; i < pdproc_rules.rows_n; i++) {
		if ((pdproc_rules.rows[i].from & BIT(from)) != 0 &&
		    (pdproc_rules.rows[i].to & BIT(to)) != 0)
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

/* Only the ranker has lines, and nobody gives the master but signs of life. */
static void
children_say_little(void)
{
	const uint64_t alive = UINT64_C(1) << PDMSG_READY | UINT64_C(1)
								<< PDMSG_ALIVE;
	int a, b;
	uint32_t i;

	for (a = PDPROC_MASTER + 1; a < PDPROC_COUNT; a++) {
		CHECK_INT(may_say((enum pdproc_role)a, PDPROC_MASTER), alive);
		for (b = PDPROC_MASTER + 1; b < PDPROC_COUNT; b++) {
			if (a != PDPROC_RANKER && b != PDPROC_RANKER)
				CHECK_INT(may_say((enum pdproc_role)a,
					      (enum pdproc_role)b),
				    0);
		}
	}
	/* The signer is asked one thing, and the page asks nothing. */
	CHECK_INT(may_say(PDPROC_RANKER, PDPROC_SIGNER), 1ll << PDMSG_SIGN);
	CHECK_INT(may_say(PDPROC_SIGNER, PDPROC_RANKER), 1ll << PDMSG_SIGNED);
	CHECK_INT(may_say(PDPROC_PAGE, PDPROC_RANKER), 0);
	/* No fd travels but from the master. */
	for (i = 0; i < pdproc_rules.rows_n; i++) {
		if ((pdproc_rules.rows[i].from & CHILDREN) != 0)
			CHECK_INT(pdproc_rules.rows[i].fds_max, 0);
	}
}

static bool
lets(const struct sandbox_spec *s, const char *syscall)
{
	const char *const *name;

	for (name = s->syscalls; *name != NULL; name++) {
		if (strcmp(*name, syscall) == 0)
			return true;
	}
	return false;
}

static void
rights(void)
{
	static const char *const never[] = {"execve", "execveat", "fork",
	    "vfork", "clone", "clone3", "ptrace", "kill", "tgkill", "mount",
	    "chroot", "setuid", "setresuid", "prctl", "socketpair", "listen",
	    "process_vm_readv", "memfd_create", "bpf", "io_uring_setup"};
	struct pdconf c = {.run_dir = "/r",
	    .state_dir = "/s",
	    .agents_max = 100,
	    .collector_user = {.uid = 1, .gid = 11},
	    .prober_user = {.uid = 2, .gid = 12},
	    .ranker_user = {.uid = 3, .gid = 13},
	    .signer_user = {.uid = 4, .gid = 14},
	    .page_user = {.uid = 5, .gid = 15}};
	struct sandbox_spec s;
	bool store;
	int role;
	size_t i;

	for (role = PDPROC_MASTER + 1; role < PDPROC_COUNT; role++) {
		store = role == PDPROC_RANKER || role == PDPROC_PAGE;
		pdproc_rights((enum pdproc_role)role, &c, &s);
		CHECK_INT(s.uid, role);
		/* The page is in the ranker's group. */
		CHECK_INT(s.gid, role == PDPROC_PAGE ? 13 : 10 + role);
		CHECK_INT(s.keep_caps, 0);
		CHECK(s.no_files && s.scoped && s.no_fork, "%s: files or forks",
		    pdproc_role_word((enum pdproc_role)role));
		CHECK_STR(s.chroot_dir, store ? "/s" : "/r");
		CHECK((s.files_dir != NULL) == store, "a directory");
		CHECK_INT(s.files_read_only, role == PDPROC_PAGE);
		CHECK_INT(lets(&s, "socket"), role == PDPROC_PROBER);
		CHECK_INT(lets(&s, "connect"), role == PDPROC_PROBER);
		CHECK_INT(lets(&s, "pwrite64"), role == PDPROC_RANKER);
		CHECK_INT(lets(&s, "openat"), store);
		for (i = 0; i < sizeof(never) / sizeof(*never); i++)
			CHECK(!lets(&s, never[i]), "%s: %s",
			    pdproc_role_word((enum pdproc_role)role), never[i]);
	}
	pdproc_rights(PDPROC_COLLECTOR, &c, &s);
	CHECK(s.nofile > 100, "no room for agents");
	pdproc_rights(PDPROC_SIGNER, &c, &s);
	CHECK(!lets(&s, "accept4"), "the signer accepts");
	pdproc_rights(PDPROC_MASTER, &c, &s);
	CHECK_INT(s.uid, (uid_t)-1);
	CHECK_INT(s.keep_caps & 1ull << CAP_SYS_ADMIN, 0);
}

static const struct unit_case cases[] = {
    {"roles have names", roles},
    {"the rows of messages", bounds},
    {"children say little", children_say_little},
    {"what each may do", rights},
};

UNIT_MAIN("pdproc", cases)
