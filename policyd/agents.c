/* Owns the verbs about agents: who is registered, and who may. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "policyd/args.h"
#include "policyd/ask.h"
#include "policyd/common/pdctl.h"
#include "policyd/grid.h"
#include "policyd/human.h"
#include "policyd/say.h"
#include "policyd/verb.h"
#include "trust/keyfile.h"
#include "trust/when.h"
#include "wire/manage.h"

static const struct grid_field table_fields[] = {{"name", "AGENT", GRID_TEXT},
    {"group", "GROUP", GRID_TEXT}, {"state", "STATE", GRID_TEXT},
    {"added_s", "SINCE", GRID_TIME}, {"seen_s", "SEEN AGO", GRID_AGE},
    {"policy_serial", "POLICY", GRID_RANK},
    {"policy_issued_s", "AGE", GRID_AGE}, {"rank_serial", "RANK", GRID_RANK},
    {"nack", "LAST NACK", GRID_TEXT}, {NULL, NULL, GRID_TEXT}};

static const struct grid_field show_fields[] = {{"name", "agent", GRID_TEXT},
    {"group", "group", GRID_TEXT}, {"state", "state", GRID_TEXT},
    {"software", "software", GRID_TEXT}, {"key", "key", GRID_TEXT},
    {"added_s", "registered", GRID_TIME}, {"seen_s", "last seen", GRID_TIME},
    {"root_epoch", "root", GRID_RANK}, {"policy_serial", "policy", GRID_RANK},
    {"policy_issued_s", "issued", GRID_TIME},
    {"rank_serial", "rank", GRID_RANK}, {"nack", "last nack", GRID_TEXT},
    {"nack_text", "its reason", GRID_TEXT}, {NULL, NULL, GRID_TEXT}};

static int
name_ok(const char *what, const char *name)
{
	if (manage_name_ok(name))
		return VERB_OK;
	return say_usage("%s: expected 1 to %d of a-z, 0-9, '-', '_' and '.', "
			 "found '%s'",
	    what, MANAGE_NAME_MAX, name);
}

int
agents_run(const struct call *c)
{
	struct answer a;
	int status = ask(c, &a, "agents");

	if (a.head == NULL)
		return status;
	if (c->json)
		ask_print(&a, "agents");
	else if (json_array_size(a.rows) == 0)
		puts("no agent is registered: see \"token new\" and "
		     "\"agent add\"");
	else
		grid_table(table_fields, a.rows, c->now_s);
	ask_free(&a);
	return status;
}

int
agent_show_run(const struct call *c)
{
	struct answer a;
	int status = name_ok("agent", c->args[0]);

	if (status != VERB_OK)
		return status;
	status = ask(c, &a, "agent %s", c->args[0]);
	if (a.head == NULL)
		return status;
	if (c->json)
		ask_print(&a, NULL);
	else
		grid_pairs(
		    show_fields, json_object_get(a.head, "agent"), c->now_s);
	ask_free(&a);
	return status;
}

/* An order that is answered by a sentence. */
static int
order(const struct call *c, const char *line)
{
	struct answer a;
	char text[1024];
	int status = ask_with(c, &a, line, NULL, 0);

	if (a.head == NULL)
		return status;
	snprintf(text, sizeof(text), "%s", ask_str(a.head, "message"));
	if (c->json)
		ask_print(&a, NULL);
	else
		puts(human_clean(text));
	ask_free(&a);
	return status;
}

/* BASE64, or the file of a public key. */
static int
read_key(const char *s, uint8_t key[KEYFILE_KEY_LEN])
{
	struct keyfile_public public;
	char why[KEYFILE_WHY_MAX];

	if (keyfile_unbase64(s, strlen(s), key))
		return VERB_OK;
	if (keyfile_read_public(s, &public, why) != 0)
		return say("--key: expected BASE64 of a public key or its "
			   "file: %s",
		    why);
	if (public.kind != KEYFILE_SEAL)
		return say("--key: %s: expected an agent's key, which is for "
			   "sealing, found one for signing",
		    s);
	memcpy(key, public.key, KEYFILE_KEY_LEN);
	return VERB_OK;
}

