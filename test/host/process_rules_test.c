/* The pure parts of the process server: the table of processes, strings. */
#include <string.h>

#include "servers/process/programs/strings.h"
#include "servers/process/records/process.h"
#include "test/host/process_pages.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

static struct process_table table;

static struct process *begin(uint32_t parent) {
    struct process *process = NULL;
    CHECK_EQUAL(process_begin(&table, parent, &process), OK);
    return process;
}

static void start_table(void) {
    memset(&table, 0, sizeof table);
    process_table_init(&table, NULL, sizeof(struct process));
    test_pages_left = UINT32_MAX / 2;
    test_pages_taken = 0;
    CHECK_EQUAL(begin(0)->pid, 1);
}

/* All processes go; was each page given back? */
static void finish_table(void) {
    struct process *process;
    while ((process = process_find_from(&table, 0)) != NULL) {
        struct process_thread *thread;
        while ((thread = thread_next(process, NULL)) != NULL)
            thread_end(&table, thread);
        if (!process->ended)
            process_end(&table, process, &(struct process_wait_reply){0});
        else
            process_forget(&table, process);
    }
    CHECK_EQUAL(table.count, 0);
    CHECK_EQUAL(table.thread_count, 0);
    CHECK_EQUAL(test_pages_taken, 0);
    CHECK(list_is_empty(&table.due) && table.wakes.count == 0);
}

static void pids_count_up_and_pass_over(void) {
    struct process *one_more;
    start_table();
    for (uint32_t i = 2; i <= PROCESS_MAX; i++)
        CHECK_EQUAL(begin(1)->pid, i);
    CHECK_EQUAL(process_begin(&table, 1, &one_more), P_LIMIT);
    process_forget(&table, process_find(&table, 5));
    test_pages_left = 0;
    CHECK_EQUAL(process_begin(&table, 1, &one_more), P_NO_MEMORY);
    test_pages_left = 1;
    CHECK_EQUAL(begin(1)->pid, PROCESS_MAX + 5);
    CHECK(process_find(&table, 5) == NULL);
    CHECK(process_find(&table, 0) == NULL);
    process_forget(&table, process_find(&table, 7));
    table.last_pid = 0x7fffffff;
    CHECK_EQUAL(begin(1)->pid, 7); /* numbers start over */
    finish_table();
}

static const struct process_wait_reply exited = {.end = PROCESS_EXITED, .value = 9};

/* The number of a group or session that lives is no new process's, which would lead it. */
static void pids_of_groups_are_passed_over(void) {
    start_table();
    struct process *leader = begin(1), *member = begin(leader->pid), *session = begin(1), *other = begin(session->pid);
    process_enter_group(&table, leader, leader->pid);
    process_enter_group(&table, member, leader->pid);
    session->session = other->session = session->pid; /* as set_session does */
    process_enter_group(&table, session, session->pid);
    process_enter_group(&table, other, other->pid);
    process_end(&table, leader, &exited);
    process_forget(&table, leader);
    process_end(&table, session, &exited);
    process_forget(&table, session);
    table.last_pid = 0x7fffffff;
    CHECK_EQUAL(begin(1)->pid, 6); /* the others are 1 to 5 */
    process_forget(&table, member);
    process_forget(&table, other);
    table.last_pid = 0x7fffffff;
    for (uint32_t pid = 2; pid < 6; pid++)
        CHECK_EQUAL(begin(1)->pid, pid);
    finish_table();
}

static void orphans_vanish_as_they_end(void) {
    struct process *child;
    struct process *ended;
    start_table();
    struct process *parent = begin(1);
    struct process *living = begin(parent->pid);
    struct process *dead = begin(parent->pid);
    uint32_t dead_pid = dead->pid;
    process_end(&table, dead, &exited);
    CHECK_EQUAL(process_find_news(&table, parent, dead_pid, 0, &ended), OK);
    process_end(&table, parent, &exited);
    CHECK(process_find(&table, dead_pid) == NULL); /* nobody can wait for it any more */
    CHECK_EQUAL(living->parent, 1);
    CHECK_EQUAL(process_find_news(&table, process_find(&table, 1), living->pid, 0, &child), P_NO_CHILD);
    CHECK_EQUAL(process_find_news(&table, process_find(&table, 1), PROCESS_ANY, 0, &child), OK);
    CHECK(child == parent);
    uint32_t living_pid = living->pid;
    process_end(&table, living, &exited);
    CHECK(process_find(&table, living_pid) == NULL);
    CHECK_EQUAL(process_tell(&table, parent).value, 9);
    CHECK_EQUAL(process_find_news(&table, process_find(&table, 1), PROCESS_ANY, 0, &child), P_NO_CHILD);
    CHECK_EQUAL(table.count, 1);
    finish_table();
}

