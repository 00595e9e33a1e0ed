/*
 * Does spawn pass on the staged strings and the named capabilities, and refuse bad requests without
 * leaving anything behind?
 */
#include "libsys/text/string.h"
#include "test/process/child.h"

#define CODE_STARTED 20

static const char *const words[] = {"one", "two words", "", "4th: \xc3\xa4 '\"$", "-", "", NULL};
static const char *const variables[] = {"COLOR=blue", "EMPTY=", "PATH=a=b", "", "no sign", NULL};

static bool same_list(const char *const *wanted, char **list) {
    uint64_t i = 0;
    for (; wanted[i] != NULL; i++)
        if (!CHECK(list[i] != NULL) || !CHECK_TEXT(list[i], wanted[i]))
            return false;
    return CHECK(list[i] == NULL);
}

static bool begins(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

/* ---- roles ---- */

static int role_started(int argc, char **argv) {
    (void)argc, (void)argv;
    return CODE_STARTED;
}

/* Behind the role's name come `words`. */
static int role_words(int argc, char **argv) {
    CHECK_EQUAL(argc, sizeof words / sizeof words[0]);
    same_list(words, argv + 1);
    return CODE_STARTED;
}

/* The environment is `variables` and what the server writes, nothing else and nothing twice. */
static int role_variables(int argc, char **argv) {
    (void)argc, (void)argv;
    uint64_t found = 0;
    uint64_t slots = 0;
    for (char **entry = program.environment; *entry != NULL; entry++) {
        slots += begins(*entry, "slots=");
        if (begins(*entry, "cap:") || begins(*entry, "size:") || begins(*entry, "slots="))
            continue;
        if (CHECK(variables[found] != NULL))
            CHECK_TEXT(*entry, variables[found++]);
    }
    CHECK(variables[found] == NULL);
    CHECK_EQUAL(slots, 1);
    CHECK_EQUAL(program_cap("evil"), 0);
    CHECK_EQUAL(program_cap_size("evil"), 0);
    return CODE_STARTED;
}

/* count N LENGTH: there are N arguments in all, and the last has LENGTH times the letter x. */
static int role_count(int argc, char **argv) {
    const char *last = argv[argc - 1];
    uint64_t length = number_of(argv[2]);
    CHECK_EQUAL(argc, number_of(argv[1]));
    CHECK_EQUAL(strlen(last), length);
    for (uint64_t i = 0; i < length; i++) /* up to the zero, if it is shorter */
        if (!CHECK_EQUAL(last[i], 'x'))
            break;
    return CODE_STARTED;
}

/* caps +NAME -NAME...: what it was given, and what it was not. */
static int role_caps(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        bool has = program_cap(argv[i] + 1) != 0;
        if (!CHECK_EQUAL(has, argv[i][0] == '+'))
            test_note("capability %s", argv[i] + 1);
    }
    return CODE_STARTED;
}

/* Its own slots are empty, and as many as it was told: a capability can be put into each. */
static int role_slots(int argc, char **argv) {
    (void)argc, (void)argv;
    uint64_t count = 0;
    for (cap_t slot = slot_take(); slot != 0; slot = slot_take(), count++)
        CHECK_STATUS(sys_cap_copy(0, slot, process, 0xff, 0).status, OK);
    CHECK(count > 16);
    return CODE_STARTED;
}

/* Its memory begins as the image says, and its stack is deep enough. */
static int role_memory(int argc, char **argv) {
    (void)argc, (void)argv;
    static uint64_t zeroed[2048];
    static volatile uint64_t filled[512] = {[511] = 0x5eed};
    volatile uint8_t stack[900];
    for (uint32_t i = 0; i < 2048; i++)
        if (!CHECK_EQUAL(zeroed[i], 0))
            break;
    CHECK_EQUAL(filled[511], 0x5eed);
    filled[511] = 1;
    for (uint32_t i = 0; i < sizeof stack; i++)
        stack[i] = (uint8_t)i;
    CHECK_EQUAL(stack[100], 100);
    return CODE_STARTED;
}

static int role_low_pid(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    CHECK_EQUAL(parent_pid(), number_of(argv[1]));
    return (int)(own_pid() & 0x7f);
}

/* ---- strings ---- */

static void spawn_starts_a_program(void) { CHECK_ROLE(CODE_STARTED, "started"); }

static void spawn_tells_the_pid_that_the_child_has(void) {
    uint64_t pid = START_ROLE("low_pid", text_of(own_pid()));
    CHECK_EXIT(pid, pid & 0x7f);
}

/* ... also among those that have ended, until they were waited for. */
static void spawn_gives_each_child_a_pid_of_its_own(void) {
    uint64_t pids[8];
    for (uint32_t i = 0; i < 8; i++) {
        pids[i] = START_ROLE("started");
        CHECK(pids[i] > 1);
        for (uint32_t j = 0; j < i; j++)
            CHECK(pids[i] != pids[j]);
    }
    for (uint32_t i = 0; i < 8; i++)
        CHECK_EXIT(pids[i], CODE_STARTED);
}

