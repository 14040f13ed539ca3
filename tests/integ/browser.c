/* A browser that knows the agent by its PAC file alone: a page with what
 * belongs to it, and a WebSocket. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_browser.h"
#include "tests/integ/rig_ns.h"

#define WORD	  "over the wire"
#define WS_GUID	  "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 1.3 */
#define FRAME_MAX 125

/* The page is not complete, and the browser waits, until the image has come;
 * that comes when the socket has had its answer. */
static const char page[] =
    "<!DOCTYPE html><title>t</title><p id=ws>nothing</p>\n"
    "<script>\n"
    "const s = new WebSocket('ws://' + location.host + '/ws');\n"
    "s.onopen = () => s.send('" WORD "');\n"
    "s.onmessage = e => document.getElementById('ws').textContent = e.data;\n"
    "</script>\n"
    "<img src=/held.svg>\n";
static const char image[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"/>";

enum state {
	STATE_HEAD,
	STATE_HELD,
	STATE_SOCKET
};

/* What the origin was asked for; its thread's, read after it has stopped. */
static struct {
	unsigned int pages, images, sockets, echoes;
} seen;

static unsigned int
answer(struct rig_link *l, const char *type, const char *body)
{
	char text[2048];
	int n = snprintf(text, sizeof(text),
	    "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n%s",
	    type, strlen(body), body);

	if (rig_link_write(l, (const uint8_t *)text, (size_t)n) != n)
		return RIG_RESET;
	atomic_fetch_add(&l->server->served, 1);
	return RIG_CLOSE;
}

/* RFC 6455 section 4.2.2 */
static unsigned int
upgrade(struct rig_link *l, const char *head)
{
	const char *key = strcasestr(head, "\r\nSec-WebSocket-Key:");
	char text[256], accept[64];
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned int hash_len;
	int n;

	if (key == NULL || strcasestr(head, "\r\nUpgrade: websocket") == NULL) {
		rig_server_error(l->server, "no upgrade: %.200s", head);
		return RIG_RESET;
	}
	key += strlen("\r\nSec-WebSocket-Key:");
	key += strspn(key, " ");
	n = snprintf(
	    text, sizeof(text), "%.*s" WS_GUID, (int)strcspn(key, "\r"), key);
	EVP_Digest(text, (size_t)n, hash, &hash_len, EVP_sha1(), NULL);
	EVP_EncodeBlock((unsigned char *)accept, hash, (int)hash_len);
	n = snprintf(text, sizeof(text),
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
	    accept);
	seen.sockets++;
	l->state = STATE_SOCKET;
	l->in_len = 0;
	return rig_link_write(l, (const uint8_t *)text, (size_t)n) == n
		   ? RIG_WANT_IN
		   : RIG_RESET;
}

/* One short masked frame comes, and goes back as it is. */
static unsigned int
echo(struct rig_link *l)
{
	long got =
	    rig_link_read(l, l->in + l->in_len, sizeof(l->in) - l->in_len);
	uint8_t frame[2 + FRAME_MAX];
	size_t i, len;

	if (got < 0 || l->fin)
		return RIG_CLOSE;
	l->in_len += (size_t)got;
	if (l->in_len < 2)
		return RIG_WANT_IN;
	len = l->in[1] & 0x7fu;
	if (l->in[0] != 0x81 || len > FRAME_MAX)
		return RIG_CLOSE; /* it takes its leave */
	if (l->in_len < 6 + len)
		return RIG_WANT_IN;
	frame[0] = l->in[0];
	frame[1] = (uint8_t)len;
	for (i = 0; i < len; i++)
		frame[2 + i] = l->in[6 + i] ^ l->in[2 + i % 4];
	l->in_len = 0;
	if (rig_link_write(l, frame, 2 + len) != (long)(2 + len))
		return RIG_RESET;
	seen.echoes++;
	return RIG_WANT_IN;
}

static unsigned int
step(struct rig_link *l)
{
	const char *head = (const char *)l->in;
	long len;

	if (l->state == STATE_SOCKET)
		return echo(l);
	if (l->state == STATE_HEAD) {
		len = rig_link_read_head(l);
		if (len <= 0)
			return len < 0 ? RIG_CLOSE : RIG_WANT_IN;
		l->in[len < RIG_LINK_IN_MAX ? len : len - 1] = '\0';
	}
	if (strncmp(head, "GET /page.html ", 15) == 0) {
		seen.pages++;
		return answer(l, "text/html", page);
	}
	if (strncmp(head, "GET /ws ", 8) == 0)
		return upgrade(l, head);
	if (strncmp(head, "GET /held.svg ", 14) == 0) {
		if (seen.echoes > 0) {
			seen.images++;
			return answer(l, "image/svg+xml", image);
		}
		l->state = STATE_HELD;
		l->due_ms = rig_now_ms() + 20;
		return 0;
	}
	return answer(l, "text/plain", "");
}

static void
browse(struct rig_agent *a)
{
	struct rig_server origin = {.address = "127.0.0.1", .step = step};
	char pac[96], url[96];
	struct rig_output o;

	/* What the browser asks for of its own accord is unknown at once. */
	rig_dns_start();
	rig_server_start(&origin);
	rig_agent_start(a);
	snprintf(pac, sizeof(pac),
	    "--proxy-pac-url=http://127.0.0.1:%u/proxy.pac", a->port);
	snprintf(
	    url, sizeof(url), "http://" RIG_NAME ":%u/page.html", origin.port);
	RIG_BROWSE(&o, pac, "--dump-dom", url);
	CHECK(o.code == 0 && strstr(o.out, "<p id=\"ws\">" WORD "</p>") != NULL,
	    "exit %d: %.1000s %.1000s", o.code, o.out, o.err);
	rig_output_free(&o);
	rig_agent_stop(a);
	rig_server_stop(&origin);
	CHECK_INT(seen.pages, 1);
	CHECK_INT(seen.images, 1);
	CHECK_INT(seen.sockets, 1);
	CHECK_INT(seen.echoes, 1);
}

static void
t_direct(void)
{
	static struct rig_agent a;

	rig_browser_need(rig_shared());
	rig_agent_init(&a, "agent");
	/* By a rule: what [direct] has, the PAC file takes to be direct for
	 * the browser as well. */
	rig_agent_add(&a, "[rule \"here\"]\ndomain = " RIG_NAME
			  "\nnetwork = 127.0.0.0/8\nvia = direct\n");
	browse(&a);
}

static void
through(enum rig_peer_kind kind)
{
	static struct rig_agent a;
	static struct rig_peer peer;

	rig_browser_need(rig_shared());
	rig_peer_start(&peer, kind, "peer");
	rig_agent_init(&a, "agent");
	rig_agent_intermediary(&a, "peer", peer.type, "127.0.0.1", peer.port);
	browse(&a);
}

static void
t_squid(void)
{
	through(RIG_PEER_SQUID);
}

static void
t_danted(void)
{
	through(RIG_PEER_DANTED);
}

static const struct rig_case cases[] = {
    {"direct", t_direct, 120, RIG_NEEDS_NETNS},
    {"squid", t_squid, 120, RIG_NEEDS_NETNS},
    {"danted", t_danted, 120, RIG_NEEDS_NETNS},
};

RIG_MAIN("browser", cases, NULL)
