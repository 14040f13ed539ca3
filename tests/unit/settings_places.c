/* Which index a class has: a name keeps its own, whatever becomes of the file
 * and the policy around it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/bundle.h"
#include "conf/settings.h"
#include "tests/unit/unit.h"

#define CLASS(name) "[class \"" name "\"]\n"
/* All that there is room for but one. */
#define FIVE(a, b, c, d, e) CLASS(a) CLASS(b) CLASS(c) CLASS(d) CLASS(e)
#define TEN                                \
	FIVE("c1", "c2", "c3", "c4", "c5") \
	FIVE("c6", "c7", "c8", "c9", "c10")

/* What the master has: the settings in force, and what it hands on. */
struct agent {
	char dir[64], conf[80], root[80];
	struct settings *s;
	int sealed;
	struct settings_body policy;
	struct conf_errors errors;
};

static void
write_file(const char *path, const char *text, const char *more)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd == -1 || dprintf(fd, "%s%s", text, more) < 0)
		abort();
	close(fd);
}

static void
setup(struct agent *a)
{
	*a = (struct agent){.dir = "/tmp/unit-places-XXXXXX", .sealed = -1};
	if (mkdtemp(a->dir) == NULL)
		abort();
	snprintf(a->conf, sizeof(a->conf), "%s/c.ini", a->dir);
	snprintf(a->root, sizeof(a->root), "%s/root", a->dir);
	write_file(a->root, "", "");
}

static void
teardown(struct agent *a)
{
	settings_unref(a->s);
	if (a->sealed != -1)
		close(a->sealed);
	unlink(a->conf);
	unlink(a->root);
	CHECK_INT(rmdir(a->dir), 0);
}

/* A child, and one that is started anew, comes to the same. */
static void
check_child(const struct agent *a)
{
	struct conf_errors e;
	struct settings *s = NULL;
	struct bundle *b = NULL;
	uint32_t i;

	CHECK_INT(bundle_open(&b, a->sealed), 0);
	CHECK_INT(settings_parse(b, &s, &e), 0);
	CHECK_STR(e.text, "");
	bundle_free(b);
	if (s == NULL)
		return;
	CHECK_INT(s->classes_n, a->s->classes_n);
	for (i = 0; i < s->classes_n; i++) {
		CHECK(memcmp(&s->classes[i], &a->s->classes[i],
			  sizeof(s->classes[i])) == 0,
		    "class %u: '%s' of a child, '%s' of the master", i,
		    s->classes[i].name, a->s->classes[i].name);
	}
	settings_unref(s);
}

/* Takes both. */
static void
use(struct agent *a, struct settings *s, struct bundle *b)
{
	settings_unref(a->s);
	a->s = s;
	if (a->sealed != -1)
		close(a->sealed);
	a->sealed = bundle_seal(b, 0);
	bundle_free(b);
	check_child(a);
}

static int
try_reload(struct agent *a, const char *text)
{
	const struct settings_source from = {
	    a->conf, a->policy.text != NULL ? &a->policy : NULL, a->s};
	struct settings *s;
	struct bundle *b;
	char policy[200];
	int error;

	snprintf(policy, sizeof(policy),
	    "[policy]\nroot = %s\nnetwork = 192.0.2.0/24\n"
	    "min-intermediaries = 0\n",
	    a->root);
	write_file(a->conf, text, policy);
	error = settings_reload(&from, &b, &s, &a->errors);
	if (error == 0)
		use(a, s, b);
	return error;
}

static void
reload(struct agent *a, const char *text)
{
	int error = try_reload(a, text);

	CHECK(error == 0, "%s", a->errors.text);
	if (error != 0)
		exit(1);
}

/* NULL: there is none any more. */
static void
policy(struct agent *a, const char *text)
{
	struct bundle *b = NULL;
	struct settings *s;
	int error;

	a->policy = (struct settings_body){.text = text != NULL ? text : "",
	    .len = text != NULL ? strlen(text) : 0,
	    .epoch = text != NULL,
	    .serial = a->policy.serial + 1};
	CHECK_INT(bundle_open(&b, a->sealed), 0);
	error = settings_change_policy(b, &a->policy, &s, &a->errors);
	CHECK(error == 0, "%s", a->errors.text);
	if (error != 0)
		exit(1);
	use(a, s, b);
}

