#include "servers/process/records/wakes.h"

#include <stddef.h>

#include "libsys/wire/journal.h"

static void put(struct wakes *wakes, uint32_t position, struct wake *wake) {
    wakes->heap[position] = wake;
    wake->position = position;
}

/* Fill the gap at `position` with `wake`, or with the timers that belong above or below it. */
static void sift(struct wakes *wakes, uint32_t position, struct wake *wake) {
    for (; position > 1 && wakes->heap[position / 2]->at_ns > wake->at_ns; position /= 2)
        put(wakes, position, wakes->heap[position / 2]);
    for (uint32_t below; (below = 2 * position) <= wakes->count; position = below) {
        if (below < wakes->count && wakes->heap[below + 1]->at_ns < wakes->heap[below]->at_ns)
            below++;
        if (wakes->heap[below]->at_ns >= wake->at_ns)
            break;
        put(wakes, position, wakes->heap[below]);
    }
    put(wakes, position, wake);
}

static void take_out(struct wakes *wakes, struct wake *wake) {
    uint32_t position = wake->position;
    struct wake *last = wakes->heap[wakes->count--];
    wake->position = 0;
    if (last != wake)
        sift(wakes, position, last);
}

void wakes_set(struct wakes *wakes, struct wake *wake, uint64_t at_ns) {
    if (wake->position != 0)
        take_out(wakes, wake);
    wake->at_ns = at_ns;
    if (at_ns == DEADLINE_NEVER)
        return;
    wakes->count++;
    sift(wakes, wakes->count, wake);
}

struct wake *wakes_take(struct wakes *wakes, uint64_t now_ns) {
    struct wake *wake = wakes->count > 0 ? wakes->heap[1] : NULL;
    if (wake == NULL || wake->at_ns > now_ns)
        return NULL;
    journal_note(wake, sizeof *wake);
    take_out(wakes, wake);
    return wake;
}

void wakes_set_again(struct wakes *wakes, struct wake *wake, bool set) {
    wake->position = 0;
    wakes_set(wakes, wake, set ? wake->at_ns : DEADLINE_NEVER);
}