/* News: which parent is due to be told, and what does a wait find? Each piece of news is told once. */
static void parents_are_due_to_be_told(void) {
    struct process *child;
    start_table();
    struct process *first = process_find(&table, 1);
    struct process *a = begin(1);
    struct process *b = begin(1);
    process_enter_group(&table, a, a->pid);
    table.foreground = a->pid;
    process_end(&table, a, &exited);
    CHECK(a->untold && process_is_due(&table) && process_take_due(&table) == a && !process_is_due(&table));
    CHECK_EQUAL(table.foreground, 1);
    CHECK_EQUAL(process_find_news(&table, first, b->pid, 0, &child), E_TIMEOUT);
    process_add_news(&table, b, PROCESS_STOPPED, 19);
    CHECK(b->untold && process_take_due(&table) == b);
    CHECK_EQUAL(process_find_news(&table, first, b->pid, 0, &child), E_TIMEOUT);
    CHECK_EQUAL(process_find_news(&table, first, b->pid, PROCESS_WAIT_STOPPED, &child), OK);
    struct process_wait_reply told = process_tell(&table, b);
    CHECK(told.pid == b->pid && told.end == PROCESS_STOPPED && told.value == 19);
    CHECK_EQUAL(process_find_news(&table, first, b->pid, PROCESS_WAIT_STOPPED, &child), E_TIMEOUT);
    process_add_news(&table, b, PROCESS_CONTINUED, 0);
    process_end(&table, b, &exited); /* this alone is told */
    CHECK(process_take_due(&table) == b && !process_is_due(&table));
    CHECK_EQUAL(process_find_news(&table, first, PROCESS_ANY, PROCESS_WAIT_CONTINUED, &child), OK);
    CHECK(child == a && a->end.pid == a->pid && a->end.value == 9);
    CHECK_EQUAL(process_tell(&table, b).end, PROCESS_EXITED);
    struct process *parent = begin(1), *orphan = begin(parent->pid);
    process_end(&table, parent, &exited);
    CHECK(process_take_due(&table) == parent);
    process_add_news(&table, orphan, PROCESS_STOPPED, 19); /* nobody is there to be told */
    CHECK(!orphan->untold && !process_is_due(&table));
    finish_table();
}

/* A wait finds children with news among any number, without looking at those that have none. */
static void news_are_found_at_once(void) {
    struct process *child;
    start_table();
    struct process *first = process_find(&table, 1);
    for (uint32_t i = 0; i < 100; i++)
        (void)begin(1);
    CHECK_EQUAL(process_find_news(&table, first, PROCESS_ANY, 0, &child), E_TIMEOUT);
    process_add_news(&table, process_find(&table, 50), PROCESS_STOPPED, 19);
    process_end(&table, process_find(&table, 77), &exited);
    CHECK_EQUAL(process_find_news(&table, first, PROCESS_ANY, 0, &child), OK);
    CHECK_EQUAL(child->pid, 77);
    CHECK_EQUAL(process_find_news(&table, first, PROCESS_ANY, PROCESS_WAIT_STOPPED, &child), OK);
    CHECK_EQUAL(child->pid, 50);
    struct links *last = first->news.next->next;
    CHECK(last->next == &first->news); /* the two, and no more */
    finish_table();
}

static void who_may_act_on_whom(void) {
    start_table();
    struct process *first = process_find(&table, 1);
    struct process *shell = begin(1);
    struct process *job = begin(shell->pid);
    struct process *helper = begin(job->pid);
    struct process *kill = begin(shell->pid);
    struct process *other = begin(1);
    CHECK(process_may_act(&table, first, helper));
    CHECK(process_may_act(&table, kill, job) && process_may_act(&table, kill, helper));
    CHECK(process_may_act(&table, kill, kill));
    CHECK(!process_may_act(&table, kill, shell) && !process_may_act(&table, kill, first));
    CHECK(!process_may_act(&table, helper, job) && !process_may_act(&table, helper, shell));
    CHECK(!process_may_act(&table, helper, kill) && !process_may_act(&table, kill, other));
    CHECK(process_may_act(&table, shell, other));
    process_end(&table, job, &exited);
    CHECK(process_may_act(&table, shell, helper)); /* orphans belong to process 1's family */
    CHECK(!process_may_act(&table, kill, helper));
    CHECK(!process_may_act(&table, helper, other)); /* nor do they gain by it */
    CHECK(!process_may_act(&table, helper, shell));
    CHECK(process_may_act(&table, helper, begin(helper->pid)));
    finish_table();
}

