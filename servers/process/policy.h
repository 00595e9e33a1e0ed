/*
 * The scheduling policy: which of the programs that could run does. The kernel runs the ready thread with the highest
 * priority, so a policy is a choice of priorities, made whenever it likes between two events. Each server that is built
 * from these files has a policy of its own, chosen by the linker: `process` the one in policy.c.
 */
#pragma once

#include <stdint.h>

/*
 * Take the option at options[0]; `count` arguments are left. Returns how many of them it takes; 0: the policy has no
 * such option; -1: its value is wrong, and the log says so.
 */
int policy_take_option(int count, char **options);

/*
 * Serve events, one after the other (loop.h), once all is set up. Threads have the priorities that their nice values
 * stand for then, also if a program before this one had another policy. Returns a status when no more events come.
 */
uint32_t policy_serve(void);
