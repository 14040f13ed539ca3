#ifndef TESTS_INTEG_RIG_ATTACK_H
#define TESTS_INTEG_RIG_ATTACK_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * What whoever has taken over a worker would try: one function an act, which
 * returns 0 when it succeeded and its errno when it was refused.
 */
#define ATTACK_UNPREPARED 133 /* no errno of Linux: it did not come to it */

/* What a worker holds, and what the attacker knows. */
struct attack_arms {
	const char *run_dir; /* as it is seen from where we are */
	int table_fd;	     /* read-only */
	void *table;	     /* mapped read-only */
	int own_fd;	     /* our slab, read-write */
	int other_fd;	     /* another worker's, read-only */
	void *other;	     /* mapped read-only */
	size_t slab_len;
	int listener;
	pid_t master;
	pid_t fellow;	/* another process of the worker's uid */
	uintptr_t word; /* an int in the master's memory */
	void *image;	/* a program */
	size_t image_len;
	struct file_handle *handle; /* of the table */
};

/*
 * How an act is known to have succeeded: by what it returned, or by what
 * happened to the master or to the fellow worker.
 */
enum attack_proof {
	BY_RESULT,
	BY_SIGNAL_TO_MASTER,
	BY_SIGNAL_TO_FELLOW,
	NO_ATTACK /* a worker's own work: must succeed in the sandbox, too */
};

/* Name, the act in words, its proof, and why it fails even for root without
 * a sandbox (NULL: then it must succeed). */
#define ATTACK_RO   "the fd was opened read-only"
#define ATTACK_SEAL "the slab is sealed"
#define ATTACKS(X)                                                            \
	X(passwd, "open /etc/passwd", BY_RESULT, NULL)                        \
	X(create, "create a file in run-dir", BY_RESULT, NULL)                \
	X(unlink, "remove the table's file", BY_RESULT, NULL)                 \
	X(exec, "exec /bin/true", BY_RESULT, NULL)                            \
	X(memfd_exec, "memfd_create and fexecve", BY_RESULT, NULL)            \
	X(table_mprotect, "table: make the mapping writable", BY_RESULT,      \
	    ATTACK_RO)                                                        \
	X(table_remap, "table: map it writable", BY_RESULT, ATTACK_RO)        \
	X(table_pwrite, "table: pwrite to the fd", BY_RESULT, ATTACK_RO)      \
	X(table_ftruncate, "table: ftruncate", BY_RESULT, ATTACK_RO)          \
	X(table_self_mem, "table: write through /proc/self/mem", BY_RESULT,   \
	    "a shared mapping of a read-only fd")                             \
	X(table_reopen, "table: reopen the fd for writing", BY_RESULT, NULL)  \
	X(table_path, "table: open its file for writing", BY_RESULT, NULL)    \
	X(table_handle, "table: open_by_handle_at", BY_RESULT, NULL)          \
	X(table_chmod, "table: fchmod to 0666", BY_RESULT, NULL)              \
	X(slab_mprotect, "another slab: make it writable", BY_RESULT,         \
	    ATTACK_RO)                                                        \
	X(slab_reopen, "another slab: reopen for writing", BY_RESULT, NULL)   \
	X(slab_shrink, "own slab: shrink under its readers", BY_RESULT,       \
	    ATTACK_SEAL)                                                      \
	X(slab_seal, "own slab: seal against the successor", BY_RESULT,       \
	    ATTACK_SEAL)                                                      \
	X(ptrace, "ptrace the master", BY_RESULT, NULL)                       \
	X(ptrace_fellow, "ptrace another worker", BY_RESULT, NULL)            \
	X(vm_writev, "process_vm_writev to the master", BY_RESULT, NULL)      \
	X(vm_readv, "process_vm_readv of the master", BY_RESULT, NULL)        \
	X(steal_fd, "pidfd_getfd from the master", BY_RESULT, NULL)           \
	X(kill, "kill the master", BY_SIGNAL_TO_MASTER, NULL)                 \
	X(kill_fellow, "kill another worker", BY_SIGNAL_TO_FELLOW, NULL)      \
	X(io_signal, "kill the master by an I/O signal", BY_SIGNAL_TO_MASTER, \
	    NULL)                                                             \
	X(io_signal_fellow, "kill a worker by an I/O signal",                 \
	    BY_SIGNAL_TO_FELLOW, NULL)                                        \
	X(listener_end, "shared listener: end it", BY_RESULT, NULL)           \
	X(listener_filter, "shared listener: filter its clients away",        \
	    BY_RESULT, NULL)                                                  \
	X(listener_block, "shared listener: make it block", BY_RESULT, NULL)  \
	X(bind, "bind a TCP port of its own choice", BY_RESULT, NULL)         \
	X(share, "bind where another is, by SO_REUSEPORT", BY_RESULT, NULL)   \
	X(netlink, "socket(AF_NETLINK)", BY_RESULT, NULL)                     \
	X(packet, "socket(AF_PACKET)", BY_RESULT, NULL)                       \
	X(raw, "socket(AF_INET, SOCK_RAW)", BY_RESULT, NULL)                  \
	X(control, "connect to cagent-ctl's socket", BY_RESULT, NULL)         \
	X(socketpair, "socketpair(AF_UNIX)", BY_RESULT, NULL)                 \
	X(fork, "fork", BY_RESULT, NULL)                                      \
	X(setuid, "setuid(0)", BY_RESULT, NULL)                               \
	X(setgid, "setgid(0)", BY_RESULT, NULL)                               \
	X(limits, "change the own limits", BY_RESULT, NULL)                   \
	X(mount, "mount", BY_RESULT, NULL)                                    \
	X(chroot, "chroot", BY_RESULT, NULL)                                  \
	X(userns, "unshare(CLONE_NEWUSER)", BY_RESULT, NULL)                  \
	X(keyctl, "keyctl", BY_RESULT, NULL)                                  \
	X(bpf, "bpf", BY_RESULT, NULL)                                        \
	X(perf, "perf_event_open", BY_RESULT, NULL)                           \
	X(io_uring, "io_uring_setup", BY_RESULT, NULL)                        \
	X(map_slab, "(its work) map a slab after a reload", NO_ATTACK, NULL)  \
	X(listen, "(its work) wait for a connection", NO_ATTACK, NULL)        \
	X(half_close, "(its work) end one direction of a tunnel", NO_ATTACK,  \
	    NULL)

#define X(name, words, proof, impossible) \
	int attack_##name(const struct attack_arms *);
ATTACKS(X)
#undef X

/* Before the rights are gone: arms->image and arms->handle. */
void attack_load(struct attack_arms *);

#endif
