/*
 * Starts programs, for the shell, `exec` and the tests: stages the strings of the new program with the process server,
 * then asks for spawn or exec.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libsys/proto/process.h"

/* A capability that the new program gets besides the caller's own, or in place of the one with this name. */
struct launch_capability {
    const char *name;
    cap_t slot; /* in the caller's table */
};

struct launch {
    const char *path;
    const char *const *arguments;   /* ends with NULL; [0] is the program's name by custom */
    uint64_t group;                 /* of a child, see process_spawn; 0: the caller's */
    const char *const *environment; /* ends with NULL; entries about capabilities are skipped, see launch_is_private */
    const struct launch_capability *capabilities;
    size_t capability_count;
};

/* Why a program was not started: the status, and the server's reason or, without one, the meaning of the status. */
struct launch_failure {
    uint32_t status;
    char reason[PROTOCOL_REASON_MAX];
};

/*
 * Run a program as a child of the caller. It gets the capabilities that the caller was given at its own start. Returns
 * the pid of the new process; 0: *ret_failure says why not.
 */
MUST_USE uint64_t launch_spawn(cap_t process, const struct launch *launch, struct launch_failure *ret_failure);

/* Replace the caller by another program, which keeps the capabilities. Returns only on failure. */
void launch_exec(cap_t process, const struct launch *launch, struct launch_failure *ret_failure);

/*
 * Make the command NAME another program: the one that arguments[0] names and $PATH finds. On failure prints a message
 * and returns an exit status.
 */
int launch_instead(const char *name, char **arguments, char **environment);

/* Whether the process server writes this environment string anew for each program: cap:..., size:..., slots=... */
_Bool launch_is_private(const char *entry);

/*
 * Build the next candidate path (PROCESS_PATH_MAX bytes) for a program that the user calls `name`. A name with a slash
 * is a path. Any other is looked for in the directories of *search, with `:` between them; *search becomes the
 * directories that are left. Returns 0 if there is no more.
 */
#define LAUNCH_SEARCH "/bin" /* used if the variable PATH is not set */
_Bool launch_path(const char *name, const char **search, char *path);

/*
 * Look for a program in the directories of `search` (launch->path is ignored) and start it. A directory without it is
 * passed over, and so is one that has a directory of that name; *ret_failure reports such a directory if the program is
 * found nowhere. Any other failure ends the search.
 */
MUST_USE uint64_t launch_search_spawn(cap_t process, struct launch *launch, const char *search,
                                      struct launch_failure *ret_failure);

/* Returns a shell's exit status for a failure: 127 not found, 126 found but not able to run. */
int launch_exit_status(uint32_t status);

/* Whether the failure's reason contains these words. */
_Bool launch_reason_has(const struct launch_failure *failure, const char *words);
