/*
 * Signals for programs: handlers as C functions. The protocol is in libsys/proto/process.h.
 */
#pragma once

#include "libsys/proto/process.h"

/*
 * Behind the handler the program goes on with what is then in the frame: the mask, the FPU's state if the frame has one, and all
 * registers but the FS base, which stays as the handler left it.
 */
typedef void (*signal_handler)(uint64_t signal, const struct process_signal_frame *frame);

/* Call `handler` when the signal comes; NULL = what happens by default. `mask`: see process_signal_action. */
MUST_USE uint32_t signal_handle(uint64_t signal, signal_handler handler, uint64_t mask);
MUST_USE uint32_t signal_ignore(uint64_t signal);

/* Send a signal to oneself. */
MUST_USE uint32_t signal_self(uint64_t signal);
