/*
 * Which capabilities does a new program have? After spawn and exec those that were named, under the given names; after
 * fork all of the parent's.
 */
#include "libsys/proto/pipes.h"
#include "test/process/signals.h"
#include "test/process/teller.h"

#define SLOTS 128U
#define MANY 40U
#define ALL 95U /* that a table has room for */

/* Slots from the first free one on, `count` of them, with copies of `tap`. */
static cap_t fill_slots(uint32_t count) {
    cap_t first = 0;
    for (uint32_t i = 0; i < count; i++) {
        cap_t slot = slot_derive(program_cap("tap"), RIGHTS_ALL, 0);
        CHECK(slot != 0);
        first = first == 0 ? slot : first;
    }
    return first;
}

static bool is_empty(cap_t slot) { return sys_cap_query(slot).status == E_CAP; }

/* Spawn `role` with these capabilities, as they are written. */
static uint32_t spawn_with(const char *const *capabilities, const char *role, const char *argument, uint64_t *ret_pid) {
    const char *const arguments[] = {SELF, role, argument, NULL};
    const struct child_start start = {.path = SELF, .arguments = arguments, .capabilities = capabilities};
    return start_spawn(&start, ret_pid);
}

static bool hears(cap_t teller) {
    struct teller_tell_request request = {0};
    struct teller_tell_reply reply;
    return teller_tell(teller, &request, &reply, NULL) == OK;
}

/* ---- roles ---- */

/* has COUNT: capabilities n0, n1, ... are there. */
static int role_has(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    for (uint64_t i = 0; i < number_of(argv[1]); i++) {
        char name[16];
        (void)format_into(name, sizeof name, "n%lu", i);
        CHECK(!is_empty(program_cap(name)));
    }
    CHECK_EQUAL(program_cap("gone"), 0);
    return CODE_SIGNALLED;
}

/* A number of names, each of a slot of its own; and one whose slot is empty. */
static uint32_t start_many(uint32_t count, bool exec, uint64_t *ret_pid) {
    static char texts[SLOTS][24];
    const char *names[SLOTS + 2] = {"tap"};
    cap_t first = fill_slots(count);
    for (uint32_t i = 0; i < count; i++) {
        (void)format_into(texts[i], sizeof texts[i], "n%u=%lu", i,
                          first + count - 1 - i); /* none lies where it will be */
        names[i + 1] = texts[i];
    }
    names[count + 1] = "gone=127";
    const char *const arguments[] = {SELF, "has", text_of(count), NULL};
    const struct child_start start = {.path = SELF, .arguments = arguments, .capabilities = names};
    return exec ? start_exec(&start) : start_spawn(&start, ret_pid);
}

