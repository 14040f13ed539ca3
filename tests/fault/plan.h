#ifndef TESTS_FAULT_PLAN_H
#define TESTS_FAULT_PLAN_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * Which system calls of a worker fail.  A test maps the file that FAULT_PLAN
 * names, and so does preload.so, which LD_PRELOAD puts before libc in the
 * daemon; what the test writes holds for the next call.
 */
enum fault_call {
	FAULT_ACCEPT,
	FAULT_CONNECT,
	FAULT_SOCKET,
	FAULT_RECV,
	FAULT_SEND,
	FAULT_RECVMSG, /* the channel to the other processes */
	FAULT_SENDMSG,
	FAULT_READ,
	FAULT_WRITE,
	FAULT_WAIT,	 /* for events, and to tell a ring what to do */
	FAULT_EPOLL_CTL, /* to register, never to forget */
	FAULT_SPLICE,
	FAULT_PIPE,
	FAULT_SETSOCKOPT, /* of TCP */
	FAULT_GETSOCKOPT,
	FAULT_CLOSE, /* the fd is gone all the same */
	FAULT_CALLS
};

#define FAULT_BIT(call) (1u << (call))

struct fault_plan {
	_Atomic uint32_t calls; /* FAULT_BITs; 0: none fails */
	_Atomic uint32_t every; /* each so-manieth of a kind */
	_Atomic uint32_t offset;
	/* What it fails with; 0: it succeeds with less than there was. */
	_Atomic int32_t error;
	/* Entries of a ring that is made from now on; 0: as it should be. */
	_Atomic uint32_t ring;
	_Atomic uint64_t seen[FAULT_CALLS];
	_Atomic uint64_t failed[FAULT_CALLS];
};

#endif
