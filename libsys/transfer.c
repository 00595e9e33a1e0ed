#include "libsys/transfer.h"

#include "libsys/program.h"
#include "libsys/string.h"

#define REGISTER_BYTES (8U * MESSAGE_REGISTERS)
_Static_assert(MESSAGE_REGISTERS == 4, "message_put names each");

/* One word of a structure, which need not be aligned. */
static inline uint64_t word_at(const void *data, uint32_t index) {
    uint64_t word;
    __builtin_memcpy(&word, (const uint8_t *)data + index * sizeof word, sizeof word);
    return word;
}

void message_put(struct message *message, const void *data, uint32_t words, uint64_t data_bytes) {
    if (words <= MESSAGE_REGISTERS && words * 8ULL <= data_bytes) { /* nearly all messages: without a loop or a call */
        message->words[0] = words > 0 ? word_at(data, 0) : 0;
        message->words[1] = words > 1 ? word_at(data, 1) : 0;
        message->words[2] = words > 2 ? word_at(data, 2) : 0;
        message->words[3] = words > 3 ? word_at(data, 3) : 0;
        return;
    }
    uint64_t bytes = words * 8ULL < data_bytes ? words * 8ULL : data_bytes;
    memset(message->words, 0, sizeof message->words);
    memcpy(message->words, data, bytes < REGISTER_BYTES ? bytes : REGISTER_BYTES);
    if (bytes <= REGISTER_BYTES)
        return;
    program_message()->words[words - 1] = 0; /* its last bytes may lie beyond the data */
    memcpy(&program_message()->words[MESSAGE_REGISTERS], (const uint8_t *)data + REGISTER_BYTES,
           bytes - REGISTER_BYTES);
}

uint32_t message_get(const struct message *message, void *data) {
    uint32_t words = message_words(message->info);
    if (words <= MESSAGE_REGISTERS) { /* there is room for more than these */
        __builtin_memcpy(data, message->words, sizeof message->words);
        return words;
    }
    if (words > MESSAGE_WORDS)
        words = MESSAGE_WORDS;
    memcpy(data, message->words, REGISTER_BYTES);
    memcpy((uint8_t *)data + REGISTER_BYTES, &program_message()->words[MESSAGE_REGISTERS],
           (words - MESSAGE_REGISTERS) * 8ULL);
    return words;
}
