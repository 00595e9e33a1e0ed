/*
 * Telling the console about the foreground. The console never calls this server, so calls to it can't wait for each
 * other.
 */
#pragma once

/* Tell the console if another group is in the foreground now. Call this after whatever may have changed it. */
void console_tell_foreground(void);
