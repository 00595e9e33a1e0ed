/* The plan promises one result; two come. */
#include "guest.inc"
    tap "1..1\nok 1 - first\nok 2 - second\n"
    power_off 0
