/*
 * Signals for programs, with C functions as handlers. libsys/proto/process_signals.h has the protocol.
 */
#pragma once

#include "libsys/proto/process.h"

/*
 * When a handler returns, the program continues with the state in the frame, which the handler may have changed: the
 * mask, the FPU's state if the frame has one, and all registers except the FS base, which stays as the handler left it.
 */
typedef void (*signal_handler)(uint64_t signal, const struct process_signal_frame *frame);

/* Call `handler` when the signal comes; NULL: do the default. `mask`: see process_signal_action. */
MUST_USE uint32_t signal_handle(uint64_t signal, signal_handler handler, uint64_t mask);
MUST_USE uint32_t signal_ignore(uint64_t signal);

/* Send a signal to the calling process. */
MUST_USE uint32_t signal_self(uint64_t signal);
