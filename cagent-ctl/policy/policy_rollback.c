/* Owns `cagent-ctl policy rollback`: an earlier policy's text under a new,
 * higher serial; which one that may be is the daemon's to say. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/policy/policy.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "trust/root.h"
#include "trust/signers.h"
#include "trust/verify.h"
#include "trust/when.h"
#include "wire/ctl.h"

struct rollback {
	const char *serial;
	json_t *held, *past;   /* the daemon's answers */
	uint8_t *old;	       /* the message of the past */
	struct envelope e;     /* of it; then the new header */
	struct verified *root; /* NULL: nothing is signed */
	uint8_t *message;      /* the new one; NULL: nothing is signed */
	size_t len;
	char *diff;
};

static int
fetch(const struct call *call, struct rollback *r)
{
	enum envelope_fault fault;
	size_t len = 0;
	int status = policy_past(call, r->serial, &r->past);

	if (r->past != NULL)
		status = ask(call, &r->held, "policy");
	if (r->held == NULL)
		return status;
	r->old = policy_message(r->past, &len);
	if (r->old == NULL || envelope_decode(r->old, len, &r->e, &fault) <= 0)
		return say_failure(call, VERB_FAILED, "protocol",
		    "what the daemon remembers is not a message");
	return VERB_OK;
}

static int
compare(const struct call *call, struct rollback *r)
{
	const char *now = field_string(r->held, "body");
	const struct policy_text before = {"in force", now, strlen(now)};
	char label[48];
	struct policy_text after = {label, r->e.body, r->e.body_len};

	snprintf(label, sizeof(label), "policy %s", r->serial);
	r->diff = policy_compare(&before, &after);
	if (r->diff == NULL)
		return say_failure(call, VERB_FAILED, "no-diff",
		    "diff(1) cannot be run, or failed");
	return VERB_OK;
}

static int
read_root(const struct call *call, struct rollback *r)
{
	int64_t want = field_number(r->held, "root_version");
	struct trust_why why;
	uint8_t *data;
	size_t len;
	int status = policy_read(call, call->root, &data, &len);

	if (status != VERB_OK)
		return status;
	r->root = verify_root_first(data, len, &why);
	free(data);
	if (r->root == NULL)
		return say_failure(call, VERB_FAILED,
		    trust_fault_word(why.fault), "--root: %s", why.text);
	if (verified_mark(r->root).epoch != want)
		return say_failure(call, VERB_FAILED, "wrong-root",
		    "--root: the daemon goes by root %lld, and this is root "
		    "%u",
		    (long long)want, verified_mark(r->root).epoch);
	return VERB_OK;
}

/* The daemon may say what it likes: no text is signed that nobody had signed
 * who may. */
static int
was_signed(const struct call *call, const struct rollback *r)
{
	const struct signers by = {
	    verified_root(r->root), ROOT_ROLE_POLICY, INT64_MIN};
	struct trust_why why;

	if (r->e.type == ENVELOPE_POLICY && signers_check(&r->e, &by, &why))
		return VERB_OK;
	return say_failure(call, VERB_FAILED,
	    r->e.type == ENVELOPE_POLICY ? trust_fault_word(why.fault)
					 : "wrong-type",
	    "policy %s is not signed anew: %s; look at its text (-o FILE), and "
	    "sign it with cagent-policyd sign",
	    r->serial,
	    r->e.type == ENVELOPE_POLICY ? why.text : "it is no policy");
}

static int
new_header(const struct call *call, struct rollback *r)
{
	int64_t now_s = mono_wall_us() / 1000000, held;
	int64_t life_s = r->e.expires_s - r->e.issued_s;
	char quoted[40];

	r->e.issued_s = now_s;
	r->e.expires_s = now_s + life_s;
	if (call->expires != NULL &&
	    !when_later(call->expires, now_s, &r->e.expires_s))
		return say_usage(call,
		    "--expires: expected a time to come, like 30d or "
		    "2027-01-01T00:00:00Z, found \"%s\"",
		    format_quote(call->expires, quoted, sizeof(quoted)));
	r->e.epoch = verified_mark(r->root).epoch;
	r->e.serial = (uint64_t)now_s;
	held = field_number(r->held, "serial");
	if (field_number(r->held, "epoch") == r->e.epoch && held >= now_s)
		r->e.serial = (uint64_t)held + 1;
	r->e.signatures_n = 0;
	return VERB_OK;
}

/* As an agent would see it; that it lacks signatures is no fault when they can
 * still be added. */
