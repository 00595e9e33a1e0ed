/*
 * Structures to message words and back: the first four words travel in registers, the rest in the message page.
 */
#pragma once

#include <stdint.h>

#include "libsys/message.h"

/* Put `words` words of `data`, of which only `data_bytes` bytes exist, into *message and this thread's message page. */
void message_put(struct message *message, const void *data, uint32_t words, uint64_t data_bytes);

/* Take the words that *message says it has, to `data` (8 * MESSAGE_WORDS bytes). Returns their number. */
uint32_t message_get(const struct message *message, void *data);
