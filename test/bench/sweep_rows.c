/*
 * Do the costs have a cliff? Call and answer with every number of words, alone and with capabilities, which the peer
 * deletes. Each combination is a row sweep_WORDS_CAPABILITIES, for ./baton bench sweep.
 */
#include "libsys/program/program.h"
#include "libsys/text/format.h"
#include "test/bench/bench.h"

#define TURNS 100ULL

extern const uint8_t peer_take_caps[];

static void call(cap_t endpoint, uint64_t words, uint64_t caps) {
    struct message message = {.info = MESSAGE_INFO(0, words, caps), .words = {1, 2, 3, 4}};
    bench_require_status("call", ep_call(endpoint, &message));
}

static void sweep_row(cap_t endpoint, uint64_t words, uint64_t caps) {
    char id[24];
    format_into(id, sizeof id, "sweep_%lu_%lu", words, caps);
    BENCH(id, TURNS, call(endpoint, words, caps));
}

/* grant: the capability that is sent. */
void sweep_rows(cap_t grant) {
    struct bench_peer peer;
    cap_t endpoint = bench_make(OBJECT_ENDPOINT, 0);
    bench_peer_start(&peer, peer_take_caps, (cap_t[]){endpoint, 0}, 1, PEER_LAST_SLOT, grant);
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++)
        program.message->send_caps[i] = grant;
    for (uint64_t caps = 0; caps <= MESSAGE_CAPS; caps++)
        for (uint64_t words = 0; words <= MESSAGE_WORDS; words++)
            sweep_row(endpoint, words, caps);
    bench_peer_end(&peer);
}
