#include "test/bench/pipe_bench.h"

#include "libsys/program/program.h"
#include "libsys/runtime/stream.h"
#include "test/bench/row.h"
#include "userland/lib/launch.h"
#include "userland/lib/pipe.h"

static uint32_t send(cap_t to) {
    static struct stream_write_request request; /* static, as it is larger than a stack frame should be */
    struct stream_write_reply reply;
    request.length_bytes = 1;
    request.bytes[0] = 1;
    return stream_write(to, &request, &reply, NULL);
}

static uint32_t receive(cap_t from, uint64_t *ret_length) {
    struct stream_read_request request = {.most_bytes = 1};
    static struct stream_read_reply reply;
    uint32_t status = stream_read(from, &request, &reply, NULL);
    *ret_length = status == OK ? reply.length_bytes : 0;
    return status;
}

int pipe_bench_partner(void) {
    cap_t from = stream_in(), to = stream_out();
    uint64_t length;
    while (receive(from, &length) == OK && length > 0 && send(to) == OK) {
    }
    return 0;
}

void pipe_bench_row(const char *self, void (*fail)(const char *what)) {
    const char *const arguments[] = {self, PIPE_BENCH_PARTNER, NULL};
    const char *const environment[] = {NULL};
    struct launch_failure failure;
    struct pipe_ends there, back;
    uint64_t length;
    if (pipe_make(&there) != OK || pipe_make(&back) != OK)
        fail("pipes");
    const struct launch_capability ends[] = {{"stdin", there.reader}, {"stdout", back.writer}};
    const struct launch launch = {
        .path = self, .arguments = arguments, .environment = environment, .capabilities = ends, .capability_count = 2};
    uint64_t pid = launch_spawn(program_process(), &launch, &failure);
    if (pid == 0)
        fail("a partner for the pipes");
    pipe_drop(&there.reader);
    pipe_drop(&back.writer);
    BENCH("pipe_round_trip", BENCH_OPERATIONS, {
        if (send(there.writer) != OK || receive(back.reader, &length) != OK || length != 1)
            fail("a byte through two pipes");
    });
    pipe_drop(&there.writer);
    struct process_wait_request request = {.pid = pid};
    struct process_wait_reply reply;
    if (process_wait(program_process(), &request, &reply, NULL) != OK || reply.value != 0)
        fail("the partner did not end well");
    pipe_drop(&back.reader);
}
