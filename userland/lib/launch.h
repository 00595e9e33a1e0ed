/*
 * Starting programs: what is common to the shell, `exec` and the tests. It stages the strings of the new program with
 * the process server, then asks for spawn or exec.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libsys/proto/process.h"

/* What a child gets besides what the caller was given, or in its place. */
struct launch_capability {
    const char *name;
    cap_t slot; /* of the caller's */
};

struct launch {
    const char *path;
    const char *const *arguments;   /* ends with NULL; [0] is the program's name by custom */
    uint64_t group;                 /* of a child, see process_spawn: 0 = the caller's */
    const char *const *environment; /* ends with NULL; entries about capabilities are left out, see launch_is_private */
    const struct launch_capability *capabilities;
    size_t capability_count;
};

/* Why a program was not started: a status, and in words what the server said, or else what the status means. */
struct launch_failure {
    uint32_t status;
    char reason[PROTOCOL_REASON_MAX];
};

/*
 * Run a program as a child of the caller. It is given the capabilities that the caller was given at its own start.
 * Returns the new process's pid, or 0 and *ret_failure.
 */
MUST_USE uint64_t launch_spawn(cap_t process, const struct launch *launch, struct launch_failure *ret_failure);

/* Go on as another program, with the same capabilities. Returns only if that failed. */
void launch_exec(cap_t process, const struct launch *launch, struct launch_failure *ret_failure);

/* For a command NAME that becomes another program, which arguments[0] names and $PATH finds: complain if it can't. Returns its exit status then. */
int launch_instead(const char *name, char **arguments, char **environment);

/* Is this environment string one that the process server writes for each program anew: cap:..., size:..., slots=...? */
_Bool launch_is_private(const char *entry);

/*
 * The next place (PROCESS_PATH_MAX bytes) of the program that a user calls `name`: with a slash it is a path already, else it may be
 * in any directory of *search, which has `:` between them. *search is what is left to look at. Returns 0 if there is no more.
 */
#define LAUNCH_SEARCH "/bin" /* where the variable PATH is not set */
_Bool launch_path(const char *name, const char **search, char *path);

/*
 * Look for a program (launch->path is not used), and start it. Where a place has none, the next one is looked at; what is there
 * but is no file that can run is told if no place has one.
 */
MUST_USE uint64_t launch_search_spawn(cap_t process, struct launch *launch, const char *search,
                                      struct launch_failure *ret_failure);

/* The exit status by which a shell tells of such a failure: 127 not found, 126 found but not able to run. */
int launch_exit_status(uint32_t status);

/* Does the failure's reason contain these words? */
_Bool launch_reason_has(const struct launch_failure *failure, const char *words);
