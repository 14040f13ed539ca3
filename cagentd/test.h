#ifndef CAGENTD_TEST_H
#define CAGENTD_TEST_H

/* `cagentd -t`: say on stderr what is wrong with a configuration and with the
 * root that it names.  0: it would be taken. */
int test_configuration(const char *path);

#endif
