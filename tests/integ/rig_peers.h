#ifndef TESTS_INTEG_RIG_PEERS_H
#define TESTS_INTEG_RIG_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/integ/rig_proc.h"

/* Real intermediaries, as Debian ships them, each a process of the case. */
enum rig_peer_kind {
	RIG_PEER_DANTED,
	RIG_PEER_MICROSOCKS,
	RIG_PEER_SQUID,
	RIG_PEER_TINYPROXY,
	RIG_PEER_SSH, /* ssh -D, and the private sshd behind it */
	RIG_PEER_PRIVOXY,
	RIG_PEER_APACHE,
	RIG_PEER_SQUID_TLS, /* squid's https_port: type https */
	RIG_PEER_KINDS
};
const char *rig_peer_word(enum rig_peer_kind);
/* The program this needs is there? */
bool rig_peer_installed(enum rig_peer_kind);

struct rig_peer {
	enum rig_peer_kind kind;
	const char *address; /* it listens here */
	uint16_t port;
	const char *type;  /* for the agent's configuration */
	const char *login; /* microsocks: "user:password" before the start */
	pid_t netns;	   /* to run in, set before the start; 0: the case's */
	/* RIG_PEER_SQUID_TLS, before the start: what https_port gets besides
	 * its address; NULL: a certificate of rig_tls_server().  The agent
	 * needs `ca-file = rig_tls_ca()` then. */
	const char *tls;
	bool caches; /* RIG_PEER_SQUID: in memory; else nothing is stored */
	struct rig_proc proc;
	struct rig_proc sshd; /* RIG_PEER_SSH only */
	uint16_t sshd_port;
};

/* Start on 127.0.0.1 (or what address says), wait until it accepts.  *p is
 * zero but for address, port, login and netns.  Ends the case on failure. */
void rig_peer_start(struct rig_peer *, enum rig_peer_kind, const char *name);
/* SIGKILL the whole group: connections are reset, the port refuses. */
void rig_peer_kill(struct rig_peer *);
/* Again on the same port. */
void rig_peer_restart(struct rig_peer *, const char *name);
/* SIGSTOP and SIGCONT of all its processes. */
void rig_peer_freeze(struct rig_peer *);
void rig_peer_thaw(struct rig_peer *);

/* A private sshd on 127.0.0.1 that lets this user in by a key; key receives
 * the path of the client's key. */
void rig_sshd_start(struct rig_proc *, uint16_t port);
/* Options for ssh so that it trusts it and asks nothing, ended by NULL; the
 * count is returned. */
#define RIG_SSH_OPTIONS_MAX 24
size_t rig_ssh_options(const char *argv[static RIG_SSH_OPTIONS_MAX]);

#endif
