/* hosts(5) as it is found on machines, and localhost. */
#include "names/names_hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static struct names_hosts *
load(const char *text, size_t len)
{
	char path[] = "/tmp/hosts-XXXXXX";
	struct names_hosts *h;
	int fd = mkostemp(path, O_CLOEXEC);

	CHECK(fd != -1 && write(fd, text, len) == (ssize_t)len, "%s: %s", path,
	    strerror(errno));
	close(fd);
	h = names_hosts_load(path);
	unlink(path);
	return h;
}

/* The addresses of a name, "-" for none, with blanks between. */
static void
expect(const struct names_hosts *h, const char *name, const char *want)
{
	char got[NAMES_ADDRESSES_MAX * (NET_IP_STRLEN + 1) + 1] = "";
	char text[NET_IP_STRLEN];
	struct names_answer m;
	uint32_t i;

	memset(&m, 0xa5, sizeof(m));
	if (!names_hosts_find(h, name, &m)) {
		CHECK(strcmp(want, "-") == 0, "%s is not there", name);
		return;
	}
	CHECK_INT(m.outcome, NAMES_OK);
	for (i = 0; i < m.ips_n; i++) {
		if (i > 0)
			strlcat(got, " ", sizeof(got));
		strlcat(got, net_ip_format(&m.ips[i], text), sizeof(got));
	}
	CHECK(strcmp(got, want) == 0, "%s is %s, not %s", name, got, want);
}

static void
lines(void)
{
	static const char text[] = "# a comment\n"
				   "192.0.2.1\tone one.example One-More\n"
				   "192.0.2.2   two\t \tzwei\r\n"
				   "  192.0.2.3 indented\n"
				   "\t192.0.2.4\ttabbed # three\n"
				   "192.0.2.5 before#behind\n"
				   "#192.0.2.6 hidden\n"
				   "2001:db8::1 six\n"
				   "::ffff:192.0.2.7 mapped\n"
				   "fe80::1%lo zone\n"
				   "192.0.2.8\n"
				   "nonsense name\n"
				   "192.0.2 short\n"
				   "192.0.2.9 bad/name good.name a..b 1.2.3.4\n"
				   "\n \t \n"
				   "192.0.2.10 last";
	static const struct {
		const char *name, *want;
	} rows[] = {
	    {"one", "192.0.2.1"},
	    {"one.example", "192.0.2.1"},
	    {"one-more", "192.0.2.1"},
	    {"two", "192.0.2.2"},
	    {"zwei", "192.0.2.2"},
	    {"indented", "192.0.2.3"},
	    {"tabbed", "192.0.2.4"},
	    {"three", "-"},
	    {"before", "192.0.2.5"},
	    {"behind", "-"},
	    {"hidden", "-"},
	    {"six", "2001:db8::1"},
	    {"mapped", "192.0.2.7"},
	    {"zone", "-"},
	    {"name", "-"},
	    {"short", "-"},
	    {"bad/name", "-"},
	    {"good.name", "192.0.2.9"},
	    {"1.2.3.4", "-"},
	    {"last", "192.0.2.10"},
	    {"on", "-"},
	    {"one.", "-"},
	    {"", "-"},
	};
	struct names_hosts *h = load(text, sizeof(text) - 1);
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect(h, rows[i].name, rows[i].want);
	names_hosts_free(h);
}

/* In the order of the file, up to what an answer holds. */
static void
many_addresses(void)
{
	char text[4096] = "", want[1024] = "", line[64];
	struct names_hosts *h;
	int i;

	for (i = 1; i <= NAMES_ADDRESSES_MAX + 5; i++) {
		snprintf(line, sizeof(line), "192.0.2.%d x y%d\n", 100 - i, i);
		strlcat(text, line, sizeof(text));
		if (i > NAMES_ADDRESSES_MAX)
			continue;
		snprintf(line, sizeof(line), "%s192.0.2.%d", i > 1 ? " " : "",
		    100 - i);
		strlcat(want, line, sizeof(want));
	}
	h = load(text, strlen(text));
	expect(h, "x", want);
	expect(h, "y3", "192.0.2.97");
	names_hosts_free(h);
}

static void
localhost(void)
{
	static const char text[] = "192.0.2.1 localhost a.localhost\n";
	struct names_hosts *h = load(text, sizeof(text) - 1);

	expect(h, "localhost", "127.0.0.1 ::1");
	expect(h, "a.localhost", "127.0.0.1 ::1");
	expect(h, "a.b.localhost", "127.0.0.1 ::1");
	expect(h, "notlocalhost", "-");
	expect(h, "localhost.example", "-");
	names_hosts_free(h);
	expect(NULL, "localhost", "127.0.0.1 ::1");
	expect(NULL, "x", "-");
}

static void
odd_files(void)
{
	static const char nul[] = "192.0.2.1 a\n\0"
				  "192.0.2.2 b\n";
	struct names_hosts *h;

	h = names_hosts_load("/nonexistent/hosts");
	expect(h, "x", "-");
	names_hosts_free(h);
	h = names_hosts_load("/tmp");
	expect(h, "x", "-");
	names_hosts_free(h);
	h = load("", 0);
	expect(h, "x", "-");
	names_hosts_free(h);
	h = load(nul, sizeof(nul) - 1);
	expect(h, "a", "192.0.2.1");
	names_hosts_free(h);
	names_hosts_free(NULL);
}

static void
too_many_names(void)
{
	size_t i, len = 0, size = (NAMES_HOSTS_MAX + 10) * 32;
	char *text = malloc(size), name[32];
	struct names_hosts *h;

	for (i = 0; i < NAMES_HOSTS_MAX + 10; i++)
		len += (size_t)snprintf(
		    text + len, size - len, "192.0.2.1 n%zu\n", i);
	h = load(text, len);
	expect(h, "n0", "192.0.2.1");
	snprintf(name, sizeof(name), "n%d", NAMES_HOSTS_MAX - 1);
	expect(h, name, "192.0.2.1");
	snprintf(name, sizeof(name), "n%d", NAMES_HOSTS_MAX);
	expect(h, name, "-");
	names_hosts_free(h);
	free(text);
}

static const struct unit_case cases[] = {
    {"lines", lines},
    {"many addresses", many_addresses},
    {"localhost", localhost},
    {"odd files", odd_files},
    {"too many names", too_many_names},
};

UNIT_MAIN("names_hosts", cases)