static void spawn_hands_over_arguments(void) {
    CHECK_ROLE(CODE_STARTED, "words", words[0], words[1], words[2], words[3], words[4], words[5]);
}

static void spawn_hands_over_environment(void) {
    const char *const arguments[] = {SELF, "variables", NULL};
    const struct child_start start = {SELF, arguments, variables, capabilities_of_a_role};
    uint64_t pid;
    CHECK_STATUS(start_spawn(&start, &pid), OK);
    CHECK_EXIT(pid, CODE_STARTED);
}

static void spawn_leaves_out_environment_about_capabilities(void) {
    const char *const arguments[] = {SELF, "variables", NULL};
    const char *const environment[] = {variables[0], "cap:evil=1",  "slots=3,4",  variables[1], variables[2],
                                       variables[3], "size:evil=5", variables[4], "cap:",       NULL};
    const struct child_start start = {SELF, arguments, environment, capabilities_of_a_role};
    uint64_t pid;
    CHECK_STATUS(start_spawn(&start, &pid), OK);
    CHECK_EXIT(pid, CODE_STARTED);
}

/* A program without arguments plays no role: its exit code says how many arguments there were (main). */
static void spawn_hands_over_no_arguments(void) {
    const struct child_start start = {SELF, NULL, NULL, capabilities_of_a_role};
    uint64_t pid;
    CHECK_STATUS(start_spawn(&start, &pid), OK);
    CHECK_EXIT(pid, 100);
}

static void spawn_takes_a_path_with_a_slash_in_front(void) {
    const char *const arguments[] = {SELF, "started", NULL};
    const struct child_start start = {"/" SELF, arguments, NULL, NULL};
    uint64_t pid;
    CHECK_STATUS(start_spawn(&start, &pid), OK);
    CHECK_EXIT(pid, CODE_STARTED);
}

static const char *many[PROCESS_STRINGS_MAX + 2];
static char large[PROCESS_STAGE_MAX + 2];

/* `count` arguments for the role `count`. */
static const char *const *many_arguments(uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        many[i] = "x";
    many[0] = SELF;
    many[1] = "count";
    many[2] = text_of(count - 1);
    many[3] = "1";
    many[count] = NULL;
    return many;
}

static void spawn_hands_over_as_many_strings_as_promised(void) {
    const struct child_start start = {SELF, many_arguments(PROCESS_STRINGS_MAX - 1), NULL, capabilities_of_a_role};
    uint64_t pid;
    CHECK_STATUS(start_spawn(&start, &pid), OK);
    CHECK_EXIT(pid, CODE_STARTED);
}

static void spawn_refuses_more_strings(void) {
    const struct child_start start = {SELF, many_arguments(PROCESS_STRINGS_MAX), NULL, capabilities_of_a_role};
    uint64_t pid;
    CHECK_STATUS(start_spawn(&start, &pid), P_ARGUMENT);
}

/* All strings of a `count` role take `total` bytes. */
static uint32_t spawn_bytes(uint64_t total, uint64_t *ret_pid) {
    static char length_text[8];
    uint64_t fixed = sizeof SELF + sizeof "count" + sizeof "4" + sizeof length_text +
                     sizeof "tap=" + strlen(text_of(program_cap("tap")));
    uint64_t length = total - fixed - 1;
    (void)format_into(length_text, sizeof length_text, "%07lu", length);
    memset(large, 'x', sizeof large);
    large[length] = '\0';
    const char *const arguments[] = {SELF, "count", "4", length_text, large, NULL};
    const struct child_start start = {SELF, arguments, NULL, capabilities_of_a_role};
    return start_spawn(&start, ret_pid);
}

static void spawn_hands_over_64_kib_of_strings(void) {
    uint64_t pid;
    CHECK_STATUS(spawn_bytes(PROCESS_STAGE_MAX, &pid), OK);
    CHECK_EXIT(pid, CODE_STARTED);
}

static void stage_refuses_more_bytes(void) {
    uint64_t pid;
    CHECK_STATUS(spawn_bytes(PROCESS_STAGE_MAX + 1, &pid), P_TOO_BIG);
    CHECK_ROLE(CODE_STARTED, "started");
}

