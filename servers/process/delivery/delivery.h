/*
 * How signals reach processes: default actions, handlers on the process's stack, stop and continue. Delivery is put off until
 * the message at hand has been answered (delivery_run), since a handler can't begin in the middle of a call.
 */
#pragma once

#include "libsys/fault.h"
#include "servers/process/memory/objects.h"

/* It is time to look again at a thread whose signals wait until another server has answered its call. */
void delivery_retry(struct process_thread *thread);

/*
 * Do what is due for all processes: deliver their signals, and tell their parents what has become of them. It is the only place
 * that does; what happens meanwhile (a signal ends a process, whose parent gets CHLD) becomes due, too.
 * Call it when no answer waits to be sent.
 */
void delivery_run(void);

/*
 * A thread has faulted. True: a handler runs, or ends, and *ret_registers are to be taken; false: nobody handles it. */
bool delivery_handle_fault(struct process_thread *thread, const struct fault_message *fault, uint64_t signal,
                           struct thread_registers *ret_registers);

/* The fault is the end of a handler: what it returns to. False: it is not one, or the frame can't be read. */
bool delivery_leave_handler(struct process_thread *thread, const struct fault_message *fault,
                            struct thread_registers *ret_registers);
