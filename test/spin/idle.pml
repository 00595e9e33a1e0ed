/*
 * CPUs that sleep, and how they are woken (kernel/run/sched.c: idle(), sched_ready(), sched_unsettle()), for all
 * interleavings of three CPUs. A stay in the kernel, with the lock, is one step: lock.pml shows that no other CPU is
 * there meanwhile.
 *
 *   a running thread   makes a thread of any CPU ready, leaves a dead object for which a thread waits, or blocks
 *   ready              making a thread ready on a CPU that runs none marks that CPU as unsettled. If it was not marked
 *                      before, and is another CPU, it is rung
 *   an idle CPU        runs a ready thread. Without one it takes one dead object apart, which makes its thread ready.
 *                      Then it lets interrupts in if more objects are left; if not, it sleeps until it is rung
 *
 * Checked: a CPU that lets interrupts in has no ready thread and can be rung; when all sleep, no thread is ready and
 * no object is dead.
 *
 * Planted mistakes, each of which must be found: -DBUG_NO_LOOK (no look for a ready thread after the reaping),
 * -DBUG_STAYS_UNSETTLED (a CPU sleeps without saying that it can be rung), -DBUG_LATE_SETTLED (it says so only after
 * it has released the lock), -DBUG_LATE_RING (a CPU is rung only if it sleeps already).
 */
#define CPUS 3
#define TURNS 2 /* entries that do something, of all threads together */

bool runs[CPUS];           /* a thread */
byte ready[CPUS];          /* threads that can run */
byte waits[CPUS] = 1;      /* threads that wait */
byte dead[CPUS];           /* objects, by the CPU of the thread that waits for each */
bool unsettled[CPUS];
bool rung[CPUS], sleeps[CPUS];
byte turns = 0;

/* CPU c makes a thread of CPU d ready. */
inline make_ready(d) {
    waits[d]--;
    ready[d]++;
    if
    :: !runs[d] ->
        if
#ifdef BUG_LATE_RING
        :: sleeps[d] && d != c -> rung[d] = true
#else
        :: !unsettled[d] && d != c -> rung[d] = true
#endif
        :: else
        fi;
        unsettled[d] = true
    :: else
    fi
}

/* Nothing runs on c: run a ready thread, if there is one, before or after taking one dead object apart. */
inline idle() {
    do
    :: ready[c] > 0 -> ready[c]--; runs[c] = true; unsettled[c] = false; break
#ifdef BUG_NO_LOOK
    :: true ->
#else
    :: ready[c] == 0 ->
#endif
        if
        :: dead[0] > 0 -> dead[0]--; end_wait(0)
        :: dead[1] > 0 -> dead[1]--; end_wait(1)
        :: dead[2] > 0 -> dead[2]--; end_wait(2)
        :: else
        fi;
#ifndef BUG_NO_LOOK
        if
        :: ready[c] > 0 -> skip
        :: else ->
#endif
            may_sleep = dead[0] + dead[1] + dead[2] == 0;
#if !defined(BUG_STAYS_UNSETTLED) && !defined(BUG_LATE_SETTLED)
            unsettled[c] = false;
            assert(ready[c] == 0);
#endif
            break
#ifndef BUG_NO_LOOK
        fi
#endif
    od
}

inline end_wait(d) {
    if
    :: waits[d] > 0 -> make_ready(d)
    :: else
    fi
}

/* What a running thread does in the kernel. */
inline enter(d) {
    if
    :: waits[d] > 0 -> make_ready(d)
    :: waits[d] > dead[d] -> dead[d]++
    :: true
    fi
}

active [CPUS] proctype cpu() {
    byte c = _pid;
    bool may_sleep;
    ready[c]++; /* its first thread */
    do
    :: !runs[c] ->
        atomic { idle() }
#ifdef BUG_LATE_SETTLED
        unsettled[c] = unsettled[c] && runs[c];
#endif
        if
        :: runs[c]
        :: !runs[c] && !may_sleep -> rung[c] = false
        :: !runs[c] && may_sleep ->
            sleeps[c] = true;
end:        rung[c];
            atomic { sleeps[c] = false; rung[c] = false }
        fi
    :: runs[c] && rung[c] -> atomic { rung[c] = false; unsettled[c] = false }
    :: runs[c] && turns < TURNS ->
        atomic {
            turns++;
            if
            :: enter(0)
            :: enter(1)
            :: enter(2)
            fi
        }
    :: runs[c] -> /* it blocks; the last one, for good */
        atomic {
            runs[c] = false;
            unsettled[c] = true;
            if
            :: turns < TURNS -> waits[c]++
            :: else
            fi;
            idle()
        }
    od
}

active proctype watch() {
    byte c = 0;
    timeout;
    do
    :: c < CPUS -> assert(ready[c] == 0 && dead[c] == 0); c++
    :: else -> break
    od
}
