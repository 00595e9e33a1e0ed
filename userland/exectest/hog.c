/*
 * A process that takes all the memory there is:
 *
 *     hog ask      asks for pieces until it is refused, and ends with PAYLOAD_REFUSED
 *     hog touch    maps a lot and touches each page; sleeps when it has them all
 *     hog keep     asks for ever smaller pieces until it is refused a single page, says so, and keeps what it has
 *     hog bomb     forks up to 2^BOMB_FORKS processes, each of which touches as much as it can
 *     hog spread   touches a page in each of SPREAD_PARTS distant parts, and reads all of them back
 */
#include "kernel/abi/rights.h"
#include "libsys/program/program.h"
#include "libsys/proto/process.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "userland/exectest/payload.h"

#define PIECE_BYTES (1ULL << 20)
#define TOUCH_BYTES (448ULL << 20) /* below the limit of one process */
#define SPREAD_PARTS 600U
#define SPREAD_BYTES (8ULL << 20)
#define SPREAD_AT 0x200000000000ULL
#define BOMB_FORKS 4U

/* Map memory. *at: in, the address if the flags demand one; out, the address of the mapping. */
static uint32_t map(uint64_t length_bytes, uint64_t flags, uaddr_t *at) {
    struct process_map_request request = {
        .at = *at, .length_bytes = length_bytes, .rights = MEMORY_READ | MEMORY_WRITE, .flags = flags};
    struct process_map_reply reply = {0};
    uint32_t status = process_map(program_process(), &request, &reply, NULL);
    *at = reply.at;
    return status;
}

static int ask(void) {
    uaddr_t at = 0;
    uint32_t status;
    while ((status = map(PIECE_BYTES, PROCESS_MAP_TOGETHER, &at)) == OK)
        continue;
    return status == P_NO_MEMORY || status == P_LIMIT ? PAYLOAD_REFUSED : PAYLOAD_WRONG;
}

static void sleep_long(void) {
    struct process_sleep_request request = {UINT64_MAX};
    struct process_sleep_reply reply;
    (void)process_sleep(program_process(), &request, &reply, NULL); /* until it is killed */
}

static int touch(void) {
    uaddr_t at = 0;
    if (map(TOUCH_BYTES, 0, &at) != OK)
        return PAYLOAD_WRONG;
    for (uint64_t offset = 0; offset < TOUCH_BYTES; offset += PAGE_BYTES)
        *(volatile uint64_t *)(at + offset) = offset;
    sleep_long();
    return PAYLOAD_WRONG;
}

static int keep(void) {
    uaddr_t at = 0;
    for (uint64_t bytes = PIECE_BYTES; bytes >= PAGE_BYTES; bytes /= 2)
        while (map(bytes, PROCESS_MAP_TOGETHER, &at) == OK)
            continue;
    print("hog: has it all\n");
    sleep_long();
    return PAYLOAD_WRONG;
}

static int bomb(void) {
    struct process_fork_request request = {0};
    struct process_fork_reply reply;
    for (uint32_t i = 0; i < BOMB_FORKS; i++)
        (void)process_fork(program_process(), &request, &reply, NULL); /* failures are expected */
    return touch();
}

static int spread(void) {
    for (uint64_t i = 0; i < SPREAD_PARTS; i++) {
        uaddr_t at = SPREAD_AT + i * SPREAD_BYTES;
        if (map(PAGE_BYTES, PROCESS_MAP_AT, &at) != OK) {
            print("hog: part %lu is refused\n", i);
            return PAYLOAD_WRONG;
        }
        *(volatile uint64_t *)at = i;
    }
    for (uint64_t i = 0; i < SPREAD_PARTS; i++)
        if (*(volatile uint64_t *)(SPREAD_AT + i * SPREAD_BYTES) != i)
            return PAYLOAD_WRONG;
    return 0;
}

int main(int argc, char **argv, char **envp) {
    static const struct {
        const char *name;
        int (*run)(void);
    } ways[] = {{"ask", ask}, {"touch", touch}, {"keep", keep}, {"bomb", bomb}, {"spread", spread}};
    (void)envp;
    for (size_t i = 0; argc == 2 && i < sizeof ways / sizeof ways[0]; i++)
        if (strcmp(argv[1], ways[i].name) == 0)
            return ways[i].run();
    print("hog: want `ask`, `touch`, `keep`, `bomb` or `spread`\n");
    return PAYLOAD_WRONG;
}
