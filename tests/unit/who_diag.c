/* What the kernel says of sockets: whole, cut anywhere, and of others. */
#include "cagentd/worker/who/who_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define SEQ 77

struct answer {
	struct nlmsghdr head;
	struct inet_diag_msg m;
	/* Another attribute, then that of the group, as the kernel lays them
	 * out. */
	struct nlattr shutdown;
	uint8_t shutdown_value[4];
	struct nlattr cgroup;
	uint8_t id[8];
};

static const struct who_tuple tuple = {.client = {4, {127, 0, 0, 1}},
    .agent = {4, {127, 0, 0, 2}},
    .client_port = 40000,
    .agent_port = 1080};

static struct answer
good(void)
{
	static const uint64_t id = 0x10000002a;
	struct answer a = {.head = {.nlmsg_len = sizeof(a),
			       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			       .nlmsg_seq = SEQ},
	    .m = {.idiag_family = AF_INET,
		.idiag_state = TCP_ESTABLISHED,
		.idiag_uid = 1000,
		.idiag_inode = 5},
	    .shutdown = {.nla_len = 5, .nla_type = INET_DIAG_SHUTDOWN},
	    .cgroup = {.nla_len = 12, .nla_type = 21}};

	a.m.id.idiag_sport = htons(tuple.client_port);
	a.m.id.idiag_dport = htons(tuple.agent_port);
	memcpy(a.m.id.idiag_src, tuple.client.bytes, 4);
	memcpy(a.m.id.idiag_dst, tuple.agent.bytes, 4);
	memcpy(a.id, &id, sizeof(id));
	return a;
}

/* From memory of just that size, so that a sanitizer sees a read beyond. */
static enum who_diag_answer
decode(const void *in, size_t len, struct who_found *out)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	enum who_diag_answer answer;

	memcpy(copy, in, len);
	memset(out, 0, sizeof(*out));
	answer = who_diag_decode(copy, len, &tuple, SEQ, out);
	free(copy);
	return answer;
}

static void
check(const struct answer *a, enum who_diag_answer want, const char *what)
{
	struct who_found found;
	enum who_diag_answer got = decode(a, sizeof(*a), &found);

	CHECK(got == want, "%s: %d", what, (int)got);
	CHECK((found.uid == 1000) == (got == WHO_DIAG_FOUND), "%s: uid %u",
	    what, found.uid);
}

static void
finds_the_uid_and_the_group(void)
{
	struct answer a = good();
	struct who_found found;

	CHECK_INT(decode(&a, sizeof(a), &found), WHO_DIAG_FOUND);
	CHECK_INT(found.uid, 1000);
	CHECK_INT(found.cgroup, 0x10000002a);
	/* What follows the message is not looked at. */
	a.head.nlmsg_len = sizeof(a.head) + sizeof(a.m);
	CHECK_INT(decode(&a, sizeof(a), &found), WHO_DIAG_FOUND);
	CHECK_INT(found.cgroup, 0);
}

static void
is_cut_at_every_length(void)
{
	size_t least = sizeof(struct nlmsghdr) + sizeof(struct inet_diag_msg);
	struct answer a = good();
	struct who_found found;
	size_t len;

	for (len = 0; len < sizeof(a); len++) {
		a = good();
		CHECK_INT(decode(&a, len, &found), WHO_DIAG_OTHER);
		a.head.nlmsg_len = (uint32_t)len;
		CHECK_INT(decode(&a, len, &found),
		    len < least ? WHO_DIAG_OTHER : WHO_DIAG_FOUND);
		CHECK_INT(found.cgroup, 0);
		CHECK_INT(decode(&a, sizeof(a), &found),
		    len < least ? WHO_DIAG_OTHER : WHO_DIAG_FOUND);
	}
}

static void
is_for_this_question_alone(void)
{
	struct answer a = good();

	a.head.nlmsg_seq = SEQ - 1;
	check(&a, WHO_DIAG_OTHER, "an earlier one");
	a = good();
	a.head.nlmsg_type = NLMSG_ERROR;
	check(&a, WHO_DIAG_NONE, "an error");
	a.head.nlmsg_seq = SEQ + 1;
	check(&a, WHO_DIAG_OTHER, "another's error");
	a = good();
	a.head.nlmsg_type = NLMSG_DONE;
	check(&a, WHO_DIAG_OTHER, "the end of a list");
	a.head.nlmsg_len = 0;
	check(&a, WHO_DIAG_OTHER, "no length");
}

static void
is_for_this_connection_alone(void)
{
	struct answer a = good();

	a.m.id.idiag_sport ^= htons(1);
	check(&a, WHO_DIAG_NONE, "another port");
	a = good();
	a.m.id.idiag_dport = 0;
	check(&a, WHO_DIAG_NONE, "a listener");
	a = good();
	a.m.id.idiag_src[0] ^= htonl(1);
	check(&a, WHO_DIAG_NONE, "another source");
	a = good();
	a.m.id.idiag_dst[0] ^= htonl(1);
	check(&a, WHO_DIAG_NONE, "another destination");
	a = good();
	a.m.idiag_family = AF_UNIX;
	check(&a, WHO_DIAG_NONE, "another family");
	/* The other end, which is ours. */
	a = good();
	a.m.id.idiag_sport = htons(tuple.agent_port);
	a.m.id.idiag_dport = htons(tuple.client_port);
	check(&a, WHO_DIAG_NONE, "our own socket");
}

