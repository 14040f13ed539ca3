/* Owns the grammar of the file of those who may log in; looks at no password
 * and opens no file. */
#include "conf/users.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line of the text, without its end. */
struct line {
	const char *text;
	size_t len;
	unsigned int no;
};

struct entry {
	struct users_one one;
	unsigned int line;
};

struct reading {
	const char *path;
	struct entry *entries; /* in the order of the file, then by name */
	uint32_t n;
	char *why;
};

const char *
users_name_trouble(const char *name)
{
	size_t i, len = strlen(name);

	if (len == 0)
		return "a name that is not empty";
	if (len > USERS_NAME_MAX)
		return "a name of at most 63 bytes";
	if (name[0] == '#')
		return "a name that does not begin with '#'";
	if (name[0] == ' ' || name[len - 1] == ' ')
		return "a name without blanks around it";
	for (i = 0; i < len; i++) {
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return "a name without control characters";
		if (name[i] == ':')
			return "a name without ':'";
	}
	return NULL;
}

/* The number after key at *p, which is moved behind it; 0 when none is there
 * or it is too large for any use. */
static uint32_t
take_number(const char **p, const char *key)
{
	size_t len = strlen(key);
	uint32_t v = 0;

	if (strncmp(*p, key, len) != 0)
		return 0;
	for (*p += len; **p >= '0' && **p <= '9'; (*p)++) {
		if (v > USERS_COST_MAX)
			return 0;
		v = v * 10 + (uint32_t)(**p - '0');
	}
	return v;
}

/* BASE64 without padding of that many bytes at least. */
static bool
take_base64(const char **p, size_t least)
{
	size_t n = strspn(*p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			      "abcdefghijklmnopqrstuvwxyz0123456789+/");

	*p += n;
	return n * 3 / 4 >= least;
}

const char *
users_hash_trouble(const char *hash)
{
	static const char other[] = "a hash that begins with $argon2id$v=19$m=";
	const char *p = hash;
	uint64_t m, t, lanes;

	if (strncmp(p, "$argon2id$v=19$", 15) != 0)
		return other;
	if (strlen(hash) > USERS_HASH_MAX)
		return "a hash of at most 127 bytes";
	p += 15;
	m = take_number(&p, "m=");
	t = take_number(&p, ",t=");
	lanes = take_number(&p, ",p=");
	if (m == 0 || t == 0 || lanes == 0)
		return other;
	if (m * t > USERS_COST_MAX || lanes > 16)
		return "a hash that costs less: memory times passes of at "
		       "most 1 GiB, 16 lanes";
	if (m < 8 * lanes)
		return "a hash with 8 KiB or more for each lane";
	if (*p++ != '$' || !take_base64(&p, 8) || *p++ != '$' ||
	    !take_base64(&p, 16) || *p != '\0')
		return "a hash that ends in $SALT$HASH, both of base64";
	return NULL;
}

