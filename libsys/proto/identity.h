/*
 * Badge of an identity: a capability by which a process calls a server of the system (console, files, pipes). It names
 * the process and its group. Only the process server makes identities, so they can't be forged; a process that changes
 * its group gets new ones. Bit 63 is clear: servers set it in badges of their own, for example of streams. Badge 0
 * belongs to a program that no process server made, such as another server. The protocol `process` has different
 * badges.
 */
#pragma once

#include <stdint.h>

#define IDENTITY_BADGE(pid, group) ((uint64_t)(group) << 32 | (pid))
#define IDENTITY_PID(badge) ((uint32_t)(badge))
#define IDENTITY_GROUP(badge) ((uint32_t)((badge) >> 32))
