/*
 * Stands before the process server's own sizes when process_other is built: a state in another layout, which a swap has
 * to convert.
 */
#pragma once

#define PROCESS_LAYOUT KEEP_LAYOUT('p', 'r', 'x', 1)

#define PROCESS_MAX 1024U
#define PROCESS_GROUPS 16U
#define PROCESS_WORDS 8U
#define VM_OWN_REGIONS 3U
#define VM_OWN_LEAVES 2U
