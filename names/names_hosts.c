/* Owns what /etc/hosts said at the start. */
#include "names/names_hosts.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/net.h"

struct host {
	char *name;
	size_t at; /* in the file */
	struct net_ip ip;
};

struct names_hosts {
	struct host *hosts; /* sorted by name; in file order within one */
	size_t n, cap;
};

static void
add(struct names_hosts *h, const char *name, const struct net_ip *ip)
{
	struct host *more;
	char *copy;
	size_t i;

	if (h->n >= NAMES_HOSTS_MAX || !net_name_valid(name, strlen(name)))
		return;
	if (h->n == h->cap) {
		more = reallocarray(h->hosts, h->cap * 2 + 64, sizeof(*more));
		if (more == NULL)
			return;
		h->hosts = more;
		h->cap = h->cap * 2 + 64;
	}
	copy = strdup(name);
	if (copy == NULL)
		return;
	for (i = 0; copy[i] != '\0'; i++)
		copy[i] = (char)tolower((unsigned char)copy[i]);
	h->hosts[h->n] = (struct host){copy, h->n, *ip};
	h->n++;
}

static void
take_line(struct names_hosts *h, char *line)
{
	struct net_ip ip;
	char *word, *rest = line;

	line[strcspn(line, "#\r\n")] = '\0';
	rest += strspn(rest, " \t");
	word = strsep(&rest, " \t");
	if (word == NULL || net_ip_parse(word, &ip) != 0)
		return;
	while ((word = strsep(&rest, " \t")) != NULL) {
		if (word[0] != '\0')
			add(h, word, &ip);
	}
}

static int
by_name(const void *a, const void *b)
{
	const struct host *x = a, *y = b;
	int by = strcmp(x->name, y->name);

	return by != 0 ? by : (x->at > y->at) - (x->at < y->at);
}

struct names_hosts *
names_hosts_load(const char *path)
{
	struct names_hosts *h = calloc(1, sizeof(*h));
	char *data, *rest, *line;
	size_t len;

	if (h == NULL ||
	    conf_read_file(path, CONF_FILE_MAX, false, &data, &len) != 0)
		return h;
	rest = data;
	while ((line = strsep(&rest, "\n")) != NULL)
		take_line(h, line);
	free(data);
	if (h->n > 0)
		qsort(h->hosts, h->n, sizeof(*h->hosts), by_name);
	return h;
}

void
names_hosts_free(struct names_hosts *h)
{
	size_t i;

	if (h == NULL)
		return;
	for (i = 0; i < h->n; i++)
		free(h->hosts[i].name);
	free(h->hosts);
	free(h);
}

static bool
is_localhost(const char *name)
{
	size_t len = strlen(name);

	return strcmp(name, "localhost") == 0 ||
	       (len > 10 && strcmp(name + len - 10, ".localhost") == 0);
}

static size_t
first_of(const struct names_hosts *h, const char *name)
{
	size_t low = 0, high = h->n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (strcmp(h->hosts[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
names_hosts_find(
    const struct names_hosts *h, const char *name, struct names_answer *out)
{
	size_t i;

	out->outcome = NAMES_OK;
	out->ttl_s = UINT32_MAX;
	out->ips_n = 0;
	if (is_localhost(name)) {
		net_ip_parse("127.0.0.1", &out->ips[0]);
		net_ip_parse("::1", &out->ips[1]);
		out->ips_n = 2;
		return true;
	}
	if (h == NULL)
		return false;
	for (i = first_of(h, name);
	     i < h->n && strcmp(h->hosts[i].name, name) == 0 &&
	     out->ips_n < NAMES_ADDRESSES_MAX;
	     i++)
		out->ips[out->ips_n++] = h->hosts[i].ip;
	return out->ips_n > 0;
}
