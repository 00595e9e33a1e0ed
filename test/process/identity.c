/*
 * Do the system's servers know each process and its group by the badge of its capability? `teller` is a
 * server that tells the badge.
 */
#include "libsys/proto/identity.h"
#include "test/process/signals.h"
#include "test/process/teller.h"

static const char *const with_teller[] = {"teller", NULL};

static uint64_t badge_of(const char *name) {
    struct teller_tell_request request = {0};
    struct teller_tell_reply reply = {0};
    CHECK_STATUS(teller_tell(program_cap(name), &request, &reply, NULL), OK);
    return reply.badge;
}

static void check_own_badge(void) { CHECK_EQUAL(badge_of("teller"), IDENTITY_BADGE(own_pid(), group_of(0).group)); }

/* ---- roles; they are given `teller` ---- */

static int role_is_known(int argc, char **argv) {
    (void)argc, (void)argv;
    check_own_badge();
    return CODE_SIGNALLED;
}

/* Its children, and theirs. */
static int role_is_known_behind_forks(int argc, char **argv) {
    (void)argc, (void)argv;
    uint64_t child = fork_here();
    uint64_t grandchild = child == 0 ? fork_here() : 1;
    check_own_badge();
    if (child == 0 && grandchild != 0)
        CHECK_EXIT(grandchild, CODE_SIGNALLED);
    if (child == 0)
        return CODE_SIGNALLED;
    CHECK_EXIT(child, CODE_SIGNALLED);
    CHECK_EXIT(START_ROLE_WITH(with_teller, "is_known"), CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

static int role_is_known_behind_exec(int argc, char **argv) {
    static const char *const names[] = {"tap", "teller", NULL};
    static const char *const arguments[] = {SELF, "is_known", NULL};
    const struct child_start start = {.path = SELF, .arguments = arguments, .capabilities = names};
    (void)argc, (void)argv;
    CHECK_STATUS(start_exec(&start), OK);
    return ROLE_FAILED;
}

static int role_is_known_in_each_group(int argc, char **argv) {
    (void)argc, (void)argv;
    uint64_t first = group_of(0).group, session;
    CHECK_STATUS(set_group(0, 0), OK);
    CHECK_EQUAL(group_of(0).group, own_pid());
    check_own_badge();
    CHECK_STATUS(set_group(0, 0), OK); /* as before */
    check_own_badge();
    CHECK_STATUS(set_group(0, first), OK);
    check_own_badge();
    CHECK_STATUS(set_session(&session), OK);
    check_own_badge();
    return CODE_SIGNALLED;
}

/* Its parent puts it into a group while it calls all the time: each call comes by a capability that is there. */
static int role_is_known_when_others_move_it(int argc, char **argv) {
    (void)argc, (void)argv;
    for (uint32_t round = 0; round < 20; round++) {
        uint64_t child = fork_here();
        if (child == 0) {
            while (badge_of("teller") != IDENTITY_BADGE(own_pid(), own_pid()) && !test_has_failed())
                continue;
            return CODE_SIGNALLED;
        }
        spin_ns(100000ULL * (round % 4));
        CHECK_STATUS(set_group(child, child), OK);
        CHECK_EXIT(child, CODE_SIGNALLED);
    }
    return CODE_SIGNALLED;
}

/* ---- cases ---- */

static void first_process_is_known(void) { check_own_badge(); }
static void spawned_are_known(void) { CHECK_EXIT(START_ROLE_WITH(with_teller, "is_known"), CODE_SIGNALLED); }
static void executed_are_known(void) {
    CHECK_EXIT(START_ROLE_WITH(with_teller, "is_known_behind_exec"), CODE_SIGNALLED);
}
static void forked_are_known(void) {
    CHECK_EXIT(START_ROLE_WITH(with_teller, "is_known_behind_forks"), CODE_SIGNALLED);
}
static void badge_follows_the_group(void) {
    CHECK_EXIT(START_ROLE_WITH(with_teller, "is_known_in_each_group"), CODE_SIGNALLED);
}
static void badge_follows_the_group_of_a_running_process(void) {
    CHECK_EXIT(START_ROLE_WITH(with_teller, "is_known_when_others_move_it"), CODE_SIGNALLED);
}

static void spawned_into_a_group_are_known(void) {
    static const char *const arguments[] = {SELF, "is_known", NULL};
    static const char *const names[] = {"tap", "teller", NULL};
    const struct child_start start = {.path = SELF, .arguments = arguments, .capabilities = names};
    struct process_spawn_request request = {.length_bytes = sizeof SELF - 1, .group = PROCESS_GROUP_OWN, .path = SELF};
    struct process_spawn_reply reply = {0};
    CHECK_STATUS(start_stage(&start, &request.strings), OK);
    CHECK_STATUS(process_spawn(process, &request, &reply, NULL), OK);
    CHECK_EXIT(reply.pid, CODE_SIGNALLED);
}

static const struct test_case cases[] = {
    CASE_NEEDS(first_process_is_known, OPERATION(get_group)),
    CASE_NEEDS(spawned_are_known, OPERATION(get_group)),
    CASE_NEEDS(executed_are_known, OPERATION(get_group)),
    CASE_NEEDS(forked_are_known, OPERATION(get_group) | OPERATION(fork)),
    CASE_NEEDS(badge_follows_the_group, OPERATION(set_group) | OPERATION(set_session)),
    CASE_NEEDS(badge_follows_the_group_of_a_running_process, OPERATION(set_group) | OPERATION(fork)),
    CASE_NEEDS(spawned_into_a_group_are_known, OPERATION(get_group)),
};
static const struct role roles[] = {
    ROLE(is_known),
    ROLE(is_known_behind_forks),
    ROLE(is_known_behind_exec),
    ROLE(is_known_in_each_group),
    ROLE(is_known_when_others_move_it),
};
GROUP(identity);
