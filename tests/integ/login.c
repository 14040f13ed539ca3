/* Clients that log in: what they are answered, while the users file changes,
 * the verifier is busy, and dies. */
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"

#define WAIT_MS 20000
#define MANY	50

static struct rig_agent agent;
static struct rig_server origin;
static char users_path[RIG_PATH_MAX];
static char users[16384];

/* A hash that costs next to nothing: it says so itself. */
static void
add_user(const char *name, const char *password)
{
	char hash[crypto_pwhash_STRBYTES];
	size_t len = strlen(users);

	REQUIRE(sodium_init() != -1 &&
		    crypto_pwhash_str_alg(hash, password, strlen(password),
			crypto_pwhash_argon2id_OPSLIMIT_MIN,
			crypto_pwhash_argon2id_MEMLIMIT_MIN,
			crypto_pwhash_ALG_ARGON2ID13) == 0,
	    "no hash");
	snprintf(users + len, sizeof(users) - len, "%s:%s\n", name, hash);
}

static void
write_users(void)
{
	rig_write(users_path, users, 0600);
}

static void
init(const char *more)
{
	users[0] = '\0';
	rig_path(users_path, "users");
	rig_agent_init(&agent, "agent");
	agent.workers = 1;
	rig_agent_direct(&agent);
	rig_agent_add(&agent,
	    "[access]\nnetwork = 127.0.0.0/8\nusers-file = %s\n%s", users_path,
	    more);
	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
}

/* How a client fares that shows this, or nothing: NULL. */
static enum rig_fail
ask(struct rig_conn *c, enum rig_proto proto, const char *user,
    const char *password)
{
	struct rig_proxy p = rig_agent_proxy(&agent, proto);
	enum rig_fail f;

	p.user = user;
	p.password = password;
	f = rig_dial(c, &p, "127.0.0.1", origin.port, WAIT_MS);
	if (f == RIG_OK) {
		f = rig_http_get(c, 100);
		rig_conn_close(c);
	}
	return f;
}

static void
expect(enum rig_proto proto, const char *user, const char *password, bool in)
{
	static struct rig_conn c;
	enum rig_fail f = ask(&c, proto, user, password);

	CHECK((f == RIG_OK) == in, "%s, %s by %s: %s %d %s",
	    rig_proto_word(proto), user != NULL ? user : "nobody",
	    password != NULL ? password : "nothing", rig_fail_word(f), c.code,
	    c.text);
	if (!in && proto == RIG_CONNECT)
		CHECK_INT(c.code, 407);
}

/* Exit code of a real curl; the status of its CONNECT, or of its GET. */
static void
expect_curl(const char *option, const char *proxy, int code, const char *says)
{
	char through[256], url[64];
	const char *const argv[] = {"curl", "-sS", "--max-time", "20", "-o",
	    "/dev/null", "-w", "%{http_connect} %{http_code}", "--proxy",
	    through, option, url, NULL};
	const struct rig_spawn s = {.name = "curl", .argv = argv};
	struct rig_output o;

	snprintf(through, sizeof(through), "%s127.0.0.1:%u", proxy, agent.port);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/ok", origin.port);
	rig_run(&o, &s, WAIT_MS);
	CHECK(o.code == code && strcmp(o.out, says) == 0,
	    "curl %s %s: %d, \"%s\": %s", option, proxy, o.code, o.out, o.err);
	rig_output_free(&o);
}

static void
t_clients(void)
{
	init("");
	add_user("alice", "secret");
	add_user("b\xc3\xb6rse@corp", "a:b c");
	write_users();
	rig_agent_start(&agent);
	expect_curl("-4", "socks5h://alice:secret@", 0, "000 200");
	expect_curl("-p", "http://alice:secret@", 0, "200 200");
	expect_curl("-4", "http://alice:secret@", 0, "000 200");
	/* It asks without first, and is told what is wanted. */
	expect_curl("--proxy-anyauth", "http://alice:secret@", 0, "000 200");
	expect_curl("-p", "http://b%C3%B6rse%40corp:a%3Ab%20c@", 0, "200 200");
	expect_curl("-4", "socks5h://", 97, "000 000");
	expect_curl("-4", "socks4a://alice@", 97, "000 000");
	expect_curl("-p", "http://", 56, "407 000");
	expect_curl("-4", "http://", 0, "000 407");
	expect_curl("-4", "socks5h://alice:Secret@", 97, "000 000");
	expect_curl("-p", "http://mallory:secret@", 56, "407 000");
	/* And the right one has not suffered from it. */
	expect_curl("-4", "socks5h://alice:secret@", 0, "000 200");
	rig_agent_stop(&agent);
}

static void
t_exempt(void)
{
	init("login-exempt = 127.0.0.0/8\n");
	add_user("alice", "secret");
	write_users();
	rig_agent_start(&agent);
	expect(RIG_SOCKS5, NULL, NULL, true);
	expect(RIG_SOCKS4, NULL, NULL, true);
	expect(RIG_CONNECT, NULL, NULL, true);
	expect(RIG_SOCKS5, "alice", "secret", true);
	expect(RIG_CONNECT, "alice", "sesame", false);
	rig_agent_stop(&agent);
}

