/*
 * The compiler's word for a quick way into a long function. A function that both tries the common case and handles all
 * others saves registers for the others first. Instead, the public function tries the common case (NAME_quick, which
 * returns false for any other), and then jumps to the rest, which is not inlined.
 *
 * It stands where a row of the bench shows at least 3 % for it; docs/performance.md has the table.
 */
#pragma once

#define NOT_INLINE __attribute__((noinline))
#define JUMP_TO(call) __attribute__((musttail)) return call
