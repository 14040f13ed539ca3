/* What a configuration says of TLS to intermediaries, and what it is refused
 * for; with certificates made for it. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tls.h"
#include "cagentd/common/tls_clients.h"
#include "conf/bundle.h"
#include "conf/settings.h"
#include "tests/unit/tls_sample.h"
#include "tests/unit/unit.h"

static char dir[64];
static struct tls_sample ca, ours, other;

static void
file(const char *name, const char *text, unsigned int mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = tls_sample_must(fopen(path, "w"));
	fputs(text, f);
	fclose(f);
	if (chmod(path, mode) == -1)
		tls_sample_must(NULL);
}

static void
make_files(void)
{
	static const struct tls_sample_spec authority = {.cn = "an authority"};
	const struct tls_sample_spec client = {
	    .cn = "us", .by = &ca, .client = true};

	if (ca.cert != NULL)
		return;
	snprintf(dir, sizeof(dir), "/tmp/settings_tls-XXXXXX");
	tls_sample_must(mkdtemp(dir));
	tls_sample_make(&ca, &authority);
	tls_sample_make(&ours, &client);
	tls_sample_make(&other, &client);
	file("ca.pem", ca.cert_pem, 0644);
	file("us.pem", ours.cert_pem, 0644);
	file("us.key", ours.key_pem, 0600);
	file("open.key", ours.key_pem, 0644);
	file("other.key", other.key_pem, 0600);
	file("empty.pem", "", 0644);
}

static void
remove_files(void)
{
	static const char *const names[] = {"ca.pem", "us.pem", "us.key",
	    "open.key", "other.key", "empty.pem", "f"};
	char path[128];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
	tls_sample_free(&ca);
	tls_sample_free(&ours);
	tls_sample_free(&other);
}

/* Every @ of the text is the folder. */
static int
load(const char *text, struct bundle **b, struct settings **s,
    struct conf_errors *e)
{
	char path[128], out[4096];
	size_t n = 0;

	make_files();
	for (; *text != '\0' && n < sizeof(out) - sizeof(dir); text++) {
		if (*text == '@')
			n += (size_t)snprintf(
			    out + n, sizeof(out) - n, "%s", dir);
		else
			out[n++] = *text;
	}
	out[n] = '\0';
	file("f", out, 0644);
	snprintf(path, sizeof(path), "%s/f", dir);
	return settings_load(path, b, s, e);
}

#define HOP   "[intermediary \"a\"]\ntype = https\naddress = Proxy.example:3128\n"
#define AGENT "[agent]\nca-file = @/ca.pem\n"

/* The same out of the sealed bundle, as a child gets it. */
static struct settings *
child_of(const struct bundle *b, bool secrets)
{
	struct conf_errors e = {0};
	struct settings *s = NULL;
	struct bundle *sealed = NULL;
	int fd = bundle_seal(b, secrets ? BUNDLE_SECRETS : 0);

	CHECK_INT(bundle_open(&sealed, fd), 0);
	CHECK_INT(settings_parse(sealed, &s, &e), 0);
	CHECK_STR(e.text, "");
	bundle_free(sealed);
	close(fd);
	return s;
}

static void
takes_all_of_it(void)
{
	struct conf_errors e = {0};
	const struct settings_tls *t;
	struct settings *s, *child;
	struct bundle *b;

	CHECK_INT(load(HOP "server-name = TLS.example\nca-file = @/ca.pem\n"
			   "cert-file = @/us.pem\nkey-file = @/us.key\n",
		      &b, &s, &e),
	    0);
	CHECK_STR(e.text, "");
	CHECK_INT(s->intermediaries[0].type, HOP_HTTP);
	child = child_of(b, true);
	t = child->intermediaries[0].tls;
	CHECK_STR(t->server_name, "tls.example");
	CHECK_STR(t->ca, ca.cert_pem);
	CHECK_STR(t->cert, ours.cert_pem);
	CHECK_STR(t->key, ours.key_pem);
	CHECK(child->authorities == NULL, "authorities that nobody needs");
	settings_unref(child);
	child = child_of(b, false);
	CHECK(child->intermediaries[0].tls->key == NULL, "the key got out");
	settings_unref(child);
	settings_unref(s);
	bundle_free(b);
}

static void
has_defaults(void)
{
	struct conf_errors e = {0};
	struct settings *s, *child;
	struct bundle *b;

	CHECK_INT(load(HOP AGENT, &b, &s, &e), 0);
	CHECK_STR(e.text, "");
	child = child_of(b, false);
	CHECK_STR(child->intermediaries[0].tls->server_name, "proxy.example");
	CHECK(child->intermediaries[0].tls->ca == NULL, "its own authorities");
	CHECK_STR(child->authorities, ca.cert_pem);
	settings_unref(child);
	settings_unref(s);
	bundle_free(b);
	CHECK_INT(load("[intermediary \"a\"]\ntype = http\naddress = "
		       "a.example:1\n" AGENT,
		      &b, &s, &e),
	    0);
	CHECK(s->intermediaries[0].tls == NULL, "TLS without a reason");
	CHECK(s->authorities == NULL, "authorities that nobody needs");
	settings_unref(s);
	bundle_free(b);
}

