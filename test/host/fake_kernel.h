/*
 * A fake kernel for testing programs that build processes: the typed system calls as functions, over an array as RAM.
 * It tracks everything that such programs can get wrong: slots, pools and their sizes, frames and their holders,
 * mappings. Any call that can fail in the machine can be made to fail here (fake_fail_at).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"
#include "kernel/abi/thread.h"

#define FAKE_FRAMES 1024U
#define FAKE_SLOTS 4096U
#define FAKE_FILE_PAGES 16U
#define FAKE_OWN_PAGES 1024U

/* Slots that the program starts with. */
enum fake_cap {
    FAKE_CAP_RAM = 1,      /* Memory: all frames */
    FAKE_CAP_ENDPOINT = 2, /* rights of all kinds, no badge */
    FAKE_CAP_EVENTS = 3,
    FAKE_CAP_SPACE = 4, /* the program's own; see fake_own */
    FAKE_CAP_POOL = 5,
    FAKE_CAP_FILES = 6,
    FAKE_CAP_CONSOLE = 7,
    FAKE_CAP_FREE = 16,
};

/* Start over with only the capabilities above. */
void fake_reset(void);

/* Let the kth call from now on fail (1 = the next one); 0 = none. */
void fake_fail_at(uint32_t k);

/* Did the failure that was asked for happen? */
bool fake_failed(void);

/* Count a call, and tell whether it has to fail; for operations besides system calls that tests
 * fake, such as a message. */
bool fake_fails(void);

/* What goes wrong with a page of the new space before the next handover: it gets these rights; 0: it is unmapped. */
struct fake_damage {
    uaddr_t at; /* a page's address; 0 = nothing goes wrong */
    uint32_t rights;
};
extern struct fake_damage fake_damage;

extern uint8_t fake_ram[FAKE_FRAMES][PAGE_BYTES];
extern uint8_t fake_file[FAKE_FILE_PAGES][PAGE_BYTES]; /* the file that files_map returns */

/* The program's own mappings: separate bytes from the frames', and inaccessible while not mapped. */
extern uint8_t fake_own[FAKE_OWN_PAGES][PAGE_BYTES];

/* Make a Memory capability for fake_file in an empty slot. */
void fake_install_file(cap_t slot);

/* How many frames a pool has. */
uint64_t fake_pool_pages(cap_t pool);

/* Empty the slots of the program's own that it has not taken. */
void fake_sweep(void);

/* Put a call's Reply into an empty slot. */
void fake_install_reply(cap_t slot);

/* Everything there is; equal before and after an operation that leaves no trace. */
struct fake_census {
    uint32_t caps;       /* in the program's own table */
    uint32_t other_caps; /* in all other tables */
    uint32_t objects;
    uint32_t mapped_frames; /* frames mapped in other spaces, each as often as it is mapped */
    uint32_t pool_frames;
    uint32_t own_mappings; /* pages mapped in the program's own space */
};
struct fake_census fake_count(void);

/* The entry state of a thread that was handed over. False: it never was. */
bool fake_thread_runs(cap_t thread, struct thread_registers *ret_entry);

/* Set the state that thread_read tells (enum thread_run_state), until the thread is handed over. Has the thread been
 * suspended, and not resumed? */
void fake_set_run_state(cap_t thread, uint64_t run_state);
bool fake_is_suspended(cap_t thread);
extern uint64_t fake_resume_count; /* of all threads together */
extern uint64_t fake_seen_changes; /* deletions from tables whose threads run */

/* Let the thread be in a call that a server serves now, or have its answer. */
void fake_set_served(cap_t thread, bool served);

/* May the thread make this access to this byte, with the current mappings? */
bool fake_may_access(cap_t thread, uaddr_t at, uint64_t access);

/* Copy from or to the address space in which a thread runs. False: something there is not mapped, or not writable. */
bool fake_read(cap_t thread, uaddr_t at, void *to, uint64_t length_bytes);
bool fake_write(cap_t thread, uaddr_t at, const void *from, uint64_t length_bytes);

/* Is there a capability in this slot of that table? */
bool fake_table_has(cap_t table, cap_t slot);

/* The thread's last configuration; zeroes: none. */
struct thread_config fake_thread_config(cap_t thread);

/* Calls of space_unmap so far. */
extern uint64_t fake_unmap_count;
