#include "libsys/runtime/threads.h"

#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "libsys/format/elf_header.h"
#include "libsys/program/auxiliary.h"
#include "libsys/program/program.h"
#include "libsys/program/thread_block.h"
#include "libsys/runtime/locks.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"

#define CACHED_MAX 8U

static const struct elf_program_header *find_header(enum elf_header_kind kind) {
    const struct elf_program_header *headers = (const struct elf_program_header *)program_auxiliary(AT_PHDR);
    for (uint64_t i = 0; headers != NULL && i < program_auxiliary(AT_PHNUM); i++)
        if (headers[i].kind == kind)
            return &headers[i];
    return NULL;
}

/*
 * The template of new threads' storage, looked for once. The program headers' address shows how far the image was
 * moved.
 */
static const struct elf_program_header *template; /* NULL: the image has none */
static uint64_t moved_by;

static void find_template(void) {
    const struct elf_program_header *headers = find_header(ELF_KIND_HEADERS);
    moved_by = headers != NULL ? program_auxiliary(AT_PHDR) - headers->virt : 0;
    template = find_header(ELF_KIND_TLS);
}

/*
 * `cached` holds memory of joined threads for new ones; all pieces have one size. `living` is the table of threads by
 * number. Changes of either hold library_locks.threads.
 */
static uaddr_t cached[CACHED_MAX];
static uint32_t cached_count;
static struct thread_block *living[PROCESS_THREADS_MAX]; /* to be joined */

/*
 * In a fork's child, forget both. Either may have been copied in the middle of a change, and the stack in use here may
 * be listed in one of them. Their memory stays mapped without use.
 */
void threads_after_fork(void) {
    cached_count = 0;
    memset(living, 0, sizeof living);
}

static uint32_t take_memory(uint64_t bytes, uaddr_t *ret_at) {
    uint32_t status = OK;
    mutex_lock(&library_locks.threads);
    *ret_at = cached_count > 0 ? cached[--cached_count] : 0;
    mutex_unlock(&library_locks.threads);
    if (*ret_at == 0) {
        struct process_map_request request = {0, bytes, MEMORY_READ | MEMORY_WRITE, PROCESS_MAP_GUARDED};
        struct process_map_reply reply = {0};
        status = process_map(program_process(), &request, &reply, NULL);
        *ret_at = reply.at;
    }
    return status;
}

static void give_memory(uaddr_t at, uint64_t bytes) {
    mutex_lock(&library_locks.threads);
    bool keeps = cached_count < CACHED_MAX;
    if (keeps)
        cached[cached_count++] = at;
    mutex_unlock(&library_locks.threads);
    if (keeps)
        return;
    struct process_unmap_request request = {at, bytes};
    struct process_unmap_reply reply;
    (void)process_unmap(program_process(), &request, &reply, NULL); /* on failure it stays mapped without use */
}

/*
 * A thread's first instructions; process_threads.h lists its registers. A signal's handler needs message page and
 * capability, and may come before any of these instructions. So message is stored last: while it is NULL,
 * thread_block_complete() takes all three from the registers in the handler's frame.
 */
void threads_begin(void);
_Noreturn void threads_run(struct thread_block *block);
__asm__(".text\n"
        ".globl threads_begin\n"
        ".hidden threads_begin, threads_run\n"
        "threads_begin:\n"
        "    mov %rdx, 24(%rdi)\n"
        "    mov %rcx, 32(%rdi)\n"
        "    mov %rsi, 16(%rdi)\n"
        "    xor %ebp, %ebp\n"
        "    jmp threads_run\n");
/* threads_begin stores these. */
_Static_assert(offsetof(struct thread_block, message) == 16, "message");
_Static_assert(offsetof(struct thread_block, process) == 24, "process");
_Static_assert(offsetof(struct thread_block, id) == 32, "id");

_Noreturn void threads_run(struct thread_block *block) { threads_exit(block->run(block->argument)); }

