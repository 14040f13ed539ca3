/* Key files: their two lines, their mode, and what is no key file. */
#include "trust/keyfile.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "tests/unit/unit.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

#define B64 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

static char dir[] = "/tmp/keyfile.XXXXXX";
static char path[64];

static void
begin(void)
{
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	CHECK(mkdtemp(dir) != NULL, "mkdtemp");
	snprintf(path, sizeof(path), "%s/k", dir);
}

static void
end(void)
{
	unlink(path);
	CHECK_INT(rmdir(dir), 0);
}

static void
put(const char *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd != -1 && write(fd, text, len) == (ssize_t)len &&
		  fchmod(fd, mode) == 0 && close(fd) == 0,
	    "%s", path);
}

static void
round_trip(enum keyfile_kind kind)
{
	char why[KEYFILE_WHY_MAX] = "";
	struct keyfile_secret *s, *again;
	struct keyfile_public p;
	struct stat st;

	begin();
	CHECK_INT(keyfile_generate(kind, &s, why), 0);
	CHECK_INT(keyfile_write_secret(path, s, why), 0);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600, "mode");
	CHECK_INT(keyfile_read_secret(path, &again, why), 0);
	CHECK_STR(why, "");
	CHECK(memcmp(s->seed, again->seed, sizeof(s->seed)) == 0 &&
		  memcmp(s->sign, again->sign, sizeof(s->sign)) == 0 &&
		  memcmp(s->seal, again->seal, sizeof(s->seal)) == 0 &&
		  memcmp(&s->public, &again->public, sizeof(s->public)) == 0,
	    "the same key");
	CHECK_INT(keyfile_write_secret(path, s, why), -EEXIST);
	CHECK(strstr(why, "is there already") != NULL, "%s", why);
	unlink(path);
	CHECK_INT(keyfile_write_public(path, &s->public, why), 0);
	CHECK_INT(keyfile_read_public(path, &p, why), 0);
	CHECK(
	    p.kind == kind && memcmp(p.key, s->public.key, sizeof(p.key)) == 0,
	    "public");
	keyfile_free(again);
	CHECK_INT(keyfile_generate(kind, &again, why), 0);
	CHECK(memcmp(s->seed, again->seed, sizeof(s->seed)) != 0, "fresh");
	keyfile_free(again);
	keyfile_free(s);
	end();
}

static void
goes_to_disk_and_back(void)
{
	round_trip(KEYFILE_SIGN);
	round_trip(KEYFILE_SEAL);
}

/* RFC 8032 section 7.1, test 1, and RFC 7748 section 6.1 (Alice). */
static void
derives_by_the_rfcs(void)
{
	static const struct {
		enum keyfile_kind kind;
		const char *seed, *public;
	} cases[] = {
	    {KEYFILE_SIGN,
		"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f"
		"60",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f70751"
		"1a"},
	    {KEYFILE_SEAL,
		"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c"
		"2a",
		"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e"
		"6a"}};
	uint8_t want[KEYFILE_KEY_LEN], seed[KEYFILE_KEY_LEN];
	char why[KEYFILE_WHY_MAX], b64[KEYFILE_B64_LEN], text[128];
	struct keyfile_secret *s;
	size_t i;

	for (i = 0; i < 2; i++) {
		begin();
		CHECK_INT(sodium_hex2bin(
			      seed, 32, cases[i].seed, 64, NULL, NULL, NULL),
		    0);
		CHECK_INT(sodium_hex2bin(
			      want, 32, cases[i].public, 64, NULL, NULL, NULL),
		    0);
		snprintf(text, sizeof(text), "cagent secret key 1 %s\n%s\n",
		    keyfile_kind_word(cases[i].kind),
		    keyfile_base64(seed, b64));
		put(text, strlen(text), 0600);
		CHECK_INT(keyfile_read_secret(path, &s, why), 0);
		CHECK(s != NULL && memcmp(s->public.key, want, 32) == 0,
		    "case %zu", i);
		keyfile_free(s);
		end();
	}
}

static void
has_one_form(void)
{
#define T(s) s, sizeof(s) - 1
	static const struct {
		const char *text;
		size_t len;
		bool good;
	} cases[] = {
	    {T("cagent public key 1 sign\n" B64 "\n"), true},
	    {T("cagent public key 1 seal\n" B64 "\n"), true},
	    {T(""), false},
	    {T("cagent public key 1 sign\n" B64), false},
	    {T("cagent public key 1 sign\n" B64 "\n\n"), false},
	    {T("cagent public key 1 sign\n" B64 "\0"), false},
	    {T("cagent public key 1 sign\r\n" B64 "\r\n"), false},
	    {T(" cagent public key 1 sign\n" B64 "\n"), false},
	    {T("cagent public key 2 sign\n" B64 "\n"), false},
	    {T("cagent public key 1 sing\n" B64 "\n"), false},
	    {T("cagent secret key 1 sign\n" B64 "\n"), false},
	    /* 31 and 33 bytes, no padding, bits after the last byte. */
	    {T("cagent public key 1 sign\n"
	       "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ==\n"),
		false},
	    {T("cagent public key 1 sign\n"
	       "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n"),
		false},
	    {T("cagent public key 1 sign\n"
	       "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\n\n"),
		false},
	    {T("cagent public key 1 sign\n"
	       "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQF=\n"),
		false},
	    {T("cagent public key 1 sign\n"
	       "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ*BAQE=\n"),
		false},
	    /* libsodium takes this byte for a letter. */
	    {T("cagent public key 1 sign\n"
	       "iojj3XQJ8ZX9Ut\xf3tPLpdcspnCb8dlBIb83SIAbQPb1w=\n"),
		false},
	};
	struct keyfile_public p;
	size_t i, n;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		CHECK(keyfile_parse(cases[i].text, cases[i].len, &p) ==
			  cases[i].good,
		    "case %zu", i);
	for (n = 0; n < cases[0].len; n++)
		CHECK(!keyfile_parse(cases[0].text, n, &p), "cut at %zu", n);
}

