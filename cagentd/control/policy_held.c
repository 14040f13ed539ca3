/* Owns how what was accepted goes to the disk and comes back. */
#include "cagentd/control/policy_held.h"

#include <string.h>

#include "trust/signers.h"

static struct verified *
read_root(
    const struct policy_kept *k, enum policy_part part, struct trust_why *why)
{
	return verify_root_first(k->parts[part].data, k->parts[part].len, why);
}

/* One that was accepted under that root. */
static struct verified *
read_message(const struct policy_kept *k, enum policy_part part,
    const struct verify *ctx, struct trust_why *why)
{
	return verify_message(
	    ctx, k->parts[part].data, k->parts[part].len, why);
}

static bool
read_all(
    struct policy_held *h, const struct policy_kept *k, struct trust_why *why)
{
	struct verify ctx = {.mode = VERIFY_KEPT};

	h->root = read_root(k, POLICY_PART_ROOT, why);
	if (h->root == NULL)
		return false;
	if (k->parts[POLICY_PART_POLICY].len == 0)
		return true;
	if (k->parts[POLICY_PART_POLICY_ROOT].len > 0) {
		h->policy_root = read_root(k, POLICY_PART_POLICY_ROOT, why);
		if (h->policy_root == NULL)
			return false;
	}
	ctx.root = h->policy_root != NULL ? h->policy_root : h->root;
	h->policy = read_message(k, POLICY_PART_POLICY, &ctx, why);
	if (h->policy == NULL)
		return false;
	if (k->parts[POLICY_PART_RANK].len == 0)
		return true;
	ctx.policy = verified_mark(h->policy);
	h->rank = read_message(k, POLICY_PART_RANK, &ctx, why);
	return h->rank != NULL;
}

bool
policy_held_read(
    struct policy_held *h, const struct policy_kept *k, struct trust_why *why)
{
	memset(h, 0, sizeof(*h));
	h->rank_mark = k->rank;
	h->stale = k->stale;
	memcpy(h->anchor, k->anchor, sizeof(h->anchor));
	if (read_all(h, k, why))
		return true;
	policy_held_free(h);
	return false;
}

void
policy_held_free(struct policy_held *h)
{
	verified_free(h->root);
	verified_free(h->policy);
	verified_free(h->policy_root);
	verified_free(h->rank);
	memset(h, 0, sizeof(*h));
}

void
policy_held_succeed(struct policy_held *h, struct verified *before)
{
	struct signers by = {.role = ROOT_ROLE_POLICY};

	h->rank = NULL;
	if (h->policy == NULL)
		return;
	if (h->policy_root == NULL)
		h->policy_root = before;
	by.root = verified_root(h->policy_root);
	if (!signers_stand(
		verified_envelope(h->policy), &by, verified_root(h->root))) {
		h->policy = h->policy_root = NULL;
		h->stale = false;
	}
}

static void
set_part(struct policy_kept *k, enum policy_part part, const struct verified *v)
{
	if (v != NULL)
		k->parts[part].data = verified_message(v, &k->parts[part].len);
}

/* Unless it is one of those. */
static void
drop(struct verified *v, const struct policy_held *h)
{
	if (v != h->root && v != h->policy && v != h->policy_root &&
	    v != h->rank)
		verified_free(v);
}

int
policy_held_change(struct policy *p, const struct policy_held *next)
{
	struct policy_held old = p->held;
	struct policy_kept k = {.rank = next->rank_mark, .stale = next->stale};
	int error;

	memcpy(k.anchor, next->anchor, sizeof(k.anchor));
	set_part(&k, POLICY_PART_ROOT, next->root);
	set_part(&k, POLICY_PART_POLICY, next->policy);
	set_part(&k, POLICY_PART_POLICY_ROOT, next->policy_root);
	set_part(&k, POLICY_PART_RANK, next->rank);
	error = policy_store_write(&p->store, &k);
	if (error != 0)
		return error;
	p->held = *next;
	drop(old.root, &p->held);
	drop(old.policy, &p->held);
	drop(old.policy_root, &p->held);
	drop(old.rank, &p->held);
	return 0;
}
