/* The pure parts of the process server: frames, the table of processes, strings. */
#include <string.h>

#include "servers/process/frames.h"
#include "servers/process/process.h"
#include "servers/process/strings.h"
#include "test/host/check.h"

#define REGION_PAGES 200U
#define REGIONS 3U

static struct frames frames;
static uint64_t bookkeeping[256];

static void start_frames(void) {
    static const uint64_t pages[REGIONS] = {64, REGION_PAGES, 1}; /* one ends with a word of the bitmap */
    memset(&frames, 0, sizeof frames);
    for (uint32_t i = 0; i < REGIONS; i++)
        CHECK(frames_add_region(&frames, 10 + i, pages[i]));
    CHECK(frames_bookkeeping_bytes(&frames) <= sizeof bookkeeping);
    memset(bookkeeping, 0, sizeof bookkeeping);
    frames_start(&frames, bookkeeping);
    CHECK_EQUAL(frames.free_count, 64 + REGION_PAGES + 1);
}

static void frames_runs_stay_in_their_region(void) {
    struct frame_run run;
    start_frames();
    CHECK(frames_take(&frames, 64, 64, &run) && run.memory == 10 && run.offset_pages == 0);
    CHECK(frames_take(&frames, 201, 1, &run) && run.memory == 11 && run.page_count == REGION_PAGES);
    CHECK(!frames_take(&frames, 2, 2, &run));
    CHECK(frames_take(&frames, 2, 1, &run) && run.memory == 12 && run.page_count == 1);
    CHECK(!frames_take(&frames, 1, 1, &run));
    CHECK_EQUAL(frames.free_count, 0);

    start_frames();
    CHECK(frames_take(&frames, 60, 60, &run) && run.memory == 10);
    CHECK(frames_take(&frames, 10, 10, &run) && run.memory == 11 && run.offset_pages == 0); /* not 4 and 6 */
    CHECK(frames_take(&frames, 4, 4, &run) && run.memory == 10 && run.offset_pages == 60);
}

/* Random takes and gives against a plain array of owners: no frame twice, none lost. */
static void frames_against_a_model(void) {
    static struct frame_run held[256];
    static uint8_t owned[REGIONS][REGION_PAGES];
    uint32_t held_count = 0;
    uint64_t held_pages = 0;
    uint64_t state = 0x1234567;
    start_frames();
    memset(owned, 0, sizeof owned);
    for (uint32_t step = 0; step < 20000; step++) {
        uint64_t random = check_random(&state);
        struct frame_run run;
        if (random % 2 == 0 && held_count < 256 && frames_take(&frames, random / 2 % 30 + 1, 1, &run)) {
            for (uint64_t i = 0; i < run.page_count; i++)
                CHECK_EQUAL(owned[run.memory - 10][run.offset_pages + i]++, 0);
            held[held_count++] = run;
            held_pages += run.page_count;
        } else if (held_count > 0) {
            uint32_t pick = (uint32_t)(random / 2 % held_count);
            run = held[pick];
            for (uint64_t i = 0; i < run.page_count; i++)
                owned[run.memory - 10][run.offset_pages + i]--;
            frames_give(&frames, &run);
            held_pages -= run.page_count;
            held[pick] = held[--held_count];
        }
        if (check_failed_count > 0)
            return;
        CHECK_EQUAL(frames.free_count + held_pages, frames.managed_count);
    }
    while (held_count > 0)
        frames_give(&frames, &held[--held_count]);
    struct frame_run run;
    CHECK(frames_take(&frames, REGION_PAGES, REGION_PAGES, &run)); /* all in one piece again */
}