static int role_spawns_with_many(int argc, char **argv) {
    uint64_t pid;
    (void)argc, (void)argv;
    CHECK_STATUS(start_many(MANY, false, &pid), OK);
    CHECK_EXIT(pid, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

static int role_executes_with_many(int argc, char **argv) {
    (void)argc, (void)argv;
    CHECK_STATUS(start_many(MANY, true, NULL), OK);
    return ROLE_FAILED;
}

static int role_spawns_with_a_full_table(int argc, char **argv) {
    const char *names[ALL + 2] = {"tap"};
    uint64_t pid;
    (void)argc, (void)argv;
    for (uint32_t i = 1; i <= ALL; i++)
        names[i] = "other=tap";
    CHECK_STATUS(spawn_with(names, "has", "0", &pid), P_LIMIT);
    names[ALL] = NULL;
    CHECK_STATUS(spawn_with(names, "has", "0", &pid), OK);
    CHECK_EXIT(pid, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

/* ---- pipes; the roles are given `pipes` ---- */

static struct made_pipe { cap_t reader, writer; } make_pipe(void) {
    struct pipes_create_request request = {0};
    struct pipes_create_reply reply;
    struct protocol_extra extra = {.receive = {slot_take(), slot_take()}};
    CHECK_STATUS(pipes_create(program_cap("pipes"), &request, &reply, &extra), OK);
    return (struct made_pipe){extra.receive[0], extra.receive[1]};
}

static void put_byte(cap_t writer, uint8_t byte) {
    static struct stream_write_request request;
    struct stream_write_reply reply;
    request.length_bytes = 1;
    request.bytes[0] = byte;
    CHECK_STATUS(stream_write(writer, &request, &reply, NULL), OK);
}

/* A byte; 256: end of file. */
static uint32_t next_byte(cap_t reader) {
    static struct stream_read_reply reply;
    struct stream_read_request request = {1};
    CHECK_STATUS(stream_read(reader, &request, &reply, NULL), OK);
    return reply.length_bytes == 0 ? 256 : reply.bytes[0];
}

/* A child and its child write to one pipe and read from another; when all writers are gone, it ends. */
static int role_forks_with_pipes(int argc, char **argv) {
    (void)argc, (void)argv;
    struct made_pipe there = make_pipe(), back = make_pipe();
    uint64_t child = fork_here();
    uint64_t grandchild = child == 0 ? fork_here() : 0;
    if (child == 0) {
        slot_drop(&there.writer);
        put_byte(back.writer, (uint8_t)next_byte(there.reader));
        if (grandchild != 0)
            CHECK_EXIT(grandchild, CODE_SIGNALLED);
        return CODE_SIGNALLED;
    }
    slot_drop(&there.reader);
    slot_drop(&back.writer);
    put_byte(there.writer, 1);
    put_byte(there.writer, 2);
    CHECK_EQUAL(next_byte(back.reader) + next_byte(back.reader), 3);
    CHECK_EQUAL(next_byte(back.reader), 256);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

static int role_writes_to_n0(int argc, char **argv) {
    (void)argc, (void)argv;
    put_byte(program_cap("n0"), 'x');
    return CODE_SIGNALLED;
}

/* An end of a pipe that is passed on by fork and then by exec, and that its maker has deleted meanwhile. */
static int role_forks_and_executes_with_a_pipe(int argc, char **argv) {
    (void)argc, (void)argv;
    struct made_pipe pipe = make_pipe();
    uint64_t child = fork_here();
    if (child == 0) {
        char name[16];
        const char *const arguments[] = {SELF, "writes_to_n0", NULL};
        const char *const names[] = {"tap", name, NULL};
        const struct child_start start = {.path = SELF, .arguments = arguments, .capabilities = names};
        (void)format_into(name, sizeof name, "n0=%lu", pipe.writer);
        CHECK_STATUS(start_exec(&start), OK);
        return ROLE_FAILED;
    }
    slot_drop(&pipe.writer);
    CHECK_EQUAL(next_byte(pipe.reader), 'x');
    CHECK_EQUAL(next_byte(pipe.reader), 256);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

/* ---- identities; the roles are given `teller` ---- */

static int role_has_no_teller(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    CHECK_EQUAL(program_cap("teller"), 0);
    CHECK(!hears(number_of(argv[1])));
    return CODE_SIGNALLED;
}

/* A deleted capability does not come back, whatever lies in its slot. */
static int role_gives_up_its_identity(int argc, char **argv) {
    (void)argc, (void)argv;
    cap_t teller = program_cap("teller");
    char name[24];
    const char *const names[] = {"tap", name, NULL};
    uint64_t pid;
    (void)format_into(name, sizeof name, "other=%lu", teller);
    for (uint32_t round = 0; round < 2; round++) {
        (void)sys_cap_delete(0, teller);
        if (round == 1)
            CHECK_STATUS(sys_cap_copy(0, teller, program_cap("tap"), RIGHTS_ALL, 0).status, OK);
        uint64_t child = fork_here();
        if (child == 0)
            return hears(teller) ? ROLE_FAILED : CODE_SIGNALLED;
        CHECK_EXIT(child, CODE_SIGNALLED);
        CHECK_STATUS(spawn_with(names, "has_no_teller", "34", &pid), OK);
        CHECK_EXIT(pid, CODE_SIGNALLED);
    }
    CHECK_STATUS(set_group(0, 0), OK);
    CHECK(!hears(teller));
    return CODE_SIGNALLED;
}

/* A copy in another slot is enough: the child of a fork gets a capability of its own there. */
static int role_moves_its_identity(int argc, char **argv) {
    (void)argc, (void)argv;
    cap_t teller = program_cap("teller"), copy = slot_derive(teller, RIGHTS_ALL, 0);
    (void)sys_cap_delete(0, teller);
    uint64_t child = fork_here();
    if (child == 0)
        return hears(teller) || !hears(copy) ? ROLE_FAILED : CODE_SIGNALLED;
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

/* ---- cases ---- */

static const char *const with_pipes[] = {"pipes", NULL};
static const char *const with_teller[] = {"teller", NULL};

static void spawn_passes_on_many(void) { CHECK_ROLE(CODE_SIGNALLED, "spawns_with_many"); }
static void exec_passes_on_many(void) { CHECK_ROLE(CODE_SIGNALLED, "executes_with_many"); }
static void spawn_passes_on_as_many_as_there_are_slots(void) { CHECK_ROLE(CODE_SIGNALLED, "spawns_with_a_full_table"); }
static void fork_passes_on_pipes(void) { CHECK_EXIT(START_ROLE_WITH(with_pipes, "forks_with_pipes"), CODE_SIGNALLED); }
static void exec_behind_fork_keeps_a_pipe(void) {
    CHECK_EXIT(START_ROLE_WITH(with_pipes, "forks_and_executes_with_a_pipe"), CODE_SIGNALLED);
}
static void identity_given_up_stays_so(void) {
    CHECK_EXIT(START_ROLE_WITH(with_teller, "gives_up_its_identity"), CODE_SIGNALLED);
}
static void identity_moved_is_a_copy(void) {
    CHECK_EXIT(START_ROLE_WITH(with_teller, "moves_its_identity"), CODE_SIGNALLED);
}

static void spawn_refuses_wrong_names_and_slots(void) {
    static const struct {
        const char *text;
        uint32_t status;
    } wrong[] = {
        {"x=128", P_NO_CAPABILITY},
        {"x=0", P_NO_CAPABILITY},
        {"x=", P_NO_CAPABILITY},
        {"x", P_NO_CAPABILITY},
        {"x=-1", P_NO_CAPABILITY},
        {"x=1 ", P_NO_CAPABILITY},
        {"x=0x30", P_NO_CAPABILITY},
        {"x=18446744073709551617", P_NO_CAPABILITY},
        {"", P_ARGUMENT},
        {"=40", P_ARGUMENT},
        {"process=40", P_ARGUMENT},
        {"two words=40", P_ARGUMENT},
        {"a/b=40", P_ARGUMENT},
        {"\xc3\xa4=40", P_ARGUMENT},
        {"longer-than-is-allowed-2=40", P_ARGUMENT},
    };
    uint64_t pid;
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *const names[] = {"tap", wrong[i].text, NULL};
        if (!CHECK_STATUS(spawn_with(names, "has", "0", &pid), wrong[i].status))
            test_note("`%s`", wrong[i].text);
    }
    static const char *const longest[] = {"tap", "just-as-long.as_allowed=tap", NULL};
    CHECK_STATUS(spawn_with(longest, "has", "0", &pid), OK);
    CHECK_EXIT(pid, CODE_SIGNALLED);
}

static const struct test_case cases[] = {
    CASE(spawn_passes_on_many),
    CASE(exec_passes_on_many),
    CASE(spawn_passes_on_as_many_as_there_are_slots),
    CASE(spawn_refuses_wrong_names_and_slots),
    CASE_NEEDS(fork_passes_on_pipes, OPERATION(fork)),
    CASE_NEEDS(exec_behind_fork_keeps_a_pipe, OPERATION(fork)),
    CASE_NEEDS(identity_given_up_stays_so, OPERATION(fork) | OPERATION(set_group)),
    CASE_NEEDS(identity_moved_is_a_copy, OPERATION(fork)),
};
static const struct role roles[] = {
    ROLE(has),
    ROLE(spawns_with_many),
    ROLE(executes_with_many),
    ROLE(spawns_with_a_full_table),
    ROLE(forks_with_pipes),
    ROLE(writes_to_n0),
    ROLE(forks_and_executes_with_a_pipe),
    ROLE(has_no_teller),
    ROLE(gives_up_its_identity),
    ROLE(moves_its_identity),
};
GROUP(pass);
