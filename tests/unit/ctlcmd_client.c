/* Questions and answers on a control socket, with a server that is none. */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/client.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/verb.h"
#include "tests/unit/unit.h"

#define N(a)	   (sizeof(a) / sizeof(*(a)))
#define PATIENT_US 20000000
#define HASTY_US   30000

/* One connection is taken, its line kept, the answer given. */
struct bench {
	char dir[64], path[80];
	int listener;
	pthread_t thread;
	const char *answer;
	size_t answer_len;
	bool hang;	 /* do not close before the client does */
	char line[8192]; /* what was asked, without its newline */
};

static void
bench_init(struct bench *b)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const char *tmp = getenv("TMPDIR");

	memset(b, 0, sizeof(*b));
	snprintf(b->dir, sizeof(b->dir), "%s/ctlcmd.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(b->dir) == NULL)
		exit(1);
	snprintf(b->path, sizeof(b->path), "%s/control", b->dir);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", b->path);
	b->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (b->listener == -1 ||
	    bind(b->listener, (struct sockaddr *)&at, sizeof(at)) == -1 ||
	    listen(b->listener, 1) == -1)
		exit(1);
}

static void
bench_fini(struct bench *b)
{
	close(b->listener);
	unlink(b->path);
	rmdir(b->dir);
}

static void *
serve(void *arg)
{
	struct bench *b = arg;
	size_t len = 0, done = 0;
	ssize_t n;
	int fd = accept(b->listener, NULL, NULL);

	do {
		n = recv(fd, b->line + len, sizeof(b->line) - 1 - len, 0);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && b->line[len - 1] != '\n');
	b->line[len > 0 ? len - 1 : 0] = '\0';
	while (done < b->answer_len && n > 0) {
		n = send(
		    fd, b->answer + done, b->answer_len - done, MSG_NOSIGNAL);
		done += n > 0 ? (size_t)n : 0;
	}
	if (b->hang)
		while (recv(fd, b->line, 1, 0) > 0)
			continue;
	close(fd);
	return NULL;
}

static void
start(struct bench *b, const char *answer, size_t len)
{
	b->answer = answer;
	b->answer_len = len;
	if (pthread_create(&b->thread, NULL, serve, b) != 0)
		exit(1);
}

static void
join(struct bench *b)
{
	pthread_join(b->thread, NULL);
}

/* Objects until something else comes; that is returned. */
static int
drain(struct bench *b, int64_t timeout_us, int *objects)
{
	struct client *c;
	json_t *doc;
	int rc = client_open(&c, b->path, "verb arg", timeout_us);

	*objects = 0;
	CHECK_INT(rc, 0);
	while (rc == 0 || rc == 1) {
		rc = client_next(c, client_deadline_us(c), &doc);
		CHECK((rc == 1) == json_is_object(doc), "%d without its object",
		    rc);
		json_decref(doc);
		if (rc != 1)
			break;
		(*objects)++;
	}
	client_free(c);
	return rc;
}

static void
answers(void)
{
	static const struct {
		const char *answer;
		int objects, rc;
	} cases[] = {
	    {"", 0, 0},
	    {"{}\n", 1, 0},
	    {"{\"a\":1}\n{\"b\":[{}]}\n{}\n", 3, 0},
	    {"{}", 0, -EPROTO},
	    {"{}\n{", 1, -EPROTO},
	    {"{}\n\n", 1, -EPROTO},
	    {"[]\n", 0, -EPROTO},
	    {"1\n", 0, -EPROTO},
	    {"{\"a\":1,\"a\":2}\n", 0, -EPROTO},
	    {"{} {}\n", 0, -EPROTO},
	    {"{\"a\":\"\xff\"}\n", 0, -EPROTO},
	};
	struct bench b;
	int objects, rc;
	size_t i;

	for (i = 0; i < N(cases); i++) {
		bench_init(&b);
		start(&b, cases[i].answer, strlen(cases[i].answer));
		rc = drain(&b, PATIENT_US, &objects);
		join(&b);
		CHECK(rc == cases[i].rc && objects == cases[i].objects,
		    "case %zu: %d after %d objects", i, rc, objects);
		CHECK_STR(b.line, "verb arg");
		bench_fini(&b);
	}
}

/* An object of many buffers' length, and one without an end. */
static void
long_ones(void)
{
	const size_t len = CLIENT_LINE_MAX + 1000;
	char *text = malloc(len);
	struct bench b;
	int objects;

	if (text == NULL)
		exit(1);
	memset(text, ' ', len);
	text[0] = '{';
	text[3 << 20] = '}';
	text[(3 << 20) + 1] = '\n';
	bench_init(&b);
	start(&b, text, (3 << 20) + 2);
	CHECK_INT(drain(&b, PATIENT_US, &objects), 0);
	CHECK_INT(objects, 1);
	join(&b);
	bench_fini(&b);
	text[(3 << 20) + 1] = ' ';
	bench_init(&b);
	start(&b, text, len);
	CHECK_INT(drain(&b, PATIENT_US, &objects), -EMSGSIZE);
	join(&b);
	bench_fini(&b);
	free(text);
}

