#ifndef TESTS_UNIT_CONF_SAMPLE_H
#define TESTS_UNIT_CONF_SAMPLE_H

#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "tests/unit/unit.h"

/* A small configuration with every type, for the tests of base/conf. */
#define N(a) (sizeof(a) / sizeof(*(a)))

#define X10   "xxxxxxxxxx"
#define X50   X10 X10 X10 X10 X10
#define X200  X50 X50 X50 X50
#define X1000 X200 X200 X200 X200 X200

struct host {
	char name[CONF_NAME_MAX + 1];
	char address[32];
	int64_t weight;
	int line;
	bool ended;
};

struct main_section {
	char text[8];
	bool on;
	int64_t number;
	int64_t wait_ms;
	int64_t any_ms;
	int64_t size;
	int colour;
	int64_t any;
	int words_n;
	char words[8][64];
	int words_line;
};

struct config {
	struct main_section main;
	int begun; /* times [main] was begun */
	struct host hosts[4];
	int hosts_n;
	char order[64]; /* names in the order of end() */
};

static int
add_word(struct conf_ctx *ctx, void *record, const char *value)
{
	struct main_section *m = record;

	if (strcmp(value, "generic") == 0)
		return -1;
	if (strcmp(value, "own") == 0) {
		conf_error(ctx, "own words for '%s'", value);
		return -1;
	}
	snprintf(m->words[m->words_n++ % 8], sizeof(m->words[0]), "%s", value);
	m->words_line = conf_line(ctx);
	return 0;
}

static void *
begin_main(struct conf_ctx *ctx, void *config, const char *name)
{
	struct config *c = config;

	(void)ctx;
	CHECK_STR(name, "");
	c->begun++;
	return &c->main;
}

static int
end_main(struct conf_ctx *ctx, void *config, void *record)
{
	struct main_section *m = record;

	(void)config;
	if (m->number == 42) {
		conf_error_at(ctx, m->words_line, "42 forbids this word");
		conf_error(ctx, "42 forbids this section");
		return -1;
	}
	return 0;
}

static void *
begin_host(struct conf_ctx *ctx, void *config, const char *name)
{
	struct config *c = config;
	struct host *h;

	if (c->hosts_n == (int)N(c->hosts)) {
		conf_error(ctx, "expected at most 4 hosts");
		return NULL;
	}
	h = &c->hosts[c->hosts_n++];
	snprintf(h->name, sizeof(h->name), "%s", name);
	h->line = conf_line(ctx);
	return h;
}

static int
end_host(struct conf_ctx *ctx, void *config, void *record)
{
	struct config *c = config;
	struct host *h = record;
	size_t len = strlen(c->order);

	CHECK_INT(conf_line(ctx), h->line);
	h->ended = true;
	snprintf(c->order + len, sizeof(c->order) - len, "%s ", h->name);
	return 0;
}

static void *
begin_single(struct conf_ctx *ctx, void *config, const char *name)
{
	(void)ctx;
	(void)name;
	return config;
}

static const struct conf_word colours[] = {
    {"red", 1}, {"green", 2}, {"blue", 3}, {NULL, 0}};

#define MAIN(field) offsetof(struct main_section, field)
static const struct conf_option main_options[] = {
    {.key = "text", .type = CONF_STRING, .offset = MAIN(text), .size = 8},
    {.key = "on", .type = CONF_BOOL, .offset = MAIN(on)},
    {.key = "number",
	.type = CONF_INT,
	.offset = MAIN(number),
	.min = -5,
	.max = 100},
    {.key = "any", .type = CONF_INT, .offset = MAIN(any)},
    {.key = "wait",
	.type = CONF_MS,
	.offset = MAIN(wait_ms),
	.min = 100,
	.max = 120000},
    {.key = "any-time", .type = CONF_MS, .offset = MAIN(any_ms)},
    {.key = "size",
	.type = CONF_BYTES,
	.offset = MAIN(size),
	.min = 1024,
	.max = 1 << 30},
    {.key = "colour",
	.type = CONF_ENUM,
	.offset = MAIN(colour),
	.words = colours},
    {.key = "word",
	.type = CONF_CUSTOM,
	.parse = add_word,
	.repeats = true,
	.expects = "a word like hello"},
    {.key = NULL},
};

static const struct conf_option host_options[] = {
    {.key = "address",
	.type = CONF_STRING,
	.offset = offsetof(struct host, address),
	.size = 32,
	.required = true,
	.expects = "an address like a:1"},
    {.key = "weight",
	.type = CONF_INT,
	.offset = offsetof(struct host, weight),
	.min = 1,
	.max = 10},
    {.key = NULL},
};

static const struct conf_option single_options[] = {{.key = NULL}};

static const struct conf_section sections[] = {
    {.kind = "main",
	.options = main_options,
	.begin = begin_main,
	.end = end_main},
    {.kind = "host",
	.named = true,
	.repeats = true,
	.options = host_options,
	.begin = begin_host,
	.end = end_host},
    {.kind = "single",
	.named = true,
	.options = single_options,
	.begin = begin_single},
    {.kind = NULL},
};

static int
parse(const char *text, size_t len, struct config *c, struct conf_errors *e)
{
	memset(c, 0, sizeof(*c));
	return conf_parse("f", text, len, sections, c, NULL, e);
}

#endif
