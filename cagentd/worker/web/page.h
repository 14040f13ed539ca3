#ifndef CAGENTD_PAGE_H
#define CAGENTD_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/net.h"
#include "conf/settings.h"

struct buf;

/*
 * What a browser gets that asks this agent for a page as if it were a web
 * site: the script by which it finds us (/proxy.pac, /wpad.dat), and else a
 * word on what this port is for.  Nothing of the request is repeated in the
 * answer, and no connection is ever made for it.
 *
 * head     the request's, which http_request_decode() takes, in origin-form.
 * own      the address of ours that it came to, as getsockname() has it.
 * returns  the whole answer, after which the connection is to be closed; the
 *          caller's; NULL when out of memory.
 */
struct buf *page_answer(const struct settings *, const union net_addr *own,
    const uint8_t *head, size_t len);

#endif
