/*
 * How the boot CPU starts the others (kernel/arch/x86_64/smp.c), for all interleavings. Any of them may be absent, too
 * slow for every timeout, or refused for its clock.
 *
 *   boot CPU    for each entry of its list: sends START, and waits for "arrived", with a timeout; asks for the clock,
 *               and waits for the answer, with a timeout; then accepts the CPU, which counts as started, or refuses it
 *               by INIT. It never returns to an entry
 *   other CPU   begins at START, says "arrived", answers each question, and leaves the handshake when it is accepted.
 *               INIT ends all of that, but only when it arrives: until then the CPU goes on
 *
 * Checked: no run ends with a CPU that counts but has not left the handshake; no CPU leaves it that does not count; no
 * CPU answers a question that was meant for another; INIT goes to no CPU that counts.
 *
 * Planted mistakes, each of which must be found: -DBUG_ONE_SET_OF_WORDS (all CPUs share their words, which are cleared
 * for the next CPU as soon as one is accepted), -DBUG_WORDS_BY_PLACE (a refused CPU leaves its words to the next one),
 * -DBUG_NAMED_TWICE (a CPU is in the list twice).
 */
#define CPUS 3

#if defined(BUG_ONE_SET_OF_WORDS)
#define WORDS_OF(entry) 0
#elif defined(BUG_WORDS_BY_PLACE)
#define WORDS_OF(entry) counted
#else
#define WORDS_OF(entry) entry
#endif

#ifdef BUG_NAMED_TWICE
#define CPU_OF(entry) (entry == CPUS - 1 -> 0 : entry)
#else
#define CPU_OF(entry) entry
#endif

bool arrived[CPUS], asked[CPUS], answered[CPUS], accepted[CPUS]; /* the words */
byte words[CPUS];                                               /* each CPU's set of words, told with START */
byte owner[CPUS];                                               /* the CPU that got these words last */
bool start_sent[CPUS], init_sent[CPUS];
bool counts[CPUS], runs[CPUS];
byte counted = 0;

active proctype boot_cpu() {
    byte entry = 0, w, tried;
    bool good;
    do
    :: entry == CPUS -> break
    :: entry < CPUS ->
        tried = CPU_OF(entry);
        w = WORDS_OF(entry);
        good = false;
#ifdef BUG_ONE_SET_OF_WORDS
        arrived[w] = false; asked[w] = false; answered[w] = false; accepted[w] = false;
#elif defined(BUG_WORDS_BY_PLACE)
        arrived[w] = false; asked[w] = false; answered[w] = false;
#endif
        words[tried] = w;
        owner[w] = tried;
        start_sent[tried] = true;
        if
        :: arrived[w] ->
            asked[w] = true;
            if
            :: answered[w] ->
                if
                :: good = true
                :: skip /* its clock is another */
                fi
            :: true /* no answer for four seconds */
            fi
        :: true /* none for one */
        fi;
        if
        :: good ->
            atomic { counts[tried] = true; counted++ }
            accepted[w] = true
        :: else ->
            assert(!counts[tried]);
            init_sent[tried] = true
        fi;
        entry++
    od
}

active [CPUS] proctype cpu() {
    byte c = _pid - 1;
    if
    :: true -> goto absent
    :: true
    fi;
end_stopped:
    atomic { start_sent[c] && !init_sent[c] }
    arrived[words[c]] = true;
    do
    :: init_sent[c] -> goto absent
    :: accepted[words[c]] -> break
    :: atomic {
        asked[words[c]] && !answered[words[c]] ->
        assert(owner[words[c]] == c);
        answered[words[c]] = true
    }
    od;
    assert(counts[c]);
    runs[c] = true;
end_runs:
    false;
absent:
end_absent:
    false
}
