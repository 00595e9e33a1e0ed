/*
 * The end of a kernel that has made a mistake: everything that helps to find it goes to the log.
 */
#pragma once

struct frame;

/* With the registers of whatever was interrupted. */
_Noreturn void panic_at(const struct frame *frame, const char *text);
