/* Owns the bytes of sock_diag's questions and answers; opens no socket. */
#include "cagentd/worker/who/who_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

/* Attribute of the socket's control group; Linux 5.9 has it. */
#define ATTR_CGROUP_ID 21
#define ATTR_HEAD      4

/* What goes to an address of this host goes by lo, which is always the first.
 * A socket that is bound to an interface is found by it alone. */
#define INTERFACE_LO 1

struct question {
	struct nlmsghdr head;
	struct inet_diag_req_v2 req;
};

static_assert(sizeof(struct question) == WHO_DIAG_LEN, "the kernel's layout");

void
who_diag_encode(
    const struct who_tuple *t, uint32_t seq, uint8_t out[static WHO_DIAG_LEN])
{
	bool v4 = t->client.family == 4;
	struct question q = {.head = {.nlmsg_len = sizeof(q),
				 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
				 .nlmsg_flags = NLM_F_REQUEST,
				 .nlmsg_seq = seq},
	    .req = {.sdiag_family = v4 ? AF_INET : AF_INET6,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = UINT32_MAX}};
	struct inet_diag_sockid *id = &q.req.id;

	id->idiag_sport = htons(t->client_port);
	id->idiag_dport = htons(t->agent_port);
	memcpy(id->idiag_src, t->client.bytes, v4 ? 4 : 16);
	memcpy(id->idiag_dst, t->agent.bytes, v4 ? 4 : 16);
	id->idiag_if = t->interface != 0 ? t->interface : INTERFACE_LO;
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	memcpy(out, &q, sizeof(q));
}

/* A socket of IPv6 may have the connection by mapped addresses. */
static bool
is_ip(uint8_t family, const uint32_t words[4], const struct net_ip *want)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t bytes[16];

	memcpy(bytes, words, sizeof(bytes));
	if (family == AF_INET)
		return want->family == 4 && memcmp(bytes, want->bytes, 4) == 0;
	if (want->family == 6)
		return memcmp(bytes, want->bytes, 16) == 0;
	return memcmp(bytes, mapped, sizeof(mapped)) == 0 &&
	       memcmp(bytes + 12, want->bytes, 4) == 0;
}

/* Where nothing has that very connection, the kernel offers who listens at the
 * client's port, or what was there before. */
static bool
is_ours(const struct inet_diag_msg *m, const struct who_tuple *t)
{
	const struct inet_diag_sockid *id = &m->id;

	return (m->idiag_family == AF_INET || m->idiag_family == AF_INET6) &&
	       id->idiag_sport == htons(t->client_port) &&
	       id->idiag_dport == htons(t->agent_port) &&
	       is_ip(m->idiag_family, id->idiag_src, &t->client) &&
	       is_ip(m->idiag_family, id->idiag_dst, &t->agent);
}

static bool
is_connected(uint8_t state)
{
	return state == TCP_ESTABLISHED || state == TCP_FIN_WAIT1 ||
	       state == TCP_FIN_WAIT2 || state == TCP_CLOSE_WAIT ||
	       state == TCP_CLOSING || state == TCP_LAST_ACK;
}

/* Out of the attributes, or 0. */
static uint64_t
cgroup_of(const uint8_t *in, size_t len)
{
	struct nlattr a;
	uint64_t id;
	size_t step;

	while (len >= ATTR_HEAD) {
		memcpy(&a, in, ATTR_HEAD);
		if (a.nla_len < ATTR_HEAD || a.nla_len > len)
			return 0;
		if ((a.nla_type & NLA_TYPE_MASK) == ATTR_CGROUP_ID &&
		    a.nla_len == ATTR_HEAD + sizeof(id)) {
			memcpy(&id, in + ATTR_HEAD, sizeof(id));
			return id;
		}
		step = NLA_ALIGN((size_t)a.nla_len);
		if (step > len)
			return 0;
		in += step;
		len -= step;
	}
	return 0;
}

enum who_diag_answer
who_diag_decode(const uint8_t *in, size_t len, const struct who_tuple *t,
    uint32_t seq, struct who_found *out)
{
	struct nlmsghdr head;
	struct inet_diag_msg m;

	if (len < sizeof(head))
		return WHO_DIAG_OTHER;
	memcpy(&head, in, sizeof(head));
	if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > len ||
	    head.nlmsg_seq != seq)
		return WHO_DIAG_OTHER;
	if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return head.nlmsg_type == NLMSG_ERROR ? WHO_DIAG_NONE
						      : WHO_DIAG_OTHER;
	in += sizeof(head);
	len = head.nlmsg_len - sizeof(head);
	if (len < sizeof(m))
		return WHO_DIAG_OTHER;
	memcpy(&m, in, sizeof(m));
	/* Of a socket that no process has any more the uid is 0, and so is
	 * the inode, which is read after it. */
	if (!is_ours(&m, t) || !is_connected(m.idiag_state) ||
	    m.idiag_inode == 0)
		return WHO_DIAG_NONE;
	out->uid = m.idiag_uid;
	out->cgroup = cgroup_of(in + sizeof(m), len - sizeof(m));
	return WHO_DIAG_FOUND;
}
