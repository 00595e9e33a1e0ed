/* A line that is no TAP among good ones. */
#include "guest.inc"
    tap "1..1\nok 1 - first\nsegmentation violation\n"
    power_off 0
