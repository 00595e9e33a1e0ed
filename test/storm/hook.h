/* What the files of the hook share (hook.c). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A kernel call of the server's begins. It may end the server. Returns the status with which it is refused, or OK. */
uint64_t hook_begin_call(uint64_t number);

/* ... is made. */
void hook_end_call(void);

/* Does the server get no memory now? The refusal is counted. */
bool hook_takes_memory(void);
