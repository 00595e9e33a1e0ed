/*
 * Is mapped memory zero and private, has it the right access rights, and is it gone when unmapped? Does
 * the heap grow and shrink?
 */
#include "kernel/abi/rights.h"
#include "kernel/abi/thread.h"
#include "libsys/text/string.h"
#include "test/process/child.h"

#define CODE_MAPPED 31
#define READ_WRITE ((uint64_t)(MEMORY_READ | MEMORY_WRITE))

static uint32_t map_memory(uint64_t at, uint64_t length_bytes, uint64_t rights, uint64_t flags, uint64_t *ret_at) {
    struct process_map_request request = {.at = at, .length_bytes = length_bytes, .rights = rights, .flags = flags};
    struct process_map_reply reply = {0};
    uint32_t status = process_map(process, &request, &reply, NULL);
    *ret_at = reply.at;
    return status;
}

static uint32_t unmap(uint64_t at, uint64_t length_bytes) {
    struct process_unmap_request request = {.at = at, .length_bytes = length_bytes};
    struct process_unmap_reply reply;
    return process_unmap(process, &request, &reply, NULL);
}

static uint32_t protect(uint64_t at, uint64_t length_bytes, uint64_t rights) {
    struct process_protect_request request = {.at = at, .length_bytes = length_bytes, .rights = rights};
    struct process_protect_reply reply;
    return process_protect(process, &request, &reply, NULL);
}

static uint32_t set_break(uint64_t end, struct process_set_break_reply *ret_reply) {
    struct process_set_break_request request = {.end = end};
    return process_set_break(process, &request, ret_reply, NULL);
}

#define NOISE IMAGES "noise"
#define NOISE_BYTES 10000U

static uint8_t noise_at(uint64_t number) { return (uint8_t)(number * number * 7919 >> 3); } /* as images.py makes it */

static uint32_t map_file_with(const struct process_map_file_request *model, const char *path,
                              struct process_map_file_reply *ret_reply) {
    static struct process_map_file_request request;
    request = *model;
    request.length_bytes = strlen(path);
    memcpy(request.path, path, request.length_bytes);
    *ret_reply = (struct process_map_file_reply){0};
    return process_map_file(process, &request, ret_reply, NULL);
}

/* The address; 0: it failed. */
static uint8_t *map_noise(uint64_t page_count, uint64_t rights, uint64_t offset_bytes) {
    const struct process_map_file_request request = {
        .size_bytes = page_count * PAGE_BYTES, .rights = rights, .offset_bytes = offset_bytes};
    struct process_map_file_reply reply;
    if (!CHECK_STATUS(map_file_with(&request, NOISE, &reply), OK) || !CHECK_EQUAL(reply.file_bytes, NOISE_BYTES))
        return NULL;
    return (uint8_t *)reply.at;
}

/* Is there the file from an offset on, and zero behind its end? */
static bool is_noise(const uint8_t *bytes, uint64_t offset_bytes, uint64_t length_bytes) {
    for (uint64_t i = 0; i < length_bytes; i++)
        if (bytes[i] != (offset_bytes + i < NOISE_BYTES ? noise_at(offset_bytes + i) : 0)) {
            test_note("byte %lu is 0x%x", i, bytes[i]);
            return false;
        }
    return true;
}

/* ---- roles ---- */

/* file_touched WHAT */
static int role_file_touched(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    uint64_t rights = strcmp(argv[1], "none") == 0       ? 0
                      : strcmp(argv[1], "writable") == 0 ? READ_WRITE
                                                         : (uint64_t)MEMORY_READ;
    uint8_t *bytes = map_noise(3, rights, 0);
    if (bytes == NULL)
        return ROLE_FAILED;
    if (strcmp(argv[1], "code") == 0)
        ((void (*)(void))(uintptr_t)bytes)();
    *(volatile uint8_t *)bytes = 1;
    return CODE_MAPPED;
}

/* touches WHAT: map, take the right away again, and touch. */
static int role_touches(int argc, char **argv) {
    uint64_t at;
    CHECK_EQUAL(argc, 2);
    CHECK_STATUS(map_memory(0, 4 * PAGE_BYTES, READ_WRITE, 0, &at), OK);
    volatile uint8_t *bytes = (volatile uint8_t *)at;
    bytes[PAGE_BYTES] = 1;
    if (strcmp(argv[1], "unmapped") == 0)
        CHECK_STATUS(unmap(at, 4 * PAGE_BYTES), OK);
    if (strcmp(argv[1], "read_only") == 0)
        CHECK_STATUS(protect(at, 4 * PAGE_BYTES, MEMORY_READ), OK);
    if (strcmp(argv[1], "code") == 0)
        ((void (*)(void))at)();
    bytes[PAGE_BYTES] = 2;
    return CODE_MAPPED;
}

