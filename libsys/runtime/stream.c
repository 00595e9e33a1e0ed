#include "libsys/runtime/stream.h"

#include "libsys/program/program.h"
#include "libsys/runtime/terminal.h"
#include "libsys/text/string.h"

static cap_t replaced[STREAM_STANDARD_COUNT]; /* 0: not replaced */

void stream_replace(enum stream_standard standard, cap_t stream) { replaced[standard] = stream; }

bool stream_is_replaced(enum stream_standard standard) { return replaced[standard] != 0; }

static cap_t find(enum stream_standard standard, const char *name) {
    cap_t stream = replaced[standard];
    if (stream == 0)
        stream = program_cap(name);
    return stream != 0 ? stream : program_cap("console");
}

cap_t stream_in(void) { return find(STREAM_IN, "stdin"); }
cap_t stream_out(void) { return find(STREAM_OUT, "stdout"); }
cap_t stream_errors(void) { return find(STREAM_ERRORS, "stderr"); }

/*
 * Is a refused call to be made again? P_CROWDED: others have taken all places to wait, but a place is free soon, so
 * pause first. False: another status, or this program can't sleep.
 */
#define CROWDED_PAUSE_NS 5000000U
static bool comes_again(uint32_t status) {
    struct process_sleep_request pause = {.until_ns = program_time_in(CROWDED_PAUSE_NS)};
    struct process_sleep_reply reply;
    return status == P_CROWDED && process_sleep(program_process(), &pause, &reply, NULL) == OK;
}

uint32_t stream_write_all(cap_t stream, const void *bytes, size_t length_bytes, size_t *ret_written) {
    struct stream_write_request request;
    struct stream_write_reply reply;
    size_t done = 0;
    uint32_t status = OK;
    while (done < length_bytes && status == OK) {
        size_t left = length_bytes - done;
        request.length_bytes = left < sizeof request.bytes ? left : sizeof request.bytes;
        memcpy(request.bytes, (const uint8_t *)bytes + done, request.length_bytes);
        status = stream_write(stream, &request, &reply, NULL);
        if (status == OK)
            done += reply.written_bytes < request.length_bytes ? reply.written_bytes : request.length_bytes;
        else if (comes_again(status))
            status = OK;
    }
    if (ret_written != NULL)
        *ret_written = done;
    return status;
}

uint32_t stream_read_some(cap_t stream, void *bytes, size_t most_bytes, size_t *ret_length) {
    struct stream_read_request request = {.most_bytes = most_bytes < STREAM_BYTES_MAX ? most_bytes : STREAM_BYTES_MAX};
    struct stream_read_reply reply;
    uint32_t status;
    do
        status = stream_read(stream, &request, &reply, NULL);
    while (status != OK &&
           (status == E_CANCEL || /* the console's, see console_read */
            comes_again(status) || (status == P_BACKGROUND && (status = terminal_await(PROCESS_SIGTTIN)) == OK)));
    if (status != OK)
        return status;
    *ret_length = reply.length_bytes;
    memcpy(bytes, reply.bytes, *ret_length);
    return OK;
}
