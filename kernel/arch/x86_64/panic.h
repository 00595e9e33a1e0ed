/*
 * Panic: after a mistake of the kernel, everything that helps to find it goes to the log.
 */
#pragma once

struct frame;

/* panic() with the registers of the interrupted code. */
_Noreturn void panic_at(const struct frame *frame, const char *text);
/* Handle a non-maskable interrupt. Does not return if another CPU sent it to stop this one for its report. */
void panic_take_nmi(void);
