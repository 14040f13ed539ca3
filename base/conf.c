/* Reads an INI text by tables and collects its errors; opens no file. */
#include "base/conf.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_text.h"
#include "base/conf_value.h"

#define ERROR_MAX  256 /* bytes of an error with its newline */
#define FILE_SHOWN 96  /* of a path; its end says more than its start */
#define KINDS_MAX  32
#define BUCKETS	   1024
#define BOM	   "\xef\xbb\xbf"

/* A section that stands in the file. */
struct section {
	const struct conf_section *row;
	void *record; /* NULL: refused, its keys are passed over */
	int line;     /* of its first header */
	bool bad;     /* something in it was refused */
	size_t next;  /* 1 + index in the same bucket; 0: none */
	char name[CONF_NAME_MAX + 1];
	int set[CONF_WORDS_MAX]; /* the line an option was set at; 0: not */
};

struct conf_ctx {
	const char *file;
	const char *at, *end; /* what is still to be read */
	const struct conf_section *rows;
	void *config;
	void *arg;
	struct conf_errors *errors;
	size_t text_len;
	int line;
	struct section *sections; /* in file order; owned */
	size_t sections_n, sections_cap;
	size_t buckets[BUCKETS]; /* by kind and name: 1 + index */
	/* The section being read: an index, as the array moves. */
	size_t now;
	enum {
		BEFORE_FIRST,
		INSIDE,
		PASSING_OVER
	} where;
};

static void __attribute__((format(printf, 3, 0)))
add_error(struct conf_ctx *ctx, int line, const char *fmt, va_list ap)
{
	struct conf_errors *e = ctx->errors;
	size_t file_len = strlen(ctx->file), skip = 0, len;
	char text[2 * ERROR_MAX];
	int n;

	if (e->n++ >= CONF_ERRORS_MAX)
		return;
	if (file_len > FILE_SHOWN)
		skip = file_len - FILE_SHOWN;
	n = snprintf(text, sizeof(text), "%s%s:%d: ", skip > 0 ? "..." : "",
	    ctx->file + skip, line);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	len = (size_t)conf_text_fit(text, strlen(text), ERROR_MAX - 2);
	memcpy(e->text + ctx->text_len, text, len);
	memcpy(e->text + ctx->text_len + len, "\n", 2);
	ctx->text_len += len + 1;
}

void
conf_error(struct conf_ctx *ctx, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_error(ctx, ctx->line, fmt, ap);
	va_end(ap);
}

void
conf_error_at(struct conf_ctx *ctx, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_error(ctx, line, fmt, ap);
	va_end(ap);
}

int
conf_line(const struct conf_ctx *ctx)
{
	return ctx->line;
}

int
conf_errors_n(const struct conf_ctx *ctx)
{
	return ctx->errors->n;
}

void *
conf_arg(const struct conf_ctx *ctx)
{
	return ctx->arg;
}

/* [kind] or [kind "name"], as it would stand in the file. */
static const char *
title(const struct section *s, char out[static CONF_WHY_MAX])
{
	if (s->row->named)
		snprintf(
		    out, CONF_WHY_MAX, "[%s \"%s\"]", s->row->kind, s->name);
	else
		snprintf(out, CONF_WHY_MAX, "[%s]", s->row->kind);
	return out;
}

/* The row for a header, or NULL after an error. */
static const struct conf_section *
find_row(struct conf_ctx *ctx, const struct conf_header *h)
{
	const struct conf_section *row = ctx->rows;
	const char *kinds[KINDS_MAX + 1], *near;
	size_t n;

	while (row->kind != NULL && strcmp(row->kind, h->kind) != 0)
		row++;
	if (row->kind == NULL) {
		for (n = 0; ctx->rows[n].kind != NULL && n < KINDS_MAX; n++)
			kinds[n] = ctx->rows[n].kind;
		kinds[n] = NULL;
		near = conf_nearest(h->kind, kinds);
		conf_error(ctx, "unknown section [%s]%s%s%s", h->kind,
		    near != NULL ? "; did you mean [" : "",
		    near != NULL ? near : "", near != NULL ? "]?" : "");
		return NULL;
	}
	if (row->named != h->named) {
		conf_error(ctx, "expected [%s%s], found [%s%s%s%s]", row->kind,
		    row->named ? " \"name\"" : "", h->kind,
		    h->named ? " \"" : "", h->name, h->named ? "\"" : "");
		return NULL;
	}
	return row;
}

