/* One case fails, in an orderly way. */
#include "guest.inc"
    tap "1..2\nok 1 - good\nnot ok 2 - bad\n"
    power_off 1
