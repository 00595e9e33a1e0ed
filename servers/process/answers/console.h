/*
 * What the console hears of the foreground. It never calls this server, so a call to it from here ends.
 */
#pragma once

/* If another group is in the foreground now, the console hears of it: after whatever may have changed that. */
void console_tell_foreground(void);