static int role_heap(int argc, char **argv) {
    struct process_set_break_reply first, now;
    (void)argc, (void)argv;
    CHECK_STATUS(set_break(0, &first), OK);
    CHECK_EQUAL(first.start, first.end);
    CHECK_STATUS(set_break(first.start + 100000, &now), OK);
    CHECK_EQUAL(now.end, first.start + 100000);
    volatile uint8_t *bytes = (volatile uint8_t *)first.start;
    CHECK(bytes[0] == 0 && bytes[99999] == 0);
    bytes[99999] = 1;
    CHECK_STATUS(set_break(first.start, &now), OK);
    CHECK_STATUS(set_break(first.start + 100000, &now), OK);
    CHECK_EQUAL(bytes[99999], 0);
    CHECK_STATUS(set_break(first.start - 1, &now), P_ADDRESS);
    CHECK_STATUS(set_break(UINT64_MAX, &now), P_ADDRESS);
    return CODE_MAPPED;
}

/* ---- cases ---- */

static void map_gives_zeroes_that_can_be_written(void) {
    uint64_t at;
    if (!CHECK_STATUS(map_memory(0, 64 * PAGE_BYTES, READ_WRITE, 0, &at), OK))
        return;
    uint64_t *words = (uint64_t *)at;
    for (uint64_t i = 0; i < 64 * PAGE_BYTES / 8; i += 64)
        if (!CHECK_EQUAL(words[i], 0))
            break;
    for (uint64_t i = 0; i < 64; i++)
        words[i * PAGE_BYTES / 8] = i;
    for (uint64_t i = 0; i < 64; i++)
        CHECK_EQUAL(words[i * PAGE_BYTES / 8], i);
    CHECK_STATUS(unmap(at, 64 * PAGE_BYTES), OK);
}

static void map_gives_zeroes_again_after_unmap(void) {
    uint64_t at;
    for (uint64_t turn = 0; turn < 3; turn++) {
        if (!CHECK_STATUS(map_memory(0x500000000, PAGE_BYTES, READ_WRITE, PROCESS_MAP_AT, &at), OK))
            return;
        CHECK_EQUAL(at, 0x500000000);
        CHECK_EQUAL(*(volatile uint64_t *)at, 0);
        *(volatile uint64_t *)at = 1;
        CHECK_STATUS(unmap(at, PAGE_BYTES), OK);
    }
}

static void map_refuses_what_is_there(void) {
    uint64_t at, again;
    CHECK_STATUS(map_memory(0x500000000, 2 * PAGE_BYTES, READ_WRITE, PROCESS_MAP_AT, &at), OK);
    CHECK_STATUS(map_memory(at + PAGE_BYTES, PAGE_BYTES, READ_WRITE, PROCESS_MAP_AT, &again), E_EXISTS);
    *(volatile uint64_t *)at = 1;
    CHECK_STATUS(map_memory(at, PAGE_BYTES, READ_WRITE, PROCESS_MAP_AT | PROCESS_MAP_REPLACE, &again), OK);
    CHECK_EQUAL(*(volatile uint64_t *)at, 0);
    CHECK_STATUS(unmap(at, 2 * PAGE_BYTES), OK);
}

static void map_refuses_bad_arguments(void) {
    static const struct {
        uint64_t at, length_bytes, rights, flags;
        uint32_t status;
    } rows[] = {
        {0, 0, MEMORY_READ, 0, P_ARGUMENT},
        {0, 100, MEMORY_READ, 0, P_ARGUMENT},
        {0, PAGE_BYTES, MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE, 0, P_ARGUMENT},
        {0, PAGE_BYTES, MEMORY_READ, 1ULL << 40, P_ARGUMENT},
        {0x500000001, PAGE_BYTES, MEMORY_READ, PROCESS_MAP_AT, P_ARGUMENT},
        {0, PAGE_BYTES, MEMORY_READ, PROCESS_MAP_AT, P_ADDRESS},
        {PROCESS_MAP_END, PAGE_BYTES, MEMORY_READ, PROCESS_MAP_AT, P_ADDRESS},
        {0xffffffff80000000, PAGE_BYTES, MEMORY_READ, PROCESS_MAP_AT, P_ADDRESS},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t at;
        if (!CHECK_STATUS(map_memory(rows[i].at, rows[i].length_bytes, rows[i].rights, rows[i].flags, &at),
                          rows[i].status))
            test_note("row %u", i);
    }
}

static void map_has_the_rights_asked_for(void) {
    CHECK_KILLED(START_ROLE("touches", "unmapped"), PROCESS_SIGSEGV);
    CHECK_KILLED(START_ROLE("touches", "read_only"), PROCESS_SIGSEGV);
    CHECK_KILLED(START_ROLE("touches", "code"), PROCESS_SIGSEGV);
    CHECK_ROLE(CODE_MAPPED, "touches", "nothing");
}

