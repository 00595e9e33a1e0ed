/* The plan promises three results; two come. */
#include "guest.inc"
    tap "1..3\nok 1 - first\nok 2 - second\n"
    power_off 0
