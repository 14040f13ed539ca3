/* Decides when a worker's free memory goes back to the system; owns none. */
#include "cagentd/worker/slack.h"

#include <malloc.h>

/* Larger blocks are had from the system one by one. */
#define SLACK_BLOCK_MAX (1 << 20)

void
slack_init(void)
{
	mallopt(M_TRIM_THRESHOLD, (int)SLACK_KEPT);
	/* Said, as the C library no longer adapts it. */
	mallopt(M_MMAP_THRESHOLD, SLACK_BLOCK_MAX);
}

void
slack_up(struct slack *s, size_t bytes)
{
	s->now += bytes;
	if (s->now > s->peak)
		s->peak = s->now;
}

void
slack_down(struct slack *s, size_t bytes)
{
	size_t gone;

	s->now -= bytes;
	gone = s->peak - s->now;
	/* By halves, or numbers that go up and down would pay each time. */
	if (gone < SLACK_KEPT || gone < s->peak / 2)
		return;
	malloc_trim(0);
	s->peak = s->now;
}