/* Each page has records of its own in the server, and all of them go in one call. */
static void many_scattered_pages_go_at_once(void) {
    const uint64_t from = 0x500000000, count = 1000, distance = 4ULL << 20;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at;
        if (!CHECK_STATUS(map_memory(from + i * distance, PAGE_BYTES, READ_WRITE, PROCESS_MAP_AT, &at), OK))
            break;
        *(volatile uint64_t *)at = i;
    }
    CHECK_STATUS(unmap(from, count * distance), OK);
}

static void unmap_of_holes_is_no_error(void) {
    CHECK_STATUS(unmap(0x500000000, 16 * PAGE_BYTES), OK);
    CHECK_STATUS(unmap(0x500000000, 0), P_ARGUMENT);
    CHECK_STATUS(unmap(0x500000001, PAGE_BYTES), P_ARGUMENT);
}

static void protect_refuses_holes(void) { CHECK_STATUS(protect(0x500000000, PAGE_BYTES, MEMORY_READ), P_ADDRESS); }

static void heap_grows_and_shrinks(void) { CHECK_ROLE(CODE_MAPPED, "heap"); }

/* ---- files ---- */

static void map_file_shows_the_file_and_zeroes_behind_it(void) {
    static const uint64_t rights[] = {MEMORY_READ, READ_WRITE, MEMORY_READ | MEMORY_EXECUTE};
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t *bytes = map_noise(4, rights[i], 0);
        if (bytes == NULL)
            return;
        CHECK(is_noise(bytes, 0, 4 * PAGE_BYTES));
        CHECK_STATUS(unmap((uaddr_t)bytes, 4 * PAGE_BYTES), OK);
    }
}

static void map_file_from_an_offset(void) {
    static const uint64_t rights[] = {MEMORY_READ, READ_WRITE};
    for (uint64_t page = 0; page < 3; page++) {
        for (uint32_t i = 0; i < 2; i++) {
            uint8_t *bytes = map_noise(2, rights[i], page * PAGE_BYTES);
            if (bytes == NULL)
                return;
            CHECK(is_noise(bytes, page * PAGE_BYTES, 2 * PAGE_BYTES));
            CHECK_STATUS(unmap((uaddr_t)bytes, 2 * PAGE_BYTES), OK);
        }
    }
}

static void map_file_at_a_place(void) {
    struct process_map_file_request request = {
        .at = 0x500000000, .size_bytes = 3 * PAGE_BYTES, .rights = READ_WRITE, .flags = PROCESS_MAP_AT};
    struct process_map_file_reply reply;
    CHECK_STATUS(map_file_with(&request, NOISE, &reply), OK);
    CHECK_EQUAL(reply.at, 0x500000000);
    CHECK_STATUS(map_file_with(&request, NOISE, &reply), E_EXISTS);
    *(volatile uint8_t *)0x500000000 = (uint8_t)~noise_at(0);
    request.flags |= PROCESS_MAP_REPLACE;
    request.rights = MEMORY_READ;
    CHECK_STATUS(map_file_with(&request, NOISE, &reply), OK);
    CHECK(is_noise((const uint8_t *)0x500000000, 0, 3 * PAGE_BYTES));
    CHECK_STATUS(unmap(0x500000000, 3 * PAGE_BYTES), OK);
}

static void map_file_keeps_what_is_written_to_itself(void) {
    uint8_t *before = map_noise(3, MEMORY_READ, 0), *written = map_noise(3, READ_WRITE, 0);
    if (before == NULL || written == NULL)
        return;
    for (uint64_t i = 0; i < 3 * PAGE_BYTES; i++)
        written[i] = (uint8_t)~written[i];
    uint8_t *after = map_noise(3, READ_WRITE, 0);
    if (after == NULL)
        return;
    CHECK(is_noise(before, 0, 3 * PAGE_BYTES));
    CHECK(is_noise(after, 0, 3 * PAGE_BYTES));
    CHECK_EQUAL(written[5000], (uint8_t)~noise_at(5000));
    CHECK_STATUS(unmap((uaddr_t)before, 3 * PAGE_BYTES), OK);
    CHECK_STATUS(unmap((uaddr_t)written, 3 * PAGE_BYTES), OK);
    CHECK_STATUS(unmap((uaddr_t)after, 3 * PAGE_BYTES), OK);
}