/* Beyond that: all of the session, but never process 1. */
static void who_may_signal_whom(void) {
    start_table();
    struct process *first = process_find(&table, 1);
    struct process *shell = begin(1);
    struct process *job = begin(shell->pid);
    struct process *other = begin(1);
    CHECK(process_may_signal(&table, job, shell) && process_may_signal(&table, job, other));
    CHECK(process_may_signal(&table, first, first) && process_may_signal(&table, first, job));
    CHECK(!process_may_signal(&table, shell, first) && !process_may_signal(&table, job, first));
    job->session = job->pid;
    CHECK(!process_may_signal(&table, job, shell) && !process_may_signal(&table, job, other));
    CHECK(process_may_signal(&table, job, job) && process_may_signal(&table, shell, job));
    CHECK(process_may_signal(&table, first, job) && process_may_signal(&table, job, begin(job->pid)));
    finish_table();
}

/* Random sets, changes and takes, compared with a plain array: always the earliest, each once. */
static void wakes_against_a_model(void) {
    enum { COUNT = 300 };
    static struct wakes wakes;
    static struct wake each[COUNT];
    static uint64_t at[COUNT]; /* DEADLINE_NEVER = not at all */
    uint64_t state = 0x4242, now = 0;
    memset(&wakes, 0, sizeof wakes);
    memset(each, 0, sizeof each);
    memset(at, 0xff, sizeof at);
    for (uint32_t step = 0; step < 20000 && !test_has_failed(); step++) {
        uint64_t random = random_step(&state);
        uint32_t pick = (uint32_t)(random % COUNT);
        if (random / COUNT % 4 != 0) {
            at[pick] = random / COUNT % 4 == 1 ? DEADLINE_NEVER : now + random / COUNT / 4 % 1000;
            wakes_set(&wakes, &each[pick], at[pick]);
        } else {
            now += 40;
            for (struct wake *due; (due = wakes_take(&wakes, now)) != NULL; at[due - each] = DEADLINE_NEVER)
                CHECK(at[due - each] <= now);
        }
        uint64_t next = DEADLINE_NEVER;
        for (uint32_t i = 0; i < COUNT; i++) {
            next = at[i] < next ? at[i] : next;
            CHECK_EQUAL(wakes_time(&each[i]), at[i]);
        }
        CHECK_EQUAL(wakes_next(&wakes), next);
    }
}

/* Nested limits: the lowest on the way up applies, and an end is counted at each level. */
static void accounts_count_all_the_way_up(void) {
    static struct accounts accounts;
    uint32_t outer = 0, inner = 0, other = 0;
    accounts_init(&accounts);
    CHECK(accounts_join(&accounts, 0)); /* a process, which then sets a limit */
    CHECK_EQUAL(accounts_limit(&accounts, &outer, 10, 3), OK);
    CHECK(outer != 0 && accounts.entries[outer].count == 1 && accounts.entries[0].count == 1);
    CHECK(accounts_join(&accounts, outer));
    inner = outer;
    CHECK_EQUAL(accounts_limit(&accounts, &inner, 11, 9), OK);
    CHECK(inner != outer && accounts.entries[outer].count == 2);
    CHECK(accounts_join(&accounts, inner));
    CHECK(!accounts_join(&accounts, inner) && !accounts_join(&accounts, outer) && accounts_join(&accounts, 0));
    CHECK(accounts.entries[inner].count == 2 && accounts.entries[outer].count == 3 && accounts.entries[0].count == 4);
    CHECK_EQUAL(accounts_limit(&accounts, &inner, 11, 1), OK); /* its own account: a new limit for it */
    accounts_leave(&accounts, outer);
    CHECK(!accounts_join(&accounts, inner) && accounts_join(&accounts, outer));
    accounts_leave(&accounts, inner);
    accounts_leave(&accounts, inner);
    CHECK(accounts.entries[inner].count == 0 && accounts.entries[outer].count == 1 && accounts.entries[0].count == 2);
    CHECK_EQUAL(accounts_limit(&accounts, &other, 12, 5), OK);
    CHECK_EQUAL(other, inner); /* free again */
    for (uint32_t i = 3; i < ACCOUNTS_MAX; i++, other = 0)
        CHECK_EQUAL(accounts_limit(&accounts, &other, 10 + i, 5), OK);
    CHECK_EQUAL(accounts_limit(&accounts, &other, 9, 5), P_LIMIT);
    CHECK_EQUAL(other, 0);
}

