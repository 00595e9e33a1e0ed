/*
 * How signals reach processes: default actions, handlers on the process's stack, stop and continue. Delivery is put off until
 * the message at hand has been answered (deliver_due), since a handler can't begin in the middle of a call.
 */
#pragma once

#include "libsys/fault.h"
#include "servers/process/system.h"

/* A signal comes to a process; sender = 0: not from a process. */
void deliver_raise(struct process *process, uint64_t signal, uint32_t sender);

/* ... to one thread, from its own process. */
void deliver_raise_thread(struct thread *thread, uint64_t signal);

/* ... to all processes of a group to which `caller` may send it; NULL = anybody. Returns how many there are. */
uint32_t deliver_raise_group(uint32_t group, uint64_t signal, const struct process *caller);

/* It is time to look again at a thread whose signals wait until another server has answered its call. */
void deliver_look(struct thread *thread);

/*
 * Do what is due for all processes: deliver their signals, and tell their parents what has become of them. It is the only place
 * that does; what happens meanwhile (a signal ends a process, whose parent gets CHLD) becomes due, too.
 * Call it when no answer waits to be sent.
 */
void deliver_due(void);

/*
 * A thread has faulted. True: a handler runs, or ends, and *ret_registers are to be taken; false: nobody handles it. */
bool deliver_fault(struct thread *thread, const struct fault_message *fault, uint64_t signal,
                   struct thread_registers *ret_registers);

/* The fault is the end of a handler: what it returns to. False: it is not one, or the frame can't be read. */
bool deliver_leave(struct thread *thread, const struct fault_message *fault, struct thread_registers *ret_registers);
