/* The exit code of an orderly power-off, without the line on the log that announces it. */
#include "guest.inc"
    tap "1..1\nok 1 - first\n"
    leave_with EXIT_POWER_OFF
