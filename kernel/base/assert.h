/*
 * assert(): for the kernel's own mistakes, never for what a user can cause. Panics if the condition is false. Only
 * built with -Dchecks.
 */
#pragma once

_Noreturn void panic(const char *text);

#if BATON_CHECKS
#define ASSERT_TEXT_(line) #line
#define ASSERT_TEXT(line) ASSERT_TEXT_(line)
#define assert(condition) \
    ((condition) ? (void)0 : panic("assertion failed: " #condition " at " __FILE__ ":" ASSERT_TEXT(__LINE__)))
#else
#define assert(condition) ((void)sizeof(condition))
#endif