static void
t_reload(void)
{
	char line[512];

	init("");
	add_user("alice", "secret");
	write_users();
	rig_agent_start(&agent);
	expect(RIG_SOCKS5, "alice", "secret", true);
	/* What is remembered goes with the file that it was by. */
	users[0] = '\0';
	add_user("bob", "secret");
	write_users();
	CHECK_INT(rig_agent_reload(&agent, WAIT_MS, line), 0);
	expect(RIG_SOCKS5, "alice", "secret", false);
	expect(RIG_SOCKS5, "bob", "secret", true);
	/* A bad one changes nothing, and is said. */
	rig_write(users_path, "carol:secret\n", 0600);
	CHECK_INT(rig_agent_reload(&agent, WAIT_MS, line), 1);
	rig_write(users_path, users, 0644);
	CHECK_INT(rig_agent_reload(&agent, WAIT_MS, line), 1);
	expect(RIG_CONNECT, "bob", "secret", true);
	rig_agent_stop(&agent);
}

/* Logins come and go with the key, and so does the process. */
static void
t_comes_and_goes(void)
{
	char line[512];
	size_t with, without;

	init("");
	add_user("alice", "secret");
	write_users();
	with = agent.sections_len;
	without =
	    (size_t)(strstr(agent.sections, "users-file") - agent.sections);
	agent.sections[without] = '\0';
	rig_agent_start(&agent);
	expect(RIG_SOCKS5, NULL, NULL, true);
	CHECK_INT(rig_agent_child(&agent, "verifier"), 0);
	agent.sections[without] = 'u';
	agent.sections_len = with;
	rig_agent_write(&agent);
	CHECK_INT(rig_agent_reload(&agent, WAIT_MS, line), 0);
	rig_agent_await_child(&agent, "verifier", 0, WAIT_MS);
	expect(RIG_SOCKS5, NULL, NULL, false);
	expect(RIG_SOCKS5, "alice", "secret", true);
	agent.sections[without] = '\0';
	rig_agent_write(&agent);
	CHECK_INT(rig_agent_reload(&agent, WAIT_MS, line), 0);
	expect(RIG_SOCKS5, NULL, NULL, true);
	rig_agent_stop(&agent);
}

/* Say who we are by SOCKS5, and wait for nothing. */
static void
say_login(struct rig_conn *c, int i)
{
	char text[64];
	int n = snprintf(
	    text, sizeof(text), "\5\1\2\1%cuser%02d%csecret%02d", 6, i, 8, i);

	REQUIRE(rig_open(c, "127.0.0.1", agent.port, WAIT_MS) == RIG_OK &&
		    rig_send(c, text, (size_t)n) == RIG_OK,
	    "login %d: %s", i, c->text);
}

static void
expect_in(struct rig_conn *c, int i)
{
	char got[4] = "";
	enum rig_fail f = rig_recv(c, got, 4);

	CHECK(f == RIG_OK && memcmp(got, "\5\2\1\0", 4) == 0, "login %d: %s", i,
	    rig_fail_word(f));
	rig_conn_close(c);
}

/* While the verifier does not move, who has logged in is served by the worker
 * that holds all the others; and these are lost by neither that nor by its
 * death. */
static void
t_verifier(void)
{
	static struct rig_conn conns[MANY];
	char name[16], password[16], byte[4];
	pid_t pid;
	int i;

	init("");
	add_user("alice", "secret");
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "user%02d", i);
		snprintf(password, sizeof(password), "secret%02d", i);
		add_user(name, password);
	}
	write_users();
	rig_agent_start(&agent);
	expect(RIG_SOCKS5, "alice", "secret", true);
	pid = rig_agent_child(&agent, "verifier");
	REQUIRE(pid > 0 && kill(pid, SIGSTOP) == 0, "no verifier");
	for (i = 0; i < MANY; i++)
		say_login(&conns[i], i);
	expect(RIG_SOCKS5, "alice", "secret", true);
	expect(RIG_CONNECT, "alice", "secret", true);
	/* The method is chosen; that the login is right nobody knows. */
	for (i = 0; i < MANY; i++)
		CHECK(recv(conns[i].fd, byte, 4, MSG_PEEK | MSG_DONTWAIT) < 4,
		    "login %d has an answer", i);
	CHECK_INT(kill(pid, SIGKILL), 0);
	rig_agent_await_child(&agent, "verifier", pid, WAIT_MS);
	for (i = 0; i < MANY; i++)
		expect_in(&conns[i], i);
	rig_agent_stop(&agent);
}

static const struct rig_case cases[] = {
    {"clients", t_clients, 0, 0},
    {"exempt", t_exempt, 0, 0},
    {"reload", t_reload, 0, 0},
    {"comes and goes", t_comes_and_goes, 0, 0},
    {"verifier", t_verifier, 0, 0},
};

RIG_MAIN("login", cases, NULL)
