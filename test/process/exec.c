/*
 * Does exec replace the process's program, or else change nothing at all?
 */
#include "kernel/abi/system.h"
#include "libsys/text/string.h"
#include "test/process/child.h"

#define CODE_THERE 40
#define CODE_CHILD 41
#define LARGE_MAX 8U
#define FIGURES_BYTES 80U
#define FRAMES_MORE 8U /* that a program may take because it lies elsewhere than the last one (address randomisation) */
#define CANARY 0x1234567890abcdefULL

static uint64_t data_canary = CANARY;
static const char *const words[] = {"one", "two words", "", "4th", NULL};
static const char *const variables[] = {"COLOR=blue", "EMPTY=", NULL};

/* ---- roles ---- */

/* exec_as ROLE WORDS...: become that role. */
static int role_exec_as(int argc, char **argv) {
    CHECK(argc >= 2);
    data_canary = 0;
    argv[0] = (char *)(uintptr_t)SELF;
    CHECK_STATUS(exec_role((const char *const *)argv), OK);
    test_note("exec: %s", start_reason);
    return ROLE_FAILED;
}

static int role_there(int argc, char **argv) {
    (void)argc, (void)argv;
    return CODE_THERE;
}

static int role_exec_path(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    const struct child_start start = {argv[1], NULL, NULL, NULL};
    CHECK_STATUS(start_exec(&start), OK);
    return ROLE_FAILED;
}

/* same_process PID PARENT */
static int role_same_process(int argc, char **argv) {
    CHECK_EQUAL(argc, 3);
    CHECK_EQUAL(own_pid(), number_of(argv[1]));
    CHECK_EQUAL(parent_pid(), number_of(argv[2]));
    return CODE_THERE;
}

static int role_exec_same_process(int argc, char **argv) {
    (void)argc, (void)argv;
    CHECK_STATUS(EXEC_ROLE("same_process", text_of(own_pid()), text_of(parent_pid())), OK);
    return ROLE_FAILED;
}

static int role_given_strings(int argc, char **argv) {
    uint64_t found = 0;
    CHECK_EQUAL(argc, 5);
    for (int i = 0; i < 4 && i + 1 < argc; i++)
        CHECK_TEXT(argv[i + 1], words[i]);
    for (char **entry = program.environment; *entry != NULL; entry++)
        if (strncmp(*entry, "cap:", 4) != 0 && strncmp(*entry, "slots=", 6) != 0 && CHECK(variables[found] != NULL))
            CHECK_TEXT(*entry, variables[found++]);
    CHECK_EQUAL(found, 2);
    return CODE_THERE;
}

static int role_exec_strings(int argc, char **argv) {
    (void)argc, (void)argv;
    const char *const arguments[] = {SELF, "given_strings", words[0], words[1], words[2], words[3], NULL};
    const char *const environment[] = {variables[0], "cap:evil=3", variables[1], NULL};
    const struct child_start start = {SELF, arguments, environment, capabilities_of_a_role};
    CHECK_STATUS(start_exec(&start), OK);
    return ROLE_FAILED;
}

static int role_fresh_memory(int argc, char **argv) {
    (void)argc, (void)argv;
    CHECK_EQUAL(data_canary, CANARY);
    return CODE_THERE;
}

static int role_child_of_exec(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    spin_ns(number_of(argv[1]) * 1000000);
    return CODE_CHILD;
}

/* waits_for PID: a child of this process, started by its last program. */
static int role_waits_for(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    CHECK_EXIT(number_of(argv[1]), CODE_CHILD);
    return CODE_THERE;
}

/* exec_with_child MS: start a child that runs so long, then exec a role that waits for it. */
static int role_exec_with_child(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    uint64_t pid = START_ROLE("child_of_exec", argv[1]);
    if (number_of(argv[1]) == 0)
        spin_ns(100000000); /* so that it has ended */
    CHECK_STATUS(EXEC_ROLE("waits_for", text_of(pid)), OK);
    return ROLE_FAILED;
}

/* Given `tap` and `files`, it has only `tap`. */
static int role_kept_tap(int argc, char **argv) {
    (void)argc, (void)argv;
    CHECK(program_cap("tap") != 0);
    CHECK_EQUAL(program_cap("files"), 0);
    CHECK_ROLE(CODE_THERE, "there");
    return CODE_THERE;
}

/* refused STATUS PATH NAME: exec fails with this status, and nothing has changed. */
static int role_refused(int argc, char **argv) {
    CHECK_EQUAL(argc, 4);
    volatile uint64_t stack_canary = CANARY;
    uint64_t pid = own_pid();
    uint64_t parent = parent_pid();
    uint64_t child = START_ROLE("child_of_exec", "5");
    const char *const arguments[] = {SELF, "there", NULL};
    const char *const names[] = {"tap", argv[3], NULL};
    const struct child_start start = {argv[2], arguments, NULL, argv[3][0] == '\0' ? capabilities_of_a_role : names};
    CHECK_STATUS(start_exec(&start), number_of(argv[1]));
    CHECK_EQUAL(stack_canary, CANARY);
    CHECK_EQUAL(data_canary, CANARY);
    CHECK_EQUAL(own_pid(), pid);
    CHECK_EQUAL(parent_pid(), parent);
    CHECK_EXIT(child, CODE_CHILD);
    CHECK_ROLE(CODE_THERE, "there"); /* it still has its capabilities */
    return CODE_THERE;
}