static void
check_at(const struct agent *a, const char *name, int index)
{
	CHECK(settings_class(a->s, name) == index, "'%s' at %d, not %d", name,
	    settings_class(a->s, name), index);
}

static void
insertion(void)
{
	struct agent a;

	setup(&a);
	reload(&a, CLASS("a") CLASS("b"));
	check_at(&a, "a", 4);
	check_at(&a, "b", 5);
	reload(&a, CLASS("x") CLASS("a") CLASS("b")
		       CLASS("y") "[rule \"r\"]\nport = 1\nclass = a\n"
				  "[tier \"t\"]\nrank = 1\nreserved-for = x\n");
	check_at(&a, "a", 4);
	check_at(&a, "b", 5);
	check_at(&a, "x", 6);
	check_at(&a, "y", 7);
	check_at(&a, "normal", CLASS_NORMAL);
	CHECK_INT(a.s->rules[0].class, 4);
	CHECK_INT(a.s->tiers[0].reserved_for, 1 << 6);
	reload(&a, CLASS("y") CLASS("b") CLASS("normal") CLASS("a") CLASS("x"));
	check_at(&a, "a", 4);
	check_at(&a, "b", 5);
	check_at(&a, "x", 6);
	check_at(&a, "y", 7);
	teardown(&a);
}

static void
removal(void)
{
	char list[SETTINGS_CLASS_LIST_LEN];
	struct agent a;

	setup(&a);
	reload(&a, CLASS("a") CLASS("b") "priority = 6\n" CLASS("c"));
	reload(&a, CLASS("a") CLASS("c"));
	check_at(&a, "a", 4);
	check_at(&a, "b", -1);
	check_at(&a, "c", 6);
	CHECK(a.s->classes[5].gone, "it is there");
	CHECK_STR(settings_class_name(a.s, 5), "b");
	CHECK_STR(settings_class_list(a.s, list, sizeof(list)),
	    "critical, interactive, normal, bulk, a or c");
	reload(&a, CLASS("c"));
	CHECK_STR(settings_class_list(a.s, list, sizeof(list)),
	    "critical, interactive, normal, bulk or c");
	CHECK_INT(
	    try_reload(&a, "[rule \"r\"]\nport = 1\nclass = b\n"), -EINVAL);
	reload(&a, CLASS("new") CLASS("b") "priority = 5\n" CLASS("c"));
	check_at(&a, "b", 5);
	check_at(&a, "c", 6);
	check_at(&a, "new", 7);
	CHECK(!a.s->classes[5].gone && a.s->classes[4].gone, "gone");
	CHECK_INT(a.s->classes[5].priority, 5);
	/* Renamed it is another. */
	reload(&a, CLASS("renamed") CLASS("b") CLASS("c"));
	check_at(&a, "renamed", 8);
	check_at(&a, "new", -1);
	teardown(&a);
}

/* It is no class but for what runs in it. */
static void
gone_is_as_normal(void)
{
	const struct settings_class *c;
	struct agent a;

	setup(&a);
	reload(&a, CLASS("a") CLASS("b") "dscp = ef\nceiling = 1mbit\n");
	reload(&a,
	    CLASS("a") CLASS("normal") "dscp = af11\nceiling = 8mbit\n"
				       "guarantee = 1mbit\npriority = 4\n");
	c = &a.s->classes[5];
	CHECK_STR(c->name, "b");
	CHECK_INT(c->priority, 4);
	CHECK_INT(c->ceiling.up, 1000000);
	CHECK_INT(c->guarantee.up + c->guarantee.down, 0);
	CHECK_INT(settings_class_mark(a.s, 5), 10);
	/* And nobody's equal. */
	CHECK_INT(try_reload(&a, CLASS("critical") "priority = 7\n" CLASS(
				     "a") "priority = 0\n"
					  "weight = 2\n"),
	    -EINVAL);
	CHECK(strstr(a.errors.text, "'weight' is of use") != NULL, "said: %s",
	    a.errors.text);
	teardown(&a);
}

