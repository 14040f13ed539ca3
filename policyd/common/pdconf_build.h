#ifndef POLICYD_PDCONF_BUILD_H
#define POLICYD_PDCONF_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "policyd/common/pdconf.h"

/* A configuration in the making, for pdconf*.c alone. */
struct pdbuild {
	struct pdconf *c;
	int listen_lines[PDCONF_LISTENERS_MAX],
	    page_lines[PDCONF_LISTENERS_MAX];
	bool no_page;
	/* As the tables set numbers; those of pdconf are narrower. */
	int64_t agents_min, samples_min, probe_fall, probe_rise;
	int64_t success_min, slow_factor;
	int64_t window_ms, slow_over_ms, lower_after_ms, raise_after_ms;
};

extern const struct conf_option pdconf_policyd_options[];
extern const struct conf_option pdconf_quota_options[];
extern const struct conf_option pdconf_ranking_options[];
extern const struct conf_option pdconf_store_options[];
extern const struct conf_option pdconf_probe_options[];
extern const struct conf_option pdconf_load_options[];
extern const struct conf_option pdconf_login_options[];

/* begin() and end() of the sections; see struct conf_section.  The first is of
 * all whose record is the configuration itself. */
void *pdconf_begin(struct conf_ctx *, void *build, const char *name);
int pdconf_policyd_end(struct conf_ctx *, void *build, void *record);
void *pdconf_load_begin(struct conf_ctx *, void *build, const char *name);
int pdconf_load_end(struct conf_ctx *, void *build, void *record);
void *pdconf_login_begin(struct conf_ctx *, void *build, const char *name);

/* What [policyd] did not say, where the default is not a mere number. */
void pdconf_policyd_fill(struct pdbuild *);

#define PDCONF_AT(field) offsetof(struct pdconf, field)
#define PDCONF_MS(word, field, least, most)                               \
	{                                                                 \
		.key = word, .type = CONF_MS, .offset = PDCONF_AT(field), \
		.min = least, .max = most                                 \
	}
#define PDCONF_INT(word, field, least, most)                               \
	{                                                                  \
		.key = word, .type = CONF_INT, .offset = PDCONF_AT(field), \
		.min = least, .max = most                                  \
	}
#define PDCONF_BYTES(word, field, least, most)                               \
	{                                                                    \
		.key = word, .type = CONF_BYTES, .offset = PDCONF_AT(field), \
		.min = least, .max = most                                    \
	}
#define PDCONF_CUSTOM(word, fn, text)                                          \
	{                                                                      \
		.key = word, .type = CONF_CUSTOM, .parse = fn, .expects = text \
	}
#define PDCONF_LIST(word, fn, text)                            \
	{                                                      \
		.key = word, .type = CONF_CUSTOM, .parse = fn, \
		.expects = text, .repeats = true               \
	}

#endif
