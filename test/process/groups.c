/*
 * Which process may put which others into which group, and begin a session? Does a signal for a group reach all its
 * members and no others? As in signal.c nearly everything happens in a child, and a case is a role of its own name.
 */
#include "test/process/signals.h"

static uint32_t set_foreground(uint64_t pid) {
    struct process_set_foreground_request request = {.pid = pid};
    struct process_set_foreground_reply reply;
    return process_set_foreground(process, &request, &reply, NULL);
}

/* Spawn a role that stays until it is killed. */
static uint32_t spawn_into(uint64_t group, uint64_t *ret_pid) {
    static const char *const arguments[] = {SELF, "idle", NULL};
    const struct child_start start = {.path = SELF, .arguments = arguments, .capabilities = capabilities_of_a_role};
    struct process_spawn_request request = {.length_bytes = sizeof SELF - 1, .group = group, .path = SELF};
    struct process_spawn_reply reply = {0};
    uint32_t status = start_stage(&start, &request.strings);
    if (status == OK)
        status = process_spawn(process, &request, &reply, NULL);
    *ret_pid = reply.pid;
    return status;
}

/* ---- groups ---- */

IN_CHILD(group_of_a_child_is_that_of_its_parent) {
    uint64_t spawned;
    struct process_get_group_reply own = group_of(0), of_parent = group_of(parent_pid());
    CHECK_EQUAL(own.group, of_parent.group);
    CHECK_EQUAL(own.session, of_parent.session);
    CHECK_STATUS(set_group(0, 0), OK);
    CHECK_EQUAL(group_of(0).group, own_pid());
    CHECK_EQUAL(group_of(0).session, own.session);
    CHECK_EQUAL(group_of(parent_pid()).group, of_parent.group);
    uint64_t forked = idle_child();
    CHECK_STATUS(spawn_into(PROCESS_GROUP_SAME, &spawned), OK);
    CHECK_EQUAL(group_of(forked).group, own_pid());
    CHECK_EQUAL(group_of(spawned).group, own_pid());
    CHECK_EQUAL(group_of(spawned).session, own.session);
    end_child(forked);
    end_child(spawned);
    return CODE_SIGNALLED;
}

IN_CHILD(group_of_a_spawn_may_be_chosen) {
    uint64_t first, second;
    CHECK_STATUS(spawn_into(PROCESS_GROUP_OWN, &first), OK);
    CHECK_EQUAL(group_of(first).group, first);
    CHECK_EQUAL(group_of(first).session, group_of(0).session);
    CHECK_STATUS(spawn_into(first, &second), OK);
    CHECK_EQUAL(group_of(second).group, first);
    end_child(first);
    end_child(second);
    return CODE_SIGNALLED;
}

IN_CHILD(group_of_a_spawn_is_one_of_the_session) {
    uint64_t pid, session;
    struct process_wait_reply end;
    uint64_t strange = idle_child(); /* no group has its number */
    CHECK_STATUS(set_group(0, 0), OK);
    uint64_t child = fork_here(), parent_group = group_of(0).group;
    if (child == 0) {
        CHECK_STATUS(set_session(&session), OK);
        CHECK_STATUS(spawn_into(parent_group, &pid), P_PERMISSION);
        CHECK_STATUS(wait_no_hang(PROCESS_ANY, &end), P_NO_CHILD);
        return CODE_SIGNALLED;
    }
    CHECK_EXIT(child, CODE_SIGNALLED);
    CHECK_STATUS(spawn_into(strange, &pid), P_PERMISSION);
    CHECK_STATUS(spawn_into(1ULL << 32 | own_pid(), &pid), P_PERMISSION);
    CHECK_STATUS(spawn_into(UINT64_MAX, &pid), P_PERMISSION);
    end_child(strange);
    CHECK_STATUS(wait_no_hang(PROCESS_ANY, &end), P_NO_CHILD);
    return CODE_SIGNALLED;
}

