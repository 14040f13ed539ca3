/* The look at one password, for users who are there and who are not. */
#include "cagentd/verifier/password.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "tests/unit/unit.h"

static const uint8_t key[PASSWORD_KEY_LEN] = {1};
static struct users_one ones[2];
static const struct users users = {ones, 2};

static void
add(int i, const char *name, const char *password)
{
	snprintf(ones[i].name, sizeof(ones[i].name), "%s", name);
	CHECK(sodium_init() != -1 &&
		  crypto_pwhash_str_alg(ones[i].hash, password,
		      strlen(password), crypto_pwhash_argon2id_OPSLIMIT_MIN,
		      crypto_pwhash_argon2id_MEMLIMIT_MIN,
		      crypto_pwhash_ALG_ARGON2ID13) == 0,
	    "no hash");
}

static void
begin(void)
{
	add(0, "alice", "secret");
	add(1, "bob", "sesame");
}

static void
tells_right_from_wrong(void)
{
	begin();
	CHECK_INT(
	    password_verify(&users, key, "alice", "secret"), MSG_VERIFY_RIGHT);
	CHECK_INT(
	    password_verify(&users, key, "bob", "sesame"), MSG_VERIFY_RIGHT);
	CHECK_INT(
	    password_verify(&users, key, "alice", "sesame"), MSG_VERIFY_WRONG);
	CHECK_INT(password_verify(&users, key, "alice", ""), MSG_VERIFY_WRONG);
	CHECK_INT(
	    password_verify(&users, key, "alice", "secret "), MSG_VERIFY_WRONG);
}

/* Whosever hash is looked at in the place of one that is not there: its
 * password lets nobody in. */
static void
lets_in_nobody_else(void)
{
	char name[256];
	int i;

	begin();
	for (i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "nobody%d", i);
		CHECK_INT(password_verify(&users, key, name, "secret"),
		    MSG_VERIFY_WRONG);
		CHECK_INT(password_verify(&users, key, name, "sesame"),
		    MSG_VERIFY_WRONG);
	}
	memset(name, 'x', 255);
	name[255] = '\0';
	CHECK_INT(
	    password_verify(&users, key, name, "secret"), MSG_VERIFY_WRONG);
	CHECK_INT(password_verify(&users, key, "", "secret"), MSG_VERIFY_WRONG);
	CHECK_INT(
	    password_verify(&(struct users){ones, 0}, key, "alice", "secret"),
	    MSG_VERIFY_WRONG);
}

/* That it is looked at, and not just refused: a hash that takes more memory
 * than there is shows, for a name that is not there as well. */
static void
looks_for_whoever_is_not_there(void)
{
	int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY);
	char mode = '1';

	if (fd == -1 || read(fd, &mode, 1) != 1 || mode == '1') {
		unit_skip("this kernel promises any memory");
		return;
	}
	close(fd);
	begin();
	snprintf(ones[0].hash, sizeof(ones[0].hash),
	    "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$"
	    "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE");
	memcpy(ones[1].hash, ones[0].hash, sizeof(ones[1].hash));
	CHECK_INT(password_verify(&users, key, "alice", "x"), MSG_VERIFY_BUSY);
	CHECK_INT(password_verify(&users, key, "nobody", "x"), MSG_VERIFY_BUSY);
}

static const struct unit_case cases[] = {
    {"tells right from wrong", tells_right_from_wrong},
    {"lets in nobody else", lets_in_nobody_else},
    {"looks for whoever is not there", looks_for_whoever_is_not_there},
};

UNIT_MAIN("password", cases)
