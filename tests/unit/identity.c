/* The agent's key and token: made once, read by their owner alone. */
#include "cagentd/master/identity.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/log.h"
#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

#define SUBSCRIBER                                    \
	"[subscriber \"x\"]\naddress = 192.0.2.1:1\n" \
	"key = CCGcTzoZiW9PzWX2MBnn2xqKNBFpOyHf8RgCuBfK3hw=\n"

static char dir[64], path[128];
static struct settings *s;
static struct identity id;

static const char *
in_dir(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
put(const char *name, const char *text, unsigned int mode)
{
	int fd =
	    open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(
	    fd != -1 && write(fd, text, strlen(text)) == (ssize_t)strlen(text),
	    "%s", path);
	CHECK(fchmod(fd, mode) == 0, "%s", path);
	close(fd);
}

static void
begin(const char *text)
{
	char all[1024];
	struct conf_errors e = {0};

	snprintf(dir, sizeof(dir), "/tmp/cagent-unit-XXXXXX");
	CHECK(mkdtemp(dir) != NULL, "mkdtemp");
	snprintf(
	    all, sizeof(all), "[agent]\nstate-dir = %s/state\n%s", dir, text);
	CHECK(sample_parse(all, &s, &e) == 0, "%s", e.text);
	if (s == NULL)
		abort();
	memset(&id, 0, sizeof(id));
}

static void
forget(void)
{
	sodium_free(id.is);
	id.is = NULL;
}

static void
end(void)
{
	forget();
	settings_unref(s);
	unlink(in_dir("state/agent.key"));
	unlink(in_dir("token"));
	rmdir(in_dir("state"));
	rmdir(dir);
}

static void
is_made_once(void)
{
	struct sealed_keys first;
	uint8_t public_key[SEALED_KEY_LEN];
	struct stat st;

	begin(SUBSCRIBER);
	identity_load(&id, s);
	CHECK(id.is != NULL, "made");
	if (id.is == NULL)
		return;
	CHECK(stat(in_dir("state/agent.key"), &st) == 0 &&
		  (st.st_mode & 07777) == 0600,
	    "mode %o", (unsigned int)st.st_mode);
	CHECK(stat(in_dir("state"), &st) == 0 && (st.st_mode & 07777) == 0700,
	    "mode %o", (unsigned int)st.st_mode);
	first = id.is->keys;
	CHECK(crypto_scalarmult_base(public_key, first.secret_key) == 0 &&
		  memcmp(public_key, first.public_key, sizeof(public_key)) == 0,
	    "a pair");
	CHECK_STR(id.is->token, "");
	forget();
	identity_load(&id, s);
	CHECK(id.is != NULL && memcmp(&id.is->keys, &first, sizeof(first)) == 0,
	    "the same");
	end();
}

static void
is_not_made_for_nobody(void)
{
	begin("");
	identity_load(&id, s);
	CHECK(id.is == NULL, "none");
	CHECK(access(in_dir("state"), F_OK) == -1, "no directory");
	end();
}

/* What a start that was cut short has left is no key, and in nobody's way. */
static void
survives_a_crash(void)
{
	begin(SUBSCRIBER);
	CHECK(mkdir(in_dir("state"), 0700) == 0, "mkdir");
	put("state/agent.key.new", "cagent secr", 0600);
	identity_load(&id, s);
	CHECK(id.is != NULL, "made");
	CHECK(access(in_dir("state/agent.key.new"), F_OK) == -1, "left");
	end();
}

/* None rather than another one: the old one is what it is known by. */
static void
leaves_a_bad_one(void)
{
	static const struct {
		const char *text;
		unsigned int mode;
	} bads[] = {{"", 0600}, {"rubbish\n", 0600},
	    {"cagent secret key 1 seal\n"
	     "CCGcTzoZiW9PzWX2MBnn2xqKNBFpOyHf8RgCuBfK3hw=\n",
		0644},
	    {"cagent secret key 1 sign\n"
	     "CCGcTzoZiW9PzWX2MBnn2xqKNBFpOyHf8RgCuBfK3hw=\n",
		0600}};
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(bads) / sizeof(*bads); i++) {
		begin(SUBSCRIBER);
		CHECK(mkdir(in_dir("state"), 0700) == 0, "mkdir");
		put("state/agent.key", bads[i].text, bads[i].mode);
		identity_load(&id, s);
		CHECK(id.is == NULL, "case %zu", i);
		CHECK(stat(in_dir("state/agent.key"), &st) == 0 &&
			  st.st_size == (off_t)strlen(bads[i].text),
		    "case %zu: changed", i);
		end();
	}
}

static const struct {
	const char *text, *want;
	unsigned int mode;
} tokens[] = {
    {"t0ken\n", "t0ken", 0600},
    {"t0ken", "t0ken", 0400},
    {"t0ken\r\nmore\n", "t0ken", 0600},
    {"t0ken\n", "", 0644},
    {"", "", 0600},
    {"t0 ken\n", "", 0600},
    {"t\xc3\xb6ken\n", "", 0600},
    {"0123456789012345678901234567890123456789012345678901234567890123",
	"0123"
	"456789012345678901234567890123456789012345678901234567890123",
	0600},
    {"01234567890123456789012345678901234567890123456789012345678901234", "",
	0600},
};

static void
reads_the_token(void)
{
	char text[512];
	size_t i;

	for (i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		begin(SUBSCRIBER);
		put("token", tokens[i].text, tokens[i].mode);
		snprintf(s->policy_token_file, sizeof(s->policy_token_file),
		    "%s", in_dir("token"));
		identity_load(&id, s);
		CHECK(
		    id.is != NULL && strcmp(id.is->token, tokens[i].want) == 0,
		    "case %zu: \"%s\"", i, id.is != NULL ? id.is->token : "?");
		/* It was used, and is gone. */
		unlink(in_dir("token"));
		identity_load(&id, s);
		snprintf(text, sizeof(text), "%s",
		    id.is != NULL ? id.is->token : "?");
		CHECK_STR(text, "");
		end();
	}
}

static const struct unit_case cases[] = {
    {"is made once", is_made_once},
    {"is not made for nobody", is_not_made_for_nobody},
    {"survives a crash", survives_a_crash},
    {"leaves a bad one", leaves_a_bad_one},
    {"reads the token", reads_the_token},
};

int
main(void)
{
	log_level_set(LOG_LEVEL_ERROR);
	return unit_main("identity", cases, sizeof(cases) / sizeof(*cases));
}
