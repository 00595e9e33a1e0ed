/*
 * What the threads do: random calls that make sense most of the time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum generate_theme { THEME_ALL, THEME_CAPS, THEME_IPC, THEME_MEMORY, THEME_DEATH, THEMES };

/* One turn of the running thread: a call, a fault, or, of the first thread, keeping up the population. False:
 * kernel and model differ. */
bool generate_turn(enum generate_theme theme);

/* The first thread deletes all it has: false as above. */
bool generate_end(void);
