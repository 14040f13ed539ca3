#ifndef SHM_PACE_USERS_H
#define SHM_PACE_USERS_H

#include <stdatomic.h>
#include <stdint.h>

struct pace_state;

/* The word of a user's ceiling in a class, or NULL: it has none. */
_Atomic int64_t *pace_users_find(
    struct pace_state *, uint64_t user, uint32_t class, uint32_t way);
/* The same, and there is always one: in a full set, another's. */
_Atomic int64_t *pace_users_enter(struct pace_state *, uint64_t user,
    uint32_t class, uint32_t way, int64_t now_ns);

#endif
