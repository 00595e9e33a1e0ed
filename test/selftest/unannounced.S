/* The code of an orderly power-off without the line that announces it on the log. */
#include "guest.inc"
    tap "1..1\nok 1 - first\n"
    leave_with EXIT_POWER_OFF
