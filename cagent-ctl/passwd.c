/* Owns `cagent-ctl passwd`: who may log in; a password is never an argument. */
#include <errno.h>
#include <readpassphrase.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "cagent-ctl/check.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/passwd_file.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"

/* What SOCKS5 can carry, and one more to see that it is too much. */
#define PASSWORD_MAX  255
#define PASSWORD_SIZE (PASSWORD_MAX + 3)

static const struct field fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when it was not done; then \"code\" and \"error\" say why"},
    {"file", NULL, "FILE", FIELD_TEXT, false, NULL, "the users file"},
    {"message", NULL, "the line", FIELD_TEXT, false, NULL,
	"what was done; not of -l"},
    {"users", NULL, "a line each", FIELD_LIST, false, NULL,
	"of -l: the names of those who may log in"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};
static const struct field_list list = {"the answer", "", fields};

const struct field_list *const passwd_fields[] = {&list, NULL};

static int
failed(const struct call *call, const char *code, const char *why)
{
	return say_failure(call, VERB_FAILED, code, "%s", why);
}

static void
answer(const struct call *call, const char *file, const char *message)
{
	json_t *doc;

	if (!call->json) {
		fprintf(call->out, "%s\n", message);
		return;
	}
	doc = json_pack("{s:i, s:b, s:o, s:o}", "schema", CTL_SCHEMA, "ok", 1,
	    "file", field_json_string(file), "message",
	    field_json_string(message));
	render_json(call, doc);
	json_decref(doc);
}

static int
show(const struct call *call, const char *file)
{
	char why[PASSWD_WHY_MAX], text[256];
	json_t *doc, *names = json_array();
	struct users *users;
	uint32_t i;

	if (passwd_read(file, &users, why) != 0) {
		json_decref(names);
		return failed(call, "bad-file", why);
	}
	for (i = 0; i < users->n; i++) {
		json_array_append_new(
		    names, field_json_string(users->one[i].name));
		if (!call->json)
			fprintf(call->out, "%s\n",
			    format_quote(
				users->one[i].name, text, sizeof(text)));
	}
	users_free(users);
	doc = json_pack("{s:i, s:b, s:o, s:o}", "schema", CTL_SCHEMA, "ok", 1,
	    "file", field_json_string(file), "users", names);
	if (call->json)
		render_json(call, doc);
	json_decref(doc);
	return VERB_OK;
}

/* One line of stdin, byte by byte: what follows is others'.  NULL, or why
 * not. */
static const char *
read_line(char *out)
{
	size_t n = 0;
	ssize_t got;
	char c;

	while ((got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n') {
		if (n == PASSWORD_SIZE - 1)
			break;
		out[n++] = c;
	}
	out[n] = '\0';
	if (got == -1)
		return strerror(errno);
	return strlen(out) == n ? NULL : "a password without NUL is expected";
}

static const char *
ask(const char *user, char *out, char *again)
{
	char prompt[128];

	snprintf(prompt, sizeof(prompt), "Password for %s: ", user);
	if (readpassphrase(prompt, out, PASSWORD_SIZE, RPP_REQUIRE_TTY) ==
		NULL ||
	    readpassphrase(
		"Once more: ", again, PASSWORD_SIZE, RPP_REQUIRE_TTY) == NULL)
		return "no password was given";
	return strcmp(out, again) == 0 ? NULL : "the two are not the same";
}

static const char *
password_trouble(const char *p)
{
	size_t i, len = strlen(p);

	if (len == 0)
		return "a password that is not empty is expected";
	if (len > PASSWORD_MAX)
		return "a password of at most 255 bytes is expected";
	for (i = 0; i < len; i++) {
		if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
			return "a password without control characters is "
			       "expected: HTTP could not carry it";
	}
	return NULL;
}

/* NULL and the hash, or why not. */
static const char *
make_hash(const char *user, char hash[crypto_pwhash_STRBYTES])
{
	char *p = sodium_malloc(2 * PASSWORD_SIZE);
	const char *why;

	if (p == NULL)
		return "out of memory";
	why = isatty(STDIN_FILENO) == 1 ? ask(user, p, p + PASSWORD_SIZE)
					: read_line(p);
	if (why == NULL)
		why = password_trouble(p);
	if (why == NULL && crypto_pwhash_str_alg(hash, p, strlen(p),
			       crypto_pwhash_OPSLIMIT_INTERACTIVE,
			       crypto_pwhash_MEMLIMIT_INTERACTIVE,
			       crypto_pwhash_ALG_ARGON2ID13) != 0)
		why = "out of memory";
	sodium_free(p);
	return why;
}

static int
change(const struct call *call, const char *file, const char *user)
{
	char hash[crypto_pwhash_STRBYTES], why[PASSWD_WHY_MAX];
	char text[PASSWD_WHY_MAX];
	const char *trouble;
	bool was;
	int error;

	trouble = call->drop ? NULL : make_hash(user, hash);
	if (trouble != NULL)
		return failed(call, "bad-password", trouble);
	error = passwd_change(file, user, call->drop ? NULL : hash, &was, why);
	sodium_memzero(hash, sizeof(hash));
	if (error == -ESRCH)
		return failed(call, "no-user", why);
	if (error != 0)
		return failed(call, "bad-file", why);
	snprintf(text, sizeof(text),
	    "%s: %s in %s; a reload of cagentd puts it in force", user,
	    call->drop ? "no longer"
	    : was      ? "has another password"
		       : "is new",
	    file);
	answer(call, file, text);
	return VERB_OK;
}

int
passwd_run(const struct call *call)
{
	const char *user = call->args[0], *file = call->file, *trouble;
	char path[PATH_MAX];

	if (sodium_init() == -1)
		return failed(call, "internal", "libsodium does not start");
	if (file == NULL) {
		if (!passwd_path(CHECK_DEFAULT, path))
			say(call, "%s has no users-file: taking %s",
			    CHECK_DEFAULT, path);
		file = path;
	}
	if (call->list)
		return user == NULL && !call->drop
			   ? show(call, file)
			   : say_usage(call, "passwd: -l stands alone");
	if (user == NULL)
		return say_usage(call,
		    "passwd: whose?  usage: cagent-ctl passwd %s",
		    call->verb->args);
	trouble = users_name_trouble(user);
	if (trouble != NULL)
		return say_usage(call, "passwd: expected %s", trouble);
	return change(call, file, user);
}
