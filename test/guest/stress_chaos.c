/*
 * Suite stress: threads that disturb others, and each other, until stress.stop is set.
 */
#include "test/guest/stress.h"

#include "kernel/abi/system.h"
#include "libsys/text/string.h"
#include "test/guest/lib/random.h"

#define WINDOW_PAGES (WORKER_STACK_PAGES + 2)
#define PAGE_WORDS (PAGE_BYTES / 8)

static void rest(struct worker_view *view, uint64_t *random) {
    uint64_t until_ns = world_now() + random_step(random) % (view->in[STRESS_UNIT_NS] * 2);
    stress_expect(view, sys_signal_wait(world.silence, until_ns), E_TIMEOUT);
}

static void end(struct worker_view *view) {
    view->out[STRESS_ENDED] = 1;
    (void)sys_signal_wait(world.silence, DEADLINE_NEVER);
}

/* ---- frames that go round ---- */

#define NO_FRAME UINT64_MAX

static struct {
    uint64_t in[STRESS_SPACES][STRESS_PAGES]; /* which frame is mapped there */
    uint64_t owner[STRESS_FRAMES];            /* its canary */
} map;

static volatile uint64_t *frame_words(uint64_t frame) { return stress.seen + frame * PAGE_WORDS; }
static uaddr_t page_at(uint64_t page) { return stress.pages + page * PAGE_BYTES; }

/* Check that only its owner has written to the frame, and that nobody writes to it now. */
static void check_frame(struct worker_view *view, uint64_t frame) {
    volatile uint64_t *words = frame_words(frame);
    uint64_t counter = words[STRESS_COUNTER];
    for (uint64_t i = 0; i < STRESS_COUNTER; i++) {
        if (words[i] != map.owner[frame])
            stress_wrong(view, map.owner[frame] == STRESS_FREE_CANARY ? WRONG_FREE_FRAME : WRONG_CANARY, words[i]);
    }
    if (words[STRESS_COUNTER] != counter)
        stress_wrong(view, WRONG_LATE_WRITE, frame);
}

static void paint(struct worker_view *view, uint64_t frame, uint64_t canary) {
    map.owner[frame] = canary;
    stress_expect(view, sys_memory_fill(stress.frames, frame * PAGE_BYTES, PAGE_BYTES, canary), OK);
}

static void give(struct worker_view *view, uint64_t space, uint64_t page, uint64_t frame) {
    check_frame(view, frame);
    paint(view, frame, stress_canary(space));
    map.in[space][page] = frame;
    stress_expect(view, sys_space_map(stress.spaces[space], stress.frames, frame, 1, page_at(page), READ_WRITE), OK);
}

static void take(struct worker_view *view, uint64_t space, uint64_t page, uint64_t count) {
    (void)sys_space_unmap(stress.spaces[space], page_at(page), count);
    for (uint64_t i = page; i < page + count; i++) {
        uint64_t frame = map.in[space][i];
        if (frame == NO_FRAME)
            continue;
        check_frame(view, frame);
        paint(view, frame, STRESS_FREE_CANARY);
        map.in[space][i] = NO_FRAME;
    }
}

static void protect(struct worker_view *view, uint64_t space, uint64_t page, uint64_t count) {
    cap_t cap = stress.spaces[space];
    uint64_t rights = MEMORY_READ;
    for (uint64_t i = page; i < page + count; i++) {
        if (map.in[space][i] == NO_FRAME)
            return; /* the kernel would refuse */
    }
    stress_expect(view, sys_space_protect(cap, page_at(page), count, rights), OK);
    for (uint64_t i = page; i < page + count; i++)
        check_frame(view, map.in[space][i]);
    stress_expect(view, sys_space_protect(cap, page_at(page), count, READ_WRITE), OK);
}

static uint64_t free_frame(uint64_t first) {
    for (uint64_t i = 0;; i++) {
        uint64_t frame = (first + i) % STRESS_FRAMES;
        if (map.owner[frame] == STRESS_FREE_CANARY)
            return frame;
    }
}

static void map_once(struct worker_view *view, uint64_t *random) {
    uint64_t value = random_step(random), space = value % STRESS_SPACES, page = stress_page_number(value >> 8);
    uint64_t count = (value >> 16) % 4 == 0 ? 1 + (value >> 24) % (STRESS_PAGES - page) : 1;
    if ((value >> 18) % 32 == 0)
        take(view, space, 0, STRESS_PAGES);
    else if (map.in[space][page] == NO_FRAME)
        give(view, space, page, free_frame((value >> 32) % STRESS_FRAMES));
    else if ((value >> 18) % 2 == 0)
        protect(view, space, page, count);
    else
        take(view, space, page, count < 4 ? count : 1);
}

void stress_map(struct worker_view *view) {
    uint64_t random = view->in[STRESS_RANDOM] | 1;
    for (uint64_t frame = 0; frame < STRESS_FRAMES; frame++)
        paint(view, frame, STRESS_FREE_CANARY);
    memset(map.in, 0xff, sizeof map.in);
    for (; stress.stop == 0; view->out[STRESS_TURNS]++) {
        map_once(view, &random);
        if (random_step(&random) % 8 == 0)
            rest(view, &random);
    }
    for (uint64_t i = 0; i < STRESS_SPACES * STRESS_PAGES; i++) { /* so that all touchers can go on */
        if (map.in[i % STRESS_SPACES][i / STRESS_SPACES] == NO_FRAME)
            give(view, i % STRESS_SPACES, i / STRESS_SPACES, free_frame(i));
    }
    end(view);
}

/* ---- to stop, move and begin anew ---- */

