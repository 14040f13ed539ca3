#ifndef TESTS_INTEG_RIG_LOGS_H
#define TESTS_INTEG_RIG_LOGS_H

/* What is printed about a case that failed. */
#define RIG_LOG_TAIL 6000 /* bytes of each log */

/* The end of every *.log file in dir, on stdout. */
void rig_logs_print(const char *dir);

/* Where every descendant of this process hangs: pid, name, kernel wait. */
void rig_stacks(void);

#endif
