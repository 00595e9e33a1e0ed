/*
 * Messages between two programs, in registers and in the message page.
 *
 *                  in                                            out
 *   ep_call        RDI endpoint  RSI info  words                 RAX status  RSI info  words
 *   ep_wait        RDI endpoint  RSI deadline                    RAX status  RDI badge  RSI info  words
 *   ep_reply       RDI reply slot (0: current)  RSI info  words  RAX status
 *   ep_reply_wait  RDI endpoint  RSI info  words                 RAX status  RDI badge  RSI info  words
 *
 * Words 0..3 are RDX, R10, R8, R9 on both sides, so a short message needs no memory at all. Words 4..67 and
 * capabilities go through the message page. All other registers keep their values, except RCX and R11, which the
 * instruction destroys; ep_call sets RDI to zero.
 */
#pragma once

#include <stdint.h>

#define MESSAGE_WORDS 68U
#define MESSAGE_REGISTERS 4U
#define MESSAGE_CAPS 4U
#define MESSAGE_DATA_OFFSET 1024U

/*
 * The info word:
 *   63..32 label (an operation or status, as the two programs agree) | 31..17 zero | 16 deadline |
 *   15..12 kind (set by the kernel) | 11..8 capabilities, 0..4 | 7..0 words, 0..68
 */
#define MESSAGE_INFO(label, words, caps) ((uint64_t)(label) << 32 | (uint64_t)(caps) << 8 | (uint64_t)(words))
#define MESSAGE_DEADLINE (1ULL << 16) /* ep_call: give up at message_page.deadline_ns with E_TIMEOUT */

enum message_kind {
    MESSAGE_CALL = 0,         /* ep_call; a reply capability came along */
    MESSAGE_FAULT = 1,        /* a thread's fault, see thread.h; a reply capability came along */
    MESSAGE_SYSCALL = 2,      /* a foreign thread's system call, see thread.h; a reply capability came along */
    MESSAGE_NOTIFICATION = 3, /* word 0: bits of the bound notification; there is no reply */
};

static inline uint32_t message_label(uint64_t info) { return (uint32_t)(info >> 32); }
static inline uint32_t message_words(uint64_t info) { return (uint32_t)(info & 0xff); }
static inline uint32_t message_caps(uint64_t info) { return (uint32_t)(info >> 8 & 0xf); }
static inline uint32_t message_kind(uint64_t info) { return (uint32_t)(info >> 12 & 0xf); }

/*
 * The message page: a frame that was named in thread_configure, mapped at any address. The kernel reaches it by its
 * frame, never by the user's address. Long arguments and results of other system calls use `data`.
 */
struct message_page {
    uint64_t words[MESSAGE_WORDS];       /* words 4..67; 0..3 are unused, since they travel in registers */
    uint64_t send_caps[MESSAGE_CAPS];    /* slots to copy from; a call needs ENDPOINT_GRANT */
    uint64_t receive_caps[MESSAGE_CAPS]; /* empty slots that may be filled, 0: none; used in order, from the first */
    uint64_t deadline_ns;                /* with MESSAGE_DEADLINE */
    uint64_t fpu_opened; /* the kernel sets it to 1 at the thread's first use of the FPU after a switch to it */
    uint64_t reserved[50];
    uint8_t data[4096 - MESSAGE_DATA_OFFSET];
};

_Static_assert(sizeof(struct message_page) == 4096, "one page");
_Static_assert(__builtin_offsetof(struct message_page, data) == MESSAGE_DATA_OFFSET, "layout is part of the ABI");
