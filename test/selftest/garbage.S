/* One line among good ones is not TAP. */
#include "guest.inc"
    tap "1..1\nok 1 - first\nsegmentation violation\n"
    power_off 0
