/* The guest gives up before its first result, with an exit code that looks fine. */
#include "guest.inc"
    tap "Bail out! no memory to begin with\n"
    power_off 0
