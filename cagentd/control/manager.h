#ifndef CAGENTD_MANAGER_H
#define CAGENTD_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "wire/manage.h"

struct control;
struct link;

/*
 * What is done with signed messages that a manager sends: they are taken, or
 * not, and answered; a policy when all workers go by it, and until then no
 * other message is looked at.
 */
#define MANAGER_APPLY_US 10000000 /* to be in force */

struct manager {
	struct control *control; /* borrowed */
	struct link *link;	 /* who waits for an answer; NULL: nobody */
	struct manage_mark mark; /* of the policy that it is about */
	struct op timer;
};

/* Zeroed but for control.  What has come is answered now (true), or will be,
 * and then the link goes on. */
bool manager_take(
    struct manager *, struct link *, const uint8_t *message, size_t len);
/* What is held is in force. */
void manager_settled(struct manager *);
/* That link is gone; so is who waited. */
void manager_forget(struct manager *, const struct link *);
void manager_stop(struct manager *);

#endif