static void groups_are_walked(void) {
    start_table();
    struct process *a = begin(1), *b = begin(1), *c = begin(1);
    process_enter_group(&table, a, 2);
    process_enter_group(&table, b, 2 + PROCESS_GROUPS); /* the same list */
    process_enter_group(&table, c, 2);
    CHECK(process_next_in_group(&table, 2, NULL) == a && process_next_in_group(&table, 2, a) == c);
    CHECK(process_next_in_group(&table, 2, c) == NULL);
    CHECK(process_next_in_group(&table, 2 + PROCESS_GROUPS, NULL) == b);
    process_end(&table, b, &exited);
    CHECK(!process_group_exists(&table, 2 + PROCESS_GROUPS) && process_group_is_in(&table, 2 + PROCESS_GROUPS, 1));
    CHECK(!process_group_is_in(&table, 2, 2) && process_group_is_in(&table, 2, 1));
    finish_table();
}

/* A shell and a job of two processes in its own group, one of them stopped: which group does each end orphan, and
 * which processes are told? */
static void groups_are_orphaned(void) {
    start_table();
    struct process *shell = begin(1), *leader = begin(shell->pid), *member = begin(leader->pid), *other;
    CHECK(process_group_is_orphaned(&table, 1)); /* nobody holds that of process 1 */
    process_enter_group(&table, shell, shell->pid);
    process_enter_group(&table, leader, leader->pid);
    process_enter_group(&table, member, leader->pid);
    CHECK(!process_group_is_orphaned(&table, shell->pid) && !process_group_is_orphaned(&table, leader->pid));
    member->halted = true;
    other = begin(leader->pid);
    process_end(&table, other, &exited); /* it held nothing */
    CHECK(process_take_due(&table) == other && !process_is_due(&table));
    process_end(&table, shell, &exited);
    CHECK(process_group_is_orphaned(&table, leader->pid));
    CHECK(process_take_due(&table) == leader && leader->hangs_up && !leader->untold);
    CHECK(process_take_due(&table) == member && member->hangs_up && !member->untold);
    CHECK(process_take_due(&table) == shell && !shell->hangs_up && shell->untold && !process_is_due(&table));
    leader->hangs_up = member->hangs_up = false;
    process_end(&table, leader, &exited); /* it has been orphaned before */
    CHECK(!member->hangs_up);
    /* The last that its parent held its group by ends; one without a stopped member is left alone. */
    for (uint32_t i = 0; i < 2; i++) {
        leader = begin(1);
        process_enter_group(&table, leader, leader->pid);
        member = begin(leader->pid);
        member->halted = i == 0;
        process_end(&table, leader, &exited);
        CHECK(member->hangs_up == (i == 0) && leader->untold);
    }
    /* Nor does a parent of another session hold a group. */
    leader = begin(1);
    leader->session = leader->pid;
    process_enter_group(&table, leader, leader->pid);
    CHECK(process_group_is_orphaned(&table, leader->pid));
    finish_table();
}

/* Numbers are used again, ids are not; there are limits; a number keeps its message page. */
static void threads_have_numbers_and_ids(void) {
    struct process_thread *thread, *threads[PROCESS_THREADS_MAX];
    start_table();
    struct process *process = process_find(&table, 1);
    for (uint32_t i = 0; i < PROCESS_THREADS_MAX; i++) {
        CHECK_EQUAL(thread_begin(&table, process, THREAD_ANY, &threads[i]), OK);
        CHECK(threads[i]->id == i && thread_at(process, i) == threads[i] && threads[i]->process == process);
    }
    CHECK_EQUAL(thread_begin(&table, process, THREAD_ANY, &thread), P_LIMIT);
    uint32_t count = 0;
    for (thread = thread_next(process, NULL); thread != NULL; thread = thread_next(process, thread))
        CHECK(thread == threads[count++]);
    CHECK_EQUAL(count, PROCESS_THREADS_MAX);
    threads[7]->message_frame = 4711;
    thread_end(&table, threads[7]);
    CHECK(thread_find(process, 7) == NULL && !thread_is_alive(threads[7]));
    CHECK_EQUAL(thread_begin(&table, process, THREAD_ANY, &thread), OK);
    CHECK(thread->id == 7 + PROCESS_THREADS_MAX && thread->message_frame == 4711);
    CHECK(thread_find(process, 7) == NULL && thread_find(process, thread->id) == thread);
    thread_end(&table, threads[3]);
    thread_keep(threads[3], 33);
    CHECK_EQUAL(thread_begin(&table, process, THREAD_ANY, &thread), P_LIMIT); /* its number is not free yet */
    CHECK(thread_find(process, 3) == threads[3] && !thread_is_alive(threads[3]));
    CHECK(thread_next(process, threads[2]) == threads[4]);
    thread_join(threads[3]);
    CHECK(thread_find(process, 3) == NULL);
    table.thread_count = PROCESS_ALL_THREADS_MAX;
    CHECK_EQUAL(thread_begin(&table, process, THREAD_ANY, &thread), P_LIMIT);
    table.thread_count = PROCESS_THREADS_MAX - 1;
    struct process *other = begin(1);
    test_pages_left = 0;
    CHECK_EQUAL(thread_begin(&table, other, 0, &thread), OK);
    CHECK_EQUAL(thread_begin(&table, other, THREAD_ANY, &thread), P_NO_MEMORY);
    test_pages_left = 1;
    CHECK_EQUAL(thread_begin(&table, other, 5, &thread), OK); /* as fork wants it */
    CHECK_EQUAL(thread->id, 5);
    finish_table();
}

