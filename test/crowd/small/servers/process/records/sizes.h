/* As those of process_other, for process_small: it has no room for a crowd. */
#pragma once

#define PROCESS_LAYOUT KEEP_LAYOUT('p', 'r', 's', 1)

#define PROCESS_MAX 64U
#define PROCESS_GROUPS 16U
#define PROCESS_WORDS 8U
#define VM_OWN_REGIONS 3U
#define VM_OWN_LEAVES 2U
