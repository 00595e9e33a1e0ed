/*
 * The message system calls as C functions. kernel/abi/message.h lists the registers; docs/servers.md shows the path of
 * a call.
 *
 * A `struct message` travels in registers. Words from 4 on and capabilities lie in the thread's message page
 * (program_message()): the caller puts them there before the call and finds them there after it.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/message.h"
#include "kernel/abi/status.h"
#include "kernel/abi/syscall.h"

struct message {
    uint64_t info; /* MESSAGE_INFO(label, words, caps) */
    uint64_t words[MESSAGE_REGISTERS];
};

/* Send `message` and wait for the answer, which replaces it. Returns enum status; on failure *message is undefined. */
MUST_USE static inline uint64_t ep_call(cap_t endpoint, struct message *message) {
    uint64_t rax = SYS_ep_call;
    uint64_t rdi = endpoint;
    uint64_t rsi = message->info;
    uint64_t rdx = message->words[0];
    register uint64_t r10 __asm__("r10") = message->words[1];
    register uint64_t r8 __asm__("r8") = message->words[2];
    register uint64_t r9 __asm__("r9") = message->words[3];
    __asm__ volatile("syscall"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
                     :
                     : "rcx", "r11", "memory");
    *message = (struct message){rsi, {rdx, r10, r8, r9}};
    return rax;
}

/*
 * Wait for a message until `deadline_ns` (0: do not wait; DEADLINE_NEVER). *ret_badge is the badge of the sender's
 * capability.
 */
MUST_USE static inline uint64_t ep_wait(cap_t endpoint, uint64_t deadline_ns, struct message *ret_message,
                                        uint64_t *ret_badge) {
    uint64_t rax = SYS_ep_wait;
    uint64_t rdi = endpoint;
    uint64_t rsi = deadline_ns;
    uint64_t rdx = 0;
    register uint64_t r10 __asm__("r10") = 0;
    register uint64_t r8 __asm__("r8") = 0;
    register uint64_t r9 __asm__("r9") = 0;
    __asm__ volatile("syscall"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
                     :
                     : "rcx", "r11", "memory");
    *ret_message = (struct message){rsi, {rdx, r10, r8, r9}};
    *ret_badge = rdi;
    return rax;
}

/*
 * Answer a call. reply: 0 for the Reply that this thread was handed last, otherwise the slot to which a Reply was
 * moved.
 */
MUST_USE static inline uint64_t ep_reply(cap_t reply, const struct message *message) {
    uint64_t rax = SYS_ep_reply;
    uint64_t rdi = reply;
    uint64_t rsi = message->info;
    uint64_t rdx = message->words[0];
    register uint64_t r10 __asm__("r10") = message->words[1];
    register uint64_t r8 __asm__("r8") = message->words[2];
    register uint64_t r9 __asm__("r9") = message->words[3];
    __asm__ volatile("syscall"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
                     :
                     : "rcx", "r11", "memory");
    return rax;
}

/*
 * Answer the call that this thread was handed last, if there is one, and wait for the next message, which replaces
 * *message.
 */
MUST_USE static inline uint64_t ep_reply_wait(cap_t endpoint, struct message *message, uint64_t *ret_badge) {
    uint64_t rax = SYS_ep_reply_wait;
    uint64_t rdi = endpoint;
    uint64_t rsi = message->info;
    uint64_t rdx = message->words[0];
    register uint64_t r10 __asm__("r10") = message->words[1];
    register uint64_t r8 __asm__("r8") = message->words[2];
    register uint64_t r9 __asm__("r9") = message->words[3];
    __asm__ volatile("syscall"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
                     :
                     : "rcx", "r11", "memory");
    *message = (struct message){rsi, {rdx, r10, r8, r9}};
    *ret_badge = rdi;
    return rax;
}
