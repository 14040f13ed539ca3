/* The payloads between our processes: round trips, every length, rubbish. */
#include "cagentd/common/msg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/settings.h"
#include "tests/unit/unit.h"

/* From memory of just that size, so that a sanitizer sees a read beyond. */
static uint8_t *
exact(const uint8_t *in, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	if (len > 0)
		memcpy(copy, in, len);
	return copy;
}

static void
u64(void)
{
	static const uint64_t values[] = {
	    0, 1, 255, 256, UINT32_MAX, 1ull << 63, UINT64_MAX};
	uint8_t buf[CHAN_DATA_MAX], *copy;
	uint64_t v;
	size_t i, len;

	for (i = 0; i < sizeof(values) / sizeof(*values); i++) {
		CHECK_INT(msg_u64_encode(values[i], buf), 8);
		CHECK_INT(msg_u64_decode(buf, 8, &v), 0);
		CHECK(v == values[i], "%zu", i);
	}
	msg_u64_encode(0x0102030405060708, buf);
	CHECK(memcmp(buf, "\1\2\3\4\5\6\7\10", 8) == 0, "not big-endian");
	for (len = 0; len < 20; len++) {
		copy = exact(buf, len);
		CHECK_INT(
		    msg_u64_decode(copy, len, &v), len == 8 ? 0 : -EPROTO);
		free(copy);
	}
}

static void
service(void)
{
	struct msg_service in = {.cgroup = 0x1122334455667788}, out;
	uint8_t buf[CHAN_DATA_MAX], *copy;
	size_t len, n;

	for (n = 0; n <= MSG_SERVICE_MAX; n++) {
		memset(in.name, 'x', n);
		in.name[n] = '\0';
		len = msg_service_encode(&in, buf);
		CHECK_INT(len, 8 + n);
		copy = exact(buf, len);
		CHECK_INT(msg_service_decode(copy, len, &out), 0);
		CHECK(out.cgroup == in.cgroup, "another group");
		CHECK_STR(out.name, in.name);
		free(copy);
	}
	CHECK_INT(len, procs_rules.rows[MSG_SERVICE].len_max);
	CHECK_INT(msg_service_decode(buf, len + 1, &out), -EPROTO);
	CHECK_INT(msg_service_decode(buf, 7, &out), -EPROTO);
	buf[10] = '\0';
	CHECK_INT(msg_service_decode(buf, len, &out), -EPROTO);
	buf[10] = ' ';
	CHECK_INT(msg_service_decode(buf, len, &out), -EPROTO);
}

static void
child(void)
{
	const struct proc_child in = {
	    ROLE_WORKER, 63, 4194304, PROC_WAITING, 7, 0x1ff, 0x8b};
	struct proc_child out;
	uint8_t buf[CHAN_DATA_MAX], *copy;
	size_t len;

	CHECK_INT(msg_child_encode(&in, buf), 28);
	CHECK_INT(msg_child_decode(buf, 28, &out), 0);
	CHECK(memcmp(&in, &out, sizeof(in)) == 0, "another child");
	for (len = 0; len < 40; len++) {
		copy = exact(buf, len);
		CHECK_INT(
		    msg_child_decode(copy, len, &out), len == 28 ? 0 : -EPROTO);
		free(copy);
	}
}

static void
child_bounds(void)
{
	struct proc_child good = {ROLE_RESOLVER, 0, 1, PROC_READY, 0, 0, 0};
	struct proc_child bad, out;
	uint8_t buf[CHAN_DATA_MAX];

	bad = good;
	bad.role = ROLE_COUNT;
	CHECK_INT(
	    msg_child_decode(buf, msg_child_encode(&bad, buf), &out), -EPROTO);
	bad = good;
	bad.index = SETTINGS_WORKERS_MAX;
	CHECK_INT(
	    msg_child_decode(buf, msg_child_encode(&bad, buf), &out), -EPROTO);
	bad = good;
	bad.state = PROC_WAITING + 1;
	CHECK_INT(
	    msg_child_decode(buf, msg_child_encode(&bad, buf), &out), -EPROTO);
	bad.state = UINT32_MAX;
	CHECK_INT(
	    msg_child_decode(buf, msg_child_encode(&bad, buf), &out), -EPROTO);
}

static void
resolve(void)
{
	struct msg_resolve in = {.id = 0xfedcba9876543210}, out;
	uint8_t buf[CHAN_DATA_MAX];
	size_t len;

	memcpy(in.name, "a.example", 10);
	len = msg_resolve_encode(&in, buf);
	CHECK_INT(len, 8 + 9);
	CHECK_INT(msg_resolve_decode(buf, len, &out), 0);
	CHECK(out.id == in.id, "another id");
	CHECK_STR(out.name, in.name);
	memset(in.name, 'a', NET_HOST_MAX);
	in.name[NET_HOST_MAX] = '\0';
	for (len = 63; len < NET_HOST_MAX; len += 64)
		in.name[len] = '.';
	len = msg_resolve_encode(&in, buf);
	CHECK_INT(len, procs_rules.rows[MSG_RESOLVE].len_max);
	CHECK_INT(msg_resolve_decode(buf, len, &out), 0);
	CHECK_STR(out.name, in.name);
}

