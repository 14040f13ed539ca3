/* Rates, as they are written and as they are said; and the section [link]. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf/settings_build.h"

#define BITS_LEAST 8000 /* a rate, in bits a second */
#define BITS_MOST  INT64_C(1000000000000)

static const struct unit {
	const char *name;
	int64_t bits;
} units[] = {
    {"bit", 1}, {"kbit", 1000}, {"mbit", 1000000}, {"gbit", 1000000000}};

#define UNITS_N (sizeof(units) / sizeof(*units))

/* "50mbit" in bytes a second, or "20%" as it stands; -1: neither. */
static int64_t
parse_value(const char *text, size_t len, bool *percent)
{
	char word[24];
	size_t digits = strspn(text, "0123456789"), i;
	int64_t n;

	if (digits > len || len >= sizeof(word))
		return -1;
	memcpy(word, text, digits);
	word[digits] = '\0';
	n = settings_number(word, BITS_MOST);
	*percent = len == digits + 1 && text[digits] == '%';
	if (*percent)
		return n <= 100 ? n : -1;
	for (i = 0; i < UNITS_N; i++) {
		if (strlen(units[i].name) == len - digits &&
		    strncmp(text + digits, units[i].name, len - digits) == 0)
			break;
	}
	if (i == UNITS_N || n < 1 || n > BITS_MOST / units[i].bits ||
	    n * units[i].bits < BITS_LEAST)
		return -1;
	return n * units[i].bits / 8;
}

/* "10mbit up"; returns what follows its comma, "" without one; NULL: that is
 * not what it is. */
static const char *
parse_part(const char *text, struct build_rates *r, int *ways)
{
	static const char blank[] = " \t";
	size_t len = strcspn(text, " \t,");
	const char *way = text + len + strspn(text + len, blank);
	size_t way_len = strcspn(way, " \t,");
	const char *end = way + way_len + strspn(way + way_len, blank);
	bool percent, up, down;
	int64_t n = parse_value(text, len, &percent);

	up = way_len == 0 || (way_len == 2 && strncmp(way, "up", 2) == 0);
	down = way_len == 0 || (way_len == 4 && strncmp(way, "down", 4) == 0);
	if (n < 0 || (!up && !down) || (*end != '\0' && *end != ',') ||
	    ((up ? 1 : 0) + (down ? 2 : 0)) & *ways)
		return NULL;
	*ways |= (up ? 1 : 0) + (down ? 2 : 0);
	if (up) {
		r->said.up = n;
		r->up_percent = percent;
	}
	if (down) {
		r->said.down = n;
		r->down_percent = percent;
	}
	if (*end == '\0')
		return end;
	end += 1 + strspn(end + 1, blank);
	return *end != '\0' ? end : NULL;
}

int
settings_rates(
    const struct conf_ctx *ctx, const char *value, struct build_rates *r)
{
	int ways = 0;

	*r = (struct build_rates){.line = conf_line(ctx)};
	do {
		value = parse_part(value, r, &ways);
		if (value == NULL)
			return -1;
	} while (*value != '\0');
	return 0;
}

const char *
settings_rate_text(int64_t rate, char out[static SETTINGS_RATE_LEN])
{
	int64_t bits = rate * 8;
	size_t i = UNITS_N - 1;

	while (i > 0 && (bits < units[i].bits || bits % units[i].bits != 0))
		i--;
	snprintf(out, SETTINGS_RATE_LEN, "%" PRId64 "%s", bits / units[i].bits,
	    units[i].name);
	return out;
}

static int
set_bandwidth(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;
	struct build_rates r;

	if (settings_rates(ctx, value, &r) != 0 || r.up_percent ||
	    r.down_percent)
		return -1;
	s->link = r.said;
	return 0;
}

const struct conf_option settings_link_options[] = {
    {.key = "bandwidth",
	.type = CONF_CUSTOM,
	.parse = set_bandwidth,
	.required = true,
	.expects = "a rate like 100mbit or 50mbit up, 200mbit down"},
    {.key = NULL},
};