static const struct {
	const char *text, *error;
} refused[] = {
    {HOP "ca-file = @/none.pem\n", "'ca-file': @/none.pem: No such file"},
    {HOP "ca-file = ca.pem\n", "'ca-file': expected the absolute path"},
    {HOP "ca-file = @/empty.pem\n", "'ca-file': there is no certificate"},
    {HOP "[agent]\nca-file = @/none.pem\n",
	"the authorities whose certificates it may have: @/none.pem: No such"},
    {HOP "[agent]\nca-file = @/empty.pem\n",
	"authorities: there is no certificate"},
    {HOP "ca-file = @/ca.pem\ncert-file = @/us.pem\n",
	"'cert-file' wants a 'key-file' with it"},
    {HOP "ca-file = @/ca.pem\nkey-file = @/us.key\n",
	"'key-file' wants a 'cert-file' with it"},
    {HOP "ca-file = @/ca.pem\ncert-file = @/us.pem\nkey-file = "
	 "@/other.key\n",
	"our key is not our certificate's"},
    {HOP "ca-file = @/ca.pem\ncert-file = @/us.pem\nkey-file = @/open.key\n",
	"'key-file': @/open.key: others may read or change it"},
    {HOP "ca-file = @/ca.pem\ncert-file = @/us.key\nkey-file = @/us.key\n",
	"our certificate"},
    {HOP "server-name = a/b\n" AGENT,
	"'server-name': expected a host's name or an address"},
    {"[intermediary \"a\"]\ntype = http\naddress = a:1\nserver-name = a\n",
	"are for the type https alone"},
    {"[cache \"a\"]\ntype = socks5\naddress = a:1\nca-file = @/ca.pem\n",
	"are for the type https alone"},
};

static void
says_what_is_wrong(void)
{
	char want[256], *at;
	struct conf_errors e;
	struct settings *s;
	struct bundle *b;
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		memset(&e, 0, sizeof(e));
		CHECK_INT(load(refused[i].text, &b, &s, &e), -EINVAL);
		snprintf(want, sizeof(want), "%s", refused[i].error);
		at = strchr(want, '@');
		if (at != NULL)
			snprintf(want, sizeof(want), "%.*s%s%s",
			    (int)(at - want), refused[i].error, dir,
			    strchr(refused[i].error, '@') + 1);
		CHECK(strstr(e.text, want) != NULL, "row %zu: %s", i, e.text);
	}
}

/* It may say https, and name no file. */
static void
is_said_by_policies(void)
{
	static const char text[] = HOP "server-name = tls.example\n";
	static const char names_one[] = HOP "ca-file = /etc/ca.pem\n";
	struct settings_body body = {text, sizeof(text) - 1, 1, 1};
	struct conf_errors e = {0};
	struct settings *s;
	struct bundle *b;

	CHECK_INT(settings_read_policy("p", &body, &s, &e), 0);
	CHECK_STR(e.text, "");
	CHECK_STR(s->intermediaries[0].tls->server_name, "tls.example");
	settings_unref(s);
	body.text = names_one;
	body.len = sizeof(names_one) - 1;
	CHECK_INT(settings_read_policy("p", &body, &s, &e), -EINVAL);
	CHECK(strstr(e.text, "a policy names no files") != NULL, "%s", e.text);
	body.text = text;
	body.len = sizeof(text) - 1;
	CHECK_INT(load("[agent]\nca-file = @/ca.pem\n[policy]\nroot = "
		       "@/ca.pem\ndomain = example\n",
		      &b, &s, &e),
	    0);
	CHECK_STR(e.text, "");
	settings_unref(s);
	CHECK_INT(settings_change_policy(b, &body, &s, &e), 0);
	CHECK_STR(e.text, "");
	CHECK_STR(s->authorities, ca.cert_pem);
	tls_clients_make(s, NULL);
	CHECK(s->intermediaries[0].tls->client != NULL, "no client");
	settings_unref(s);
	bundle_free(b);
}

static void
keeps_its_sessions(void)
{
	struct conf_errors e = {0};
	struct settings *s, *same, *changed;
	struct bundle *b, *b2;

	CHECK_INT(load(HOP AGENT, &b, &s, &e), 0);
	same = child_of(b, true);
	CHECK_INT(
	    load(HOP "server-name = b.example\n" AGENT, &b2, &changed, &e), 0);
	tls_clients_make(s, NULL);
	tls_clients_make(same, s);
	tls_clients_make(changed, s);
	CHECK(s->intermediaries[0].tls->client != NULL, "no client");
	CHECK(s->intermediaries[0].tls->client ==
		  same->intermediaries[0].tls->client,
	    "another client for the same");
	CHECK(changed->intermediaries[0].tls->client != NULL &&
		  changed->intermediaries[0].tls->client !=
		      s->intermediaries[0].tls->client,
	    "the same client for another name");
	settings_unref(s);
	settings_unref(same);
	settings_unref(changed);
	bundle_free(b);
	bundle_free(b2);
	remove_files();
}

static const struct unit_case cases[] = {
    {"takes all of it, and hands it on", takes_all_of_it},
    {"has defaults", has_defaults},
    {"says what is wrong", says_what_is_wrong},
    {"is said by policies", is_said_by_policies},
    {"keeps the sessions of what has not changed", keeps_its_sessions},
};

UNIT_MAIN("settings_tls", cases)
