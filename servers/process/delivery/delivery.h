/*
 * Delivery of signals: default actions, handlers on the process's stack, stop and continue. A handler can't begin in
 * the middle of a call, so delivery waits until the present message has been answered (delivery_run).
 */
#pragma once

#include "libsys/maker/fault.h"
#include "servers/process/memory/objects.h"

/* Look again at a thread whose signals wait until another server has answered its call. Its wake has gone off. */
void delivery_retry(struct process_thread *thread);

/*
 * Do all that is due: deliver signals, and tell parents that a child has ended, stopped or gone on. Only this function
 * does so; what becomes due meanwhile (a signal ends a process, whose parent gets CHLD) is done as well.
 * Call it when no answer is waiting to be sent.
 */
void delivery_run(void);

/* Do what is left to do for handlers that a thread, or a program before this one, is to run already. */
void delivery_finish(void);

/*
 * Let a thread's handler for a fault run. True: it begins; *ret_registers are to be the thread's. False: the process
 * does not handle this signal, the thread masks it, or there is no room for the frame.
 */
bool delivery_handle_fault(struct process_thread *thread, const struct fault_message *fault, uint64_t signal,
                           struct thread_registers *ret_registers);

/*
 * Return from a handler, if the fault is the end of one; *ret_registers are then to be the thread's. False: it is not,
 * or the frame can't be read.
 */
bool delivery_leave_handler(struct process_thread *thread, const struct fault_message *fault,
                            struct thread_registers *ret_registers);
