/* Encodes and decodes the payloads of the messages between our processes. */
#include "cagentd/common/msg.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "conf/settings.h"

static uint8_t *
put(uint8_t *p, uint64_t v, size_t n)
{
	uint64_t be = htobe64(v);

	memcpy(p, (const uint8_t *)&be + 8 - n, n);
	return p + n;
}

static const uint8_t *
get(const uint8_t *p, uint64_t *v, size_t n)
{
	uint64_t be = 0;

	memcpy((uint8_t *)&be + 8 - n, p, n);
	*v = be64toh(be);
	return p + n;
}

size_t
msg_u64_encode(uint64_t v, uint8_t *buf)
{
	put(buf, v, 8);
	return 8;
}

int
msg_u64_decode(const uint8_t *in, size_t len, uint64_t *v)
{
	if (len != 8)
		return -EPROTO;
	get(in, v, 8);
	return 0;
}

size_t
msg_policy_encode(const struct msg_policy *m, uint8_t *buf)
{
	uint8_t *p = buf;

	p = put(p, m->epoch, 8);
	p = put(p, m->serial, 8);
	p = put(p, m->len, 8);
	memcpy(p, m->hash, sizeof(m->hash));
	return 24 + sizeof(m->hash);
}

int
msg_policy_decode(const uint8_t *in, size_t len, struct msg_policy *m)
{
	uint64_t epoch;

	if (len != 24 + sizeof(m->hash))
		return -EPROTO;
	in = get(in, &epoch, 8);
	in = get(in, &m->serial, 8);
	in = get(in, &m->len, 8);
	memcpy(m->hash, in, sizeof(m->hash));
	m->epoch = (uint32_t)epoch;
	if (epoch == 0)
		return m->serial == 0 && m->len == 0 ? 0 : -EPROTO;
	return epoch <= UINT32_MAX && m->len <= PROCS_POLICY_MAX ? 0 : -EPROTO;
}

size_t
msg_identity_encode(const struct msg_identity *m, uint8_t *buf)
{
	size_t len = strlen(m->token);

	memcpy(buf, m->keys.secret_key, SEALED_KEY_LEN);
	memcpy(buf + SEALED_KEY_LEN, m->keys.public_key, SEALED_KEY_LEN);
	memcpy(buf + MSG_IDENTITY_MIN, m->token, len);
	return MSG_IDENTITY_MIN + len;
}

int
msg_identity_decode(const uint8_t *in, size_t len, struct msg_identity *m)
{
	size_t i;

	if (len < MSG_IDENTITY_MIN || len > MSG_IDENTITY_MAX)
		return -EPROTO;
	for (i = MSG_IDENTITY_MIN; i < len; i++) {
		if (in[i] <= ' ' || in[i] > '~')
			return -EPROTO;
	}
	memset(m, 0, sizeof(*m));
	memcpy(m->keys.secret_key, in, SEALED_KEY_LEN);
	memcpy(m->keys.public_key, in + SEALED_KEY_LEN, SEALED_KEY_LEN);
	memcpy(m->token, in + MSG_IDENTITY_MIN, len - MSG_IDENTITY_MIN);
	return 0;
}

size_t
msg_child_encode(const struct proc_child *c, uint8_t *buf)
{
	uint8_t *p = buf;

	p = put(p, c->role, 4);
	p = put(p, c->index, 4);
	p = put(p, c->pid, 4);
	p = put(p, c->state, 4);
	p = put(p, c->restarts, 4);
	p = put(p, c->sandbox, 4);
	p = put(p, c->exit_status, 4);
	return (size_t)(p - buf);
}

int
msg_child_decode(const uint8_t *in, size_t len, struct proc_child *c)
{
	uint32_t *fields[] = {&c->role, &c->index, &c->pid, &c->state,
	    &c->restarts, &c->sandbox, &c->exit_status};
	uint64_t v;
	size_t i;

	if (len != 28)
		return -EPROTO;
	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		in = get(in, &v, 4);
		*fields[i] = (uint32_t)v;
	}
	return c->role < ROLE_COUNT && c->index < SETTINGS_WORKERS_MAX &&
		       c->state <= PROC_WAITING
		   ? 0
		   : -EPROTO;
}

size_t
msg_service_encode(const struct msg_service *m, uint8_t *buf)
{
	size_t len = strlen(m->name);

	memcpy(put(buf, m->cgroup, 8), m->name, len);
	return 8 + len;
}