int
agent_add_run(const struct call *c)
{
	uint8_t key[KEYFILE_KEY_LEN];
	char text[KEYFILE_B64_LEN], line[256];
	int rc = name_ok("agent", c->args[0]);

	if (rc == VERB_OK)
		rc = name_ok("--group", c->group);
	if (rc == VERB_OK && c->keys.n != 1)
		rc = say_usage("--key: expected one, found %u", c->keys.n);
	if (rc == VERB_OK)
		rc = read_key(c->keys.at[0], key);
	if (rc != VERB_OK)
		return rc;
	snprintf(line, sizeof(line), "agent-add %s %s %s", c->args[0], c->group,
	    keyfile_base64(key, text));
	return order(c, line);
}

int
agent_remove_run(const struct call *c)
{
	char line[128];
	int rc = name_ok("agent", c->args[0]);

	if (rc != VERB_OK)
		return rc;
	snprintf(line, sizeof(line), "agent-remove %s", c->args[0]);
	return order(c, line);
}

/* 32 of 32 letters: 160 bits, and none that people take for another. */
static void
make_token(char out[PDCTL_TOKEN_LEN + 1])
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	size_t i;

	for (i = 0; i < PDCTL_TOKEN_LEN; i++)
		out[i] = letters[randombytes_uniform(sizeof(letters) - 1)];
	out[PDCTL_TOKEN_LEN] = '\0';
}

/* To a file that nobody else reads, or to who asks. */
static int
hand_out(const struct call *c, struct answer *a, const char *token, int fd)
{
	const size_t len = strlen(token);

	if (fd != -1 &&
	    (write(fd, token, len) != (ssize_t)len || write(fd, "\n", 1) != 1))
		return say_failure(c, VERB_FAILED, "file", "%s: %s", c->output,
		    strerror(errno));
	if (c->json) {
		if (fd == -1)
			json_object_set_new(
			    a->head, "token", json_string(token));
		return ask_print(a, NULL);
	}
	if (fd == -1)
		puts(token);
	/* A pipe gets the token and nothing else. */
	if (fd != -1 || isatty(STDOUT_FILENO))
		printf("%s%s  good for one agent of group %s; it is shown "
		       "this once\n",
		    fd != -1 ? c->output : "", fd != -1 ? ":" : "", c->group);
	return VERB_OK;
}

static int
make(const struct call *c, int64_t for_s, int fd)
{
	char token[PDCTL_TOKEN_LEN + 1], hex[PDCTL_HASH_LEN * 2 + 1];
	uint8_t hash[PDCTL_HASH_LEN];
	struct answer a;
	int rc;

	make_token(token);
	pdctl_token_hash(token, hash);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	rc = ask(c, &a, "token %s %s %" PRId64, hex, c->group, for_s);
	if (a.head != NULL)
		rc = hand_out(c, &a, token, fd);
	sodium_memzero(token, sizeof(token));
	ask_free(&a);
	return rc;
}

int
token_new_run(const struct call *c)
{
	int64_t until_s = c->now_s + PDCTL_TOKEN_S;
	int rc = name_ok("--group", c->group), fd = -1;

	if (rc != VERB_OK)
		return rc;
	if ((c->lasts != NULL && !when_later(c->lasts, c->now_s, &until_s)) ||
	    until_s - c->now_s > PDCTL_FOR_MAX_S)
		return say_usage("--for: expected a time like 1d, up to 366 "
				 "days, or one to come, found '%s'",
		    c->lasts);
	/* First, so that no token is made in vain. */
	if (c->output != NULL &&
	    (fd = open(c->output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		 0600)) == -1)
		return say_failure(c, VERB_FAILED, "file", "%s: %s", c->output,
		    strerror(errno));
	rc = make(c, until_s - c->now_s, fd);
	if (fd != -1 && close(fd) == -1 && rc == VERB_OK)
		rc = say_failure(c, VERB_FAILED, "file", "%s: %s", c->output,
		    strerror(errno));
	if (fd != -1 && rc != VERB_OK)
		(void)unlink(c->output); /* it holds nothing of use */
	return rc;
}
