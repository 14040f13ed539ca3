#ifndef BASE_STDFDS_H
#define BASE_STDFDS_H

/*
 * For the start of main(): fill what is closed of stdin, stdout and stderr
 * with /dev/null.  No file or socket of ours may take such a number: what is
 * said there, the log above all, would be written into it.
 */
void stdfds_fill(void);

#endif
