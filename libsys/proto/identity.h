/*
 * Badge of the capabilities by which a process calls the servers of the system (console, files, pipes): which process it
 * is, and in which group. The process server makes them, so they can't be forged. A process in another group has others. Bit 63 is
 * clear: by it servers mark badges of their own, of streams for example. Badge 0: a program that no process server has made, such as
 * another server. The protocol `process` has badges of its own.
 */
#pragma once

#include <stdint.h>

#define IDENTITY_BADGE(pid, group) ((uint64_t)(group) << 32 | (pid))
#define IDENTITY_PID(badge) ((uint32_t)(badge))
#define IDENTITY_GROUP(badge) ((uint32_t)((badge) >> 32))
