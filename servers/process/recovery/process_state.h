/*
 * The form in which layouts of the process server hand each other their state: docs/process-state.md. Each record is
 * one of these structures (libsys/program/export.h). What belongs to a process follows its record.
 *
 * Members that both programs keep as they are stand in a list of rows, from which the structure, the export and the
 * import are made:
 *
 *     ROW(type, name, dimension, place)    copied; the place has the same size
 *     FLAG(name, place)                    1 byte: 0 or 1
 */
#pragma once

#include "libsys/program/export.h"
#include "servers/process/answers/answer.h"

#define PROCESS_STATE_FORM KEEP_LAYOUT('p', 's', 't', 1U)

enum process_state_kind {
    PROCESS_STATE_SERVER = 1,
    PROCESS_STATE_SERVICE = 2,
    PROCESS_STATE_ACCOUNT = 3,
    PROCESS_STATE_OWN = 4,
    PROCESS_STATE_FILE = 5,
    PROCESS_STATE_PROCESS = 6,
    PROCESS_STATE_THREAD = 7,
    PROCESS_STATE_SIGNAL = 8,
    PROCESS_STATE_POOL = 9,
    PROCESS_STATE_REGION = 10,
    PROCESS_STATE_PAGES = 11,
    PROCESS_STATE_STAGED = 12,
    PROCESS_STATE_IDENTITY = 13,
};

#define PROCESS_STATE_MEMBER(type, name, dimension, place) type name dimension;
#define PROCESS_STATE_FLAG_MEMBER(name, place) uint8_t name;

/* One for each export. */
#define PROCESS_STATE_SERVER_ROWS(ROW, FLAG)                                              \
    ROW(uint64_t, last_pid, , context->processes.last_pid)                                \
    ROW(uint64_t, keys, , context->processes.keys)                                        \
    ROW(uint64_t, paused, , context->paused)                                              \
    ROW(uint64_t, random_blocks, , context->random.block_count)                           \
    ROW(uint64_t, random_words, [8], context -> random.words)                             \
    ROW(uint32_t, random_key, [8], context -> random.key)                                 \
    ROW(uint32_t, random_left, , context->random.word_count)                              \
    ROW(uint32_t, last_order, , context->processes.last_order) /* of news and of waits */ \
    ROW(uint32_t, foreground, , context->processes.foreground)                            \
    ROW(uint32_t, keys_group, , context->processes.keys_group)                            \
    FLAG(pids_repeat, context->processes.pids_repeat)                                     \
    FLAG(other_priorities, context->other_priorities) /* than nice values stand for (policy) */
struct process_state_server {
    PROCESS_STATE_SERVER_ROWS(PROCESS_STATE_MEMBER, PROCESS_STATE_FLAG_MEMBER)
    uint8_t zero[6];
};

/* An endpoint of the system, among the capabilities that the manifest gives. */
struct process_state_service {
    uint64_t slot;
    uint64_t number; /* from 0 on without a gap */
};

/* A limit on the number of processes. Account 0 has no record: it is above all others, and has no limit. */
struct process_state_account {
    uint32_t number, above, owner, zero;
    uint64_t most;
};

/* Frames that the exporting program has to itself. They are free once the next program has said yes. */
struct process_state_own {
    uint32_t frame, count;
};

/* A file whose pages are mapped or copied. */
struct process_state_file {
    uint64_t slot; /* of its Memory */
    uint64_t offset_bytes, size_bytes;
    uint64_t number; /* by which regions name it */
};

#define PROCESS_STATE_IMAGES 2U
#define PROCESS_STATE_PROCESS_ROWS(ROW, FLAG)                                                    \
    ROW(uint32_t, pid, , process->pid)                                                           \
    ROW(uint32_t, parent, , process->parent)                                                     \
    ROW(uint32_t, group, , process->group)                                                       \
    ROW(uint32_t, session, , process->session)                                                   \
    ROW(uint32_t, named, , process->named)           /* the group that it made the foreground */ \
    ROW(uint32_t, tells, , process->tells)           /* enum process_end; 0: nothing */          \
    ROW(uint32_t, news_order, , process->news_order) /* lower ones are older */                  \
    ROW(uint32_t, account, , process->account)                                                   \
    ROW(uint64_t, tells_signal, , process->tells_signal)                                         \
    ROW(uint64_t, past_time_ns, , process->past_time_ns) /* of threads that have ended */        \
    ROW(struct process_wait_reply, end, , process->end)                                          \
    ROW(uint64_t, limits_now, [PROCESS_LIMITS], process -> limits.now)                           \
    ROW(uint64_t, limits_most, [PROCESS_LIMITS], process -> limits.most)                         \
    ROW(uint64_t, pending, , process->signals.pending)                                           \
    ROW(uint64_t, ignored, , process->signals.ignored)                                           \
    ROW(uint64_t, handled, , process->signals.handled)                                           \
    ROW(uint64_t, signal_entry, , process->signals.entry)                                        \
    ROW(uint64_t, signal_leave, , process->signals.leave)                                        \
    ROW(uint64_t, pool, , objects->pool.cap) /* the slots of kernel objects; 0: there is none */ \
    ROW(uint64_t, table, , objects->table)                                                       \
    ROW(uint64_t, space_pool, , objects->incarnation.pool.cap)                                   \
    ROW(uint64_t, space, , objects->incarnation.space)                                           \
    ROW(uint64_t, pages_max, , objects->incarnation.pages_max)                                   \
    ROW(uint64_t, lowered, , objects->incarnation.lowered)                                       \
    ROW(uint64_t, places, , objects->incarnation.places)                                         \
    ROW(uint64_t, break_start, , objects->incarnation.break_start)                               \
    ROW(uint64_t, break_end, , objects->incarnation.break_end)                                   \
    ROW(struct image_mark, images, [PROCESS_STATE_IMAGES], objects -> incarnation.images.marks)  \
    ROW(uint32_t, image_count, , objects->incarnation.images.count)                              \
    ROW(uint32_t, staged_bytes, , staged->length_bytes)                                          \
    ROW(char, name, [PROCESS_NAME_MAX], process -> name)                                         \
    ROW(uint8_t, nice, , process->nice)                                                          \
    FLAG(orphan, process->orphan)                                                                \
    FLAG(ended, process->ended)                                                                  \
    FLAG(halted, process->halted)                                                                \
    FLAG(goes_on, process->goes_on)                                                              \
    FLAG(hangs_up, process->hangs_up)                                                            \
    FLAG(untold, process->untold)
