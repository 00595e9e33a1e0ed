#include "test/process/child.h"

#include "libsys/text/string.h"
#include "libsys/text/text.h"

#define PATIENCE_NS 5000000000ULL

cap_t process;
char start_reason[PROTOCOL_REASON_MAX];
const char *const capabilities_of_a_role[] = {"tap", NULL};

static struct protocol_extra extra;

static void keep_reason(uint32_t status) {
    if (status == OK)
        start_reason[0] = '\0';
    else
        memcpy(start_reason, extra.reason, sizeof start_reason);
}

uint32_t stage_bytes(uint64_t offset_bytes, const void *bytes, uint64_t length_bytes) {
    static struct process_stage_request request;
    struct process_stage_reply reply;
    const uint8_t *from = bytes;
    uint64_t done = 0;
    do {
        uint64_t left = length_bytes - done;
        request.length_bytes = left < PROTOCOL_TAIL_MAX ? left : PROTOCOL_TAIL_MAX;
        request.offset_bytes = offset_bytes + done;
        if (request.length_bytes > 0)
            memcpy(request.bytes, from + done, request.length_bytes);
        uint32_t status = process_stage(process, &request, &reply, NULL);
        if (status != OK)
            return status;
        done += request.length_bytes;
    } while (done < length_bytes);
    return OK;
}

/* Gathers strings into messages. */
static struct {
    uint64_t staged_bytes;
    uint64_t length_bytes;
    uint8_t bytes[PROTOCOL_TAIL_MAX];
    uint32_t status;
} gather;

static void flush(void) {
    if (gather.status == OK)
        gather.status = stage_bytes(gather.staged_bytes, gather.bytes, gather.length_bytes);
    gather.staged_bytes += gather.length_bytes;
    gather.length_bytes = 0;
}

static uint64_t stage_list(const char *const *list) {
    uint64_t count = 0;
    for (; list != NULL && list[count] != NULL; count++) {
        const char *text = list[count];
        for (uint64_t left = strlen(text) + 1; left > 0; left--) {
            gather.bytes[gather.length_bytes++] = (uint8_t)*text++;
            if (gather.length_bytes == sizeof gather.bytes)
                flush();
        }
    }
    return count;
}

/* NAME=SLOT as it is; else NAME, of what this program has under that name, or NAME=OTHER under that one. */
static uint64_t stage_capabilities(const char *const *list) {
    uint64_t count = 0;
    for (; list != NULL && list[count] != NULL; count++) {
        const char *equals = strchr(list[count], '=');
        const char *source = equals != NULL ? equals + 1 : list[count];
        cap_t cap = program_cap(source);
        char text[64];
        int name_length = (int)(equals != NULL ? (size_t)(equals - list[count]) : strlen(list[count]));
        (void)format_into(text, sizeof text, "%.*s=%lu", name_length, list[count], cap);
        (void)stage_list((const char *const[]){cap != 0 ? text : list[count], NULL});
    }
    return count;
}

uint32_t start_stage(const struct child_start *start, struct process_strings *ret_strings) {
    gather.staged_bytes = 0;
    gather.length_bytes = 0;
    gather.status = OK;
    ret_strings->argument_count = stage_list(start->arguments);
    ret_strings->environment_count = stage_list(start->environment);
    ret_strings->capability_count = stage_capabilities(start->capabilities);
    if (gather.length_bytes > 0 || gather.staged_bytes == 0)
        flush();
    return gather.status;
}

uint32_t spawn_staged(const char *path, uint64_t length_bytes, const struct process_strings *strings,
                      uint64_t *ret_pid) {
    static struct process_spawn_request request;
    struct process_spawn_reply reply = {0};
    request.length_bytes = length_bytes;
    request.strings = *strings;
    memcpy(request.path, path, length_bytes < sizeof request.path ? length_bytes : sizeof request.path);
    uint32_t status = process_spawn(process, &request, &reply, &extra);
    keep_reason(status);
    *ret_pid = reply.pid;
    return status;
}

uint32_t exec_staged(const char *path, uint64_t length_bytes, const struct process_strings *strings) {
    static struct process_exec_request request;
    struct process_exec_reply reply;
    request.length_bytes = length_bytes;
    request.strings = *strings;
    memcpy(request.path, path, length_bytes < sizeof request.path ? length_bytes : sizeof request.path);
    uint32_t status = process_exec(process, &request, &reply, &extra);
    keep_reason(status);
    return status;
}

uint32_t start_spawn(const struct child_start *start, uint64_t *ret_pid) {
    struct process_strings strings;
    *ret_pid = 0;
    uint32_t status = start_stage(start, &strings);
    return status == OK ? spawn_staged(start->path, strlen(start->path), &strings, ret_pid) : status;
}

