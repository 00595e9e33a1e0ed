/*
 * Calls, replies and death, for all interleavings. Each atomic step is one stay in the kernel, which the kernel lock
 * makes one step for everybody else (docs/objects.md, Replies and Endpoints).
 *
 *   clients   call; the first one with a deadline, which may pass at any time
 *   servers   wait, then answer, put the Reply aside, hand it to the other server, or throw it away, as they like
 *   reaper    kills any one thread at any time; the endpoint at any time; and the endpoint for certain when no server
 *             is left, as a manager of servers does when it gives up
 *
 * The order in which clients are served is left open, so that what holds here holds for any priorities.
 *
 * Checked: after each step, every thread is exactly where its state says (`census`); an answer reaches the call it was
 * meant for, once; and no run ends with a client that still waits (Spin's search for invalid end states).
 *
 * Planted mistakes, each of which must be found: -DBUG_STALE_REPLY (a caller that stops waiting leaves the Reply with
 * the server), -DBUG_SILENT_DROP (deleting a Reply wakes no caller), -DBUG_QUEUED_DEAD (a killed thread stays in its
 * queue).
 */
#define CLIENTS 2
#define SERVERS 2
#define THREADS 4   /* clients first */
#define CALLS 2     /* of the first client; the other makes one */
#define MOVES 1     /* of Replies, in all: bounds the search */
#define NOBODY 15

mtype = { RUNS, IN_CALL, IN_WAIT, DEAD, OK, PEER, TIMEOUT, NONE };

mtype state[THREADS] = RUNS;
mtype result[THREADS] = NONE;
bool sending[THREADS];   /* in the endpoint's queue of senders */
bool receiving[THREADS]; /* in its queue of receivers */
bool endpoint_lives = true;
byte call_number[CLIENTS];   /* which call of its own a client is in */
byte answered_number[CLIENTS];

/* Places for Replies (a server's current one, a slot of its table): the waiting client, and its call's number. */
byte current_reply[THREADS] = NOBODY;
byte current_number[THREADS];
byte kept_reply[THREADS] = NOBODY;
byte kept_number[THREADS];
byte moves = 0;

inline clear_reply(c) {
    i = CLIENTS;
    do
    :: i < THREADS ->
        if :: current_reply[i] == c -> current_reply[i] = NOBODY :: else fi;
        if :: kept_reply[i] == c -> kept_reply[i] = NOBODY :: else fi;
        i++
    :: else -> break
    od
}

/* End the wait of t, whatever it waits for (thread_cancel). */
inline cancel(t) {
    sending[t] = false;
    receiving[t] = false;
#ifndef BUG_STALE_REPLY
    if :: t < CLIENTS -> clear_reply(t) :: else fi
#endif
}

inline wake(t, outcome) {
    result[t] = outcome;
    state[t] = RUNS
}

/* Delete the Reply at `place` (cap_remove). */
inline drop(place) {
    if
    :: place != NOBODY ->
        c = place;
        place = NOBODY;
#ifndef BUG_SILENT_DROP
        cancel(c);
        wake(c, PEER)
#endif
    :: else
    fi
}

inline census() {
    j = 0;
    do
    :: j < THREADS ->
        assert(!(sending[j] && receiving[j]));
        assert(!sending[j] || state[j] == IN_CALL);
        assert(receiving[j] == (state[j] == IN_WAIT));
        if
        :: j < CLIENTS ->
            /* queued, or one Reply somewhere: never both, never neither, never without waiting */
            n = sending[j];
            if :: current_reply[2] == j -> n++ :: else fi;
            if :: current_reply[3] == j -> n++ :: else fi;
            if :: kept_reply[2] == j -> n++ :: else fi;
            if :: kept_reply[3] == j -> n++ :: else fi;
            assert(n == (state[j] == IN_CALL))
        :: else -> /* the dead hold nothing */
            assert(state[j] != DEAD || (current_reply[j] == NOBODY && kept_reply[j] == NOBODY))
        fi;
        j++
    :: else -> break
    od;
    assert(endpoint_lives || !(sending[0] || sending[1] || receiving[2] || receiving[3]));
    assert(!((sending[0] || sending[1]) && (receiving[2] || receiving[3])));
    if :: current_reply[2] == NOBODY -> current_number[2] = 0 :: else fi; /* a finished call is no state */
    if :: current_reply[3] == NOBODY -> current_number[3] = 0 :: else fi;
    if :: kept_reply[2] == NOBODY -> kept_number[2] = 0 :: else fi;
    if :: kept_reply[3] == NOBODY -> kept_number[3] = 0 :: else fi;
    result[2] = NONE; result[3] = NONE;
    j = 0; n = 0; c = 0; i = 0
}

inline deliver(c, s) {
    sending[c] = false;
    receiving[s] = false;
    current_reply[s] = c;
    current_number[s] = call_number[c]
}