IN_CHILD(set_group_of_children) {
    uint64_t first = idle_child(), second = idle_child(), before = group_of(0).group;
    CHECK_STATUS(set_group(first, 0), OK);
    CHECK_EQUAL(group_of(first).group, first);
    CHECK_STATUS(set_group(second, first), OK);
    CHECK_EQUAL(group_of(second).group, first);
    CHECK_EQUAL(group_of(0).group, before);
    CHECK_STATUS(set_group(0, first), OK);
    CHECK_EQUAL(group_of(0).group, first);
    CHECK_STATUS(set_group(second, second), OK); /* its own number is as good as 0 */
    CHECK_EQUAL(group_of(second).group, second);
    end_child(first);
    end_child(second);
    return CODE_SIGNALLED;
}

IN_CHILD(set_group_refuses_pids_of_nobody) {
    uint64_t child = idle_child();
    CHECK_STATUS(set_group(child + 1, 0), P_NO_PROCESS);
    CHECK_STATUS(set_group(1ULL << 32 | child, 0), P_NO_PROCESS);
    CHECK_STATUS(set_group(UINT64_MAX, 0), P_NO_PROCESS);
    end_child(child);
    CHECK_STATUS(set_group(child, 0), P_NO_PROCESS);
    return CODE_SIGNALLED;
}

IN_CHILD(set_group_refuses_whom_it_may_not_move) {
    uint64_t sibling = idle_child(), parent = own_pid(), before = group_of(sibling).group;
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK_STATUS(set_group(sibling, 0), P_PERMISSION); /* no child of this one */
        CHECK_STATUS(set_group(parent, 0), P_PERMISSION);
        CHECK_STATUS(set_group(1, 0), P_PERMISSION);
        return CODE_SIGNALLED;
    }
    CHECK_EXIT(child, CODE_SIGNALLED);
    CHECK_EQUAL(group_of(sibling).group, before);
    end_child(sibling);
    return CODE_SIGNALLED;
}

IN_CHILD(set_group_refuses_groups_there_are_not) {
    uint64_t child = idle_child(), other = idle_child(), before = group_of(child).group;
    CHECK_STATUS(set_group(child, other), P_PERMISSION);
    CHECK_STATUS(set_group(child, 1ULL << 32 | before), P_PERMISSION);
    CHECK_STATUS(set_group(child, UINT64_MAX), P_PERMISSION);
    CHECK_EQUAL(group_of(child).group, before);
    CHECK_STATUS(set_group(other, 0), OK);
    CHECK_STATUS(set_group(child, other), OK);
    end_child(child);
    end_child(other);
    return CODE_SIGNALLED;
}

IN_CHILD(get_group_refuses_pids_of_nobody) {
    struct process_get_group_request request = {own_pid() + 1};
    struct process_get_group_reply reply;
    CHECK_STATUS(process_get_group(process, &request, &reply, NULL), P_NO_PROCESS);
    request.pid = UINT64_MAX;
    CHECK_STATUS(process_get_group(process, &request, &reply, NULL), P_NO_PROCESS);
    return CODE_SIGNALLED;
}

/* ---- sessions ---- */

IN_CHILD(set_session_begins_a_group_too) {
    uint64_t session, before = group_of(0).session;
    CHECK(before != own_pid());
    CHECK_STATUS(set_session(&session), OK);
    CHECK_EQUAL(session, own_pid());
    CHECK_EQUAL(group_of(0).session, own_pid());
    CHECK_EQUAL(group_of(0).group, own_pid());
    uint64_t child = idle_child();
    CHECK_EQUAL(group_of(child).session, own_pid());
    CHECK_EQUAL(group_of(parent_pid()).session, before);
    end_child(child);
    return CODE_SIGNALLED;
}

IN_CHILD(set_session_is_refused_to_who_leads_a_group) {
    uint64_t session, before = group_of(0).session;
    CHECK_STATUS(set_group(0, 0), OK);
    CHECK_STATUS(set_session(&session), P_PERMISSION);
    CHECK_EQUAL(group_of(0).session, before);
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK_STATUS(set_session(&session), OK);
        CHECK_STATUS(set_session(&session), P_PERMISSION);
        return CODE_SIGNALLED;
    }
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

