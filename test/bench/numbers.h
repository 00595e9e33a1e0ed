/*
 * System call numbers for peers.S, as assembly can't read an enum. bench.c asserts that they are right.
 */
#pragma once

#define SYSCALL_CAP_DELETE 3
#define SYSCALL_EP_WAIT 39
#define SYSCALL_EP_REPLY_WAIT 41
#define SYSCALL_SIGNAL_RAISE 21
#define SYSCALL_SIGNAL_WAIT 22