static int
is_good(const struct call *call, const struct rollback *r)
{
	const struct verify ctx = {.mode = VERIFY_ALONE,
	    .root = r->root,
	    .now_s = mono_wall_us() / 1000000};
	struct trust_why why = {TRUST_FINE, ""};
	struct verified *v = verify_message(&ctx, r->message, r->len, &why);

	verified_free(v);
	if (v != NULL)
		return VERB_OK;
	if (why.fault == TRUST_THRESHOLD && call->output != NULL) {
		say(call, "not complete: %s; see cagent-policyd add-signature",
		    why.text);
		return VERB_OK;
	}
	return say_failure(call, VERB_FAILED, trust_fault_word(why.fault),
	    "%s%s", why.text,
	    why.fault == TRUST_THRESHOLD
		? "; with -o FILE others can add theirs"
		: "");
}

static int
sign(const struct call *call, struct rollback *r)
{
	const struct policy_order order = {call->key, &r->e};
	int status = read_root(call, r);

	if (status == VERB_OK)
		status = was_signed(call, r);
	if (status == VERB_OK)
		status = new_header(call, r);
	if (status == VERB_OK)
		status = policy_sign(call, &order, &r->message, &r->len);
	return status == VERB_OK ? is_good(call, r) : status;
}

/* Into a file that is not there yet. */
static int
put(const struct call *call, const void *data, size_t len)
{
	char quoted[256];
	int fd =
	    open(call->output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int error = fd == -1 ? -errno : fdio_save(fd, data, len);

	if (fd != -1 && close(fd) == -1 && error == 0)
		error = -errno;
	if (error == 0)
		return VERB_OK;
	if (fd != -1)
		unlink(call->output);
	return say_failure(call, VERB_FAILED, "not-written", "%s: %s",
	    format_quote(call->output, quoted, sizeof(quoted)),
	    strerror(-error));
}

/* In words, and what there is to do then. */
static int
finish(const struct call *call, struct rollback *r, const char *message)
{
	json_t *doc;

	if (!call->json) {
		if (*r->diff == '\0')
			fputs("the text is that in force\n", call->out);
		policy_print(call, r->diff);
		fprintf(call->out, "%s\n", message);
		return VERB_OK;
	}
	doc = json_pack("{s:i, s:b, s:o, s:o}", "schema", CTL_SCHEMA, "ok", 1,
	    "message", field_json_string(message), "diff",
	    field_json_string(r->diff));
	if (r->message != NULL)
		json_object_set_new(
		    doc, "serial", json_integer((json_int_t)r->e.serial));
	render_json(call, doc);
	json_decref(doc);
	return VERB_OK;
}

static int
hand_out(const struct call *call, struct rollback *r)
{
	char text[512], quoted[256];
	int status = r->message != NULL ? put(call, r->message, r->len)
					: put(call, r->e.body, r->e.body_len);

	if (status != VERB_OK)
		return status;
	format_quote(call->output, quoted, sizeof(quoted));
	if (r->message != NULL)
		snprintf(text, sizeof(text), "%s: policy %" PRIu64, quoted,
		    r->e.serial);
	else
		snprintf(text, sizeof(text),
		    "%s: the text of policy %s, for %s: to be signed with a "
		    "serial above %lld",
		    quoted, r->serial, r->e.audience,
		    (long long)field_number(r->held, "serial"));
	return finish(call, r, text);
}

static int
load(const struct call *call, struct rollback *r)
{
	char text[512];
	json_t *doc;
	int status = policy_give(call, r->message, r->len, &doc);

	if (doc == NULL)
		return status;
	format_quote(field_string(doc, "message"), text, sizeof(text));
	json_decref(doc);
	return finish(call, r, text);
}

int
policy_rollback(const struct call *call, const char *serial)
{
	struct rollback r = {.serial = serial};
	int status;

	if (call->key != NULL ? call->root == NULL : call->output == NULL)
		return say_usage(call,
		    "policy rollback: expected --key KEY --root ROOT, or -o "
		    "FILE for its text");
	status = fetch(call, &r);
	if (status == VERB_OK)
		status = compare(call, &r);
	if (status == VERB_OK && call->key != NULL)
		status = sign(call, &r);
	if (status == VERB_OK)
		status =
		    call->output != NULL ? hand_out(call, &r) : load(call, &r);
	json_decref(r.held);
	json_decref(r.past);
	verified_free(r.root);
	free(r.old);
	free(r.message);
	free(r.diff);
	return status;
}
