#ifndef CAGENT_CTL_POLICY_H
#define CAGENT_CTL_POLICY_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct call;
struct envelope;

/* What the files of `cagent-ctl policy` share. */

/* The whole of a file that can be a message; what goes wrong is said.  Returns
 * enum verb_exit; the caller frees. */
int policy_read(
    const struct call *, const char *path, uint8_t **data, size_t *len);

/* What the daemon remembers of that serial, with the message itself; the
 * caller frees; NULL when it does not, which is said.  Returns enum
 * verb_exit. */
int policy_past(const struct call *, const char *serial, json_t **doc);
/* The message in it: the caller frees; NULL when there is none. */
uint8_t *policy_message(const json_t *doc, size_t *len);

/* A text and what people call it, borrowed. */
struct policy_text {
	const char *label;
	const void *data;
	size_t len;
};
/* What diff(1) says of them, the caller frees: "" when they are the same, NULL
 * when it cannot be run. */
char *policy_compare(
    const struct policy_text *before, const struct policy_text *after);
/* A text of several lines, made harmless for a terminal; it is changed. */
void policy_print(const struct call *, char *text);

/* A policy that is to be signed, and by the key of which file. */
struct policy_order {
	const char *key_path;
	const struct envelope *envelope;
};
/* Sign it, in a process of its own that has no connection: *message is the
 * caller's, NULL on failure, which is said.  Returns enum verb_exit. */
int policy_sign(const struct call *, const struct policy_order *,
    uint8_t **message, size_t *len);

/* Give the daemon a message; what comes of it is in *doc. */
int policy_give(
    const struct call *, const uint8_t *message, size_t len, json_t **doc);

struct field_list;
extern const struct field_list policy_server_list, policy_links_list;
int policy_server(const struct call *);
int policy_key(const struct call *);
int policy_history(const struct call *);
int policy_verify(const struct call *, const char *path);
/* before: NULL for what is in force. */
int policy_diff(const struct call *, const char *before, const char *after);
int policy_rollback(const struct call *, const char *serial);

#endif
