/* Owns what the codecs share: hosts and reasons; must not know a protocol. */
#include "wire/wire.h"

#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LABEL_MAX 63 /* RFC 1035 section 2.3.4 */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Not tolower(): what a name may hold must not depend on a locale. */
static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool
is_name_byte(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

/*
 * Would inet_aton() or a browser read this last label as a number, and so
 * the whole name as an address?  The rule of the URL standard, "ends in a
 * number": such a name would pass a check by name and reach an address.  An
 * empty label is none that a name may have, and counts as a number too.
 */
static bool
is_number(const char *label, size_t len)
{
	bool hex = len >= 2 && label[0] == '0' && label[1] == 'x';
	size_t i;

	for (i = hex ? 2 : 0; i < len; i++) {
		if (hex ? !is_hex(label[i]) : !is_digit(label[i]))
			return false;
	}
	return true;
}

static int
set_name(struct wire_host *h, const char *text, size_t len)
{
	size_t i, label = 0;

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len == 0 || len > WIRE_NAME_MAX)
		return WIRE_BAD;
	for (i = 0; i < len; i++) {
		h->name[i] = lower(text[i]);
		if (h->name[i] == '.') {
			if (i == label)
				return WIRE_BAD;
			label = i + 1;
		} else if (!is_name_byte(h->name[i]) || i - label >= LABEL_MAX)
			return WIRE_BAD;
	}
	if (is_number(h->name + label, len - label))
		return WIRE_BAD;
	h->kind = WIRE_HOST_NAME;
	return 0;
}