static void stage_tells_how_much_is_staged(void) {
    struct process_stage_request request = {.length_bytes = 5, .bytes = "four"};
    struct process_stage_reply reply;
    CHECK_STATUS(process_stage(process, &request, &reply, NULL), OK);
    CHECK_EQUAL(reply.staged_bytes, 5);
    request.offset_bytes = 5;
    CHECK_STATUS(process_stage(process, &request, &reply, NULL), OK);
    CHECK_EQUAL(reply.staged_bytes, 10);
    request.length_bytes = 0;
    request.offset_bytes = 10;
    CHECK_STATUS(process_stage(process, &request, &reply, NULL), OK);
    CHECK_EQUAL(reply.staged_bytes, 10);
    request.offset_bytes = 0;
    CHECK_STATUS(process_stage(process, &request, &reply, NULL), OK);
    CHECK_EQUAL(reply.staged_bytes, 0);
}

static void stage_refuses_gaps_and_overlaps(void) {
    CHECK_STATUS(stage_bytes(0, "abc", 4), OK);
    CHECK_STATUS(stage_bytes(5, "abc", 4), P_ARGUMENT);
    CHECK_STATUS(stage_bytes(3, "abc", 4), P_ARGUMENT);
    CHECK_STATUS(stage_bytes(UINT64_MAX, "abc", 4), P_ARGUMENT);
    CHECK_STATUS(stage_bytes(0, NULL, 0), OK);
}

static void stage_at_0_forgets_what_was_staged(void) {
    CHECK_STATUS(stage_bytes(0, "left over", 10), OK);
    CHECK_ROLE(CODE_STARTED, "words", words[0], words[1], words[2], words[3], words[4], words[5]);
}

static void spawn_takes_strings_cut_anywhere(void) {
    char bytes[64] = SELF "\0started";
    size_t start = sizeof SELF + sizeof "started";
    size_t length = start + format_into(bytes + start, sizeof bytes - start, "tap=%lu", program_cap("tap")) + 1;
    struct process_strings strings = {2, 0, 1};
    uint64_t pid;
    for (uint64_t i = 0; i < length; i++)
        CHECK_STATUS(stage_bytes(i, bytes + i, 1), OK);
    CHECK_STATUS(spawn_staged(SELF, strlen(SELF), &strings, &pid), OK);
    CHECK_EXIT(pid, CODE_STARTED);
}

/* Spawn with `length` staged bytes that are announced as these. */
static void refuse_division(const char *bytes, uint64_t length, uint64_t arguments, uint64_t environment,
                            uint64_t capabilities) {
    struct process_strings strings = {arguments, environment, capabilities};
    uint64_t pid;
    CHECK_STATUS(stage_bytes(0, bytes, length), OK);
    if (!CHECK_STATUS(spawn_staged(SELF, strlen(SELF), &strings, &pid), P_ARGUMENT))
        test_note("announced %lu, %lu, %lu", arguments, environment, capabilities);
}

static void spawn_refuses_fewer_strings_than_announced(void) {
    refuse_division("a\0b\0c", 6, 4, 0, 0);
    refuse_division("a\0b\0c", 6, 2, 2, 0);
    refuse_division("a\0b\0c", 6, 1, 1, 2);
    refuse_division("", 0, 1, 0, 0);
    refuse_division("", 0, 0, 0, 1);
}

static void spawn_refuses_more_strings_than_announced(void) {
    refuse_division("a\0b\0c", 6, 2, 0, 0);
    refuse_division("a\0b\0c", 6, 0, 0, 0);
}

static void spawn_refuses_a_string_without_end(void) {
    refuse_division("a\0b\0c", 5, 3, 0, 0);
    refuse_division("abc", 3, 1, 0, 0);
    refuse_division("abc", 3, 0, 0, 0);
}

static void spawn_refuses_counts_that_wrap_around(void) {
    refuse_division("a\0b\0c", 6, UINT64_MAX, 4, 0);
    refuse_division("a\0b\0c", 6, UINT64_MAX, UINT64_MAX, 5);
    refuse_division("a\0b\0c", 6, 1ULL << 63, 1ULL << 63, 3);
    refuse_division("a\0b\0c", 6, 3, 0, 1ULL << 32);
}

static void spawn_uses_up_what_is_staged(void) {
    const char *const arguments[] = {SELF, "started", NULL};
    const struct child_start start = {SELF, arguments, NULL, NULL};
    struct process_strings strings;
    uint64_t pid;
    CHECK_STATUS(start_stage(&start, &strings), OK);
    CHECK_STATUS(spawn_staged(SELF, strlen(SELF), &strings, &pid), OK);
    CHECK_EXIT(pid, CODE_STARTED);
    CHECK_STATUS(spawn_staged(SELF, strlen(SELF), &strings, &pid), P_ARGUMENT);
}

static void spawn_that_fails_uses_it_up_too(void) {
    const char *const arguments[] = {SELF, "started", NULL};
    const struct child_start start = {"bin/nosuch", arguments, NULL, NULL};
    struct process_strings strings;
    uint64_t pid;
    CHECK_STATUS(start_stage(&start, &strings), OK);
    CHECK_STATUS(spawn_staged("bin/nosuch", 10, &strings, &pid), P_NOT_FOUND);
    CHECK_STATUS(spawn_staged(SELF, strlen(SELF), &strings, &pid), P_ARGUMENT);
}