static int role_uses_up(int argc, char **argv) {
    (void)argc, (void)argv;
    const char *const arguments[] = {SELF, "there", NULL};
    const struct child_start start = {SELF, arguments, NULL, capabilities_of_a_role};
    struct process_strings strings;
    CHECK_STATUS(start_stage(&start, &strings), OK);
    CHECK_STATUS(exec_staged("bin/nosuch", 10, &strings), P_NOT_FOUND);
    CHECK_STATUS(exec_staged(SELF, strlen(SELF), &strings), P_ARGUMENT);
    return CODE_THERE;
}

/* The whole system's use of memory and objects, as text to pass on. */
static const char *figures(void) {
    static char text[FIGURES_BYTES];
    (void)format_into(text, sizeof text, "%lu %lu %lu", sys_system_info(INFO_CAPABILITIES, 0).value,
                      sys_system_info(INFO_FRAMES_MAPPED, 0).value, sys_system_info(INFO_FRAMES_KERNEL, 0).value);
    return text;
}

static const char *read_figure(const char *text, uint64_t *ret_figure) {
    *ret_figure = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        *ret_figure = *ret_figure * 10 + (uint64_t)(*text - '0');
    return *text == ' ' ? text + 1 : text;
}

static void check_figures(const char *before) {
    const char *old = before, *now = figures();
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t was, is, more = i == 0 ? 0 : FRAMES_MORE;
        old = read_figure(old, &was);
        now = read_figure(now, &is);
        if (!CHECK(is <= was + more && was <= is + more))
            test_note("figure %u is %lu, was %lu", i, is, was);
    }
}

/*
 * chain LEFT PID [FIGURES]: exec the next link. The third link takes the figures, as from there on all links are alike,
 * and the last one compares.
 */
static int role_chain(int argc, char **argv) {
    uint64_t left = number_of(argv[1]);
    const char *before = argc == 4 ? argv[3] : "";
    CHECK_EQUAL(own_pid(), number_of(argv[2]));
    if (left == 0) {
        check_figures(before);
        return CODE_THERE;
    }
    if (strcmp(before, "") == 0)
        before = "first";
    else if (strcmp(before, "first") == 0)
        before = "second";
    else if (strcmp(before, "second") == 0)
        before = figures();
    CHECK_STATUS(EXEC_ROLE("chain", text_of(left - 1), argv[2], before), OK);
    return ROLE_FAILED;
}

static int role_chain_of(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    CHECK_STATUS(EXEC_ROLE("chain", argv[1], text_of(own_pid())), OK);
    return ROLE_FAILED;
}

/*
 * fails_often COUNT: fail in each way in turn, in three rounds. The last round must not take any memory; the first ones
 * take what is taken only once, such as pages of this program at their first access.
 */
static int role_fails_often(int argc, char **argv) {
    static const char *const paths[] = {"bin/nosuch",
                                        "bin",
                                        IMAGES "NOT_ELF",
                                        IMAGES "TRUNCATED_HEADERS",
                                        IMAGES "too_large",
                                        IMAGES "interpreter",
                                        IMAGES "FILE_BEYOND_END"};
    char before[FIGURES_BYTES];
    CHECK_EQUAL(argc, 2);
    uint64_t count = number_of(argv[1]);
    for (uint32_t turn = 1; turn <= 3; turn++) {
        memcpy(before, figures(), sizeof before);
        for (uint64_t i = 0; i < count / 3 + 1; i++) {
            const struct child_start start = {paths[i % 7], NULL, NULL, NULL};
            if (!CHECK(start_exec(&start) != OK))
                break;
        }
        const char *after = figures();
        CHECK_TEXT(turn == 3 ? after : before, before);
    }
    return CODE_THERE;
}

/* ---- cases ---- */

static void exec_runs_another_program(void) { CHECK_EXIT(START_ROLE("exec_path", "bin/false"), 1); }
static void exec_runs_the_same_program(void) { CHECK_ROLE(CODE_THERE, "exec_as", "there"); }
static void exec_of_exec(void) { CHECK_ROLE(CODE_THERE, "exec_as", "exec_as", "exec_as", "there"); }
static void exec_keeps_pid_and_parent(void) { CHECK_ROLE(CODE_THERE, "exec_same_process"); }
static void exec_hands_over_strings(void) { CHECK_ROLE(CODE_THERE, "exec_strings"); }
static void exec_begins_with_fresh_memory(void) { CHECK_ROLE(CODE_THERE, "exec_as", "fresh_memory"); }
static void exec_keeps_children_that_run(void) { CHECK_ROLE(CODE_THERE, "exec_with_child", "100"); }
static void exec_keeps_children_that_have_ended(void) { CHECK_ROLE(CODE_THERE, "exec_with_child", "0"); }

