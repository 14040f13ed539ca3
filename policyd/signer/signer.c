/*
 * The signer: holds the rank key and signs what the ranker may say.  It has no
 * network, no file, and one peer; what it signs, ranksign.c decides.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/chan.h"
#include "base/log.h"
#include "base/loop.h"
#include "policyd/common/blob.h"
#include "policyd/common/pdchild.h"
#include "policyd/common/pdproc.h"
#include "policyd/roles.h"
#include "policyd/signer/ranksign.h"

struct signer {
	struct loop *loop;
	struct pdchild child;
	struct pdchild_start start;
	struct chan *ranker; /* NULL: there is none now */
	struct blob asked;
	struct ranksign signs;
	uint8_t message[ENVELOPE_MAX];
};

static void
hang_up(struct signer *s)
{
	chan_free(s->ranker);
	s->ranker = NULL;
	blob_free(&s->asked);
}

/* The signed message, or nothing. */
static void
answer(struct signer *s)
{
	const struct blob *in = &s->asked;
	const char *why = "it is too long";
	size_t len = 0;

	if (in->len <= sizeof(s->message)) {
		memcpy(s->message, in->data, in->len);
		len = ranksign(&s->signs, s->start.secret, s->message, in->len,
		    sizeof(s->message), &why);
	}
	if (len == 0)
		log_errx("a message is not signed: %s", why);
	if (blob_send(s->ranker, PDMSG_SIGNED, s->message, len) != 0)
		log_errx("the ranker does not take what is signed");
}

static void
on_message(void *arg, struct chan *chan, const struct chan_msg *m)
{
	struct signer *s = arg;
	int whole;

	(void)chan; /* the ranker's, as only that is allowed to ask */
	if (m->type != PDMSG_SIGN)
		return;
	whole = blob_take(&s->asked, m);
	if (whole < 0)
		log_errx("the ranker: %s", strerror(-whole));
	if (whole == 1)
		answer(s);
}

static void
on_closed(void *arg, struct chan *chan, const char *why)
{
	struct signer *s = arg;

	(void)chan; /* the ranker's */
	if (why != NULL)
		log_errx("the ranker: %s", why);
	hang_up(s);
}

static void
on_line(void *arg, enum pdproc_role peer, int fd)
{
	struct signer *s = arg;
	const struct chan_owner owner = {on_message, on_closed, s};

	hang_up(s);
	if (chan_new(&s->ranker, s->loop, fd, &pdproc_rules, PDPROC_SIGNER,
		peer, &owner) != 0)
		fatalx("out of memory");
	/* An answer of the longest, while another waits. */
	chan_queue_max(s->ranker, 2 * BLOB_PIECES_MAX);
}

int
signer_main(void)
{
	static struct signer s;
	int error;

	pdchild_receive(PDPROC_SIGNER, &s.start);
	error = loop_new(&s.loop);
	if (error != 0)
		fatalx("loop: %s", strerror(-error));
	s.child.line = on_line;
	s.child.arg = &s;
	pdchild_join(&s.child, PDPROC_SIGNER, s.loop, &s.start);
	pdchild_ready(&s.child, &s.start);
	error = loop_run(s.loop);
	hang_up(&s);
	sodium_free(s.start.secret);
	pdchild_free(&s.child);
	pdconf_unref(s.start.conf);
	loop_free(s.loop);
	return error == 0 ? 0 : 1;
}