int
msg_service_decode(const uint8_t *in, size_t len, struct msg_service *m)
{
	size_t i;

	if (len < 8 || len - 8 > MSG_SERVICE_MAX)
		return -EPROTO;
	for (i = 8; i < len; i++) {
		if (in[i] <= ' ' || in[i] > '~')
			return -EPROTO;
	}
	get(in, &m->cgroup, 8);
	memcpy(m->name, in + 8, len - 8);
	m->name[len - 8] = '\0';
	return 0;
}

size_t
msg_resolve_encode(const struct msg_resolve *m, uint8_t *buf)
{
	size_t len = strlen(m->name);

	put(buf, m->id, 8);
	memcpy(buf + 8, m->name, len);
	return 8 + len;
}

int
msg_resolve_decode(const uint8_t *in, size_t len, struct msg_resolve *m)
{
	if (len < 9 || len - 8 > NET_HOST_MAX ||
	    memchr(in + 8, '\0', len - 8) != NULL)
		return -EPROTO;
	get(in, &m->id, 8);
	memcpy(m->name, in + 8, len - 8);
	m->name[len - 8] = '\0';
	return net_name_valid(m->name, len - 8) ? 0 : -EPROTO;
}

size_t
msg_resolved_encode(const struct msg_resolved *m, uint8_t *buf)
{
	uint8_t *p = buf;
	uint32_t i;

	p = put(p, m->id, 8);
	p = put(p, m->outcome, 1);
	p = put(p, m->ttl_s, 4);
	p = put(p, m->ips_n, 1);
	for (i = 0; i < m->ips_n; i++) {
		p = put(p, m->ips[i].family, 1);
		memcpy(p, m->ips[i].bytes, 16);
		p += 16;
	}
	return (size_t)(p - buf);
}

int
msg_resolved_decode(const uint8_t *in, size_t len, struct msg_resolved *m)
{
	uint64_t v;
	uint32_t i;

	if (len < 14)
		return -EPROTO;
	in = get(in, &m->id, 8);
	in = get(in, &v, 1);
	if (v > NAMES_TIMEOUT)
		return -EPROTO;
	m->outcome = (enum names_outcome)v;
	in = get(in, &v, 4);
	m->ttl_s = (uint32_t)v;
	in = get(in, &v, 1);
	if (v > NAMES_ADDRESSES_MAX || len != 14 + 17 * v)
		return -EPROTO;
	m->ips_n = (uint32_t)v;
	for (i = 0; i < m->ips_n; i++) {
		if (in[0] != 4 && in[0] != 6)
			return -EPROTO;
		m->ips[i].family = in[0];
		memcpy(m->ips[i].bytes, in + 1, 16);
		in += 17;
	}
	return m->outcome != NAMES_OK || m->ips_n > 0 ? 0 : -EPROTO;
}

static uint8_t *
put_text(uint8_t *p, const char *text)
{
	size_t len = strlen(text);

	p = put(p, len, 1);
	memcpy(p, text, len);
	return p + len;
}

/* Of at most 255 bytes; NULL when it is cut, or holds a NUL. */
static const uint8_t *
get_text(const uint8_t *p, const uint8_t *end, char out[256])
{
	size_t len;

	if (p == NULL || p == end)
		return NULL;
	len = *p++;
	if (len > (size_t)(end - p) || memchr(p, '\0', len) != NULL)
		return NULL;
	memcpy(out, p, len);
	out[len] = '\0';
	return p + len;
}

size_t
msg_login_encode(const struct msg_login *m, uint8_t *buf)
{
	uint8_t *p = put(buf, m->id, 8);

	p = put_text(p, m->user);
	p = put_text(p, m->password);
	return (size_t)(p - buf);
}

int
msg_login_decode(const uint8_t *in, size_t len, struct msg_login *m)
{
	const uint8_t *p, *end = in + len;

	if (len < 8)
		return -EPROTO;
	p = get(in, &m->id, 8);
	p = get_text(p, end, m->user);
	p = get_text(p, end, m->password);
	return p == end ? 0 : -EPROTO;
}

size_t
msg_verified_encode(const struct msg_verified *m, uint8_t *buf)
{
	uint8_t *p = put(buf, m->id, 8);

	p = put(p, m->verdict, 1);
	p = put(p, m->users_mark, 8);
	return (size_t)(p - buf);
}

int
msg_verified_decode(const uint8_t *in, size_t len, struct msg_verified *m)
{
	uint64_t verdict;

	if (len != 17)
		return -EPROTO;
	in = get(in, &m->id, 8);
	in = get(in, &verdict, 1);
	get(in, &m->users_mark, 8);
	if (verdict > MSG_VERIFY_BUSY)
		return -EPROTO;
	m->verdict = (enum msg_verdict)verdict;
	return 0;
}
