/* Signs messages for an agent under test. */
#include "tests/integ/rig_policy.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "tests/integ/rig_agent.h"
#include "trust/keyfile.h"

#define DAY_S 86400

struct pair {
	uint8_t public_key[ENVELOPE_PUBLIC_LEN];
	uint8_t secret_key[ENVELOPE_SECRET_LEN];
};

static struct pair
pair(unsigned int n)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	struct pair p;

	REQUIRE(sodium_init() != -1, "sodium_init");
	memset(seed, (int)n, sizeof(seed));
	crypto_sign_seed_keypair(p.public_key, p.secret_key, seed);
	return p;
}

static void
write_file(const char *path, const uint8_t *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	REQUIRE(fd != -1 && write(fd, data, len) == (ssize_t)len, "%s", path);
	close(fd);
}

size_t
rig_policy_sign(uint8_t *message, size_t cap, const struct rig_signed *s)
{
	enum envelope_type type = s->type != 0 ? s->type : ENVELOPE_POLICY;
	const unsigned int keys[] = {
	    s->key != 0 ? s->key : (unsigned int)type, s->also};
	int64_t now = time(NULL);
	struct envelope e = {.type = type,
	    .epoch = s->epoch != 0 ? s->epoch : 1,
	    .serial = s->serial,
	    .issued_s = now + s->issued_s,
	    .expires_s =
		now +
		(s->expires_s != 0 || s->issued_s != 0 ? s->expires_s : DAY_S),
	    .body = (const uint8_t *)s->body,
	    .body_len = strlen(s->body)};
	struct pair p;
	size_t i;
	int len;

	snprintf(e.audience, sizeof(e.audience), "%s",
	    s->audience != NULL ? s->audience : "*");
	len = envelope_encode(&e, message, cap);
	for (i = 0; i < 2 && len > 0; i++) {
		if (keys[i] == 0)
			continue;
		p = pair(keys[i]);
		len = envelope_sign(
		    message, (size_t)len, cap, p.public_key, p.secret_key);
	}
	REQUIRE(len > 0, "a message cannot be signed");
	return (size_t)len;
}

void
rig_policy_write(const char *path, const struct rig_signed *s)
{
	static uint8_t message[ENVELOPE_MAX];

	write_file(path, message, rig_policy_sign(message, sizeof(message), s));
}

/* X25519, unlike the others. */
static void
sealing_key(unsigned int n, uint8_t out[KEYFILE_KEY_LEN])
{
	uint8_t secret[KEYFILE_KEY_LEN];

	memset(secret, (int)n, sizeof(secret));
	REQUIRE(crypto_scalarmult_base(out, secret) == 0, "a sealing key");
}

void
rig_policy_key(struct root *root, unsigned int n, unsigned int roles)
{
	struct root_key *k = &root->keys[root->keys_n++];
	struct pair p = pair(n);

	*k = (struct root_key){.roles = roles, .expires_s = ROOT_NEVER};
	snprintf(k->name, sizeof(k->name), "key%u", n);
	if (roles == ROOT_ROLE_SEAL)
		sealing_key(n, k->key);
	else
		memcpy(k->key, p.public_key, sizeof(k->key));
	envelope_key_id(k->key, k->id);
}

void
rig_policy_write_root(
    const char *path, const struct root *root, const struct rig_signed *how)
{
	struct rig_signed s = *how;
	char text[ROOT_TEXT_MAX];

	REQUIRE(root_format(root, text) > 0, "root_format");
	s.type = ENVELOPE_ROOT;
	s.epoch = root->version;
	s.body = text;
	rig_policy_write(path, &s);
}

static void
usual_root(struct root *root, uint32_t version)
{
	*root = (struct root){
	    .version = version, .root_threshold = 1, .policy_threshold = 1};
	rig_policy_key(root, 1, ROOT_ROLE_ROOT);
	rig_policy_key(root, 2, ROOT_ROLE_POLICY);
	rig_policy_key(root, 3, ROOT_ROLE_RANK);
	rig_policy_key(root, RIG_POLICY_SEAL, ROOT_ROLE_SEAL);
}

size_t
rig_policy_root_text(char out[ROOT_TEXT_MAX], uint32_t version)
{
	struct root root;
	size_t n;

	usual_root(&root, version);
	n = root_format(&root, out);
	REQUIRE(n > 0, "root_format");
	return n;
}

void
rig_policy_root(const char *path, uint32_t version)
{
	rig_policy_root_by(path, version, 1);
}

void
rig_policy_root_by(const char *path, uint32_t version, unsigned int key)
{
	struct root root;

	usual_root(&root, version);
	rig_policy_write_root(path, &root, &(struct rig_signed){.key = key});
}

void
rig_policy_root_until(const char *path, uint32_t version, int64_t expires_s)
{
	struct root root;

	usual_root(&root, version);
	rig_policy_write_root(path, &root,
	    &(struct rig_signed){
		.issued_s = expires_s - 10, .expires_s = expires_s});
}

int
rig_control_open(const struct rig_agent *a, const char *fmt, ...)
{
	const struct timeval limit = {20, 0};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), n;
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	line[n++] = '\n';
	snprintf(un.sun_path, sizeof(un.sun_path), "%.90s/control", a->run_dir);
	REQUIRE(fd != -1 &&
		    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit,
			sizeof(limit)) == 0 &&
		    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
			sizeof(limit)) == 0 &&
		    connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0,
	    "%s: %s", un.sun_path, strerror(errno));
	rig_control_send(fd, line, (size_t)n);
	return fd;
}

uint64_t
rig_control_send(int fd, const void *data, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = send(
		    fd, (const char *)data + done, len - done, MSG_NOSIGNAL);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

void
rig_control_receive(int fd, char *out, size_t cap)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = recv(fd, out + len, cap - 1 - len, 0);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	out[len] = '\0';
}
