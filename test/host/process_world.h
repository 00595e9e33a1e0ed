/*
 * The process server without a machine, for its tests: all of its code but main.c, over the fake kernel, with a files
 * server that has one image and gives it for every path.
 */
#pragma once

#include "libsys/program/program.h"
#include "servers/process/calls/serve.h"
#include "test/host/elf_maker.h"
#include "test/host/fake_kernel.h"

#define WORLD_BASE 0x400000U /* where the image is linked */

/* The server's late answers: the last one, and their number. */
struct world_late {
    uint32_t count;
    cap_t slot;
    uint32_t status;
    struct process_wait_reply end; /* of a wait */
    uint64_t value;                /* of a join */
};
extern struct world_late world_late;
extern cap_t world_deferred;           /* the slot of the last answer that was put off */
extern uint64_t world_now_ns;          /* the clock's time */
extern bool world_odd_call;            /* the files server got an unexpected call */
extern uint64_t world_told_foreground; /* the foreground group that the console was told */
extern uint32_t world_lost_answers;    /* of the console, from now on */

/* The division of the strings staged by world_spawn and world_exec: "prog", "arg", "A=1",
 * "cap:fake=3", "console=33". */
extern struct process_strings world_strings;

extern char world_log[4096]; /* what was printed on the kernel's log, a line each */

/*
 * Start over: a system without processes, with `pages` frames to give away besides its own. The page allocator's spare
 * pages are used up, so that each request to it takes frames and calls, which can fail.
 */
void world_start(uint64_t pages);

/* Start process 1, which gets the capability `console`. */
MUST_USE uint32_t world_start_first(void);

/* Everything that must be unchanged after an operation that leaves no trace. */
struct world_trace {
    struct fake_census kernel;
    uint64_t free_frames;
    uint64_t slots;
    uint64_t files;   /* holders of all files */
    uint64_t sharers; /* further holders of all frames */
    uint32_t processes;
};
struct world_trace world_look(void);
bool world_same(const struct world_trace *before);

/* Are the page allocator's spare pages, which are not cleared again, zero? */
bool world_spare_is_clean(void);

/* How the server serves a call, with all that it does before the next one. A test may put its own way here. */
extern uint32_t (*world_server)(struct server_call *call, const void *request, void *reply);

/* Call an operation as process `pid`, or a thread's badge, would. ret_call: what the server saw, with
 * its reason; may be NULL. */
uint32_t world_call(uint64_t pid, uint32_t operation, const void *request, void *reply, struct server_call *ret_call);
uint32_t world_stage(uint64_t pid);
uint32_t world_spawn(uint64_t parent, uint64_t *ret_pid, struct server_call *ret_call);
uint32_t world_exec(uint64_t pid);
uint32_t world_wait(uint64_t pid, uint64_t child, uint64_t no_hang, struct process_wait_reply *ret_end);
uint32_t world_exit(uint64_t pid, uint64_t code);

/* The server's record of a process, and the kernel's thread of its first thread. */
struct process *world_process(uint64_t pid);
struct process_objects *world_objects(uint64_t pid);
cap_t world_thread(uint64_t pid);

/* Forget what a process has staged. */
void world_unstage(uint64_t pid);

/*
 * Access a byte as a thread would (access: one enum memory_right). If the mappings do not allow it, there is a page
 * fault. Errors: the pager's; E_STATE the pager claims to have brought the page, but the access is still not possible.
 */
uint32_t world_touch(cap_t thread, uaddr_t at, uint64_t access);

/* Read a thread's memory, as the thread would. False: it can't. */
bool world_read(cap_t thread, uaddr_t at, void *to, uint64_t length_bytes);

/* A word of it; UINT64_MAX where it can't be read. */
uint64_t world_word(cap_t thread, uaddr_t at);
bool world_set_word(cap_t thread, uaddr_t at, uint64_t word);

/* Is this text there? */
bool world_has_text(cap_t thread, uaddr_t at, const char *wanted);

/* Operations on the memory of a process. flags: enum process_map_flag. */
uint32_t world_fork(uint64_t pid, uint64_t *ret_pid);
uint32_t world_map(uint64_t pid, uaddr_t at, uint64_t pages, uint64_t rights, uint64_t flags, uaddr_t *ret_at);
uint32_t world_map_file(uint64_t pid, uaddr_t at, uint64_t pages, uint64_t rights, uint64_t flags, uaddr_t *ret_at);
uint32_t world_unmap(uint64_t pid, uaddr_t at, uint64_t pages);
uint32_t world_protect(uint64_t pid, uaddr_t at, uint64_t pages, uint64_t rights);
uint32_t world_set_break(uint64_t pid, uaddr_t end, struct process_set_break_reply *ret_break);