static void
what_is_nobodys_is_not_roots(void)
{
	static const uint8_t dead[] = {TCP_LISTEN, TCP_SYN_SENT, TCP_SYN_RECV,
	    TCP_TIME_WAIT, TCP_CLOSE, 0, 12, 255};
	static const uint8_t alive[] = {TCP_ESTABLISHED, TCP_FIN_WAIT1,
	    TCP_FIN_WAIT2, TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK};
	struct answer a = good();
	size_t i;

	a.m.idiag_inode = 0;
	a.m.idiag_uid = 0;
	check(&a, WHO_DIAG_NONE, "an orphan");
	for (i = 0; i < sizeof(dead); i++) {
		a = good();
		a.m.idiag_state = dead[i];
		check(&a, WHO_DIAG_NONE, "a state");
	}
	for (i = 0; i < sizeof(alive); i++) {
		a = good();
		a.m.idiag_state = alive[i];
		check(&a, WHO_DIAG_FOUND, "a state");
	}
}

static void
a_v6_socket_has_mapped_addresses(void)
{
	struct answer a = good();
	struct inet_diag_sockid *id = &a.m.id;

	a.m.idiag_family = AF_INET6;
	check(&a, WHO_DIAG_NONE, "v4 bytes in v6");
	id->idiag_src[3] = id->idiag_src[0];
	id->idiag_dst[3] = id->idiag_dst[0];
	id->idiag_src[0] = id->idiag_dst[0] = 0;
	check(&a, WHO_DIAG_NONE, "compatible, not mapped");
	id->idiag_src[2] = id->idiag_dst[2] = htonl(0xffff);
	check(&a, WHO_DIAG_FOUND, "mapped");
}

static void
attributes_are_within_the_message(void)
{
	struct answer a = good();
	struct who_found found;
	unsigned int len;

	for (len = 0; len < 70000; len += len < 40 ? 1 : 997) {
		a = good();
		a.shutdown.nla_len = (uint16_t)len;
		CHECK_INT(decode(&a, sizeof(a), &found), WHO_DIAG_FOUND);
		a = good();
		a.cgroup.nla_len = (uint16_t)len;
		CHECK_INT(decode(&a, sizeof(a), &found), WHO_DIAG_FOUND);
		CHECK((found.cgroup != 0) == ((uint16_t)len == 12),
		    "a group of %u bytes", len);
	}
}

static void
the_question_is_for_the_clients_socket(void)
{
	uint8_t q[WHO_DIAG_LEN];
	struct who_tuple t = tuple;
	struct inet_diag_req_v2 req;
	struct nlmsghdr head;

	who_diag_encode(&t, 0x01020304, q);
	memcpy(&head, q, sizeof(head));
	memcpy(&req, q + sizeof(head), sizeof(req));
	CHECK_INT(head.nlmsg_len, sizeof(q));
	CHECK_INT(head.nlmsg_flags, NLM_F_REQUEST);
	CHECK_INT(head.nlmsg_seq, 0x01020304);
	CHECK_INT(req.sdiag_family, AF_INET);
	CHECK_INT(req.sdiag_protocol, IPPROTO_TCP);
	CHECK_INT(ntohs(req.id.idiag_sport), 40000);
	CHECK_INT(ntohs(req.id.idiag_dport), 1080);
	CHECK_INT(ntohl(req.id.idiag_src[0]), 0x7f000001);
	CHECK_INT(ntohl(req.id.idiag_dst[0]), 0x7f000002);
	CHECK_INT(req.id.idiag_if, 1);
	t.client.family = t.agent.family = 6;
	t.interface = 9;
	who_diag_encode(&t, 1, q);
	memcpy(&req, q + sizeof(head), sizeof(req));
	CHECK_INT(req.sdiag_family, AF_INET6);
	CHECK_INT(req.id.idiag_if, 9);
}

static const struct unit_case cases[] = {
    {"finds the uid and the group", finds_the_uid_and_the_group},
    {"is cut at every length", is_cut_at_every_length},
    {"is for this question alone", is_for_this_question_alone},
    {"is for this connection alone", is_for_this_connection_alone},
    {"what is nobody's is not root's", what_is_nobodys_is_not_roots},
    {"a v6 socket has mapped addresses", a_v6_socket_has_mapped_addresses},
    {"attributes are within the message", attributes_are_within_the_message},
    {"the question is for the client's socket",
	the_question_is_for_the_clients_socket},
};

UNIT_MAIN("who_diag", cases)
