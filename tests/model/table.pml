/*
 * The publish protocol of shm/table.h: one writer that crashes up to twice at
 * any step and is restarted, and a reader.  Checked: what a read returns is
 * one publication, whole, that was really published; reads never go
 * backwards; and a read starts over only because a publication completed, so
 * that a dead writer stalls nobody.
 *
 * Memory.  A store goes into a buffer, one entry a location, and becomes
 * visible later, in any order with other locations, but for what C11 orders:
 * the release store of pub stays behind the words stored before it, and the
 * release fence keeps later stores behind all earlier ones (written as a wait
 * until the buffer is empty, which lets the same orders be seen).  Nothing is
 * lost in a crash: what the dead writer stored comes out in its own time,
 * even after its successor began.  Words are stored and loaded in any order;
 * the acquire load of pub comes first, and the acquire fence keeps the second
 * load of pub behind the words.
 *
 * Readers do not write, so each sees the writer as if it were alone: one is
 * enough, and its own view of memory may lag as on machines where stores
 * reach some processors earlier than others.
 *
 * A word holds the number of the attempt that wrote it, two attempts at the
 * same generation being different things, and a slot is two words.  Each
 * mutant, one -D, takes one thing away and must fail an assertion:
 *	SAME_SLOT	the published slot is overwritten
 *	FLIP_FIRST	pub is stored before the words
 *	NO_RECHECK	the reader does not look at pub again
 *	NO_WRITE_FENCE	the release fence before the first word
 *	NO_READ_FENCE	the acquire fence before the second look
 *	NO_RELEASE	pub is stored relaxed
 *	SEQLOCK		a reader waits while the writer is in the middle
 */
#define GENERATIONS 4
#define CRASHES	    2
#define READS	    3

#ifdef SAME_SLOT
#define SLOT(generation) 0
#else
#define SLOT(generation) ((generation) & 1)
#endif
#ifdef SEQLOCK
bool writing;
#define WRITING(now) writing = now
#define IN_THE_MIDDLE writing
#else
#define WRITING(now) skip
#define IN_THE_MIDDLE false
#endif
#define AT(generation, i) (SLOT(generation) * 2 + (i))

/* What can be seen, and what is stored but cannot be seen yet (0: nothing). */
byte pub;
byte word[4];
byte late_pub;
byte late_word[4];

/* The writer's own view, which a successor takes over, and ghosts. */
byte stored_pub;
byte attempt;
byte crashes;
byte attempt_of[GENERATIONS + 1]; /* that published this generation */

#define OLDER(i) (late_word[i] != 0 && late_word[i] <= attempt_of[late_pub])
#ifdef NO_RELEASE
#define PUB_MAY_SHOW (late_pub != 0)
#else
#define PUB_MAY_SHOW \
	(late_pub != 0 && !OLDER(0) && !OLDER(1) && !OLDER(2) && !OLDER(3))
#endif
#define ALL_SHOWN \
	(late_pub == 0 && late_word[0] == 0 && late_word[1] == 0 && \
	    late_word[2] == 0 && late_word[3] == 0)

active proctype memory()
{
end:
	do
	:: atomic { PUB_MAY_SHOW -> pub = late_pub; late_pub = 0 }
	:: atomic { late_word[0] != 0 -> word[0] = late_word[0]; late_word[0] = 0 }
	:: atomic { late_word[1] != 0 -> word[1] = late_word[1]; late_word[1] = 0 }
	:: atomic { late_word[2] != 0 -> word[2] = late_word[2]; late_word[2] = 0 }
	:: atomic { late_word[3] != 0 -> word[3] = late_word[3]; late_word[3] = 0 }
	od
}

inline store_word(i, done)
{
	atomic {
		late_word[AT(generation, i)] == 0 ->
		late_word[AT(generation, i)] = attempt;
		done = true
	}
}

inline store_pub()
{
	atomic {
		late_pub == 0 ->
		late_pub = generation;
		stored_pub = generation;
		attempt_of[generation] = attempt;
		WRITING(false);
		flipped = true
	}
}

active proctype writer()
{
	byte generation;
	bool first, second, flipped;

start:
	atomic {
		generation = stored_pub + 1;
		first = false;
		second = false;
		flipped = false;
		if
		:: generation > GENERATIONS -> goto stop
		:: else -> attempt++
		fi
	}
#ifndef NO_WRITE_FENCE
	if
	:: ALL_SHOWN -> skip
	:: crashes < CRASHES -> crashes++; goto start
	fi;
#endif
	WRITING(true);
	do
#ifdef FLIP_FIRST
	:: !flipped -> store_pub()
	:: flipped && !first -> store_word(0, first)
	:: flipped && !second -> store_word(1, second)
#else
	:: !first -> store_word(0, first)
	:: !second -> store_word(1, second)
	:: first && second && !flipped -> store_pub()
#endif
	:: first && second && flipped -> goto start
	:: crashes < CRASHES -> crashes++; goto start
	od;
stop:
	skip
}

active proctype reader()
{
	byte before, after, a, b, last, reads, again;
	bool got_a, got_b, got_after;

	do
	:: reads == READS -> break
	:: else ->
		before = pub;
		if
		:: before == 0 ->
			assert(last == 0);
			reads++;
			goto next
		:: else -> skip
		fi;
		do
		:: !got_a -> a = word[AT(before, 0)]; got_a = true
		:: !got_b -> b = word[AT(before, 1)]; got_b = true
#ifdef NO_READ_FENCE
		:: !got_after -> after = pub; got_after = true
#else
		:: got_a && got_b && !got_after ->
			after = pub; got_after = true
#endif
		:: got_a && got_b && got_after -> break
		od;
#ifdef NO_RECHECK
		after = before;
#endif
		if
		:: after != before || IN_THE_MIDDLE ->
			/* One completed publication a time over. */
			again++;
			assert(again <= GENERATIONS)
		:: else ->
			assert(a == b);
			assert(a == attempt_of[before]);
			assert(before >= last);
			last = before;
			reads++
		fi;
next:
		atomic {
			before = 0; after = 0; a = 0; b = 0;
			got_a = false; got_b = false; got_after = false
		}
	od
}