IN_CHILD(set_group_stays_within_the_session) {
    uint64_t session, parent = own_pid();
    CHECK_STATUS(set_group(0, 0), OK);
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK_STATUS(set_session(&session), OK);
        CHECK_STATUS(set_group(0, 0), P_PERMISSION); /* it leads the session */
        CHECK_STATUS(set_group(0, parent), P_PERMISSION);
        uint64_t grandchild = idle_child();
        CHECK_STATUS(set_group(grandchild, parent), P_PERMISSION); /* a group of another session */
        CHECK_STATUS(set_group(grandchild, 0), OK);
        CHECK_STATUS(signal_self(PROCESS_SIGSTOP), OK); /* for the parent to try */
        end_child(grandchild);
        return CODE_SIGNALLED;
    }
    struct process_wait_reply news;
    CHECK_STATUS(wait_with(process, child, PROCESS_WAIT_STOPPED, &news), OK);
    if (CHECK_EQUAL(news.end, PROCESS_STOPPED)) {
        CHECK_STATUS(set_group(child, 0), P_PERMISSION);
        CHECK_STATUS(set_group(child, parent), P_PERMISSION);
        CHECK_STATUS(kill_process(child, PROCESS_SIGCONT), OK);
        CHECK_EXIT(child, CODE_SIGNALLED);
    }
    return CODE_SIGNALLED;
}

/* ---- kill of a group ---- */

IN_CHILD(kill_of_a_group_reaches_all_of_it) {
    struct process_wait_reply end;
    uint64_t children[4];
    for (uint32_t i = 0; i < 4; i++) {
        children[i] = idle_child();
        if (i < 3)
            CHECK_STATUS(set_group(children[i], children[0]), OK);
    }
    CHECK_STATUS(kill_process(PROCESS_GROUP | children[0], 0), OK);
    CHECK_STATUS(kill_process(PROCESS_GROUP | children[0], PROCESS_SIGNAL_MAX + 1), P_ARGUMENT);
    CHECK_STATUS(wait_no_hang(PROCESS_ANY, &end), E_TIMEOUT);
    CHECK_STATUS(kill_process(PROCESS_GROUP | children[0], PROCESS_SIGTERM), OK);
    for (uint32_t i = 0; i < 3; i++)
        CHECK_KILLED(children[i], PROCESS_SIGTERM);
    CHECK_STATUS(wait_no_hang(children[3], &end), E_TIMEOUT);
    CHECK_STATUS(kill_process(PROCESS_GROUP | children[0], PROCESS_SIGTERM), P_NO_PROCESS);
    CHECK_STATUS(kill_process(PROCESS_GROUP | children[3], PROCESS_SIGTERM), P_NO_PROCESS); /* no group's number */
    end_child(children[3]);
    return CODE_SIGNALLED;
}

IN_CHILD(kill_of_a_group_outlives_who_gave_it_the_number) {
    uint64_t first = idle_child(), second = idle_child();
    CHECK_STATUS(set_group(first, 0), OK);
    CHECK_STATUS(set_group(second, first), OK);
    end_child(first);
    CHECK_EQUAL(group_of(second).group, first);
    CHECK_STATUS(kill_process(PROCESS_GROUP | first, PROCESS_SIGHUP), OK);
    CHECK_KILLED(second, PROCESS_SIGHUP);
    return CODE_SIGNALLED;
}

/* Grandparent, parent and child are one group: the child's signal reaches them all. */
IN_CHILD(kill_of_a_group_reaches_those_above) {
    CHECK_STATUS(set_group(0, 0), OK);
    (void)mask_to(BIT(PROCESS_SIGUSR1)); /* it shows as pending, and ends none of them */
    uint64_t group = own_pid(), child, parent = fork_here();
    if (parent == 0) {
        if ((child = fork_here()) == 0)
            CHECK_STATUS(kill_process(PROCESS_GROUP | group, PROCESS_SIGUSR1), OK);
        else
            CHECK_EXIT(child, CODE_SIGNALLED);
        CHECK_EQUAL(pending_now(), BIT(PROCESS_SIGUSR1));
        return CODE_SIGNALLED;
    }
    CHECK_EXIT(parent, CODE_SIGNALLED);
    CHECK_EQUAL(pending_now(), BIT(PROCESS_SIGUSR1));
    return CODE_SIGNALLED;
}