/* The file's own page becomes a copy (copy-on-write). */
static void map_file_that_becomes_writable_is_private(void) {
    uint8_t *one = map_noise(3, MEMORY_READ, 0), *other = map_noise(3, MEMORY_READ, 0);
    if (one == NULL || other == NULL)
        return;
    CHECK(is_noise(one, 0, 3 * PAGE_BYTES));
    CHECK_STATUS(protect((uaddr_t)one + PAGE_BYTES, PAGE_BYTES, READ_WRITE), OK);
    CHECK(is_noise(one, 0, 3 * PAGE_BYTES));
    ((volatile uint8_t *)one)[5000] = (uint8_t)~noise_at(5000);
    CHECK_EQUAL(other[5000], noise_at(5000));
    CHECK(is_noise(one, 0, 5000));
    CHECK_STATUS(unmap((uaddr_t)one, 3 * PAGE_BYTES), OK);
    CHECK_STATUS(unmap((uaddr_t)other, 3 * PAGE_BYTES), OK);
}

static void map_file_has_the_rights_asked_for(void) {
    CHECK_KILLED(START_ROLE("file_touched", "none"), PROCESS_SIGSEGV);
    CHECK_KILLED(START_ROLE("file_touched", "read_only"), PROCESS_SIGSEGV);
    CHECK_KILLED(START_ROLE("file_touched", "code"), PROCESS_SIGSEGV);
    CHECK_ROLE(CODE_MAPPED, "file_touched", "writable");
}

static void map_file_refuses_bad_arguments(void) {
    static const struct {
        const char *path;
        uint64_t at, size_bytes, rights, flags, offset_bytes;
        uint32_t status;
    } rows[] = {
        {IMAGES "nobody", 0, PAGE_BYTES, MEMORY_READ, 0, 0, P_NOT_FOUND},
        {"test/process", 0, PAGE_BYTES, MEMORY_READ, 0, 0, P_NOT_FILE},
        {NOISE, 0, PAGE_BYTES, MEMORY_READ, 0, 1, P_ARGUMENT},
        {NOISE, 0, PAGE_BYTES, MEMORY_READ, 0, 3 * PAGE_BYTES, P_ARGUMENT}, /* behind the end */
        {NOISE, 0, PAGE_BYTES, MEMORY_READ, 0, -PAGE_BYTES, P_ARGUMENT},
        {NOISE, 0, 0, MEMORY_READ, 0, 0, P_ARGUMENT},
        {NOISE, 0, 100, MEMORY_READ, 0, 0, P_ARGUMENT},
        {NOISE, 0, PAGE_BYTES, MEMORY_WRITE | MEMORY_EXECUTE, 0, 0, P_ARGUMENT},
        {NOISE, 0, PAGE_BYTES, MEMORY_READ, PROCESS_MAP_TOGETHER, 0, P_ARGUMENT},
        {NOISE, 0, PAGE_BYTES, MEMORY_READ, 1ULL << 40, 0, P_ARGUMENT},
        {NOISE, 0x500000001, PAGE_BYTES, MEMORY_READ, PROCESS_MAP_AT, 0, P_ARGUMENT},
        {NOISE, 0, PAGE_BYTES, MEMORY_READ, PROCESS_MAP_AT, 0, P_ADDRESS},
        {NOISE, PROCESS_MAP_END, PAGE_BYTES, MEMORY_READ, PROCESS_MAP_AT, 0, P_ADDRESS},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct process_map_file_reply reply;
        const struct process_map_file_request request = {.at = rows[i].at,
                                                         .size_bytes = rows[i].size_bytes,
                                                         .rights = rows[i].rights,
                                                         .flags = rows[i].flags,
                                                         .offset_bytes = rows[i].offset_bytes};
        if (!CHECK_STATUS(map_file_with(&request, rows[i].path, &reply), rows[i].status))
            test_note("row %u", i);
    }
}

#define MAP_FILE(name) CASE_NEEDS(name, OPERATION(map_file) | OPERATION(unmap) | OPERATION(protect))
#define MAP(name) CASE_NEEDS(name, OPERATION(map) | OPERATION(unmap) | OPERATION(protect))
static const struct test_case cases[] = {
    MAP(map_gives_zeroes_that_can_be_written),
    MAP(map_gives_zeroes_again_after_unmap),
    MAP(map_refuses_what_is_there),
    MAP(map_refuses_bad_arguments),
    MAP(map_has_the_rights_asked_for),
    MAP(many_scattered_pages_go_at_once),
    MAP(unmap_of_holes_is_no_error),
    MAP(protect_refuses_holes),
    CASE_NEEDS(heap_grows_and_shrinks, OPERATION(set_break)),
    MAP_FILE(map_file_shows_the_file_and_zeroes_behind_it),
    MAP_FILE(map_file_from_an_offset),
    MAP_FILE(map_file_at_a_place),
    MAP_FILE(map_file_keeps_what_is_written_to_itself),
    MAP_FILE(map_file_that_becomes_writable_is_private),
    MAP_FILE(map_file_has_the_rights_asked_for),
    MAP_FILE(map_file_refuses_bad_arguments),
};
static const struct role roles[] = {ROLE(touches), ROLE(heap), ROLE(file_touched)};
GROUP(map);
