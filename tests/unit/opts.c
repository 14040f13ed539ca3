/* The command line of cagent-probe. */
#include "probe/opts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define N(a)	 (sizeof(a) / sizeof(*(a)))
#define ARGS_MAX 12

/* A command line that can be written to, and what was said. */
struct call {
	struct opts o;
	char *argv[ARGS_MAX + 2];
	int argc, status;
	char *out, *err;
	size_t out_len, err_len;
};

static void
call(struct call *c, const char *const *args)
{
	memset(c, 0, sizeof(*c));
	c->o.out = open_memstream(&c->out, &c->out_len);
	c->o.err = open_memstream(&c->err, &c->err_len);
	c->argv[c->argc++] = strdup("cagent-probe");
	while (*args != NULL && c->argc <= ARGS_MAX)
		c->argv[c->argc++] = strdup(*args++);
	c->status = opts_parse(c->argc, c->argv, &c->o);
	fflush(c->o.out);
	fflush(c->o.err);
}

static void
call_free(struct call *c)
{
	opts_fini(&c->o);
	fclose(c->o.out);
	fclose(c->o.err);
	free(c->out);
	free(c->err);
	while (c->argc > 0)
		free(c->argv[--c->argc]);
}

#define CALL(c, ...) call(c, (const char *const[]){__VA_ARGS__, NULL})

static void
has_defaults(void)
{
	struct call c;

	CALL(&c, "socks5://h:1");
	CHECK_INT(c.status, OPTS_OK);
	CHECK_INT(c.o.hops_n, 1);
	CHECK_INT(c.o.targets_n, 0);
	CHECK_INT(c.o.count, OPTS_COUNT);
	CHECK_INT(c.o.parallel, OPTS_PARALLEL);
	CHECK_INT(c.o.timeout_us, OPTS_TIMEOUT_US);
	CHECK_INT(c.o.rate_bytes, 0);
	CHECK_STR(c.err, "");
	call_free(&c);
}

static void
takes_all(void)
{
	struct call c;

	CALL(&c, "-n5", "http://h:1", "--target=tcp://t:1", "--target",
	    "http://t/", "--interval=0", "--timeout", "250ms", "--parallel=2",
	    "--rate=2m", "-q", "socks4a://h:2");
	CHECK_INT(c.status, OPTS_OK);
	CHECK_STR(c.err, "");
	CHECK_INT(c.o.count, 5);
	CHECK_INT(c.o.hops_n, 2);
	CHECK_INT(c.o.targets_n, 2);
	CHECK_INT(c.o.interval_us, 0);
	CHECK_INT(c.o.timeout_us, 250000);
	CHECK_INT(c.o.parallel, 2);
	CHECK_INT(c.o.rate_bytes, 2 << 20);
	CHECK(c.o.quiet && !c.o.json, "quiet, json");
	call_free(&c);
	CALL(&c, "--rate", "--target=http://t", "--json", "direct://");
	CHECK_INT(c.status, OPTS_OK);
	CHECK_INT(c.o.rate_bytes, OPTS_RATE_BYTES);
	CHECK(c.o.json, "json");
	call_free(&c);
	CALL(&c, "-V");
	CHECK(c.status == OPTS_OK && c.o.version, "version");
	call_free(&c);
	CALL(&c, "-h", "rubbish");
	CHECK(c.status == OPTS_OK && c.o.help, "help");
	opts_help(&c.o);
	fflush(c.o.out);
	CHECK(strstr(c.out, "usage: cagent-probe") != NULL, "%s", c.out);
	call_free(&c);
	CALL(&c, "socks5://h:1", "--", "http://h:1");
	CHECK(c.status == OPTS_OK && c.o.hops_n == 2, "after --");
	call_free(&c);
}

static void
refuses(void)
{
	static const struct {
		const char *args[4], *says;
	} all[] = {
	    {{NULL}, "which intermediary?"},
	    {{"--targt=x"}, "did you mean --target?"},
	    {{"--jsn"}, "did you mean --json?"},
	    {{"--zzzzz"}, "--help lists"},
	    {{"-z"}, "unknown option \"-z\""},
	    {{"--count"}, "--count needs a value"},
	    {{"-n"}, "-n needs a value"},
	    {{"--json=1"}, "--json=1 takes no value"},
	    {{"--quiet=1"}, "--quiet=1 takes no value"},
	    {{"-n", "0"}, "--count 0: expected a number from 1 to 10000"},
	    {{"-n", "x"}, "--count x"},
	    {{"-n", "-1"}, "--count -1"},
	    {{"-n", "10001"}, "--count 10001"},
	    {{"-n", "99999999999999999999"}, "--count 9999"},
	    {{"--timeout=0"}, "between 1.0ms and 1h"},
	    {{"--timeout=2h"}, "between 1.0ms and 1h"},
	    {{"--timeout=soon"}, "--timeout soon: expected a time"},
	    {{"--interval=1e3"}, "between 0 and 1h"},
	    {{"--parallel=257"}, "from 1 to 256"},
	    {{"--rate=1"}, "between 64k and 16g"},
	    {{"--rate=fast"}, "as in --rate=4m"},
	    {{"--target", "nowhere"}, "--target nowhere: no scheme"},
	    {{"h:1"}, "h:1: no scheme"},
	    {{"direct://"}, "leads nowhere without a --target"},
	    {{"http://h:1", "--rate"}, "--rate needs a --target"},
	    {{"http://h:1", "--rate", "--target=https://h/"},
		"--rate needs a --target http://"},
	    {{"http://a@h:1", "--password-file=/nonexistent"}, "No such file"},
	    {{"\33[2J\n"}, "?[2J?"},
	};
	struct call c;
	size_t i;

	for (i = 0; i < N(all); i++) {
		call(&c, all[i].args);
		CHECK(c.status == OPTS_USAGE && strstr(c.err, all[i].says),
		    "%s: %d: %s", all[i].says, c.status, c.err);
		CHECK_STR(c.out, "");
		call_free(&c);
	}
	CALL(&c, "--json", "x\377");
	CHECK(strstr(c.out, "\"code\":\"usage\"") != NULL, "%s", c.out);
	call_free(&c);
}

