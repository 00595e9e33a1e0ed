/* A kernel panic as the kernel prints one; the registers name a root without the kernel half. */
#include "guest.inc"
    tap "1..2\nok 1 - before\n"
    log "0.000100 INFO test: about to panic\n"
    log "PANIC: kernel page fault\n"
    log "rip 0xffffffff80105000 rsp 0xffffffff80107000 rax 0x0000000000000001\n"
    log "rflags 0x0000000000000046 cr2 0xffff800000001000 cr3 0x0000000000101000\n"
    log "frame 0xffffffff80105010\nframe 0xffffffff80105020\n"
    log "walk 0xffff800000001000: pml4 0x0 pdpt 0x0 pd 0x0 pt 0x0\n"
    log "PANIC END\n"
    leave_with EXIT_PANIC
