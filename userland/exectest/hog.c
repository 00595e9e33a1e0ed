/*
 * A process that takes all the memory there is:
 *
 *     hog ask      asks for it in one piece after another until it is refused, and ends with PAYLOAD_REFUSED
 *     hog touch    maps a lot and touches each page; sleeps when it has them all
 */
#include "kernel/abi/rights.h"
#include "libsys/print.h"
#include "libsys/program.h"
#include "libsys/proto/process.h"
#include "libsys/string.h"
#include "userland/exectest/payload.h"

#define PIECE_BYTES (1ULL << 20)
#define TOUCH_BYTES (448ULL << 20) /* below the limit of one process */

static uint32_t map(uint64_t length_bytes, uint64_t flags, uaddr_t *ret_at) {
    struct process_map_request request = {
        .length_bytes = length_bytes, .rights = MEMORY_READ | MEMORY_WRITE, .flags = flags};
    struct process_map_reply reply = {0};
    uint32_t status = process_map(program_process(), &request, &reply, NULL);
    *ret_at = reply.at;
    return status;
}

static int ask(void) {
    uaddr_t at;
    uint32_t status;
    while ((status = map(PIECE_BYTES, PROCESS_MAP_TOGETHER, &at)) == OK)
        continue;
    return status == P_NO_MEMORY || status == P_LIMIT ? PAYLOAD_REFUSED : PAYLOAD_WRONG;
}

static int touch(void) {
    uaddr_t at;
    if (map(TOUCH_BYTES, 0, &at) != OK)
        return PAYLOAD_WRONG;
    for (uint64_t offset = 0; offset < TOUCH_BYTES; offset += PAGE_BYTES)
        *(volatile uint64_t *)(at + offset) = offset;
    struct process_sleep_request request = {UINT64_MAX};
    struct process_sleep_reply reply;
    (void)process_sleep(program_process(), &request, &reply, NULL); /* until it is killed */
    return PAYLOAD_WRONG;
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    if (argc == 2 && strcmp(argv[1], "ask") == 0)
        return ask();
    if (argc == 2 && strcmp(argv[1], "touch") == 0)
        return touch();
    print("hog: want `ask` or `touch`\n");
    return PAYLOAD_WRONG;
}