static void
bounds_the_number(void)
{
	static const char hop[] = "http://h:1";
	char *argv[OPTS_HOPS_MAX + 4] = {NULL};
	struct opts o = {.out = stderr, .err = fopen("/dev/null", "w")};
	char many[] = "-n400";
	int i;

	for (i = 0; i <= OPTS_HOPS_MAX + 1; i++)
		argv[i] = strdup(hop);
	CHECK_INT(opts_parse(OPTS_HOPS_MAX + 1, argv, &o), OPTS_OK);
	opts_fini(&o);
	o.hops_n = 0;
	CHECK_INT(opts_parse(OPTS_HOPS_MAX + 2, argv, &o), OPTS_USAGE);
	opts_fini(&o);
	o.hops_n = 0;
	free(argv[1]);
	argv[1] = many;
	CHECK_INT(opts_parse(OPTS_HOPS_MAX + 1, argv, &o), OPTS_USAGE);
	opts_fini(&o);
	fclose(o.err);
	for (i = 0; i <= OPTS_HOPS_MAX + 1; i++) {
		if (argv[i] != many)
			free(argv[i]);
	}
}

/* --- passwords --- */

static void
hides_passwords(void)
{
	static const char *const bad[] = {"zzz://u:hunter2@h:1",
	    "u:hunter2@h:1", "socks5://u:hunter2@h:99999"};
	struct call c;
	size_t i;

	CALL(&c, "socks5://fred:hunter2@h:1");
	CHECK_INT(c.status, OPTS_OK);
	CHECK_STR(c.argv[1], "socks5://fred:xxxxxxx@h:1");
	CHECK_STR(c.o.hops[0].password, "hunter2");
	call_free(&c);
	/* Also where the command line is refused, and in what is said. */
	for (i = 0; i < N(bad); i++) {
		CALL(&c, bad[i], "socks5://v:hunter2@h:1");
		CHECK_INT(c.status, OPTS_USAGE);
		CHECK(strstr(c.err, "hunter2") == NULL, "%s", c.err);
		CHECK(strstr(c.argv[1], "hunter2") == NULL, "%s", c.argv[1]);
		CHECK_STR(c.argv[2], "socks5://v:xxxxxxx@h:1");
		call_free(&c);
	}
}

static void
write_file(const char *path, const char *text, unsigned int mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write");
	CHECK_INT(fchmod(fd, mode), 0);
	close(fd);
}

static void
reads_passwords(void)
{
	static const struct {
		const char *text;
		unsigned int mode;
		const char *says; /* NULL: it is good */
	} all[] = {
	    {"s3cret\n", 0600, NULL},
	    {"s3cret", 0400, NULL},
	    {"s3cret\r\n", 0600, NULL},
	    {"s3cret\n", 0644, "chmod 600"},
	    {"", 0600, "expected one line"},
	    {"\n", 0600, "expected one line"},
	    {"s3cret\nmore\n", 0600, "expected one line"},
	};
	char path[] = "/tmp/probe-opts.XXXXXX", arg[64];
	int fd = mkstemp(path);
	struct call c;
	size_t i;

	close(fd);
	snprintf(arg, sizeof(arg), "--password-file=%s", path);
	for (i = 0; i < N(all); i++) {
		write_file(path, all[i].text, all[i].mode);
		CALL(&c, arg, "http://u@h:1", "http://v:own@h:1", "http://h:1");
		CHECK(c.status == (all[i].says == NULL ? OPTS_OK : OPTS_USAGE),
		    "%zu: %s", i, c.err);
		if (all[i].says == NULL) {
			CHECK_STR(c.o.hops[0].password, "s3cret");
			CHECK_STR(c.o.hops[1].password, "own");
			CHECK(!c.o.hops[2].has_user, "a login from nowhere");
		} else {
			CHECK(strstr(c.err, all[i].says) != NULL, "%s", c.err);
		}
		call_free(&c);
	}
	write_file(path, "s3cret", 0600);
	CALL(&c, arg, "http://v:own@h:1");
	CHECK(strstr(c.err, "no URL has a user without") != NULL, "%s", c.err);
	call_free(&c);
	unlink(path);
}

static const struct unit_case cases[] = {
    {"has defaults", has_defaults},
    {"takes all", takes_all},
    {"refuses", refuses},
    {"bounds the number", bounds_the_number},
    {"hides passwords", hides_passwords},
    {"reads passwords", reads_passwords},
};

UNIT_MAIN("opts", cases)
