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

extern const uint8_t exception_stubs[], interrupt_stubs[]; /* one for each vector, of the sizes in offsets.h */
