/*
 * Generates the threads' actions: random calls that make sense most of the time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum generate_theme { THEME_ALL, THEME_CAPS, THEME_IPC, THEME_MEMORY, THEME_DEATH, THEMES };

/* Take one turn for the running thread: a call or a fault; the first thread also keeps up the population. False:
 * kernel and model differ. */
bool generate_turn(enum generate_theme theme);

/* Let the first thread delete all that it has. False: kernel and model differ. */
bool generate_end(void);