/* A bomb leaves some for process 1, so that somebody at its prompt can look, and end the bomb. */
static void last_processes_are_the_first_ones(void) {
    struct process *one_more;
    struct process_thread *thread;
    start_table();
    struct process *bomb = begin(1), *orphan = begin(bomb->pid);
    orphan->parent = 1;
    orphan->orphan = true;
    for (uint32_t count = 3; count < PROCESS_MAX - PROCESS_RESERVE; count++)
        (void)begin(bomb->pid);
    CHECK_EQUAL(process_begin(&table, bomb->pid, &one_more), P_LIMIT);
    CHECK_EQUAL(process_begin(&table, orphan->pid, &one_more), P_LIMIT);
    for (uint32_t count = 1; count < PROCESS_RESERVE; count++)
        (void)begin(1);
    struct process *last = begin(1);
    CHECK_EQUAL(process_begin(&table, 1, &one_more), P_LIMIT);
    CHECK_EQUAL(thread_begin(&table, bomb, THREAD_ANY, &thread), OK);
    table.thread_count = PROCESS_ALL_THREADS_MAX - PROCESS_RESERVE;
    CHECK_EQUAL(thread_begin(&table, bomb, THREAD_ANY, &thread), P_LIMIT);
    CHECK_EQUAL(thread_begin(&table, orphan, THREAD_ANY, &thread), P_LIMIT);
    CHECK_EQUAL(thread_begin(&table, last, THREAD_ANY, &thread), OK);
    CHECK_EQUAL(thread_begin(&table, last, THREAD_ANY, &thread), P_LIMIT); /* one to begin with is enough */
    CHECK_EQUAL(thread_begin(&table, process_find(&table, 1), THREAD_ANY, &thread), OK);
    table.thread_count = 3; /* as there are */
    finish_table();
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
    char bytes[] = "prog\0arg\0cap:a=1\0HOME=/\0size:m=4\0slots=1,2\0T=\0console=4\0files=5";
    struct process_strings announced = {2, 5, 2};
    struct strings strings;
    CHECK(strings_divide(bytes, sizeof bytes, &announced, &strings));
    CHECK(strings.arguments.count == 2 && strings.arguments.length_bytes == 9);
    CHECK(strings.environment.count == 2 && memcmp(strings.environment.bytes, "HOME=/\0T=", 10) == 0);
    CHECK_EQUAL(strings.environment.length_bytes, 10);
    CHECK(strings.capabilities.count == 2 && memcmp(strings.capabilities.bytes, "console=4\0files=5", 18) == 0);
    CHECK(string_block_is_whole(&strings.environment) && string_block_is_whole(&strings.capabilities));
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

SUITE(CASE(pids_count_up_and_pass_over), CASE(pids_of_groups_are_passed_over), CASE(orphans_vanish_as_they_end),
      CASE(parents_are_due_to_be_told), CASE(who_may_act_on_whom), CASE(who_may_signal_whom),
      CASE(news_are_found_at_once), CASE(wakes_against_a_model), CASE(accounts_count_all_the_way_up),
      CASE(groups_are_walked), CASE(groups_are_orphaned), CASE(threads_have_numbers_and_ids),
      CASE(last_processes_are_the_first_ones), CASE(names_are_last_components), CASE(strings_are_divided),
      CASE(strings_that_lie_are_refused));
