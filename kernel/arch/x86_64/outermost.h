/*
 * For a debugger: OUTERMOST stands at an entry into the kernel, `.cfi_endproc` at its end. An entry has no caller, so a
 * backtrace must end there, instead of taking the words above for a frame. The kernel's own backtraces end at a zero in
 * RBP.
 */
#pragma once

/* clang-format off */
#define OUTERMOST .cfi_sections .debug_frame; .cfi_startproc; .cfi_undefined rip
/* clang-format on */