static void
deadlines(void)
{
	struct bench b;
	int objects;

	bench_init(&b);
	b.hang = true;
	start(&b, "{}\n{", 4);
	CHECK_INT(drain(&b, HASTY_US, &objects), -ETIMEDOUT);
	CHECK_INT(objects, 1);
	join(&b);
	bench_fini(&b);
}

/* Nobody accepts and the backlog is full, as with a stopped daemon. */
static void
full_backlog(void)
{
	struct client *c[16] = {NULL};
	int64_t before = mono_us();
	struct bench b;
	size_t i, n;
	int rc = 0;

	bench_init(&b);
	for (n = 0; n < N(c) && rc == 0; n++)
		rc = client_open(&c[n], b.path, "x", HASTY_US);
	CHECK_INT(rc, -ETIMEDOUT);
	CHECK(mono_us() - before < PATIENT_US, "it waits too long");
	for (i = 0; i < n; i++)
		client_free(c[i]);
	bench_fini(&b);
}

static void
nobody(void)
{
	char path[300];
	struct client *c;
	struct bench b;

	bench_init(&b);
	close(b.listener);
	CHECK_INT(client_open(&c, b.path, "x", HASTY_US), -ECONNREFUSED);
	CHECK(c == NULL, "a client of nobody");
	unlink(b.path);
	CHECK_INT(client_open(&c, b.path, "x", HASTY_US), -ENOENT);
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	CHECK_INT(client_open(&c, path, "x", HASTY_US), -ENAMETOOLONG);
	rmdir(b.dir);
}

/* What ask() makes of answers: exit status, and the code that is told. */
static void
asks(void)
{
	static const struct {
		const char *answer;
		int status;
		const char *code; /* NULL: it is an answer */
	} cases[] = {
	    {"{\"schema\":1,\"ok\":true}\n", VERB_OK, NULL},
	    {"{\"schema\":2,\"ok\":true}\n", VERB_FAILED, "protocol"},
	    {"{\"ok\":true}\n", VERB_FAILED, "protocol"},
	    {"{\"schema\":1}\n", VERB_FAILED, "protocol"},
	    {"{\"schema\":1,\"ok\":1}\n", VERB_FAILED, "protocol"},
	    {"hello\n", VERB_FAILED, "protocol"},
	    {"", VERB_FAILED, "no-answer"},
	    {"{\"schema\":1,\"ok\":false,\"code\":\"not-found\","
	     "\"error\":\"none\"}\n",
		VERB_FAILED, "not-found"},
	    {"{\"schema\":1,\"ok\":false,\"code\":\"usage\","
	     "\"error\":\"x\"}\n",
		VERB_USAGE, "usage"},
	    {"{\"schema\":1,\"ok\":false,\"code\":\"already\","
	     "\"error\":\"x\"}\n",
		VERB_OK, "already"},
	    {"{\"schema\":1,\"ok\":false,\"code\":\"forbidden\","
	     "\"error\":\"x\"}\n",
		VERB_FAILED, "forbidden"},
	    {"{\"schema\":1,\"ok\":false}\n", VERB_FAILED, ""},
	};
	size_t i, out_len, err_len;
	struct call call = {.json = true};
	char *out, *err;
	struct bench b;
	json_t *doc, *told;
	int status;

	for (i = 0; i < N(cases); i++) {
		bench_init(&b);
		call.run_dir = b.dir;
		call.out = open_memstream(&out, &out_len);
		call.err = open_memstream(&err, &err_len);
		if (call.out == NULL || call.err == NULL)
			exit(1);
		start(&b, cases[i].answer, strlen(cases[i].answer));
		status = ask(&call, &doc, "show %s", "hq-1");
		join(&b);
		fclose(call.out);
		fclose(call.err);
		told = json_loads(out, 0, NULL);
		CHECK(status == cases[i].status, "case %zu: %d: %s", i, status,
		    err);
		CHECK((doc != NULL) == (cases[i].code == NULL),
		    "case %zu: an answer or a failure", i);
		CHECK(
		    cases[i].code == NULL ||
			strcmp(field_string(told, "code"), cases[i].code) == 0,
		    "case %zu: %s", i, out);
		CHECK((err_len > 0) == (cases[i].code != NULL),
		    "case %zu: said \"%s\"", i, err);
		CHECK_STR(b.line, "show hq-1");
		json_decref(told);
		json_decref(doc);
		free(out);
		free(err);
		bench_fini(&b);
	}
}

static const struct unit_case cases[] = {
    {"answers", answers},
    {"long answers", long_ones},
    {"deadlines", deadlines},
    {"a full backlog", full_backlog},
    {"nobody there", nobody},
    {"what is made of answers", asks},
};

UNIT_MAIN("ctlcmd_client", cases)