static struct result move(struct worker_view *view, const struct member *member, uint64_t value) {
    struct thread_config config = {.cpu = value % STRESS_CPUS, .priority = STRESS_PRIORITY - (value >> 8) % 3};
    memcpy(view->message->data, &config, sizeof config);
    bool flexible = (member->flags & MEMBER_FLEXIBLE) != 0 && (value >> 16) % 2 == 0;
    return sys_thread_configure(member->worker.thread, flexible ? THREAD_CPU | THREAD_PRIORITY : THREAD_CPU);
}

static struct result look(struct worker_view *view, const struct member *member) {
    struct thread_state state;
    struct result result = sys_thread_read(member->worker.thread, 0);
    memcpy(&state, view->message->data, sizeof state);
    if (result.status == OK && (state.cpu >= STRESS_CPUS || state.run_state > THREAD_IN_FAULT))
        stress_wrong(view, WRONG_STATE, state.run_state);
    return result;
}

static struct result restart(struct worker_view *view, const struct member *member) {
    struct thread_registers entry = worker_entry_state(&member->worker, member->code);
    memcpy(view->message->data, &entry, sizeof entry);
    return sys_thread_handover(member->worker.thread, member->worker.space, HANDOVER_RESUME);
}

static void meddle_once(struct worker_view *view, uint64_t value) {
    const struct member *member = &stress.members[(value >> 16) % stress.member_count];
    struct result result;
    switch (value % 8) {
    case 0:
    case 1:
        result = sys_thread_suspend(member->worker.thread, 0);
        break;
    case 2:
    case 3:
        result = sys_thread_resume(member->worker.thread);
        break;
    case 4:
    case 5:
        result = move(view, member, value >> 32);
        break;
    case 6:
        result = look(view, member);
        break;
    default:
        result = (member->flags & MEMBER_RESTARTS) != 0 ? restart(view, member) : (struct result){.status = OK};
        break;
    }
    bool may_fail = (member->flags & MEMBER_DOOMED) != 0 && (result.status == E_CAP || result.status == E_STATE);
    if (result.status != OK && !may_fail)
        stress_wrong(view, WRONG_STATUS, (value % 8) << 32 | result.status);
}

void stress_meddle(struct worker_view *view) {
    uint64_t random = view->in[STRESS_RANDOM] | 1;
    for (; stress.stop == 0; view->out[STRESS_TURNS]++) {
        meddle_once(view, random_step(&random));
        __atomic_fetch_add(&stress.meddling, 1, __ATOMIC_RELAXED);
        if (random_step(&random) % 4 == 0)
            rest(view, &random);
    }
    end(view);
}

/* ---- to kill, and make again in the same place ---- */

static void revive(struct worker_view *view, const struct doomed *doomed, uint64_t cpu) {
    extern const char __executable_start[];
    const struct worker *worker = &doomed->member->worker;
    uaddr_t window = worker->stack_top - WORKER_STACK_PAGES * PAGE_BYTES;
    struct thread_config config = {.table = INIT_CAP_TABLE,
                                   .fault_endpoint = stress.faults,
                                   .message_memory = worker->window,
                                   .message_offset_pages = WORKER_STACK_PAGES,
                                   .priority = STRESS_PRIORITY,
                                   .cpu = cpu};
    uint64_t fields = THREAD_TABLE | THREAD_FAULT_ENDPOINT | THREAD_MESSAGE_PAGE | THREAD_PRIORITY | THREAD_CPU;
    stress_expect(view, sys_pool_create(world.region, doomed->frame, STRESS_POOL_PAGES, doomed->pool), OK);
    stress_expect(view, sys_object_create(doomed->pool, OBJECT_SPACE, 0, worker->space), OK);
    stress_expect(view, sys_object_create(doomed->pool, OBJECT_THREAD, 0, worker->thread), OK);
    stress_expect(view, sys_object_create(doomed->pool, OBJECT_ENDPOINT, 0, doomed->endpoint), OK);
    stress_expect(
        view,
        sys_space_map(worker->space, world.image, 0, world.image_pages, (uaddr_t)__executable_start, READ_EXECUTE), OK);
    stress_expect(view, sys_space_map(worker->space, worker->window, 0, WINDOW_PAGES, window, READ_WRITE), OK);
    memcpy(view->message->data, &config, sizeof config);
    stress_expect(view, sys_thread_configure(worker->thread, fields), OK);
    stress_expect(view, restart(view, doomed->member), OK);
}

static void kill(struct worker_view *view, const struct doomed *doomed, uint64_t how) {
    const cap_t first[] = {doomed->pool, doomed->member->worker.thread, doomed->member->worker.space, doomed->endpoint};
    if (how % 8 == 4)
        stress_expect(view, sys_cap_revoke(doomed->pool), OK);
    else
        stress_expect(view, sys_cap_delete(0, first[how % 4]), OK);
    stress_expect(view, sys_cap_delete(0, doomed->pool), OK);
    __atomic_fetch_add(&stress.kills, 1, __ATOMIC_RELAXED);
}

void stress_kill(struct worker_view *view) {
    uint64_t random = view->in[STRESS_RANDOM] | 1;
    for (; stress.stop == 0; view->out[STRESS_TURNS]++) {
        uint64_t value = random_step(&random);
        const struct doomed *doomed = &stress.doomed[view->in[STRESS_KILLER] * STRESS_SHARE + value % STRESS_SHARE];
        kill(view, doomed, value >> 8);
        if ((value >> 16) % 2 == 0)
            rest(view, &random);
        revive(view, doomed, (value >> 24) % STRESS_CPUS);
        rest(view, &random);
    }
    end(view);
}
