#include "libsys/message.h"
#include "libsys/program.h"
#include "libsys/proto/protocol.h"
#include "libsys/string.h"
#include "libsys/transfer.h"

/* Which capabilities go along, and where those of the reply belong. Else there are none in either: see clear_slots. */
static void set_slots(const struct protocol_operation *operation, const struct protocol_extra *extra) {
    for (uint32_t i = 0; i < operation->request.cap_count; i++)
        program_message()->send_caps[i] = extra->send[i];
    for (uint32_t i = 0; i < operation->reply.cap_count; i++)
        program_message()->receive_caps[i] = extra->receive[i];
}

/* Between calls no slot is ready to receive: nobody may send what was not asked for. */
static void clear_slots(void) {
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++)
        program_message()->receive_caps[i] = 0;
}

static void take_reason(const void *words, uint32_t word_count, struct protocol_extra *extra) {
    size_t bytes = word_count * 8U < PROTOCOL_REASON_MAX ? word_count * 8U : PROTOCOL_REASON_MAX;
    memcpy(extra->reason, words, bytes);
    extra->reason[PROTOCOL_REASON_MAX - 1] = '\0';
    if (bytes < PROTOCOL_REASON_MAX)
        extra->reason[bytes] = '\0';
}

uint32_t protocol_call(cap_t server, uint32_t number, const struct protocol_operation *operation, const void *request,
                       void *reply, struct protocol_extra *extra) {
    uint32_t words = protocol_words(&operation->request, request);
    if (words == 0)
        return P_MESSAGE;
    set_slots(operation, extra);
    if (extra != NULL)
        extra->reason[0] = '\0';

    struct message message;
    uint64_t status;
    do {
        message.info = MESSAGE_INFO(number, words, operation->request.cap_count);
        message_put(&message, request, words, operation->request.most_bytes);
        status = ep_call(server, &message);
    } while (status == E_BUSY); /* each try brings the kernel's pending work on a capability forward */
    if (operation->reply.cap_count != 0)
        clear_slots();
    if (status != OK)
        return (uint32_t)status;

    /* Taken to a copy first: the page belongs to the thread, and what was checked must be what is used. */
    _Alignas(8) uint8_t words_in[PROTOCOL_BYTES_MAX];
    const void *received = message.words;
    uint32_t word_count = message_words(message.info);
    if (word_count > MESSAGE_REGISTERS) {
        word_count = message_get(&message, words_in);
        received = words_in;
    }
    status = message_label(message.info);
    if (status == OK) {
        if (!protocol_fits(&operation->reply, word_count, message_caps(message.info), received))
            return P_REPLY;
        size_t bytes = word_count * 8U;
        if (bytes == 8 && operation->reply.most_bytes >= 8)
            __builtin_memcpy(reply, received, 8);
        else
            memcpy(reply, received, bytes < operation->reply.most_bytes ? bytes : operation->reply.most_bytes);
    } else if (extra != NULL && word_count > 0) {
        take_reason(received, word_count, extra);
    }
    return (uint32_t)status;
}
