/*
 * What may differ between programs that are built from these files: how much lies in the table of processes and in a
 * vm's own page, and so the layout of the kept state. Programs with other sizes have another name for their layout, and
 * hand each other their state in the form of docs/process-state.md.
 */
#pragma once

#define PROCESS_LAYOUT KEEP_LAYOUT('p', 'r', 'o', 3)

#define PROCESS_MAX 1024U
#define PROCESS_GROUPS 256U
#define PROCESS_WORDS 256U
#define VM_OWN_REGIONS 22U /* regions that lie in the vm's page */
#define VM_OWN_LEAVES 30U