static void
of_a_policy(void)
{
	struct agent a;

	setup(&a);
	reload(&a, CLASS("a"));
	policy(&a, CLASS("p") CLASS("q"));
	check_at(&a, "p", 5);
	check_at(&a, "q", 6);
	CHECK(a.s->classes[5].by_policy, "by policy");
	reload(&a, CLASS("x") CLASS("a"));
	check_at(&a, "a", 4);
	check_at(&a, "p", 5);
	check_at(&a, "q", 6);
	check_at(&a, "x", 7);
	policy(&a, CLASS("r") CLASS("q"));
	check_at(&a, "p", -1);
	check_at(&a, "q", 6);
	check_at(&a, "r", 8);
	policy(&a, NULL);
	check_at(&a, "q", -1);
	check_at(&a, "x", 7);
	policy(&a, CLASS("q") CLASS("p"));
	check_at(&a, "p", 5);
	check_at(&a, "q", 6);
	/* And when the configuration says it instead. */
	reload(&a, CLASS("p") "priority = 6\n" CLASS("a"));
	check_at(&a, "p", 5);
	CHECK(!a.s->classes[5].by_policy, "by policy");
	CHECK_INT(a.s->classes[5].priority, 6);
	check_at(&a, "a", 4);
	teardown(&a);
}

static void
check_ten(const struct agent *a)
{
	char name[16];
	int i;

	for (i = 1; i <= 10; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		check_at(a, name, 4 + i);
	}
}

/* One that is new has the place of one that is gone, and of nobody else. */
static void
full(void)
{
	struct settings *before;
	struct agent a;

	setup(&a);
	reload(&a, CLASS("first") TEN CLASS("last"));
	check_at(&a, "first", 4);
	check_at(&a, "last", 15);
	check_ten(&a);
	before = settings_ref(a.s);
	reload(&a, CLASS("new") TEN CLASS("last"));
	CHECK_INT(settings_class_since(a.s, before, 4), CLASS_NORMAL);
	CHECK_INT(settings_class_since(a.s, before, 5), 5);
	CHECK_INT(settings_class_since(a.s, before, CLASS_BULK), CLASS_BULK);
	CHECK_INT(settings_class_since(a.s, a.s, 4), 4);
	CHECK_INT(settings_class_since(a.s, before, 16), CLASS_NORMAL);
	settings_unref(before);
	check_at(&a, "new", 4);
	check_at(&a, "last", 15);
	check_ten(&a);
	CHECK_INT(a.s->classes_n, SETTINGS_CLASSES_MAX);
	CHECK_STR(settings_class_name(a.s, 4), "new");
	CHECK_INT(
	    try_reload(&a, CLASS("x") CLASS("y") CLASS("z") TEN), -EINVAL);
	/* Two new ones in front, two gone, the others in another order. */
	reload(&a, CLASS("x") CLASS("y") TEN);
	check_at(&a, "x", 4);
	check_at(&a, "y", 15);
	check_ten(&a);
	reload(&a, CLASS("y") TEN);
	policy(&a, CLASS("theirs"));
	check_at(&a, "theirs", 4);
	check_at(&a, "y", 15);
	reload(&a, CLASS("ours") TEN);
	check_at(&a, "theirs", 4);
	check_at(&a, "ours", 15);
	check_ten(&a);
	teardown(&a);
}

/* What is gone for longer gives its place first: nothing runs in it any
 * more. */
static void
oldest_first(void)
{
	struct agent a;

	setup(&a);
	reload(&a, CLASS("just") TEN CLASS("long"));
	reload(&a, CLASS("just") TEN);
	reload(&a, CLASS("new") TEN);
	check_at(&a, "new", 15);
	CHECK_STR(settings_class_name(a.s, 4), "just");
	check_ten(&a);
	teardown(&a);
}

static const struct unit_case cases[] = {
    {"names keep it when others come", insertion},
    {"and when others go, or they themselves for a while", removal},
    {"what is gone is as normal", gone_is_as_normal},
    {"a policy's as well", of_a_policy},
    {"of 16 none is moved", full},
    {"the oldest are replaced first", oldest_first},
};

UNIT_MAIN("settings_places", cases)