/* Answer call `number` of the client that waits at `place`. */
inline answer(place, number) {
    c = place;
    assert(state[c] == IN_CALL && !sending[c]);
    assert(number == call_number[c]);          /* the call that it was meant for */
    assert(answered_number[c] != number);      /* once */
    answered_number[c] = number;
    cancel(c);
    place = NOBODY;
    wake(c, OK)
}

proctype client(byte me; byte limit) {
    byte c, i, j, n, calls = 0;
    do
    :: calls < limit && state[me] == RUNS ->
        atomic {
            if
            :: state[me] != RUNS
            :: state[me] == RUNS && !endpoint_lives -> calls = limit
            :: state[me] == RUNS && endpoint_lives ->
                calls++;
                call_number[me] = calls;
                result[me] = NONE;
                state[me] = IN_CALL;
                if
                :: receiving[2] -> deliver(me, 2); wake(2, OK)
                :: receiving[3] -> deliver(me, 3); wake(3, OK)
                :: else -> sending[me] = true
                fi
            fi;
            census()
        };
        if
        :: atomic { state[me] == RUNS ->
               assert(calls == limit || result[me] != NONE || call_number[me] == 0);
               assert((result[me] == OK) == (answered_number[me] == call_number[me] && call_number[me] != 0)) }
        :: state[me] == DEAD -> break
        fi
    :: calls == limit && state[me] == RUNS -> break
    :: state[me] == DEAD -> break
    od
}

proctype server(byte me; byte other) {
    byte c, i, j, n;
end:
    do
    :: atomic { state[me] == RUNS && current_reply[me] == NOBODY && endpoint_lives -> /* ep_wait */
        if
        :: sending[0] -> deliver(0, me)
        :: sending[1] -> deliver(1, me)
        :: else -> receiving[me] = true; state[me] = IN_WAIT
        fi;
        census() }
    :: atomic { state[me] == RUNS && current_reply[me] != NOBODY -> /* ep_reply */
        answer(current_reply[me], current_number[me]);
        census() }
    :: atomic { state[me] == RUNS && kept_reply[me] != NOBODY ->
        answer(kept_reply[me], kept_number[me]);
        census() }
    :: atomic { state[me] == RUNS && current_reply[me] != NOBODY && kept_reply[me] == NOBODY -> /* cap_move */
        kept_reply[me] = current_reply[me];
        kept_number[me] = current_number[me];
        current_reply[me] = NOBODY;
        census() }
    :: atomic { state[me] == RUNS && kept_reply[me] != NOBODY && state[other] != DEAD && kept_reply[other] == NOBODY &&
                moves < MOVES ->
        moves++;
        kept_reply[other] = kept_reply[me];
        kept_number[other] = kept_number[me];
        kept_reply[me] = NOBODY;
        census() }
    :: atomic { state[me] == RUNS && current_reply[me] != NOBODY -> /* cap_delete */
        drop(current_reply[me]);
        census() }
    :: atomic { state[me] == RUNS && kept_reply[me] != NOBODY ->
        drop(kept_reply[me]);
        census() }
    :: atomic { state[me] == IN_WAIT && kept_reply[me] != NOBODY -> /* the timer of a server that owes an answer */
        receiving[me] = false;
        wake(me, OK);
        census() }
    :: state[me] == DEAD -> break
    od
}

/* The first client's deadline, at any time while it waits. */
proctype clock() {
    byte c, i, j, n;
    do
    :: atomic { state[0] == IN_CALL -> cancel(0); wake(0, TIMEOUT); census() }; break
    :: break
    od
}

inline end_endpoint() {
    endpoint_lives = false;
    k = 0;
    do
    :: k < THREADS ->
        if :: sending[k] || receiving[k] -> cancel(k); wake(k, PEER) :: else fi;
        k++
    :: else -> break
    od;
    k = 0
}

inline kill(t) {
    if
    :: state[t] != DEAD ->
#ifndef BUG_QUEUED_DEAD
        cancel(t);
#endif
        state[t] = DEAD;
        drop(current_reply[t]);
        drop(kept_reply[t])
    :: else
    fi
}

proctype reaper() {
    byte c, i, j, n, k, killed = 0;
    do
    :: killed < 2 -> killed++;
        atomic {
            if
            :: true -> kill(0)
            :: true -> kill(1)
            :: true -> kill(2)
            :: true -> kill(3)
            fi;
            census()
        }
    :: endpoint_lives -> atomic { end_endpoint(); census() }
    :: break
    od;
end:
    if /* nobody is left to serve: whoever runs the servers gives the endpoint up */
    :: atomic { endpoint_lives && state[2] == DEAD && state[3] == DEAD -> end_endpoint(); census() }
    fi
}

init {
    atomic {
        run client(0, CALLS);
        run client(1, 1);
        run server(2, 3);
        run server(3, 2);
        run clock();
        run reaper()
    }
}