/* Random holders come and go, against a plain count of each frame's: it is free when nobody has it, and only then. */
static void shared_frames_against_a_model(void) {
    static uint32_t holders[64 * 8];
    static uint32_t held[600];
    uint32_t held_count = 0, distinct = 0;
    uint64_t state = 0x777;
    start_frames();
    memset(holders, 0, sizeof holders);
    for (uint32_t step = 0; step < 30000 && check_failed_count == 0; step++) {
        uint64_t random = check_random(&state);
        uint32_t pick = held_count > 0 ? (uint32_t)(random / 4 % held_count) : 0;
        if (random % 4 == 0 && held_count < 600) {
            uint32_t frame = frames_take_one(&frames);
            CHECK_EQUAL(frame == FRAMES_NONE, distinct == frames.managed_count);
            if (frame == FRAMES_NONE)
                continue;
            CHECK_EQUAL(holders[frame]++, 0);
            struct frame_run run = frames_run_of(&frames, frame);
            CHECK(run.page_count == 1 && frames_number_of(&frames, &run) == frame);
            held[held_count++] = frame;
            distinct++;
        } else if (random % 4 == 1 && held_count > 0 && held_count < 600) {
            CHECK(frames_share(&frames, held[pick]));
            holders[held[pick]]++;
            held[held_count++] = held[pick];
        } else if (held_count > 0) {
            frames_drop(&frames, held[pick]);
            distinct -= --holders[held[pick]] == 0 ? 1 : 0;
            held[pick] = held[--held_count];
        }
        CHECK_EQUAL(frames.free_count + distinct, frames.managed_count);
        if (held_count > 0)
            CHECK_EQUAL(frames_is_shared(&frames, held[held_count - 1]), holders[held[held_count - 1]] > 1);
    }
    while (held_count > 0)
        frames_drop(&frames, held[--held_count]);
    struct frame_run run;
    CHECK(frames_take(&frames, REGION_PAGES, REGION_PAGES, &run));
}

/* The lowest free frame is taken first, no frame has the number of none, and each region's lie where they say. */
static void single_frames_are_all_given_out(void) {
    static bool seen[REGIONS][REGION_PAGES];
    start_frames();
    memset(seen, 0, sizeof seen);
    uint32_t last = FRAMES_NONE;
    for (uint64_t i = 0; i < 64 + REGION_PAGES + 1; i++) {
        uint32_t frame = frames_take_one(&frames);
        CHECK(frame > last);
        last = frame;
        struct frame_run run = frames_run_of(&frames, frame);
        CHECK(run.memory >= 10 && run.memory < 10 + REGIONS && run.offset_pages < REGION_PAGES);
        CHECK(!seen[run.memory - 10][run.offset_pages]);
        seen[run.memory - 10][run.offset_pages] = true;
    }
    CHECK_EQUAL(frames_take_one(&frames), FRAMES_NONE);
    CHECK_EQUAL(frames.free_count, 0);
    frames_drop(&frames, last - 64); /* in the middle of the second region */
    CHECK_EQUAL(frames_take_one(&frames), last - 64);
}

static void holders_of_a_frame_have_a_limit(void) {
    start_frames();
    uint32_t frame = frames_take_one(&frames);
    uint32_t count = 0;
    while (count <= 1U << 20 && frames_share(&frames, frame))
        count++;
    CHECK_EQUAL(count, UINT16_MAX);
    CHECK(!frames_share(&frames, frame));
    for (uint32_t i = 0; i < count; i++) {
        CHECK(frames_is_shared(&frames, frame));
        frames_drop(&frames, frame);
    }
    CHECK(!frames_is_shared(&frames, frame));
    CHECK_EQUAL(frames.free_count, frames.managed_count - 1);
    frames_drop(&frames, frame);
    CHECK_EQUAL(frames.free_count, frames.managed_count);
}

static struct process_table table;

static void start_table(void) {
    memset(&table, 0, sizeof table);
    CHECK_EQUAL(process_begin(&table, 0)->pid, 1);
}