void
wire_host_set_v6(struct wire_host *host, const uint8_t ip[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct wire_host h = {.kind = WIRE_HOST_V6, .port = host->port};

	if (memcmp(ip, mapped, sizeof(mapped)) == 0) {
		h.kind = WIRE_HOST_V4;
		memcpy(h.ip, ip + sizeof(mapped), 4);
	} else
		memcpy(h.ip, ip, sizeof(h.ip));
	*host = h;
}

static int
set_v6(struct wire_host *h, const char *text)
{
	uint8_t ip[16];

	if (inet_pton(AF_INET6, text, ip) != 1)
		return WIRE_BAD;
	wire_host_set_v6(h, ip);
	return 0;
}

int
wire_host_set(struct wire_host *host, const char *text, size_t len)
{
	struct wire_host h = {.port = host->port};
	char literal[INET6_ADDRSTRLEN] = "";
	bool brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';
	size_t n = brackets ? len - 2 : len;
	int rc;

	/* A NUL inside would hide the rest from inet_pton(). */
	if (n > 0 && n < sizeof(literal) && memchr(text, '\0', len) == NULL)
		memcpy(literal, brackets ? text + 1 : text, n);
	if (strchr(literal, ':') != NULL || brackets)
		rc = set_v6(&h, literal);
	else if (inet_pton(AF_INET, literal, h.ip) == 1) {
		h.kind = WIRE_HOST_V4;
		rc = 0;
	} else
		rc = set_name(&h, text, len);
	if (rc == 0)
		*host = h;
	return rc;
}

const char *
wire_host_format(const struct wire_host *h, char out[WIRE_HOST_STRLEN])
{
	char ip[INET6_ADDRSTRLEN] = "";

	switch (h->kind) {
	case WIRE_HOST_NAME:
		snprintf(out, WIRE_HOST_STRLEN, "%.*s:%u", WIRE_NAME_MAX,
		    h->name, h->port);
		return out;
	case WIRE_HOST_V4:
		inet_ntop(AF_INET, h->ip, ip, sizeof(ip));
		snprintf(out, WIRE_HOST_STRLEN, "%s:%u", ip, h->port);
		return out;
	case WIRE_HOST_V6:
		inet_ntop(AF_INET6, h->ip, ip, sizeof(ip));
		snprintf(out, WIRE_HOST_STRLEN, "[%s]:%u", ip, h->port);
		return out;
	case WIRE_HOST_NONE:
		break;
	}
	snprintf(out, WIRE_HOST_STRLEN, "-");
	return out;
}

struct reason {
	const char *word;
	const char *text;
};

static const struct reason reasons[] = {
    [REASON_OK] = {"ok", "the path stands"},
    [REASON_REFUSED] = {"refused", "the destination refused the connection"},
    [REASON_HOST_UNREACHABLE] = {"host-unreachable",
	"the destination cannot be reached"},
    [REASON_NET_UNREACHABLE] = {"net-unreachable",
	"the destination's network cannot be reached"},
    [REASON_TIMEOUT] = {"timeout", "the destination did not answer in time"},
    [REASON_NAME_UNKNOWN] = {"name-unknown",
	"the destination's name does not exist"},
    [REASON_NAME_FAILED] = {"name-failed",
	"the destination's name could not be looked up"},
    [REASON_HOP_REFUSED] = {"hop-refused",
	"the intermediary refused the connection"},
    [REASON_HOP_UNREACHABLE] = {"hop-unreachable",
	"the intermediary cannot be reached"},
    [REASON_HOP_TIMEOUT] = {"hop-timeout",
	"the intermediary did not answer in time"},
    [REASON_HOP_CLOSED] = {"hop-closed",
	"the intermediary closed the connection during the handshake"},
    [REASON_HOP_BAD] = {"hop-bad", "the intermediary broke its protocol"},
    [REASON_HOP_AUTH] = {"hop-auth",
	"the intermediary does not accept our login"},
    [REASON_HOP_TLS] = {"hop-tls", "TLS with the intermediary failed"},
    [REASON_HOP_CERT] = {"hop-certificate",
	"the intermediary's certificate is not to be trusted"},
    [REASON_HOP_UNSUPPORTED] = {"hop-unsupported",
	"the intermediary cannot carry this kind of request"},
    [REASON_HOP_DENIED] = {"hop-denied",
	"the intermediary's rules forbid this destination"},
    [REASON_HOP_FAILED] = {"hop-failed",
	"the intermediary reported a general failure"},
    [REASON_HOP_SILENT] = {"hop-silent",
	"the intermediary did not answer the request in time"},
    [REASON_HOP_HUNG_UP] = {"hop-hung-up",
	"the intermediary closed the connection instead of answering"},
    [REASON_HOP_MUTE] = {"hop-mute",
	"the intermediary said yes, but no byte came through it"},
    [REASON_DENIED] = {"denied", "the rules here forbid this request"},
    [REASON_NO_PATH] = {"no-path", "no usable intermediary is left"},
    [REASON_OVERLOAD] = {"overload", "the agent is out of resources"},
    [REASON_UNSUPPORTED] = {"unsupported",
	"this command or address type is not served"},
    [REASON_BAD_REQUEST] = {"bad-request", "the request is malformed"},
    [REASON_CANCELLED] = {"cancelled", "the attempt was no longer needed"},
    [REASON_LIMITED] = {"limited",
	"this user has too many connections, or asks too often"},
    [REASON_FULL] = {"full",
	"the intermediaries for this class are at their connection limits"},
};

_Static_assert(
    sizeof(reasons) / sizeof(*reasons) == REASON_COUNT, "a reason lacks words");

/* A number may come out of shared memory or a message: never trust it. */
static bool
is_reason(enum wire_reason r)
{
	return (unsigned int)r < REASON_COUNT;
}

enum wire_reason
wire_connect_reason(bool direct, int error)
{
	switch (-error) {
	case ECONNREFUSED:
	case ECONNRESET:
		return direct ? REASON_REFUSED : REASON_HOP_REFUSED;
	case ETIMEDOUT:
		return direct ? REASON_TIMEOUT : REASON_HOP_TIMEOUT;
	case ENETUNREACH:
	case ENETDOWN:
	case EAFNOSUPPORT: /* no IPv6 here */
		return direct ? REASON_NET_UNREACHABLE : REASON_HOP_UNREACHABLE;
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENONET: /* what ICMP can say */
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case EPROTO:
	case EACCES: /* a prohibit route, a firewall's REJECT */
	case EPERM:
	case EINVAL: /* link-local without a zone */
		return direct ? REASON_HOST_UNREACHABLE
			      : REASON_HOP_UNREACHABLE;
	default: /* EMFILE, ENOBUFS, EADDRNOTAVAIL ...: ours */
		return REASON_OVERLOAD;
	}
}

const char *
wire_reason_word(enum wire_reason r)
{
	return is_reason(r) ? reasons[r].word : "unknown";
}

const char *
wire_reason_text(enum wire_reason r)
{
	return is_reason(r) ? reasons[r].text : "for an unknown reason";
}
