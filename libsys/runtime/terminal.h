/*
 * Lets a background program wait for the terminal. A call to the console that ended with P_BACKGROUND is made again
 * once terminal_await() returns OK:
 *
 *     do
 *         status = console_read(...);
 *     while (status == P_BACKGROUND && (status = terminal_await(PROCESS_SIGTTIN)) == OK);
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/status.h"
#include "libsys/proto/process.h"

/*
 * Wait after a call was refused with P_BACKGROUND. signal: TTIN for a read, TTOU for a change. The program stops,
 * unless it handles the signal. OK: it was continued; the repeated call may be refused again. Errors: those of
 * process_await_foreground; P_PERMISSION means that the call has failed for good.
 */
MUST_USE uint32_t terminal_await(enum process_signal signal);
