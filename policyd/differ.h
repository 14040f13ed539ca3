#ifndef POLICYD_DIFFER_H
#define POLICYD_DIFFER_H

struct call;

struct differ_text {
	const char *label, *text;
};

/* What diff(1) says of two texts, on stdout; returns enum verb_exit. */
int differ(const struct call *, const struct differ_text *old,
    const struct differ_text *new);

#endif
