/*
 * The command `kill`, for /bin/kill and for the shell, which also finds jobs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Find the target that a word names: a pid, or PROCESS_GROUP | group (process_kill). Returns NULL; otherwise the reason
 * in words, and *ret_pid is not set.
 */
typedef const char *(*kill_find)(void *context, const char *word, uint64_t *ret_pid);

/* Find a target by number, or a group by -GROUP. */
const char *kill_find_number(void *context, const char *word, uint64_t *ret_pid);

/* Is told of each target that has been sent a signal. */
typedef void (*kill_sent)(void *context, const char *word, uint64_t signal);

/* Run `kill`. words: of the command, `kill` itself first. `sent` may be NULL. Returns the exit status. */
int kill_run(size_t count, char *const *words, kill_find find, kill_sent sent, void *context);

extern const char kill_usage[];