static const char secret_text[] = "cagent secret key 1 sign\n" B64 "\n";

static void
refuses_what_others_can_read(void)
{
	static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0644};
	char why[KEYFILE_WHY_MAX];
	struct keyfile_secret *s;
	size_t i;

	begin();
	put(secret_text, sizeof(secret_text) - 1, 0600);
	CHECK_INT(keyfile_read_secret(path, &s, why), 0);
	keyfile_free(s);
	chmod(path, 0400);
	CHECK_INT(keyfile_read_secret(path, &s, why), 0);
	keyfile_free(s);
	for (i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		chmod(path, modes[i]);
		CHECK_INT(keyfile_read_secret(path, &s, why), -EPERM);
		CHECK(s == NULL && strstr(why, "chmod 600") != NULL, "%s", why);
	}
	chmod(path, 0600);
	if (geteuid() == 0) {
		CHECK_INT(chown(path, 1234, (gid_t)-1), 0);
		CHECK_INT(keyfile_read_secret(path, &s, why), -EPERM);
		CHECK(strstr(why, "uid 1234") != NULL, "%s", why);
	}
	end();
}

static void
refuses_other_files(void)
{
	char why[KEYFILE_WHY_MAX];
	struct keyfile_public p;
	struct keyfile_secret *s;

	begin();
	CHECK_INT(keyfile_read_public(path, &p, why), -ENOENT);
	CHECK_INT(keyfile_read_secret(path, &s, why), -ENOENT);
	CHECK(strstr(why, path) != NULL, "%s", why);
	CHECK_INT(mkfifo(path, 0600), 0);
	CHECK_INT(keyfile_read_secret(path, &s, why), -EINVAL);
	CHECK_INT(keyfile_read_public(path, &p, why), -EINVAL);
	unlink(path);
	CHECK_INT(keyfile_read_secret("/dev/zero", &s, why), -EINVAL);
	/* The one for the other. */
	put(secret_text, sizeof(secret_text) - 1, 0600);
	CHECK_INT(keyfile_read_public(path, &p, why), -EINVAL);
	CHECK(strstr(why, "NAME.pub") != NULL, "%s", why);
	CHECK(strstr(why, "AQEB") == NULL, "the secret is told");
	put("cagent public key 1 sign\n" B64 "\n", 70, 0600);
	CHECK_INT(keyfile_read_secret(path, &s, why), -EINVAL);
	CHECK(strstr(why, "NAME.key") != NULL, "%s", why);
	end();
}

/* Neither in the swap nor in a core dump. */
static void
secrets_are_locked(void)
{
	char why[KEYFILE_WHY_MAX], line[256], flags[256] = "";
	struct keyfile_secret *s;
	unsigned long from, to, at;
	bool inside = false;
	FILE *f;

	if (SANITIZED) {
		unit_skip("the address sanitizer does away with mlock()");
		return;
	}
	CHECK_INT(keyfile_generate(KEYFILE_SIGN, &s, why), 0);
	at = (unsigned long)s;
	f = fopen("/proc/self/smaps", "re");
	CHECK(f != NULL, "smaps");
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from <= at && at < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(flags, sizeof(flags), "%s", line);
	}
	fclose(f);
	CHECK(strstr(flags, " lo") != NULL, "locked: %s", flags);
	CHECK(strstr(flags, " dd") != NULL, "not in a dump: %s", flags);
	keyfile_free(s);
}

/* No lock, no secret. */
static int
generate_without_a_limit(void)
{
	const struct rlimit none = {0, 0};
	char why[KEYFILE_WHY_MAX] = "";
	struct keyfile_secret *s;

	if (geteuid() == 0 && setresuid(65534, 65534, 65534) == -1)
		return 2;
	if (setrlimit(RLIMIT_MEMLOCK, &none) == -1)
		return 2;
	return keyfile_generate(KEYFILE_SIGN, &s, why) == -ENOMEM &&
		       s == NULL && strstr(why, "ulimit -l") != NULL
		   ? 0
		   : 1;
}

static void
asks_for_locked_memory(void)
{
	int status = -1;
	pid_t pid;

	if (SANITIZED) {
		unit_skip("the address sanitizer does away with mlock()");
		return;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(generate_without_a_limit());
	CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
	CHECK_INT(status, 0);
}

static const struct unit_case cases[] = {
    {"goes to disk and back", goes_to_disk_and_back},
    {"derives by the RFCs", derives_by_the_rfcs},
    {"has one form", has_one_form},
    {"refuses what others can read", refuses_what_others_can_read},
    {"refuses other files", refuses_other_files},
    {"secrets are locked", secrets_are_locked},
    {"asks for locked memory", asks_for_locked_memory},
};
UNIT_MAIN("keyfile", cases)