/* FNV-1a; of a row that may stand once its kind is all that counts. */
static size_t
bucket(const struct conf_section *row, const char *name)
{
	uint64_t h = 0xcbf29ce484222325u;
	const char *s;

	for (s = row->kind; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3u;
	for (s = row->repeats ? name : ""; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3u;
	return h % BUCKETS;
}

/* One that this header repeats (of a row that may stand once: any). */
static struct section *
find_section(
    struct conf_ctx *ctx, const struct conf_section *row, const char *name)
{
	size_t i = ctx->buckets[bucket(row, name)];
	struct section *s;

	for (; i != 0; i = s->next) {
		s = &ctx->sections[i - 1];
		if (s->row == row &&
		    (!row->repeats || strcmp(s->name, name) == 0))
			return s;
	}
	return NULL;
}

static struct section *
add_section(
    struct conf_ctx *ctx, const struct conf_section *row, const char *name)
{
	size_t cap = ctx->sections_cap == 0 ? 16 : ctx->sections_cap * 2;
	size_t *head = &ctx->buckets[bucket(row, name)];
	struct section *p;

	if (ctx->sections_n == CONF_SECTIONS_MAX) {
		conf_error(ctx, "expected at most %d sections, found more",
		    CONF_SECTIONS_MAX);
		return NULL;
	}
	if (ctx->sections_n == ctx->sections_cap) {
		p = reallocarray(ctx->sections, cap, sizeof(*p));
		if (p == NULL) {
			conf_error(ctx, "out of memory");
			return NULL;
		}
		ctx->sections = p;
		ctx->sections_cap = cap;
	}
	p = &ctx->sections[ctx->sections_n++];
	*p = (struct section){.row = row, .line = ctx->line, .next = *head};
	memcpy(p->name, name, strlen(name) + 1);
	*head = ctx->sections_n;
	return p;
}

static void
begin_section(struct conf_ctx *ctx, const struct conf_header *h)
{
	const struct conf_section *row = find_row(ctx, h);
	struct section *s;
	char text[CONF_WHY_MAX];

	ctx->where = PASSING_OVER;
	if (row == NULL)
		return;
	s = find_section(ctx, row, h->name);
	if (s != NULL && row->named) {
		conf_error(ctx,
		    row->repeats
			? "%s stands at line %d already"
			: "expected one section of this kind, found another "
			  "after %s at line %d",
		    title(s, text), s->line);
		return;
	}
	if (s == NULL) {
		s = add_section(ctx, row, h->name);
		if (s == NULL)
			return;
		s->record = row->begin(ctx, ctx->config, s->name);
	}
	ctx->now = (size_t)(s - ctx->sections);
	if (s->record != NULL)
		ctx->where = INSIDE;
}

static const struct conf_option *
find_option(const struct conf_section *row, const char *key)
{
	const struct conf_option *o = row->options;

	while (o->key != NULL && strcmp(o->key, key) != 0)
		o++;
	return o->key != NULL ? o : NULL;
}

static void
unknown_key(struct conf_ctx *ctx, const struct section *s, const char *key)
{
	const char *keys[CONF_WORDS_MAX + 1], *near;
	const struct conf_section *other = ctx->rows;
	size_t n;

	for (n = 0; s->row->options[n].key != NULL && n < CONF_WORDS_MAX; n++)
		keys[n] = s->row->options[n].key;
	keys[n] = NULL;
	near = conf_nearest(key, keys);
	if (near != NULL) {
		conf_error(ctx, "unknown key '%s' in [%s]; did you mean '%s'?",
		    key, s->row->kind, near);
		return;
	}
	while (other->kind != NULL && find_option(other, key) == NULL)
		other++;
	conf_error(ctx, "unknown key '%s' in [%s]%s%s%s", key, s->row->kind,
	    other->kind != NULL ? "; it belongs to [" : "",
	    other->kind != NULL ? other->kind : "",
	    other->kind != NULL ? "]" : "");
}

static void
set_option(
    struct conf_ctx *ctx, struct section *s, const char *key, const char *value)
{
	const struct conf_option *o = find_option(s->row, key);
	size_t i;

	if (o == NULL) {
		unknown_key(ctx, s, key);
		s->bad = true;
		return;
	}
	i = (size_t)(o - s->row->options);
	assert(i < CONF_WORDS_MAX);
	if (s->set[i] != 0 && !o->repeats) {
		conf_error(
		    ctx, "'%s' is set at line %d already", key, s->set[i]);
		s->bad = true;
		return;
	}
	s->set[i] = ctx->line;
	if (conf_value(ctx, o, s->record, value) != 0)
		s->bad = true;
}

/* inih's handler; sections are known from the lines, inih would cut them. */
static int
on_value(void *arg, const char *section, const char *key, const char *value)
{
	struct conf_ctx *ctx = arg;

	(void)section; /* always "" */
	if (ctx->where == INSIDE)
		set_option(ctx, &ctx->sections[ctx->now], key, value);
	else if (ctx->where == BEFORE_FIRST) {
		conf_error(ctx, "expected a section like [%s] before '%s'",
		    ctx->rows->kind, key);
		ctx->where = PASSING_OVER;
	}
	return 1;
}

/* The next line without its end; false at the end of the text. */
static bool
cut_line(struct conf_ctx *ctx, const char **line, size_t *len)
{
	const char *nl;

	if (ctx->at == ctx->end)
		return false;
	*line = ctx->at;
	nl = memchr(ctx->at, '\n', (size_t)(ctx->end - ctx->at));
	*len = (size_t)((nl != NULL ? nl : ctx->end) - ctx->at);
	ctx->at = nl != NULL ? nl + 1 : ctx->end;
	if (nl != NULL && *len > 0 && nl[-1] == '\r')
		(*len)--;
	ctx->line++;
	return true;
}

/*
 * inih's line source.  Only lines of the form "key = value" are passed on;
 * all others become empty ones, so that nothing of inih's own leniency is
 * left: it cuts long lines and section names and joins indented lines.
 */
static char *
next_line(char *out, int size, void *arg)
{
	struct conf_ctx *ctx = arg;
	struct conf_header header;
	enum conf_line_kind kind;
	char why[CONF_WHY_MAX];
	const char *line;
	size_t len;

	if (ctx->errors->n >= CONF_ERRORS_MAX || !cut_line(ctx, &line, &len))
		return NULL;
	kind = conf_text_line(line, len, &header, why);
	if (kind == CONF_LINE_BAD) {
		conf_error(ctx, "%s", why);
		/* A header that nobody understands starts a section too. */
		if (len > 0 && line[0] == '[')
			ctx->where = PASSING_OVER;
		else if (ctx->where == INSIDE)
			ctx->sections[ctx->now].bad = true;
	}
	if (kind == CONF_LINE_SECTION)
		begin_section(ctx, &header);
	if (kind != CONF_LINE_VALUE)
		len = 0;
	if (len + 2 > (size_t)size) {
		conf_error(
		    ctx, "expected a line of at most %d bytes", size - 2);
		len = 0;
	}
	memcpy(out, line, len);
	memcpy(out + len, "\n", 2);
	return out;
}

static void
end_section(struct conf_ctx *ctx, struct section *s)
{
	const struct conf_option *o = s->row->options;
	const char *expects;
	char text[CONF_WHY_MAX];
	size_t i;

	ctx->line = s->line;
	for (i = 0; o[i].key != NULL; i++) {
		if (!o[i].required || s->set[i] != 0)
			continue;
		expects = o[i].expects;
		conf_error(ctx, "%s lacks '%s'%s%s", title(s, text), o[i].key,
		    expects != NULL ? ": expected " : "",
		    expects != NULL ? expects : "");
		s->bad = true;
	}
	if (!s->bad && s->row->end != NULL)
		s->row->end(ctx, ctx->config, s->record);
}

int
conf_parse(const char *name, const char *data, size_t len,
    const struct conf_section *rows, void *config, void *arg,
    struct conf_errors *errors)
{
	struct conf_ctx ctx = {.file = name,
	    .at = data,
	    .end = data + len,
	    .rows = rows,
	    .config = config,
	    .arg = arg,
	    .errors = errors,
	    .line = 0};
	size_t i;
	int err;

	errors->n = 0;
	errors->text[0] = '\0';
	if (len > CONF_FILE_MAX) {
		conf_error_at(&ctx, 1, "expected at most %u bytes, found %zu",
		    CONF_FILE_MAX, len);
		return -EINVAL;
	}
	if (len >= strlen(BOM) && memcmp(data, BOM, strlen(BOM)) == 0)
		ctx.at += strlen(BOM);
	/* Options of the library for the whole process, always the same. */
	ini_allow_multiline = false;
	ini_use_stack = true;
	ini_max_line = CONF_LINE_MAX + 2;
	err = ini_parse_stream(next_line, &ctx, on_value, &ctx);
	if (err != 0 && errors->n == 0)
		conf_error_at(&ctx, err, "expected 'key = value'");
	for (i = 0; i < ctx.sections_n && errors->n < CONF_ERRORS_MAX; i++) {
		if (ctx.sections[i].record != NULL)
			end_section(&ctx, &ctx.sections[i]);
	}
	free(ctx.sections);
	return errors->n == 0 ? 0 : -EINVAL;
}
