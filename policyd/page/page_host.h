#ifndef POLICYD_PAGE_HOST_H
#define POLICYD_PAGE_HOST_H

#include <stdbool.h>

/* Does the Host header name loopback: localhost, 127.0.0.0/8 or [::1], with a
 * port or without? */
bool page_host_is_loopback(const char *host);

#endif
