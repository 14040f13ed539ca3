#ifndef CAGENTD_TLS_CLIENTS_H
#define CAGENTD_TLS_CLIENTS_H

struct settings;

/*
 * Make what it takes to connect to the intermediaries over TLS of settings
 * that have just come, in a process that connects: settings_tls.client.  What
 * is as it was in old (NULL: none) is taken from there, with the sessions to
 * resume.  Where it cannot be made, that is logged, and attempts will fail.
 */
void tls_clients_make(struct settings *, const struct settings *old);

#endif
