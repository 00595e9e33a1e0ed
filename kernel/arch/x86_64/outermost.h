/*
 * For a debugger: OUTERMOST stands at an entry into the kernel, `.cfi_endproc` at its end. Nobody called an entry, so a backtrace
 * ends there instead of taking what lies above for a frame. The kernel's own backtraces end by the zero in RBP.
 */
#pragma once

/* clang-format off */
#define OUTERMOST .cfi_sections .debug_frame; .cfi_startproc; .cfi_undefined rip
/* clang-format on */
