/*
 * The command `kill`, for /bin/kill and for the shell, which knows its jobs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whom a word names: a pid, or PROCESS_GROUP | group (process_kill). False: nobody. */
typedef bool (*kill_find)(void *context, const char *word, uint64_t *ret_pid);

/* A number, or -GROUP. */
bool kill_find_number(void *context, const char *word, uint64_t *ret_pid);

/* words: the command's, kill itself first. Returns the exit status. */
int kill_run(size_t count, char *const *words, kill_find find, void *context);

extern const char kill_usage[];