struct process_state_process {
    uint64_t alarm_ns;      /* DEADLINE_NEVER: it is not set */
    uint64_t time_limit_ns; /* when its CPU time can be used up */
    PROCESS_STATE_PROCESS_ROWS(PROCESS_STATE_MEMBER, PROCESS_STATE_FLAG_MEMBER)
    uint8_t zero[1];
};

/* A number of a thread that was ever used. */
#define PROCESS_STATE_THREAD_ROWS(ROW, FLAG)                                                                    \
    ROW(uint32_t, id, , thread->id) /* the number is id % PROCESS_THREADS_MAX */                                \
    ROW(uint32_t, wait_flags, , thread->wait_flags)                                                             \
    ROW(uint32_t, message_frame, , thread->message_frame) /* 0: none */                                         \
    ROW(uint16_t, waits, , thread->waits)                 /* the operation whose answer was put off; 0: none */ \
    FLAG(waits_with_mask, thread->waits_with_mask)                                                              \
    FLAG(detached, thread->detached)                                                                            \
    ROW(uint64_t, answer, , thread->answer) /* the slot of the right to answer */                               \
    ROW(uint64_t, wait_for, , thread->wait_for)                                                                 \
    ROW(uint64_t, masked, , thread->masked)                                                                     \
    ROW(uint64_t, pending, , thread->pending)                                                                   \
    ROW(uint64_t, old_mask, , thread->old_mask)                                                                 \
    ROW(uint64_t, served_since_ns, , thread->served_since_ns)                                                   \
    ROW(uint64_t, signal_stack, , thread->signal_stack)                                                         \
    ROW(uint64_t, signal_stack_bytes, , thread->signal_stack_bytes)                                             \
    ROW(uint64_t, object, , thread->object)
struct process_state_thread {
    uint64_t is; /* enum process_state_life */
    PROCESS_STATE_THREAD_ROWS(PROCESS_STATE_MEMBER, PROCESS_STATE_FLAG_MEMBER)
    uint64_t wake_ns; /* DEADLINE_NEVER: it is not set */
    uint64_t value;   /* PROCESS_STATE_JOINABLE: for the thread that joins it */
};
enum process_state_life { PROCESS_STATE_GONE = 0, PROCESS_STATE_LIVES = 1, PROCESS_STATE_JOINABLE = 2 };

/* A signal that has a mask for its handler, or a sender. */
struct process_state_signal {
    uint32_t signal, sender;
    uint64_t mask;
};

/* A run of frames of a pool, in the order in which they came to it. */
struct process_state_pool {
    uint32_t frame, count;
    uint64_t of_space; /* 0: the process's pool; 1: that of its space */
};

#define PROCESS_STATE_NO_FILE UINT32_MAX
struct process_state_region {
    uint64_t start, end;
    uint64_t content_at, content_bytes, file_offset;
    uint32_t file;  /* its number, or PROCESS_STATE_NO_FILE */
    uint8_t rights; /* enum memory_right */
    uint8_t kind;   /* enum process_map_kind */
    uint8_t guarded;
    uint8_t zero;
};

/* Any number of these make one record: pages in a row, at frames in a row. Their regions come before. */
struct process_state_pages {
    uint64_t at;
    uint32_t frame; /* of the first, and how all are mapped: VM_FRAME, VM_MAPPED, VM_WRITABLE */
    uint32_t count;
};

/* A page of strings that are staged, in order. */
struct process_state_staged {
    uint64_t frame;
};

/* The badged capabilities of one service. */
struct process_state_identity {
    uint64_t service, kept;
    uint64_t slots[OBJECTS_TABLE_SLOTS / 64];
};

/* Add the records of the whole server; this reads only. Returns NULL, or why it can't: it is within a change. */
const char *process_state_export(const struct server_context *context, struct export *to);

/*
 * An import, step by step. Each returns NULL, or why it can't: a text of at most KEEP_NO_MAX - 1 bytes, valid until the
 * next call. It touches free frames only, and makes no system call that changes anything else.
 *
 *     find_room     where `page_count` frames in a row are free, before anything else is known of them
 *     claim         behind frames_start(): frames that the export names are not free
 *     import        behind process_table_init(); recovery_count() computes the rest
 */
const char *process_state_find_room(const struct frames *frames, const struct export *from, uint64_t page_count,
                                    struct memory_run *ret_run);
const char *process_state_claim(struct frames *frames, const struct export *from);
const char *process_state_import(struct server_context *context, const struct export *from);

#define PROCESS_STATE_DAMAGED "what the other program has exported is damaged"