/* ---- capabilities ---- */

static void spawn_gives_a_process_capability_unasked(void) {
    const char *const arguments[] = {SELF, "low_pid", text_of(own_pid()), NULL};
    const struct child_start start = {SELF, arguments, NULL, NULL};
    uint64_t pid;
    CHECK_STATUS(start_spawn(&start, &pid), OK);
    CHECK_EXIT(pid, pid & 0x7f);
}

static void spawn_gives_what_is_named(void) {
    static const char *const names[] = {"files", "console", NULL};
    CHECK_EXIT(START_ROLE_WITH(names, "caps", "+tap", "+files", "+console", "+process"), CODE_STARTED);
}

static void spawn_gives_nothing_else(void) {
    CHECK_ROLE(CODE_STARTED, "caps", "+tap", "-files", "-console", "-init", "-pool", "-serve");
}

static void spawn_gives_what_is_named_twice(void) {
    static const char *const names[] = {"files", "tap", "files", NULL};
    CHECK_EXIT(START_ROLE_WITH(names, "caps", "+tap", "+files"), CODE_STARTED);
}

static void spawn_leaves_the_other_slots_empty(void) { CHECK_ROLE(CODE_STARTED, "slots"); }
static void spawn_fills_memory_as_the_image_says(void) { CHECK_ROLE(CODE_STARTED, "memory"); }

/* ---- paths; what is wrong with images is images.c's ---- */

static void refuse_path(const char *path, uint64_t length, uint32_t wanted) {
    static const struct process_strings none;
    uint64_t pid;
    CHECK_STATUS(stage_bytes(0, NULL, 0), OK);
    if (!CHECK_STATUS(spawn_staged(path, length, &none, &pid), wanted))
        test_note("path of %lu bytes: %s", length, path);
}

static void spawn_refuses_a_missing_file(void) {
    refuse_path("bin/nosuch", 10, P_NOT_FOUND);
    refuse_path("nosuch/nosuch", 13, P_NOT_FOUND);
    refuse_path("bin", 2, P_NOT_FOUND);
    refuse_path("bin/process\0x", 13, P_NOT_FOUND); /* the part before the zero is there */
}

static void spawn_refuses_a_directory(void) {
    refuse_path("bin", 3, P_NOT_FILE);
    refuse_path("/", 1, P_NOT_FILE);
    refuse_path("", 0, P_NOT_FILE);
}

static void spawn_refuses_the_longest_path(void) {
    memset(large, 'x', PROCESS_PATH_MAX);
    refuse_path(large, PROCESS_PATH_MAX, P_NOT_FOUND);
}

static const struct test_case cases[] = {
    CASE(spawn_starts_a_program),
    CASE(spawn_tells_the_pid_that_the_child_has),
    CASE(spawn_gives_each_child_a_pid_of_its_own),
    CASE(spawn_hands_over_arguments),
    CASE(spawn_hands_over_no_arguments),
    CASE(spawn_hands_over_environment),
    CASE(spawn_leaves_out_environment_about_capabilities),
    CASE(spawn_hands_over_as_many_strings_as_promised),
    CASE(spawn_refuses_more_strings),
    CASE(spawn_hands_over_64_kib_of_strings),
    CASE(stage_refuses_more_bytes),
    CASE(stage_tells_how_much_is_staged),
    CASE(stage_refuses_gaps_and_overlaps),
    CASE(stage_at_0_forgets_what_was_staged),
    CASE(spawn_takes_strings_cut_anywhere),
    CASE(spawn_refuses_fewer_strings_than_announced),
    CASE(spawn_refuses_more_strings_than_announced),
    CASE(spawn_refuses_a_string_without_end),
    CASE(spawn_refuses_counts_that_wrap_around),
    CASE(spawn_uses_up_what_is_staged),
    CASE(spawn_that_fails_uses_it_up_too),
    CASE(spawn_gives_a_process_capability_unasked),
    CASE(spawn_gives_what_is_named),
    CASE(spawn_gives_nothing_else),
    CASE(spawn_gives_what_is_named_twice),
    CASE(spawn_leaves_the_other_slots_empty),
    CASE(spawn_fills_memory_as_the_image_says),
    CASE(spawn_takes_a_path_with_a_slash_in_front),
    CASE(spawn_refuses_a_missing_file),
    CASE(spawn_refuses_a_directory),
    CASE(spawn_refuses_the_longest_path),
};
static const struct role roles[] = {ROLE(started), ROLE(words), ROLE(variables), ROLE(count),
                                    ROLE(caps),    ROLE(slots), ROLE(memory),    ROLE(low_pid)};
GROUP(spawn);
