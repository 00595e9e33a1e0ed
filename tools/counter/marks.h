/*
 * Marks: long no-operations that a bench executes and the counter (counter.c) recognises, wherever they lie.
 */
#pragma once

#define COUNTER_MARK 0x7ba70000 /* the displacement of the NOP, and one of these */
#define COUNTER_MARK_BEGIN 1    /* what follows counts */
#define COUNTER_MARK_END 2      /* what follows does not */
#define COUNTER_MARK_ROW 3      /* ends a row: what was counted since the last one */
#define COUNTER_MARK_ARM 4      /* what follows the next interrupt counts */

#define COUNTER_MARK_HERE(kind) __asm__ volatile("nopl %c0(%%rax)" : : "i"(COUNTER_MARK + (kind)) : "memory")
