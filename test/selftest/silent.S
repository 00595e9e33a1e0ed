/* Nothing at all on the TAP channel. */
#include "guest.inc"
    power_off 0
