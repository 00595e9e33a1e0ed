/*
 * The terminal's owner, as a program of the background meets it: whoever calls the console makes a call that ends with
 * P_BACKGROUND again when this says OK.
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
 * A call was refused by P_BACKGROUND. signal: TTIN for a read, TTOU for a change. The program stops, unless it handles the
 * signal, and this returns OK when it goes on; perhaps the call is refused again then. Errors: those of
 * process_await_foreground; with P_PERMISSION the call has failed for good.
 */
MUST_USE uint32_t terminal_await(enum process_signal signal);