static void pids_count_up_and_pass_over(void) {
    start_table();
    for (uint32_t i = 2; i <= PROCESS_MAX; i++)
        CHECK_EQUAL(process_begin(&table, 1)->pid, i);
    CHECK(process_begin(&table, 1) == NULL);
    process_forget(&table, process_find(&table, 5));
    CHECK_EQUAL(process_begin(&table, 1)->pid, PROCESS_MAX + 5);
    CHECK(process_find(&table, 5) == NULL);
    CHECK(process_find(&table, 0) == NULL);
    process_forget(&table, process_find(&table, 7));
    table.last_pid = 0x7fffffff;
    CHECK_EQUAL(process_begin(&table, 1)->pid, 7); /* numbers start over */
}

static const struct process_wait_reply exited = {.end = PROCESS_EXITED, .value = 9};

static void orphans_vanish_as_they_end(void) {
    struct process *child;
    struct process *ended;
    start_table();
    struct process *parent = process_begin(&table, 1);
    struct process *living = process_begin(&table, parent->pid);
    struct process *dead = process_begin(&table, parent->pid);
    uint32_t dead_pid = dead->pid;
    CHECK(process_end(&table, dead, &exited) == NULL);
    CHECK_EQUAL(process_find_news(&table, parent, dead_pid, 0, &ended), OK);
    CHECK(process_end(&table, parent, &exited) == NULL);
    CHECK(process_find(&table, dead_pid) == NULL); /* nobody can wait for it any more */
    CHECK_EQUAL(living->parent, 1);
    CHECK_EQUAL(process_find_news(&table, process_find(&table, 1), living->pid, 0, &child), P_NO_CHILD);
    CHECK_EQUAL(process_find_news(&table, process_find(&table, 1), PROCESS_ANY, 0, &child), OK);
    CHECK(child == parent);
    uint32_t living_pid = living->pid;
    CHECK(process_end(&table, living, &exited) == NULL);
    CHECK(process_find(&table, living_pid) == NULL);
    process_forget(&table, parent);
    CHECK_EQUAL(table.count, 1);
}

static void waiting_parents_are_found(void) {
    start_table();
    struct process *first = process_find(&table, 1);
    struct process *a = process_begin(&table, 1);
    struct process *b = process_begin(&table, 1);
    first->state = PROCESS_WAITING;
    first->wait_pid = b->pid;
    a->group = table.foreground = a->pid;
    CHECK(process_end(&table, a, &exited) == NULL); /* not the one it waits for */
    CHECK_EQUAL(table.foreground, 0);
    CHECK(process_end(&table, b, &exited) == first);
    CHECK_EQUAL(first->state, PROCESS_RUNNING);
    CHECK(b->end.pid == b->pid && b->end.value == 9);
}

static void who_may_act_on_whom(void) {
    start_table();
    struct process *first = process_find(&table, 1);
    struct process *shell = process_begin(&table, 1);
    struct process *job = process_begin(&table, shell->pid);
    struct process *helper = process_begin(&table, job->pid);
    struct process *kill = process_begin(&table, shell->pid);
    struct process *other = process_begin(&table, 1);
    CHECK(process_may_act(&table, first, helper));
    CHECK(process_may_act(&table, kill, job) && process_may_act(&table, kill, helper));
    CHECK(process_may_act(&table, kill, kill));
    CHECK(!process_may_act(&table, kill, shell) && !process_may_act(&table, kill, first));
    CHECK(!process_may_act(&table, helper, job) && !process_may_act(&table, helper, shell));
    CHECK(!process_may_act(&table, helper, kill) && !process_may_act(&table, kill, other));
    CHECK(process_may_act(&table, shell, other));
    CHECK(process_end(&table, job, &exited) == NULL);
    CHECK(process_may_act(&table, shell, helper)); /* orphans belong to process 1's family */
    CHECK(!process_may_act(&table, kill, helper));
    CHECK(!process_may_act(&table, helper, other)); /* nor do they gain by it */
    CHECK(!process_may_act(&table, helper, shell));
    CHECK(process_may_act(&table, helper, process_begin(&table, helper->pid)));
}