static void exec_drops_what_is_not_named(void) {
    static const char *const files[] = {"files", NULL};
    CHECK_EXIT(START_ROLE_WITH(files, "exec_as", "kept_tap"), CODE_THERE);
}

static void exec_can_end_by_a_fault(void) {
    struct process_wait_reply end;
    CHECK_STATUS(wait_for(START_ROLE("exec_path", "test/exec/movable"), &end), OK);
    CHECK_EQUAL(end.end, PROCESS_KILLED);
    CHECK_EQUAL(end.value, PROCESS_SIGILL);
}

static void exec_of_a_missing_file_changes_nothing(void) {
    CHECK_ROLE(CODE_THERE, "refused", text_of(P_NOT_FOUND), "bin/nosuch", "");
}

static void exec_of_a_directory_changes_nothing(void) {
    CHECK_ROLE(CODE_THERE, "refused", text_of(P_NOT_FILE), "bin", "");
}

static void exec_of_a_bad_image_changes_nothing(void) {
    CHECK_ROLE(CODE_THERE, "refused", text_of(P_IMAGE), IMAGES "FILE_BEYOND_END", "");
}

static void exec_of_an_image_too_large_changes_nothing(void) {
    CHECK_ROLE(CODE_THERE, "refused", text_of(P_LIMIT), IMAGES "too_large", "");
}

/*
 * Only here does an exec fail when half of the new program is made. A server with demand paging starts more of them
 * than this tries, and refuses none.
 */
static void exec_without_memory_changes_nothing(void) {
    static const struct child_start large = {IMAGES "large", NULL, NULL, NULL};
    uint64_t pids[LARGE_MAX];
    uint64_t frames =
        sys_system_info(INFO_FRAMES_KERNEL, 0).value; /* what is lost here is lost once: nothing is left then */
    uint32_t count = 0;
    uint32_t status = OK;
    while (count < LARGE_MAX && (status = start_spawn(&large, &pids[count])) == OK)
        count++;
    if (status != OK && CHECK_STATUS(status, P_NO_MEMORY))
        CHECK_ROLE(CODE_THERE, "refused", text_of(P_NO_MEMORY), large.path, "");
    while (count > 0) {
        CHECK_STATUS(kill_process(pids[--count], PROCESS_SIGKILL), OK);
        CHECK_KILLED(pids[count], PROCESS_SIGKILL);
    }
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_KERNEL, 0).value, frames);
}

static void exec_with_a_wrong_slot_changes_nothing(void) {
    CHECK_ROLE(CODE_THERE, "refused", text_of(P_NO_CAPABILITY), SELF, "nosuch=128");
}

static void exec_that_fails_uses_up_what_is_staged(void) { CHECK_ROLE(CODE_THERE, "uses_up"); }
static void exec_1000_times_in_one_process(void) { CHECK_ROLE(CODE_THERE, "chain_of", "1000"); }
static void exec_1000_times_in_vain(void) { CHECK_ROLE(CODE_THERE, "fails_often", "1000"); }

static const struct test_case cases[] = {
    CASE(exec_runs_another_program),
    CASE(exec_runs_the_same_program),
    CASE(exec_of_exec),
    CASE(exec_keeps_pid_and_parent),
    CASE(exec_hands_over_strings),
    CASE(exec_begins_with_fresh_memory),
    CASE(exec_keeps_children_that_run),
    CASE(exec_keeps_children_that_have_ended),
    CASE(exec_drops_what_is_not_named),
    CASE(exec_can_end_by_a_fault),
    CASE(exec_of_a_missing_file_changes_nothing),
    CASE(exec_of_a_directory_changes_nothing),
    CASE(exec_of_a_bad_image_changes_nothing),
    CASE(exec_of_an_image_too_large_changes_nothing),
    CASE_NEEDS(exec_without_memory_changes_nothing, OPERATION(kill)),
    CASE(exec_with_a_wrong_slot_changes_nothing),
    CASE(exec_that_fails_uses_up_what_is_staged),
    CASE(exec_1000_times_in_one_process),
    CASE(exec_1000_times_in_vain),
};
static const struct role roles[] = {
    ROLE(exec_as),         ROLE(there),        ROLE(exec_path),    ROLE(same_process),  ROLE(exec_same_process),
    ROLE(given_strings),   ROLE(exec_strings), ROLE(fresh_memory), ROLE(child_of_exec), ROLE(waits_for),
    ROLE(exec_with_child), ROLE(kept_tap),     ROLE(refused),      ROLE(uses_up),       ROLE(chain),
    ROLE(chain_of),        ROLE(fails_often),
};
GROUP(exec);
