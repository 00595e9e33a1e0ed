#include "servers/process/programs/strings.h"

#include "libsys/text/string.h"

/* Cut the first `count` strings off *rest, which has at least as many. */
static struct string_block cut(struct string_block *rest, uint64_t count) {
    struct string_block block = {rest->bytes, 0, count};
    for (uint64_t i = 0; i < count; i++)
        block.length_bytes += strlen(block.bytes + block.length_bytes) + 1;
    rest->bytes += block.length_bytes;
    rest->length_bytes -= block.length_bytes;
    rest->count -= count;
    return block;
}

/*
 * Is this an environment entry that the server writes itself? Passed on, it would name capabilities that the program
 * does not have.
 */
static bool is_private(const char *entry) {
    return strncmp(entry, "cap:", 4) == 0 || strncmp(entry, "size:", 5) == 0 || strncmp(entry, "slots=", 6) == 0;
}

/* Copy an environment to `bytes`, where it may lie already, without private entries. */
static struct string_block pack(char *bytes, const struct string_block *block) {
    struct string_block packed = {bytes, 0, 0};
    uint64_t offset = 0;
    for (uint64_t i = 0; i < block->count; i++) {
        uint64_t length = strlen(bytes + offset) + 1;
        if (!is_private(bytes + offset)) {
            memmove(bytes + packed.length_bytes, bytes + offset, length);
            packed.length_bytes += length;
            packed.count++;
        }
        offset += length;
    }
    return packed;
}

bool strings_divide(char *bytes, uint64_t length_bytes, const struct process_strings *announced,
                    struct strings *ret_strings) {
    if (announced->argument_count > PROCESS_STRINGS_MAX || announced->environment_count > PROCESS_STRINGS_MAX ||
        announced->capability_count > PROCESS_STRINGS_MAX)
        return false;
    uint64_t count = announced->argument_count + announced->environment_count + announced->capability_count;
    struct string_block rest = {bytes, length_bytes, count};
    if (count > PROCESS_STRINGS_MAX || !string_block_is_whole(&rest))
        return false;
    ret_strings->arguments = cut(&rest, announced->argument_count);
    struct string_block environment = cut(&rest, announced->environment_count);
    ret_strings->environment = pack(bytes + ret_strings->arguments.length_bytes, &environment);
    ret_strings->capabilities = rest;
    return true;
}
