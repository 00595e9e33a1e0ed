#include "libsys/wire/transfer.h"

#include "libsys/program/program.h"
#include "libsys/text/string.h"

#define REGISTER_BYTES (8U * MESSAGE_REGISTERS)

void message_put_long(struct message *message, const void *data, uint64_t bytes) {
    uint32_t words = message_words_of(bytes);
    uint64_t *page = program_message()->words;
    __builtin_memcpy(message->words, data, REGISTER_BYTES);
    memcpy(page + MESSAGE_REGISTERS, (const uint8_t *)data + REGISTER_BYTES, words * 8ULL - REGISTER_BYTES);
    if (bytes % 8 != 0)
        page[words - 1] &= message_last_mask(bytes);
}

void message_take_long(const struct message *message, void *data, uint64_t data_bytes) {
    uint64_t bytes =
        message_words(message->info) * 8ULL < data_bytes ? message_words(message->info) * 8ULL : data_bytes;
    if (bytes <= REGISTER_BYTES) {
        memcpy(data, message->words, bytes);
        return;
    }
    __builtin_memcpy(data, message->words, REGISTER_BYTES);
    memcpy((uint8_t *)data + REGISTER_BYTES, &program_message()->words[MESSAGE_REGISTERS], bytes - REGISTER_BYTES);
}

uint32_t message_get_long(const struct message *message, void *data) {
    uint32_t words = message_words(message->info);
    if (words > MESSAGE_WORDS)
        words = MESSAGE_WORDS;
    __builtin_memcpy(data, message->words, REGISTER_BYTES);
    memcpy((uint8_t *)data + REGISTER_BYTES, &program_message()->words[MESSAGE_REGISTERS],
           (words - MESSAGE_REGISTERS) * 8ULL);
    return words;
}
