/* The guest spins in the middle. */
#include "guest.inc"
    tap "1..2\nok 1 - first\n"
1:  jmp 1b
