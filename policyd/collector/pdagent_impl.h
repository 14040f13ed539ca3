#ifndef POLICYD_PDAGENT_IMPL_H
#define POLICYD_PDAGENT_IMPL_H

#include "policyd/collector/pdagent.h"
#include "wire/manage.h"

/* What pdagent's files do for each other. */

/* The only one that changes the state; begins its deadline. */
void pdagent_change(struct pdagent *, enum pdagent_state);
/* A deadline may have come nearer. */
void pdagent_watch(struct pdagent *);
/* Its name, for the log. */
const char *pdagent_name(const struct pdagent *, char out[MANAGE_NAME_MAX + 1]);

/* pdagent_in.c: handle what has come, and read what comes, as far as it is to
 * be read from now.  Not from within the handling of its own messages. */
void pdagent_read(struct pdagent *);
/* It was held, and is no longer: the time was ours. */
void pdagent_resume(struct pdagent *);
/* Take that much of its quota: false, and in *wait_us it may. */
#define PDAGENT_QUOTA "more than an agent may say in a minute"
bool pdagent_may_say(struct pdagent *, size_t len, int64_t *wait_us);
/* The report at the front of what has come has waited for too long. */
void pdagent_refuse(struct pdagent *);

/* pdagent_register.c: a whole register of one that is greeting. */
void pdagent_register(struct pdagent *, const uint8_t *data, size_t len);

/* pdagent_out.c: an ack or, with a code, a nack to what had that sequence. */
void pdagent_ack(struct pdagent *, enum sealed_type of, uint64_t sequence);
void pdagent_nack(struct pdagent *, enum sealed_type of, uint64_t sequence,
    const char *code, const char *text);
/* Nack its register, and close when it has read that. */
void pdagent_dismiss(struct pdagent *, const char *code, const char *text);
bool pdagent_is_sending(const struct pdagent *);

#endif
