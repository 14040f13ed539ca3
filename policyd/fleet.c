/* Owns `cagent-policyd policy`: what the server that runs has published, and
 * what it had before.  Signs nothing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policyd/args.h"
#include "policyd/ask.h"
#include "policyd/differ.h"
#include "policyd/grid.h"
#include "policyd/human.h"
#include "policyd/say.h"
#include "policyd/verb.h"
#include "wire/envelope.h"

static const struct grid_field show_fields[] = {{"audience", "for", GRID_TEXT},
    {"serial", "serial", GRID_COUNT}, {"epoch", "of root", GRID_COUNT},
    {"issued_s", "issued", GRID_TIME}, {"expires_s", "expires", GRID_TIME},
    {"at_s", "published", GRID_TIME}, {"by", "by", GRID_TEXT},
    {"signed_by", "signed by", GRID_TEXT}, {"hash", "hash", GRID_TEXT},
    {NULL, NULL, GRID_TEXT}};

static const struct grid_field history_fields[] = {{"type", "TYPE", GRID_TEXT},
    {"serial", "SERIAL", GRID_COUNT}, {"epoch", "ROOT", GRID_COUNT},
    {"audience", "FOR", GRID_TEXT}, {"at_s", "PUBLISHED", GRID_TIME},
    {"expires_s", "EXPIRES", GRID_TIME}, {"by", "BY", GRID_TEXT},
    {"in_force", "IN FORCE", GRID_TEXT}, {"hash", "HASH", GRID_TEXT},
    {NULL, NULL, GRID_TEXT}};

static void
print_body(const char *body)
{
	char line[1100];
	size_t n;

	for (; *body != '\0'; body += n + (body[n] == '\n')) {
		n = strcspn(body, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)n, body);
		puts(human_clean(line));
	}
}

static bool
audience_ok(const struct call *c)
{
	if (c->audience == NULL || envelope_audience_ok(c->audience))
		return true;
	say_usage("--audience: expected a group's name of a-z, 0-9, '-', '_' "
		  "and '.', or '*' for all, found '%s'",
	    c->audience);
	return false;
}

int
policy_show_run(const struct call *c)
{
	struct answer a;
	const json_t *o;
	size_t i;
	int status;

	if (!audience_ok(c))
		return VERB_USAGE;
	status = ask(c, &a, "policy%s%s", c->audience != NULL ? " " : "",
	    c->audience != NULL ? c->audience : "");
	if (a.head == NULL)
		return status;
	if (c->json)
		ask_print(&a, "policies");
	for (i = 0; !c->json && i < json_array_size(a.rows); i++) {
		o = json_array_get(a.rows, i);
		if (i > 0)
			putchar('\n');
		grid_pairs(show_fields, o, c->now_s);
		putchar('\n');
		print_body(ask_str(o, "body"));
	}
	if (!c->json && json_array_size(a.rows) == 0)
		puts("no policy was published yet");
	ask_free(&a);
	return status;
}

int
policy_history_run(const struct call *c)
{
	struct answer a;
	int status = ask(c, &a, "history");

	if (a.head == NULL)
		return status;
	if (c->json)
		ask_print(&a, "history");
	else if (json_array_size(a.rows) == 0)
		puts("nothing was published yet");
	else
		grid_table(history_fields, a.rows, c->now_s);
	ask_free(&a);
	return status;
}

/* An older policy, whole. */
static int
fetch(const struct call *c, const char *serial, struct answer *a)
{
	uint64_t n;

	*a = (struct answer){.head = NULL};
	if (!audience_ok(c))
		return VERB_USAGE;
	if (!args_number(serial, INT64_MAX, &n))
		return say_usage(
		    "expected a serial of \"policy history\", found '%s'",
		    serial);
	return ask(c, a, "body %s%s%s", serial, c->audience != NULL ? " " : "",
	    c->audience != NULL ? c->audience : "");
}

/* A file that is not there yet. */
static int
write_new(const struct call *c, const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	bool ok;

	if (fd == -1)
		return say_failure(c, VERB_FAILED,
		    errno == EEXIST ? "exists" : "file", "%s: %s", path,
		    errno == EEXIST ? "is there already, and is not "
				      "overwritten"
				    : strerror(errno));
	ok = write(fd, text, len) == (ssize_t)len;
	if (close(fd) == 0 && ok)
		return VERB_OK;
	return say_failure(
	    c, VERB_FAILED, "file", "%s: cannot be written whole", path);
}

int
policy_rollback_run(const struct call *c)
{
	struct answer a;
	int status = fetch(c, c->args[0], &a);

	if (a.head == NULL)
		return status;
	status = write_new(c, c->output, ask_str(a.head, "body"));
	if (status == VERB_OK && c->json)
		ask_print(&a, NULL);
	else if (status == VERB_OK)
		printf("%s: the text of policy %s\n"
		       "  agents take it back as a new policy alone, of a "
		       "higher serial:\n"
		       "  cagent-policyd sign policy %s --audience '%s' "
		       "--root ROOT --key KEY --expires TIME -o FILE\n"
		       "  cagent-policyd publish FILE\n",
		    c->output, c->args[0], c->output,
		    ask_str(a.head, "audience"));
	ask_free(&a);
	return status;
}

int
policy_diff_run(const struct call *c)
{
	struct answer a, b = {.head = NULL};
	int status = fetch(c, c->args[0], &a);

	if (a.head != NULL)
		status = fetch(c, c->args[1], &b);
	if (b.head != NULL)
		status = differ(c,
		    &(struct differ_text){c->args[0], ask_str(a.head, "body")},
		    &(struct differ_text){c->args[1], ask_str(b.head, "body")});
	ask_free(&a);
	ask_free(&b);
	return status;
}