/* Place block and storage at the end of a thread's memory. */
static struct thread_block *lay_out(uaddr_t memory, uint64_t bytes, uaddr_t *ret_stack) {
    uint64_t align = template != NULL && template->align > THREAD_BLOCK_ALIGN ? template->align : THREAD_BLOCK_ALIGN;
    struct thread_block *block = (struct thread_block *)((memory + bytes - sizeof(struct thread_block)) & ~(align - 1));
    *block = (struct thread_block){.self = block, .memory = memory, .memory_bytes = bytes};
    block->canary = thread_block()->canary;
    *ret_stack = (uaddr_t)block;
    if (template == NULL)
        return block;
    uint64_t storage_bytes = thread_block_storage_bytes(template->virt, template->memory_bytes, template->align);
    uint8_t *storage = (uint8_t *)block - storage_bytes;
    memset(storage, 0, storage_bytes);
    memcpy(storage, (const void *)(moved_by + template->virt), template->file_bytes);
    *ret_stack = (uaddr_t)storage & ~15ULL;
    return block;
}

uint32_t threads_start(threads_function run, void *argument, uint64_t *ret_thread) {
    if (!program.has_threads) {
        if (program_process() == 0 || program_auxiliary(AT_BATON_THREAD) == 0)
            return P_NO_CAPABILITY; /* a server can't have further threads */
        find_template();
    }
    uint64_t storage_bytes = template != NULL ? template->memory_bytes + template->align : 0;
    uint64_t bytes = THREADS_STACK_BYTES + page_up(storage_bytes);
    uaddr_t memory, stack;
    uint32_t status = take_memory(bytes, &memory);
    if (status != OK)
        return status;
    program.has_threads = true;
    struct thread_block *block = lay_out(memory, bytes, &stack);
    block->run = run;
    block->argument = argument;
    struct process_thread_create_request request = {(uaddr_t)threads_begin, stack, (uint64_t)block, (uaddr_t)block};
    struct process_thread_create_reply reply;
    mutex_lock(&library_locks.threads); /* so that the new thread is in the table before it is joined */
    status = process_thread_create(program_process(), &request, &reply, NULL);
    if (status == OK)
        living[reply.thread % PROCESS_THREADS_MAX] = block;
    mutex_unlock(&library_locks.threads);
    if (status != OK)
        give_memory(memory, bytes);
    else
        *ret_thread = reply.thread;
    return status;
}

uint32_t threads_join(uint64_t thread, uint64_t *ret_value) {
    struct process_thread_join_request request = {thread};
    struct process_thread_join_reply reply;
    mutex_lock(&library_locks.threads);
    struct thread_block *block = living[thread % PROCESS_THREADS_MAX];
    mutex_unlock(&library_locks.threads);
    uint32_t status = process_thread_join(program_process(), &request, &reply, NULL);
    if (status != OK)
        return status;
    *ret_value = reply.value;
    if (block != NULL) /* otherwise it is the program's first, whose stack is not ours */
        give_memory(block->memory, block->memory_bytes);
    return OK;
}

uint32_t threads_detach(uint64_t thread) {
    struct process_thread_detach_request request = {thread};
    struct process_thread_detach_reply reply;
    mutex_lock(&library_locks.threads);
    const struct thread_block *block = living[thread % PROCESS_THREADS_MAX];
    mutex_unlock(&library_locks.threads);
    uint32_t status = process_thread_detach(program_process(), &request, &reply, NULL);
    if (status == OK && reply.had_ended != 0 && block != NULL)
        give_memory(block->memory, block->memory_bytes);
    return status;
}

void threads_exit(uint64_t value) {
    const struct thread_block *block = thread_block();
    struct process_thread_exit_request request = {value, block->memory, block->memory_bytes};
    struct process_thread_exit_reply reply;
    for (;;)
        (void)process_thread_exit(program_process(), &request, &reply, NULL);
}

/* Even in a program without further threads this may not be 0: a thread keeps its id in exec. */
uint64_t threads_self(void) { return program_auxiliary(AT_BATON_THREAD) != 0 ? thread_block()->id : 0; }
