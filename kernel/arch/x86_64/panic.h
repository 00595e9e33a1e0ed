/*
 * The end of a kernel that has made a mistake: everything that helps to find it goes to the log.
 */
#pragma once

struct frame;

/* With the registers of whatever was interrupted. */
_Noreturn void panic_at(const struct frame *frame, const char *text);
/* A non-maskable interrupt: does not return if another CPU has sent it to be alone with its report. */
void panic_take_nmi(void);
