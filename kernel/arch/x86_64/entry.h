/*
 * Labels of entry.S.
 */
#pragma once

#include <stdint.h>

void syscall_entry(void);
_Noreturn void user_return(void);
void ist_double_fault(void);
void ist_nmi(void);
void ist_debug(void);
void ist_machine_check(void);

extern const uint8_t interrupt_stubs[]; /* 16 bytes a vector */
#define STUB_BYTES 16U
