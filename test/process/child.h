/*
 * Starting programs and waiting for them, close to the protocol: the only addition is to split strings into messages.
 */
#pragma once

#include "test/process/suite.h"

#define SELF "bin/process_conformance"
#define IMAGES "test/process/"

/* A program to start. NULL lists are empty; lists end with NULL. */
struct child_start {
    const char *path;
    const char *const *arguments;
    const char *const *environment;
    const char *const
        *capabilities; /* NAME=SLOT; NAME, of what the caller has under that name; NAME=OTHER, under that one */
};

extern cap_t process;                              /* this program's capability for the server */
extern char start_reason[PROTOCOL_REASON_MAX];     /* what the server said to the last start that failed */
extern const char *const capabilities_of_a_role[]; /* `tap` */

/* Stage, then spawn or exec. If staging fails, its status is returned. */
uint32_t start_spawn(const struct child_start *start, uint64_t *ret_pid);
uint32_t start_exec(const struct child_start *start);

/* Stage the lists and count them. */
uint32_t start_stage(const struct child_start *start, struct process_strings *ret_strings);

/* Stage bytes as they are, from `offset_bytes` on. */
uint32_t stage_bytes(uint64_t offset_bytes, const void *bytes, uint64_t length_bytes);

/* Spawn or exec with what is staged. */
uint32_t spawn_staged(const char *path, uint64_t length_bytes, const struct process_strings *strings,
                      uint64_t *ret_pid);
uint32_t exec_staged(const char *path, uint64_t length_bytes, const struct process_strings *strings);

/* Start a child that plays a role. 0: it did not start, and the case has failed. */
#define START_ROLE(...) start_role((const char *const[]){SELF, __VA_ARGS__, NULL})
uint64_t start_role(const char *const *arguments);

/* ... with these capabilities besides `tap`, CAPABILITIES_MAX at most. */
#define CAPABILITIES_MAX 96U
#define START_ROLE_WITH(capabilities, ...) \
    start_role_with((capabilities), (const char *const[]){SELF, __VA_ARGS__, NULL})
uint64_t start_role_with(const char *const *capabilities, const char *const *arguments);

/* Go on as a role. Returns only if that failed. */
#define EXEC_ROLE(...) exec_role((const char *const[]){SELF, __VA_ARGS__, NULL})
uint32_t exec_role(const char *const *arguments);

/* Wait; PROCESS_ANY for any child. */
uint32_t wait_for(uint64_t pid, struct process_wait_reply *ret_end);
uint32_t wait_no_hang(uint64_t pid, struct process_wait_reply *ret_end);
uint32_t wait_with(cap_t server, uint64_t pid, uint64_t flags, struct process_wait_reply *ret_end);

/* The child `pid` ends by itself with this code, or by this signal. */
#define CHECK_EXIT(pid, code) check_end((pid), PROCESS_EXITED, (code), __FILE__, __LINE__)
#define CHECK_KILLED(pid, signal) check_end((pid), PROCESS_KILLED, (signal), __FILE__, __LINE__)
#define CHECK_ROLE(code, ...) CHECK_EXIT(START_ROLE(__VA_ARGS__), (code))
bool check_end(uint64_t pid, uint64_t end, uint64_t value, const char *file, int line);

uint64_t own_pid(void);
uint64_t parent_pid(void);
uint32_t kill_process(uint64_t pid, uint64_t signal);

/* *ret_pid = 0: this is the child. In a role both sides return from it, each with its own checks. */
uint32_t fork_process(uint64_t *ret_pid);

/* The entry of `pid`. False: there is none. */
bool find_process(uint64_t pid, struct process_list_reply *ret_entry);

/* Wait until `pid` is in this state, or is gone if `state` is 0; a few seconds at most. */
bool reaches_state(uint64_t pid, uint64_t state);

/* A number as text, in one of a few buffers used in turn; and back (UINT64_MAX: not a number). */
const char *text_of(uint64_t number);
uint64_t number_of(const char *text);

/* Let others run for about so long, without any server. */
void spin_ns(uint64_t duration_ns);