uint32_t start_exec(const struct child_start *start) {
    struct process_strings strings;
    uint32_t status = start_stage(start, &strings);
    return status == OK ? exec_staged(start->path, strlen(start->path), &strings) : status;
}

uint64_t start_role(const char *const *arguments) {
    static const char *const none[] = {NULL};
    return start_role_with(none, arguments);
}

uint64_t start_role_with(const char *const *capabilities, const char *const *arguments) {
    const char *names[CAPABILITIES_MAX + 2] = {"tap"};
    for (uint32_t i = 0; capabilities[i] != NULL && i + 2 < sizeof names / sizeof names[0]; i++)
        names[i + 1] = capabilities[i];
    const struct child_start start = {.path = SELF, .arguments = arguments, .capabilities = names};
    uint64_t pid;
    if (!CHECK_STATUS(start_spawn(&start, &pid), OK))
        test_note("role %s does not start: %s", arguments[1], start_reason);
    return pid;
}

uint32_t exec_role(const char *const *arguments) {
    const struct child_start start = {.path = SELF, .arguments = arguments, .capabilities = capabilities_of_a_role};
    return start_exec(&start);
}

uint32_t wait_with(cap_t server, uint64_t pid, uint64_t flags, struct process_wait_reply *ret_end) {
    struct process_wait_request request = {pid, flags};
    memset(ret_end, 0, sizeof *ret_end);
    return process_wait(server, &request, ret_end, NULL);
}

uint32_t wait_for(uint64_t pid, struct process_wait_reply *ret_end) { return wait_with(process, pid, 0, ret_end); }

uint32_t wait_no_hang(uint64_t pid, struct process_wait_reply *ret_end) { return wait_with(process, pid, 1, ret_end); }

bool check_end(uint64_t pid, uint64_t end, uint64_t value, const char *file, int line) {
    struct process_wait_reply reply;
    if (pid == 0) /* it did not start, which has been said */
        return false;
    if (!test_check_status(wait_for(pid, &reply), OK, file, line, "wait"))
        return false;
    if (reply.end == PROCESS_KILLED && reply.end != end)
        test_note("fault %lu at 0x%lx, instruction 0x%lx", reply.fault, reply.address, reply.rip);
    bool same = test_check_equal(reply.end, end, file, line, "how it ended");
    same = test_check_equal(reply.value, value, file, line, "its exit code or signal") && same;
    return test_check_equal(reply.pid, pid, file, line, "whom wait tells of") && same;
}

static struct process_get_pid_reply ask_pid(void) {
    struct process_get_pid_request request = {0};
    struct process_get_pid_reply reply = {0};
    (void)CHECK_STATUS(process_get_pid(process, &request, &reply, NULL), OK);
    return reply;
}

uint64_t own_pid(void) { return ask_pid().pid; }
uint64_t parent_pid(void) { return ask_pid().parent; }

uint32_t kill_process(uint64_t pid, uint64_t signal) {
    struct process_kill_request request = {.pid = pid, .signal = signal};
    struct process_kill_reply reply;
    return process_kill(process, &request, &reply, NULL);
}

uint32_t fork_process(uint64_t *ret_pid) {
    struct process_fork_request request = {0};
    struct process_fork_reply reply = {0};
    uint32_t status = process_fork(process, &request, &reply, NULL);
    *ret_pid = reply.pid;
    return status;
}

bool find_process(uint64_t pid, struct process_list_reply *ret_entry) {
    struct process_list_request request = {.pid = pid};
    return process_list(process, &request, ret_entry, NULL) == OK && ret_entry->pid == pid;
}

bool reaches_state(uint64_t pid, uint64_t state) {
    uint64_t limit_ns = sys_clock_read().value + PATIENCE_NS;
    do {
        struct process_list_reply entry;
        bool there = find_process(pid, &entry);
        if (there ? entry.state == state : state == 0)
            return true;
    } while (sys_clock_read().value < limit_ns);
    return false;
}

const char *text_of(uint64_t number) {
    static char buffers[8][24];
    static uint32_t turn;
    turn = (turn + 1) % 8;
    (void)format_into(buffers[turn], sizeof buffers[turn], "%lu", number);
    return buffers[turn];
}

uint64_t number_of(const char *text) {
    uint64_t number;
    return text_to_number(text, &number) ? number : UINT64_MAX;
}

void spin_ns(uint64_t duration_ns) {
    uint64_t end_ns = sys_clock_read().value + duration_ns;
    while (sys_clock_read().value < end_ns)
        continue;
}