static void sleepers_in_order(void) {
    start_table();
    CHECK_EQUAL(process_next_wake(&table), DEADLINE_NEVER);
    for (uint64_t i = 0; i < 3; i++) {
        struct process *process = process_begin(&table, 1);
        process->state = PROCESS_SLEEPING;
        process->wake_ns = 300 - 100 * i;
    }
    CHECK_EQUAL(process_next_wake(&table), 100);
    CHECK(process_find_due(&table, 99) == NULL);
    CHECK_EQUAL(process_find_due(&table, 100)->pid, 4);
}

static void names_are_last_components(void) {
    start_table();
    struct process *process = process_find(&table, 1);
    process_set_name(process, "bin/shell");
    CHECK(strcmp(process->name, "shell") == 0);
    process_set_name(process, "a-name-that-is-longer-than-there-is-room-for");
    CHECK_EQUAL(strlen(process->name), PROCESS_NAME_MAX - 1);
    process_set_name(process, "x/");
    CHECK_EQUAL(process->name[0], 0);
}

static void strings_are_divided(void) {
    char bytes[] = "prog\0arg\0cap:a=1\0HOME=/\0size:m=4\0slots=1,2\0T=\0console\0files";
    struct process_strings announced = {2, 5, 2};
    struct strings strings;
    CHECK(strings_divide(bytes, sizeof bytes, &announced, &strings));
    CHECK(strings.arguments.count == 2 && strings.arguments.length_bytes == 9);
    CHECK(strings.environment.count == 2 && memcmp(strings.environment.bytes, "HOME=/\0T=", 10) == 0);
    CHECK_EQUAL(strings.environment.length_bytes, 10);
    CHECK(strings_names(&strings, "console") && strings_names(&strings, "files") && !strings_names(&strings, "file"));
    CHECK(string_block_is_whole(&strings.environment) && string_block_is_whole(&strings.names));
}

/* Counts that do not fit, with every lie about them: refused, and no byte outside is read (the sanitizer watches). */
static void strings_that_lie_are_refused(void) {
    struct strings strings;
    for (uint64_t a = 0; a < 5; a++) {
        for (uint64_t e = 0; e < 5; e++) {
            char bytes[6] = {'a', 0, 'b', 0, 'c', 0};
            struct process_strings announced = {a, e, 1};
            CHECK_EQUAL(strings_divide(bytes, sizeof bytes, &announced, &strings), a + e == 2);
            CHECK(!strings_divide(bytes, sizeof bytes - 1, &announced, &strings));
        }
    }
    char one[] = "x";
    static const struct process_strings huge[] = {
        {UINT64_MAX, 1, 1}, {UINT64_MAX, 2, 0}, {1ULL << 63, 1ULL << 63, 1}, {4097, 0, 0}, {2048, 2049, 0}};
    for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++)
        CHECK(!strings_divide(one, sizeof one, &huge[i], &strings));
    struct process_strings none = {0, 0, 0};
    CHECK(strings_divide(one, 0, &none, &strings));
}

int main(void) {
    static const struct check_case cases[] = {
        {"frames_runs_stay_in_their_region", frames_runs_stay_in_their_region},
        {"frames_against_a_model", frames_against_a_model},
        {"shared_frames_against_a_model", shared_frames_against_a_model},
        {"single_frames_are_all_given_out", single_frames_are_all_given_out},
        {"holders_of_a_frame_have_a_limit", holders_of_a_frame_have_a_limit},
        {"pids_count_up_and_pass_over", pids_count_up_and_pass_over},
        {"orphans_vanish_as_they_end", orphans_vanish_as_they_end},
        {"waiting_parents_are_found", waiting_parents_are_found},
        {"who_may_act_on_whom", who_may_act_on_whom},
        {"sleepers_in_order", sleepers_in_order},
        {"names_are_last_components", names_are_last_components},
        {"strings_are_divided", strings_are_divided},
        {"strings_that_lie_are_refused", strings_that_lie_are_refused},
    };
    return check_run(cases, sizeof cases / sizeof cases[0]);
}