/* A process can't signal any member of a group of another session. */
IN_CHILD(kill_of_a_group_of_another_session_is_refused) {
    CHECK_STATUS(set_group(0, 0), OK);
    uint64_t session, group = own_pid(), parent = fork_here(), child;
    if (parent == 0) {
        if ((child = fork_here()) == 0) {
            CHECK_STATUS(set_session(&session), OK);
            CHECK_STATUS(kill_process(parent_pid(), PROCESS_SIGKILL), P_PERMISSION);
            CHECK_STATUS(kill_process(PROCESS_GROUP | group, PROCESS_SIGKILL), P_PERMISSION);
            CHECK_STATUS(kill_process(PROCESS_GROUP | 1ULL << 40 | group, 0), P_NO_PROCESS);
            return CODE_SIGNALLED;
        }
        CHECK_EXIT(child, CODE_SIGNALLED);
        return CODE_SIGNALLED;
    }
    CHECK_EXIT(parent, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

/* ---- foreground ---- */

static uint32_t await_foreground(uint64_t signal) {
    struct process_await_foreground_request request = {signal};
    struct process_await_foreground_reply reply;
    return process_await_foreground(process, &request, &reply, NULL);
}

/* Is the caller's group the foreground? Mask TTOU before: a process that only asks must not be stopped. */
static bool is_foreground(void) { return await_foreground(PROCESS_SIGTTOU) == OK; }

/* A child in a group of its own. It goes on in its parent's code. */
static uint64_t fork_apart(void) {
    uint64_t child = fork_here();
    if (child == 0)
        CHECK_STATUS(set_group(0, 0), OK);
    else
        CHECK_STATUS(set_group(child, 0), OK);
    return child;
}

IN_CHILD(foreground_is_given_and_taken_back) {
    (void)mask_to(BIT(PROCESS_SIGTTOU));
    CHECK(is_foreground()); /* with process 1 */
    uint64_t job = idle_child(), ended;
    CHECK_STATUS(set_group(job, 0), OK);
    CHECK_STATUS(set_foreground(job), OK);
    CHECK(!is_foreground());
    CHECK_STATUS(await_foreground(PROCESS_SIGTTIN), P_PERMISSION); /* nobody could continue process 1's group */
    uint64_t thief = fork_apart();
    if (thief == 0) {
        CHECK_STATUS(set_foreground(own_pid()), P_BACKGROUND);
        CHECK_STATUS(set_foreground(job), P_BACKGROUND);
        CHECK_STATUS(spawn_into(PROCESS_GROUP_OWN | PROCESS_GROUP_FOREGROUND, &ended), P_BACKGROUND);
        CHECK_STATUS(spawn_into(PROCESS_GROUP_SAME | PROCESS_GROUP_FOREGROUND, &ended), P_BACKGROUND);
        return CODE_SIGNALLED;
    }
    CHECK_EXIT(thief, CODE_SIGNALLED);
    CHECK(!is_foreground());
    CHECK_STATUS(set_foreground(own_pid()), OK);
    CHECK(is_foreground());
    end_child(job);
    CHECK_STATUS(set_foreground(job), P_NO_PROCESS);
    CHECK_STATUS(set_foreground(0), P_NO_PROCESS);
    CHECK_STATUS(set_foreground(1ULL << 40), P_NO_PROCESS);
    CHECK_STATUS(set_foreground(UINT64_MAX), P_NO_PROCESS);
    return CODE_SIGNALLED;
}

/* A shell in a shell: the terminal comes back to it when its job ends, and goes on to the outer
 * one when it ends itself. */
IN_CHILD(foreground_goes_back_when_it_ends) {
    (void)mask_to(BIT(PROCESS_SIGTTOU));
    uint64_t inner = fork_apart(), job;
    if (inner == 0) {
        while (!is_foreground())
            (void)sleep_ns(SHORT_NS);
        CHECK_STATUS(spawn_into(PROCESS_GROUP_OWN | PROCESS_GROUP_FOREGROUND, &job), OK);
        CHECK(!is_foreground());
        CHECK_STATUS(kill_process(job, PROCESS_SIGKILL), OK);
        CHECK_KILLED(job, PROCESS_SIGKILL);
        CHECK(is_foreground());
        return CODE_SIGNALLED;
    }
    CHECK_STATUS(set_foreground(inner), OK);
    CHECK_EXIT(inner, CODE_SIGNALLED);
    CHECK(is_foreground());
    return CODE_SIGNALLED;
}

IN_CHILD(foreground_is_of_the_first_session) {
    uint64_t session, pid, child = fork_here();
    if (child == 0) {
        CHECK_STATUS(set_session(&session), OK);
        CHECK_STATUS(set_foreground(own_pid()), P_PERMISSION);
        CHECK_STATUS(spawn_into(PROCESS_GROUP_OWN | PROCESS_GROUP_FOREGROUND, &pid), P_PERMISSION);
        CHECK_STATUS(await_foreground(PROCESS_SIGTTIN), P_PERMISSION);
        CHECK_STATUS(signal_self(PROCESS_SIGSTOP), OK);
        return CODE_SIGNALLED;
    }
    CHECK_NEWS(child, PROCESS_WAIT_STOPPED, PROCESS_STOPPED, PROCESS_SIGSTOP);
    CHECK_STATUS(set_foreground(child), P_PERMISSION);
    CHECK_STATUS(kill_process(child, PROCESS_SIGCONT), OK);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

/* Each attempt to read stops it until it has the terminal, whichever process continues it. */
IN_CHILD(await_foreground_stops_the_background) {
    uint64_t child = fork_apart();
    if (child == 0) {
        CHECK_STATUS(await_foreground(PROCESS_SIGTTIN), OK);
        CHECK_STATUS(await_foreground(PROCESS_SIGTTOU), OK);
        CHECK_STATUS(await_foreground(PROCESS_SIGTTIN), OK);
        return CODE_SIGNALLED;
    }
    CHECK_NEWS(child, PROCESS_WAIT_STOPPED, PROCESS_STOPPED, PROCESS_SIGTTIN);
    CHECK_STATUS(kill_process(child, PROCESS_SIGCONT), OK);
    CHECK_NEWS(child, PROCESS_WAIT_STOPPED, PROCESS_STOPPED, PROCESS_SIGTTOU);
    CHECK_STATUS(set_foreground(child), OK);
    CHECK_STATUS(kill_process(child, PROCESS_SIGCONT), OK);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

IN_CHILD(await_foreground_stops_all_of_the_group) {
    uint64_t child = fork_apart();
    if (child == 0) {
        uint64_t sibling = idle_child();
        CHECK_STATUS(await_foreground(PROCESS_SIGTTIN), OK);
        end_child(sibling);
        return CODE_SIGNALLED;
    }
    CHECK_NEWS(child, PROCESS_WAIT_STOPPED, PROCESS_STOPPED, PROCESS_SIGTTIN);
    CHECK(reaches_state(child + 1, PROCESS_HALTED));
    CHECK_STATUS(kill_process(PROCESS_GROUP | child, PROCESS_SIGCONT), OK);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

IN_CHILD(await_foreground_refuses_what_would_not_stop) {
    uint64_t before;
    CHECK_STATUS(set_foreground(own_pid()), OK);
    uint64_t child = fork_apart();
    if (child == 0) {
        CHECK_STATUS(await_foreground(0), P_ARGUMENT);
        CHECK_STATUS(await_foreground(PROCESS_SIGSTOP), P_ARGUMENT);
        CHECK_STATUS(await_foreground(UINT64_MAX), P_ARGUMENT);
        CHECK_STATUS(act(PROCESS_SIGTTIN, PROCESS_SIGNAL_IGNORE, &before), OK);
        CHECK_STATUS(await_foreground(PROCESS_SIGTTIN), P_PERMISSION);
        (void)mask_to(BIT(PROCESS_SIGTTOU));
        CHECK_STATUS(await_foreground(PROCESS_SIGTTOU), P_PERMISSION);
        CHECK(handle(PROCESS_SIGTTIN));
        CHECK_STATUS(await_foreground(PROCESS_SIGTTIN), OK); /* try again, after the handler */
        CHECK_EQUAL(seen[PROCESS_SIGTTIN], 1);
        return CODE_SIGNALLED;
    }
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

#define GROUPS                                                                                            \
    (OPERATION(fork) | OPERATION(kill) | OPERATION(sleep) | OPERATION(set_group) | OPERATION(get_group) | \
     OPERATION(set_session))
#define GROUP_CASE(name) CASE_NEEDS(name, GROUPS)
#define FOREGROUND(name) \
    CASE_NEEDS(name, GROUPS | HANDLERS | OPERATION(set_foreground) | OPERATION(await_foreground) | OPERATION(list))
static const struct test_case cases[] = {
    GROUP_CASE(group_of_a_child_is_that_of_its_parent),
    GROUP_CASE(group_of_a_spawn_may_be_chosen),
    GROUP_CASE(group_of_a_spawn_is_one_of_the_session),
    GROUP_CASE(set_group_of_children),
    GROUP_CASE(set_group_refuses_pids_of_nobody),
    GROUP_CASE(set_group_refuses_whom_it_may_not_move),
    GROUP_CASE(set_group_refuses_groups_there_are_not),
    GROUP_CASE(get_group_refuses_pids_of_nobody),
    GROUP_CASE(set_session_begins_a_group_too),
    GROUP_CASE(set_session_is_refused_to_who_leads_a_group),
    GROUP_CASE(set_group_stays_within_the_session),
    GROUP_CASE(kill_of_a_group_reaches_all_of_it),
    GROUP_CASE(kill_of_a_group_outlives_who_gave_it_the_number),
    SIGNAL_AND(kill_of_a_group_reaches_those_above, GROUPS),
    GROUP_CASE(kill_of_a_group_of_another_session_is_refused),
    FOREGROUND(foreground_is_given_and_taken_back),
    FOREGROUND(foreground_goes_back_when_it_ends),
    FOREGROUND(foreground_is_of_the_first_session),
    FOREGROUND(await_foreground_stops_the_background),
    FOREGROUND(await_foreground_stops_all_of_the_group),
    FOREGROUND(await_foreground_refuses_what_would_not_stop),
};
static const struct role roles[] = {
    ROLE(group_of_a_child_is_that_of_its_parent),
    ROLE(group_of_a_spawn_may_be_chosen),
    ROLE(group_of_a_spawn_is_one_of_the_session),
    ROLE(set_group_of_children),
    ROLE(set_group_refuses_pids_of_nobody),
    ROLE(set_group_refuses_whom_it_may_not_move),
    ROLE(set_group_refuses_groups_there_are_not),
    ROLE(get_group_refuses_pids_of_nobody),
    ROLE(set_session_begins_a_group_too),
    ROLE(set_session_is_refused_to_who_leads_a_group),
    ROLE(set_group_stays_within_the_session),
    ROLE(kill_of_a_group_reaches_all_of_it),
    ROLE(kill_of_a_group_outlives_who_gave_it_the_number),
    ROLE(kill_of_a_group_reaches_those_above),
    ROLE(kill_of_a_group_of_another_session_is_refused),
    ROLE(foreground_is_given_and_taken_back),
    ROLE(foreground_goes_back_when_it_ends),
    ROLE(foreground_is_of_the_first_session),
    ROLE(await_foreground_stops_the_background),
    ROLE(await_foreground_stops_all_of_the_group),
    ROLE(await_foreground_refuses_what_would_not_stop),
};
GROUP(groups);
