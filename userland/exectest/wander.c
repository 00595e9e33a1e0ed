/*
 * Ends at a breakpoint, so that the report of its fault says where it lies. Built to lie anywhere.
 */
void _start(void);
void wander_stop(int depth);

__attribute__((noinline)) void wander_stop(int depth) {
    if (depth > 0)
        wander_stop(depth - 1);
    __asm__ volatile("int3"); /* behind the call, so that the call is none that only jumps */
}

void _start(void) {
    wander_stop(2);
    for (;;)
        continue;
}
