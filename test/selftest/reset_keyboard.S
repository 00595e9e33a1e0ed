/* A reset through the keyboard controller (8042, pulse of output line 0). */
#include "guest.inc"
    tap "1..1\nok 1 - first\n"
    mov $0xfe, %eax
    outb %al, $0x64
1:  jmp 1b
