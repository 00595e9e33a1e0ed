/* The guest stops in the middle, interrupts off. */
#include "guest.inc"
    tap "1..2\nok 1 - first\n"
    cli
1:  hlt
    jmp 1b
