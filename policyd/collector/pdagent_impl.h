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
/* The report at the front of what has come is refused. */
void pdagent_refuse(struct pdagent *, const char *code, const char *text);

/* pdagent_out.c: an ack or, with a code, a nack to what had that sequence. */
void pdagent_ack(struct pdagent *, enum sealed_type of, uint64_t sequence);
void pdagent_nack(struct pdagent *, enum sealed_type of, uint64_t sequence,
    const char *code, const char *text);
/* Nack its register, and close when it has read that. */
void pdagent_dismiss(struct pdagent *, const char *code, const char *text);
bool pdagent_is_sending(const struct pdagent *);

#endif