static int __attribute__((format(printf, 3, 4)))
trouble(const struct reading *r, const struct line *l, const char *fmt, ...)
{
	int n = snprintf(r->why, USERS_WHY_MAX, "%s:%u: ", r->path, l->no);
	va_list ap;

	if (n < 0 || n >= USERS_WHY_MAX)
		return -EINVAL;
	va_start(ap, fmt);
	vsnprintf(r->why + n, (size_t)(USERS_WHY_MAX - n), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* Not what was found there: it may be a password that slipped. */
static int
read_line(struct reading *r, const struct line *l)
{
	struct entry *e = &r->entries[r->n];
	char text[USERS_LINE_MAX + 1], *hash;
	const char *want;

	if (l->len == 0 || l->text[0] == '#')
		return 0;
	if (l->len > USERS_LINE_MAX)
		return trouble(r, l, "expected a line of at most %d bytes",
		    USERS_LINE_MAX);
	if (r->n == USERS_MAX)
		return trouble(r, l, "expected at most %d users", USERS_MAX);
	if (memchr(l->text, '\0', l->len) != NULL)
		return trouble(r, l, "expected no NUL");
	memcpy(text, l->text, l->len);
	text[l->len] = '\0';
	hash = strchr(text, ':');
	if (hash == NULL)
		return trouble(r, l, "expected name:hash, found no ':'");
	*hash++ = '\0';
	want = users_name_trouble(text);
	if (want == NULL)
		want = users_hash_trouble(hash);
	if (want != NULL)
		return trouble(r, l, "expected %s", want);
	memcpy(e->one.name, text, strlen(text) + 1);
	memcpy(e->one.hash, hash, strlen(hash) + 1);
	e->line = l->no;
	r->n++;
	explicit_bzero(text, sizeof(text));
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct users_one *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
by_name_and_line(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = by_name(&x->one, &y->one);

	return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

/* By name from here on, and each name once. */
static int
sort(struct reading *r)
{
	const struct entry *e;
	struct line l = {NULL, 0, 0};

	qsort(r->entries, r->n, sizeof(*e), by_name_and_line);
	for (e = r->entries + 1; e < r->entries + r->n; e++) {
		l.no = e->line;
		if (by_name(&e[-1].one, &e->one) == 0)
			return trouble(r, &l,
			    "expected each name once, found '%s', which "
			    "stands at line %u already",
			    e->one.name, e[-1].line);
	}
	return 0;
}

static int
read_all(struct reading *r, const char *text, size_t len)
{
	struct line l = {.text = text};
	const char *end = text + len;
	int error = 0;

	while (l.text < end && error == 0) {
		l.len = (size_t)(end - l.text);
		if (memchr(l.text, '\n', l.len) != NULL)
			l.len =
			    (size_t)((const char *)memchr(l.text, '\n', l.len) -
				     l.text);
		l.no++;
		error = read_line(r, &l);
		l.text += l.len;
		if (l.text < end)
			l.text++;
	}
	return error == 0 ? sort(r) : error;
}

/* Room for as many as there are lines. */
static uint32_t
count_lines(const char *text, size_t len)
{
	uint32_t n = 1;
	size_t i;

	for (i = 0; i < len; i++)
		n += text[i] == '\n';
	return n < USERS_MAX ? n : USERS_MAX;
}

static int
make(const struct reading *r, struct users **out)
{
	struct users *u = calloc(1, sizeof(*u));
	uint32_t i;

	if (u != NULL)
		u->one = calloc(r->n + 1, sizeof(*u->one));
	if (u == NULL || u->one == NULL) {
		free(u);
		return -ENOMEM;
	}
	for (i = 0; i < r->n; i++)
		u->one[i] = r->entries[i].one;
	u->n = r->n;
	*out = u;
	return 0;
}

int
users_parse(const char *path, const char *text, size_t len, struct users **out,
    char why[USERS_WHY_MAX])
{
	uint32_t room = count_lines(text, len) + 1;
	struct reading r = {.path = path, .why = why};
	int error = -ENOMEM;

	*out = NULL;
	why[0] = '\0';
	r.entries = calloc(room, sizeof(*r.entries));
	if (r.entries != NULL)
		error = read_all(&r, text, len);
	if (error == 0)
		error = make(&r, out);
	if (error == -ENOMEM)
		snprintf(why, USERS_WHY_MAX, "%s: out of memory", path);
	if (r.entries != NULL)
		explicit_bzero(r.entries, room * sizeof(*r.entries));
	free(r.entries);
	return error;
}

void
users_free(struct users *u)
{
	if (u == NULL)
		return;
	if (u->one != NULL)
		explicit_bzero(u->one, u->n * sizeof(*u->one));
	free(u->one);
	free(u);
}

const struct users_one *
users_find(const struct users *u, const char *name)
{
	struct users_one key;

	if (strlen(name) > USERS_NAME_MAX)
		return NULL;
	memcpy(key.name, name, strlen(name) + 1);
	return bsearch(&key, u->one, u->n, sizeof(*u->one), by_name);
}