/* Names that never were, and every length of one that was. */
static void
resolve_hostile(void)
{
	static const char *const bad[] = {"", ".", "a..b", "a b", "a/b", "a.",
	    ".a", "127.0.0.1", "0x7f.1", "a\nb", "\xc3\xa4", "a%25"};
	struct msg_resolve m = {.id = 1}, out;
	uint8_t buf[CHAN_DATA_MAX], *copy;
	size_t i, len;
	int rc;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		strlcpy(m.name, bad[i], sizeof(m.name));
		len = msg_resolve_encode(&m, buf);
		rc = msg_resolve_decode(buf, len, &out);
		CHECK(rc == -EPROTO, "\"%s\": %d", bad[i], rc);
	}
	memset(buf, 'a', sizeof(buf));
	for (len = 0; len < 400; len++) {
		copy = exact(buf, len);
		rc = msg_resolve_decode(copy, len, &out);
		/* One label: up to 63 bytes. */
		CHECK(rc == (len >= 9 && len <= 8 + 63 ? 0 : -EPROTO),
		    "%zu bytes: %d", len, rc);
		free(copy);
	}
	buf[9] = '\0';
	CHECK_INT(msg_resolve_decode(buf, 12, &out), -EPROTO);
}

static void
resolved(void)
{
	struct msg_resolved in = {.id = 5, .outcome = NAMES_OK, .ttl_s = 300},
			    out;
	uint8_t buf[CHAN_DATA_MAX];
	uint32_t n, i;
	size_t len;

	for (n = 1; n <= NAMES_ADDRESSES_MAX; n++) {
		in.ips_n = n;
		in.ips[n - 1].family = n % 2 == 0 ? 4 : 6;
		memset(in.ips[n - 1].bytes, (int)n, 16);
		len = msg_resolved_encode(&in, buf);
		CHECK_INT(len, 14 + 17 * n);
		CHECK_INT(msg_resolved_decode(buf, len, &out), 0);
		CHECK_INT(out.ips_n, n);
		CHECK(out.id == 5 && out.ttl_s == 300, "head");
		for (i = 0; i < n; i++)
			CHECK(net_ip_equal(&out.ips[i], &in.ips[i]),
			    "address %u of %u", i, n);
	}
	CHECK_INT(len, procs_rules.rows[MSG_RESOLVED].len_max);
	in.ips_n = 0;
	for (i = NAMES_UNKNOWN; i <= NAMES_TIMEOUT; i++) {
		in.outcome = (enum names_outcome)i;
		len = msg_resolved_encode(&in, buf);
		CHECK_INT(len, procs_rules.rows[MSG_RESOLVED].len_min);
		CHECK_INT(msg_resolved_decode(buf, len, &out), 0);
		CHECK_INT(out.outcome, i);
	}
	/* Good news without an address are none. */
	in.outcome = NAMES_OK;
	len = msg_resolved_encode(&in, buf);
	CHECK_INT(msg_resolved_decode(buf, len, &out), -EPROTO);
}

static void
resolved_hostile(void)
{
	struct msg_resolved in = {.outcome = NAMES_OK, .ips_n = 2}, out;
	uint8_t buf[CHAN_DATA_MAX], *copy;
	size_t i, len, at;
	int rc;

	in.ips[0].family = 4;
	in.ips[1].family = 6;
	len = msg_resolved_encode(&in, buf);
	for (i = 0; i < len + 40; i++) {
		copy = exact(buf, i);
		rc = msg_resolved_decode(copy, i, &out);
		CHECK(rc == (i == len ? 0 : -EPROTO), "%zu bytes: %d", i, rc);
		free(copy);
	}
	/* Counts that lie, at every value of the byte. */
	for (i = 0; i < 256; i++) {
		buf[13] = (uint8_t)i;
		rc = msg_resolved_decode(buf, len, &out);
		CHECK(rc == (i == 2 ? 0 : -EPROTO), "count %zu: %d", i, rc);
	}
	buf[13] = 2;
	for (i = 0; i < 256; i++) {
		buf[8] = (uint8_t)i;
		rc = msg_resolved_decode(buf, len, &out);
		CHECK(rc == (i <= NAMES_TIMEOUT ? 0 : -EPROTO),
		    "outcome %zu: %d", i, rc);
	}
	buf[8] = NAMES_OK;
	for (at = 14; at < len; at += 17) {
		for (i = 0; i < 256; i++) {
			copy = exact(buf, len);
			copy[at] = (uint8_t)i;
			rc = msg_resolved_decode(copy, len, &out);
			CHECK(rc == (i == 4 || i == 6 ? 0 : -EPROTO),
			    "family %zu: %d", i, rc);
			free(copy);
		}
	}
}

static const struct unit_case cases[] = {
    {"service", service},
    {"u64", u64},
    {"child", child},
    {"child bounds", child_bounds},
    {"resolve", resolve},
    {"resolve, hostile", resolve_hostile},
    {"resolved", resolved},
    {"resolved, hostile", resolved_hostile},
};

UNIT_MAIN("msg", cases)
