#ifndef CAGENT_CTL_VERB_H
#define CAGENT_CTL_VERB_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct field_list;
struct verb;

/* How the command ends. */
enum verb_exit {
	VERB_OK = 0,
	VERB_FAILED = 1,
	VERB_USAGE = 2,
	VERB_NOT_RUNNING = 3,
	VERB_DEGRADED = 4
};

#define CALL_ARGS_MAX 4
#define CALL_DIR_MAX  108 /* a socket's name is no longer */

/* What the command line asked for; strings borrowed from it. */
struct call {
	const struct verb *verb;
	const char *run_dir;
	char own_dir[CALL_DIR_MAX];	 /* what run_dir points to by default */
	const char *args[CALL_ARGS_MAX]; /* NULL: not given */
	const char *user, *protocol, *class, *root;
	const char *login, *service, *source;	     /* who asks */
	const char *method, *accept, *dest;	     /* of a request */
	const char *serial, *key, *expires, *output; /* of policy */
	const char *view, *sort, *interval;	     /* of top */
	const char *file;			     /* of passwd, as below */
	bool drop, list;
	bool json, describe, follow, help, version;
	bool shell, transparent; /* of env */
	bool colour;
	unsigned int width; /* of the terminal; 0: there is none */
	bool pretty;	    /* JSON for eyes: several lines, indented */
	int64_t watch_us;   /* 0: once */
	int64_t lines;	    /* of events and top; -1: not said */
	FILE *out, *err;    /* data and notes */
};

enum verb_takes {
	TAKES_WATCH = 1,
	TAKES_FOLLOW = 2,  /* -f and -n */
	TAKES_USER = 4,	   /* --user, --login, --protocol and on */
	TAKES_POLICY = 8,  /* --root, --serial, --key, --expires, -o */
	TAKES_PASSWD = 16, /* -f FILE, -D, -l */
	TAKES_ENV = 32,	   /* --shell, --transparent */
	TAKES_TOP = 64,	   /* --view, --sort, --interval, --lines */
};

struct verb {
	const char *name;			/* "": without a command */
	const char *args;			/* as usage shows them */
	const char *help;			/* one line */
	const char *more;			/* what --help adds, or "" */
	int (*run)(const struct call *);	/* returns enum verb_exit */
	int min, max;				/* arguments */
	unsigned int takes;			/* enum verb_takes */
	const struct field_list *const *fields; /* NULL-terminated */
};

/* All commands, the summary first; ended by a NULL name. */
extern const struct verb verbs[];
const struct verb *verb_find(const char *name);
/* The one that s may have been meant to be, or NULL. */
const char *verb_nearest(const char *s);

int summary_run(const struct call *);
int status_run(const struct call *);
int tiers_run(const struct call *);
int show_run(const struct call *);
int why_run(const struct call *);
int route_run(const struct call *);
int classes_run(const struct call *);
int tunnels_run(const struct call *);
int top_run(const struct call *);
int learned_run(const struct call *);
int events_run(const struct call *);
int order_run(const struct call *);
int config_run(const struct call *);
int policy_run(const struct call *);
int passwd_run(const struct call *);
int doctor_run(const struct call *);
int env_run(const struct call *);

extern const struct field_list *const summary_fields[];
extern const struct field_list *const status_fields[];
extern const struct field_list *const tiers_fields[];
extern const struct field_list *const show_fields[];
extern const struct field_list *const why_fields[];
extern const struct field_list *const route_fields[];
extern const struct field_list *const classes_fields[];
extern const struct field_list *const tunnels_fields[];
extern const struct field_list *const top_fields[];
extern const struct field_list *const learned_fields[];
extern const struct field_list *const events_fields[];
extern const struct field_list *const order_fields[];
extern const struct field_list *const config_fields[];
extern const struct field_list *const policy_fields[];
extern const struct field_list *const passwd_fields[];
extern const struct field_list *const doctor_fields[];
extern const struct field_list *const env_fields[];

#endif
