/* Owns what several verbs of the control socket say alike; decides nothing. */
#include "policyd/ranker/ranker_ctl_say.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/conf.h"
#include "policyd/common/pdctl.h"
#include "policyd/ranker/ranker.h"

#define HASH_LEN   32
#define HASH_SHOWN 8

static const char *
type_word(enum envelope_type type)
{
	switch (type) {
	case ENVELOPE_ROOT:
		return "root";
	case ENVELOPE_POLICY:
		return "policy";
	case ENVELOPE_RANK:
		return "rank";
	}
	return "?";
}

const char *
ranker_ctl_title(const struct envelope *e, char out[RANKER_CTL_TITLE_MAX])
{
	if (e->type == ENVELOPE_ROOT)
		snprintf(out, RANKER_CTL_TITLE_MAX, "root %" PRIu32, e->epoch);
	else
		snprintf(out, RANKER_CTL_TITLE_MAX,
		    "%s %" PRIu64 " of root %" PRIu32 " for %s",
		    type_word(e->type), e->serial, e->epoch, e->audience);
	return out;
}

void
ranker_ctl_set_header(json_t *o, const struct envelope *e)
{
	ranker_ctl_set_text(o, "type", type_word(e->type));
	ranker_ctl_set_int(o, "epoch", e->epoch);
	ranker_ctl_set_int(o, "serial", (int64_t)e->serial);
	ranker_ctl_set_text(o, "audience", e->audience);
	ranker_ctl_set_int(o, "issued_s", e->issued_s);
	ranker_ctl_set_int(o, "expires_s", e->expires_s);
}

void
ranker_ctl_set_hash(json_t *o, const uint8_t *message, size_t len)
{
	uint8_t hash[HASH_LEN];
	char hex[2 * HASH_SHOWN + 1];

	crypto_generichash(hash, sizeof(hash), message, len, NULL, 0);
	sodium_bin2hex(hex, sizeof(hex), hash, HASH_SHOWN);
	ranker_ctl_set_text(o, "hash", hex);
}

static enum ranker_ctl_code
code_of(int error)
{
	switch (-error) {
	case EINVAL:
	case EEXIST:
		return RANKER_CTL_REFUSED;
	case ENOENT:
		return RANKER_CTL_NOT_FOUND;
	case ENOMEM:
		return RANKER_CTL_INTERNAL;
	default:
		return RANKER_CTL_STORE;
	}
}

void
ranker_ctl_refuse_why(
    struct ranker_ctl_query *q, int error, const struct ranker_why *why)
{
	if (why->code[0] != '\0')
		ranker_ctl_refuse(
		    q, code_of(error), "%s (%s)", why->text, why->code);
	else
		ranker_ctl_refuse(q, code_of(error), "%s",
		    why->text[0] != '\0' ? why->text : strerror(-error));
}

void
ranker_ctl_refuse_name(struct ranker_ctl_query *q, const char *what,
    const char *name, const char *const *words)
{
	const char *near = conf_nearest(name, words);

	ranker_ctl_refuse(q, RANKER_CTL_NOT_FOUND, "%s \"%.64s\"%s%s%s", what,
	    name, near != NULL ? "; did you mean \"" : "",
	    near != NULL ? near : "", near != NULL ? "\"?" : "");
}
