#ifndef TESTS_INTEG_RIG_TLS_H
#define TESTS_INTEG_RIG_TLS_H

#include "tests/integ/rig.h"

struct tls_sample;
struct tls_sample_spec;

/* The case's own authority, made at the first call, and its file. */
const struct tls_sample *rig_tls_authority(void);
const char *rig_tls_ca(void);

/* Make a certificate and write it and its key, as NAME.crt and NAME.key, for
 * others to read. */
struct rig_tls_files {
	char cert[RIG_PATH_MAX], key[RIG_PATH_MAX];
};
void rig_tls_cert(
    struct rig_tls_files *, const char *name, const struct tls_sample_spec *);
/* One for 127.0.0.1 and proxy.test, by rig_tls_authority(). */
void rig_tls_server(struct rig_tls_files *, const char *name);

#endif
