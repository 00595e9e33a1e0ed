/*
 * The report of a refused handover: what a space looks like in the kernel's own tables. The kernel's refusal names one
 * check (libsys/maker/audit_text.h); this tells what a person asks next. All functions overwrite the message page's
 * data, so take the struct audit_failure out of it first.
 */
#pragma once

#include <stddef.h>

#include "kernel/abi/thread.h"

#define REFUSAL_TEXT_MAX 160U /* a buffer of this size holds any such text */

/*
 * Write how the page of `at` is mapped, beside the rights (enum memory_right) that it needs: "needs r-x, has r--,
 * memory 0x1f4000", the physical address of its frame. If the kernel does not answer: why.
 */
void refusal_format_page(cap_t space, uaddr_t at, uint32_t rights, char *buffer, size_t buffer_bytes);

/*
 * Write what an audit of the whole space finds: "sound"; a failure, as audit_format does; "no further than that" if it
 * is the check of `known`, the failure that the refusal gave. If the kernel does not answer: why.
 */
void refusal_format_audit(cap_t space, const struct audit_failure *known, char *buffer, size_t buffer_bytes);

/* Log these texts, behind `name`: of the first instruction's page, of the stack's, and of the whole space. */
void refusal_log_code(const char *name, cap_t space, const struct thread_registers *entry);
void refusal_log_stack(const char *name, cap_t space, const struct thread_registers *entry);
void refusal_log_audit(const char *name, cap_t space, const struct audit_failure *known);
