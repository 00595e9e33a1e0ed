/*
 * A position-independent program that ends at a breakpoint, so that the report of its fault shows where it was loaded.
 */
void wander(void);
void wander_stop(void);

__asm__(".globl _start\n_start: xor %ebp, %ebp\n call wander\n ud2");

__attribute__((noinline)) void wander_stop(void) { __asm__ volatile("int3"); }

void wander(void) {
    wander_stop();
    __asm__ volatile(""); /* after the call, so that it does not become a jump */
}
