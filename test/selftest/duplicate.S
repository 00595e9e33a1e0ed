/* Two cases carry one name. */
#include "guest.inc"
    tap "1..2\nok 1 - same\nok 2 - same\n"
    power_off 0
