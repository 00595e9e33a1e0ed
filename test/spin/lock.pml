/*
 * The kernel lock and the fast path that does without it (kernel/machine/lock.h), for all interleavings of three CPUs. As on
 * x86, stores are delayed: a store stays in its CPU's buffer, invisible to others, until a locked instruction writes it
 * to memory, or the machine does so at any later time. Each buffer holds at most one store that matters.
 *
 *   fast path   announces itself by a locked instruction, checks that the lock is free (first the ticket being served,
 *               then the holder's), works, and withdraws by a plain store
 *   long way    waits for its turn (the ticket), writes that it is the holder by a locked instruction, waits until no
 *               CPU is in the fast path, works, may make a request and wait for each other CPU's answer, and releases
 *               the lock by a plain store
 *   request     is answered by a CPU that waits for its turn, or by an interrupt as soon as a CPU is in user mode
 *
 * Checked: no CPU is in the fast path while another works with the lock; and no run ends with a CPU that still waits.
 *
 * Planted mistakes, each of which must be found: -DBUG_FAST_PLAIN (the fast path announces itself by a plain store),
 * -DBUG_HOLDER_PLAIN (the holder announces itself by one), -DBUG_NO_LOOK (the fast path does not check the lock),
 * -DBUG_NO_WAIT (the holder does not wait for fast paths), -DBUG_DEAF (a CPU that waits for its turn answers no
 * request).
 */
#define CPUS 3
#define TURNS 2 /* of each CPU */

bool fast[CPUS];          /* in memory */
bool fast_stored[CPUS];   /* what the CPU has stored last */
bool fast_delayed[CPUS];  /* whether that is still in its buffer */
byte holder = 255, holder_stored;
bool holder_delayed;
byte next = 0, serving = 0;
bool serving_delayed;     /* the next one is stored */
bool asked[CPUS];
byte at_work_fast = 0, at_work = 0;

inline drain_own(c) { /* a locked instruction empties the buffer */
    fast[c] = fast_stored[c];
    fast_delayed[c] = false
}

/* The machine empties buffers whenever it likes. */
active proctype buffers() {
    byte c;
end:
    do
    :: atomic { holder_delayed -> holder = holder_stored; holder_delayed = false }
    :: atomic { serving_delayed && !holder_delayed -> serving++; serving_delayed = false }
    :: atomic { fast_delayed[0] -> fast[0] = fast_stored[0]; fast_delayed[0] = false }
    :: atomic { fast_delayed[1] -> fast[1] = fast_stored[1]; fast_delayed[1] = false }
    :: atomic { fast_delayed[2] -> fast[2] = fast_stored[2]; fast_delayed[2] = false }
    od
}

inline long_way(c) {
    atomic { ticket = next; next++; drain_own(c) }
    do
    :: atomic { serving == ticket -> break }
#ifndef BUG_DEAF
    :: atomic { serving != ticket && asked[c] -> asked[c] = false }
#endif
    od;
    atomic {
#ifdef BUG_HOLDER_PLAIN
        holder_stored = ticket; holder_delayed = true
#else
        holder = ticket
#endif
    }
#ifndef BUG_NO_WAIT
    i = 0;
    do
    :: i < CPUS ->
        if
        :: i == c
        :: else -> !fast[i]
        fi;
        i++
    :: else -> break
    od;
#endif
    at_work++;
    assert(at_work == 1 && at_work_fast == 0);
    if
    :: true
    :: true -> /* a request to all others */
        i = 0;
        do
        :: i < CPUS -> if :: i != c -> asked[i] = true :: else fi; i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < CPUS -> !asked[i]; i++
        :: else -> break
        od
    fi;
    assert(at_work == 1 && at_work_fast == 0);
    at_work--;
    serving_delayed = true
}

active [CPUS] proctype cpu() {
    byte c = _pid - 1, i, ticket, seen, turns = 0;
    do
    :: turns < TURNS ->
        turns++;
        if
        :: long_way(c)
        :: true ->
            atomic {
                fast_stored[c] = true;
#ifdef BUG_FAST_PLAIN
                fast_delayed[c] = true
#else
                drain_own(c)
#endif
            }
            seen = serving;
            if
#ifdef BUG_NO_LOOK
            :: true ->
#else
            :: holder != seen ->
#endif
                at_work_fast++;
                assert(at_work == 0);
                at_work_fast--;
                atomic { fast_stored[c] = false; fast_delayed[c] = true }
#ifndef BUG_NO_LOOK
            :: holder == seen ->
                atomic { fast_stored[c] = false; fast_delayed[c] = true }
                long_way(c)
#endif
            fi
        fi
    :: asked[c] -> asked[c] = false /* interrupted in user mode */
    :: turns == TURNS -> break
    od;
end: /* idle for good: interrupts come in all the same */
    do
    :: asked[c] -> asked[c] = false
    od
}
