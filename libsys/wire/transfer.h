/*
 * Copies structures to message words and back. The first four words travel in registers, the rest in the message page.
 */
#pragma once

#include <stdint.h>

#include "libsys/wire/message.h"

/* message_put(), message_get() and message_take() for messages of any length. */
void message_put_long(struct message *message, const void *data, uint64_t bytes);
uint32_t message_get_long(const struct message *message, void *data);
void message_take_long(const struct message *message, void *data, uint64_t data_bytes);

/* Returns how many words `bytes` bytes take. */
static inline uint32_t message_words_of(uint64_t bytes) { return (uint32_t)((bytes + 7) / 8); }

/* Returns a word of a structure at any alignment. */
static inline uint64_t message_word_of(const void *data, uint32_t index) {
    uint64_t word;
    __builtin_memcpy(&word, (const uint8_t *)data + index * sizeof word, sizeof word);
    return word;
}

/* Returns the mask of the bytes in use in the last word of `bytes` bytes. */
static inline uint64_t message_last_mask(uint64_t bytes) { return UINT64_MAX >> -bytes % 8 * 8; }

/*
 * Put `bytes` bytes of `data`, which has room for whole words, into *message and this thread's message page. The rest
 * of the last word is zeroed, since it might hold bytes of somebody else's message.
 */
static inline void message_put(struct message *message, const void *data, uint64_t bytes) {
    _Static_assert(MESSAGE_REGISTERS == 4, "each is named here");
    if (bytes > 8U * MESSAGE_REGISTERS) {
        message_put_long(message, data, bytes);
        return;
    }
    uint32_t words = message_words_of(bytes);
    message->words[0] = words > 0 ? message_word_of(data, 0) : 0;
    message->words[1] = words > 1 ? message_word_of(data, 1) : 0;
    message->words[2] = words > 2 ? message_word_of(data, 2) : 0;
    message->words[3] = words > 3 ? message_word_of(data, 3) : 0;
    if (bytes % 8 != 0)
        message->words[words - 1] &= message_last_mask(bytes);
}

/* Copy the words that *message announces to `data` (8 * MESSAGE_WORDS bytes). Returns their number. */
static inline uint32_t message_get(const struct message *message, void *data) {
    uint32_t words = message_words(message->info);
    if (words > MESSAGE_REGISTERS)
        return message_get_long(message, data);
    __builtin_memcpy(data, message->words, sizeof message->words); /* `data` has room for all registers */
    return words;
}

/*
 * Copy the words of *message to a structure of `data_bytes` bytes, which has room for all but the last bytes of the
 * last word. A few moves if the compiler knows that there are few words.
 */
static inline void message_take(const struct message *message, void *data, uint64_t data_bytes) {
    uint32_t words = message_words(message->info);
    if (words > MESSAGE_REGISTERS || words * 8ULL > data_bytes) {
        message_take_long(message, data, data_bytes);
        return;
    }
    for (uint32_t i = 0; i < MESSAGE_REGISTERS; i++)
        if (i < words)
            __builtin_memcpy((uint8_t *)data + i * 8U, &message->words[i], 8);
}
