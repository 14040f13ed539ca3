#ifndef TESTS_FAULT_INJECT_H
#define TESTS_FAULT_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/fault/plan.h"

/* Private to tests/fault: preload.c stands before libc, ring.c before
 * liburing. */

#define FDS_MAX 32768

/* Is this call to fail?  It is counted. */
bool fault_due(enum fault_call);
/* With errno as it is to be; 0: it succeeds with less than there was. */
int fault_error(void);
/* How large a ring's queues are; 0: as was asked for. */
uint32_t fault_ring(void);
size_t fault_less(size_t len);
/* fd was lied to, and is owed an EPOLLIN or EPOLLOUT. */
void fault_owe(int fd, uint32_t event);
/* Somebody who is owed events; -1: nobody is. */
int fault_owed(uint32_t *events);

void *fault_real(const char *name);

#endif
