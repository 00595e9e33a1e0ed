#include "libsys/maker/stack.h"

#include "kernel/abi/system.h"
#include "libsys/format/elf.h"
#include "libsys/program/auxiliary.h"
#include "libsys/program/thread_block.h"
#include "libsys/text/string.h"

/* Fills a buffer from the top down; `at` is the lowest byte used so far. */
struct writer {
    uint8_t *buffer;
    uint64_t at;
    uint64_t size_bytes;
    uaddr_t top;
    bool full;
};

static uaddr_t here(const struct writer *to) { return to->top - (to->size_bytes - to->at); }

static void push(struct writer *to, const void *bytes, uint64_t length_bytes) {
    if (to->full || length_bytes > to->at) {
        to->full = true;
        return;
    }
    to->at -= length_bytes;
    __builtin_memcpy(to->buffer + to->at, bytes, length_bytes); /* most are of one word: a move */
}

/* Push `length_bytes` zeroes, and as many more as make here() a multiple of `align`. */
static void push_zeroes(struct writer *to, uint64_t length_bytes, uint64_t align) {
    if (to->full || length_bytes > to->at) {
        to->full = true;
        return;
    }
    uint64_t rest = (here(to) - length_bytes) % align;
    if (rest > to->at - length_bytes) {
        to->full = true;
        return;
    }
    to->at -= length_bytes + rest;
    memset(to->buffer + to->at, 0, length_bytes + rest);
}

static void push_word(struct writer *to, uint64_t word) { push(to, &word, sizeof word); }

static void push_auxiliary(struct writer *to, uint64_t type, uint64_t value) {
    push_word(to, value);
    push_word(to, type);
}

/* Push pointers to the strings of `block`, which was pushed at `base`; the first string's pointer is the lowest. */
static void push_pointers(struct writer *to, const struct string_block *block, uaddr_t base) {
    uint64_t pointer_bytes = block->count * sizeof(uint64_t);
    if (to->full || pointer_bytes > to->at) {
        to->full = true;
        return;
    }
    to->at -= pointer_bytes;
    uint64_t offset = 0;
    for (uint64_t i = 0; i < block->count; i++) {
        uint64_t pointer = base + offset;
        __builtin_memcpy(to->buffer + to->at + i * sizeof pointer, &pointer, sizeof pointer);
        offset += strlen(block->bytes + offset) + 1;
    }
}

bool string_block_is_whole(const struct string_block *block) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < block->length_bytes; i++)
        if (block->bytes[i] == '\0')
            count++;
    return count == block->count && (block->length_bytes == 0 || block->bytes[block->length_bytes - 1] == '\0');
}

/* Source: Intel SDM vol. 2A, "CPUID", leaf 1. */
__attribute__((noinline)) static uint64_t cpu_features(void) {
    uint32_t eax = 1, ebx, ecx = 0, edx;
    __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return edx;
}

static void push_vector(struct writer *to, const struct stack_input *input, uaddr_t path, uaddr_t random,
                        uaddr_t thread) {
    push_auxiliary(to, AT_NULL, 0);
    push_auxiliary(to, AT_BATON_THREAD, thread);
    push_auxiliary(to, AT_BATON_MESSAGE, input->message);
    push_auxiliary(to, AT_EXECFN, path);
    push_auxiliary(to, AT_RANDOM, random);
    push_auxiliary(to, AT_SECURE, 0); /* no program has more rights than the process that starts it */
    push_auxiliary(to, AT_HWCAP, cpu_features());
    push_auxiliary(to, AT_ENTRY, input->entry);
    push_auxiliary(to, AT_BASE, input->base);
    push_auxiliary(to, AT_PAGESZ, PAGE_BYTES);
    if (input->headers != 0) {
        push_auxiliary(to, AT_PHNUM, input->header_count);
        push_auxiliary(to, AT_PHENT, ELF_PROGRAM_HEADER_BYTES);
        push_auxiliary(to, AT_PHDR, input->headers);
    }
}

/* Push the first thread's block and, below it, its thread-local storage. */
static void push_thread(struct writer *to, const struct stack_input *input, struct stack_result *ret_result) {
    uint64_t align = input->tls_align > THREAD_BLOCK_ALIGN ? input->tls_align : THREAD_BLOCK_ALIGN;
    uint64_t storage_bytes = thread_block_storage_bytes(input->tls_virt, input->tls_bytes, input->tls_align);
    push_zeroes(to, sizeof(struct thread_block), align);
    ret_result->thread = here(to);
    ret_result->tls = ret_result->thread - storage_bytes;
    if (!to->full) {
        uint64_t words[5] = {ret_result->thread, 0, input->message, 0, input->thread};
        _Static_assert(offsetof(struct thread_block, message) == 16, "the third word");
        _Static_assert(offsetof(struct thread_block, id) == 32, "the fifth word");
        memcpy(to->buffer + to->at, words, sizeof words);
    }
    push_zeroes(to, storage_bytes, 16);
}

bool stack_build(const struct stack_input *input, uint8_t *buffer, uint64_t size_bytes,
                 struct stack_result *ret_result) {
    struct writer to = {buffer, size_bytes, size_bytes, input->top, false};
    push_thread(&to, input, ret_result);
    push(&to, input->path, strlen(input->path) + 1);
    uaddr_t path = here(&to);

    uaddr_t environment[STACK_ENVIRONMENTS];
    uint64_t pointer_count = 3 + input->arguments.count; /* argc and the two NULLs */
    for (uint32_t i = 0; i < STACK_ENVIRONMENTS; i++) {
        push(&to, input->environment[i].bytes, input->environment[i].length_bytes);
        environment[i] = here(&to);
        pointer_count += input->environment[i].count;
    }
    push(&to, input->arguments.bytes, input->arguments.length_bytes);
    uaddr_t arguments = here(&to);
    push(&to, input->random, sizeof input->random);
    uaddr_t random = here(&to);

    /*
     * The stack pointer must be a multiple of 16. Vector entries are pairs, so only an odd count of pointers needs
     * padding.
     */
    push_zeroes(&to, 0, 16);
    if (pointer_count % 2 != 0)
        push_word(&to, 0);
    push_vector(&to, input, path, random, ret_result->thread);
    push_word(&to, 0);
    for (uint32_t i = STACK_ENVIRONMENTS; i > 0; i--)
        push_pointers(&to, &input->environment[i - 1], environment[i - 1]);
    push_word(&to, 0);
    push_pointers(&to, &input->arguments, arguments);
    push_word(&to, input->arguments.count);
    if (to.full)
        return false;
    ret_result->pointer = here(&to);
    return true;
}
