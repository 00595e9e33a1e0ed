#include "libsys/message.h"
#include "libsys/program.h"
#include "libsys/proto/protocol.h"
#include "libsys/string.h"
#include "libsys/transfer.h"

uint32_t protocol_call(cap_t server, uint32_t number, const struct protocol_operation *operation, const void *request,
                       void *reply, struct protocol_extra *extra) {
    uint32_t words = protocol_words(&operation->request, request);
    if (words == 0)
        return P_MESSAGE;
    for (uint32_t i = 0; i < operation->request.cap_count; i++)
        program_message()->send_caps[i] = extra->send[i];
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++)
        program_message()->receive_caps[i] = i < operation->reply.cap_count ? extra->receive[i] : 0;
    if (extra != NULL)
        extra->reason[0] = '\0';

    struct message message;
    uint64_t status;
    do {
        message.info = MESSAGE_INFO(number, words, operation->request.cap_count);
        message_put(&message, request, words, operation->request.most_bytes);
        status = ep_call(server, &message);
    } while (status == E_BUSY); /* each try brings the kernel's pending work on a capability forward */
    if (status != OK)
        return (uint32_t)status;

    /* Taken to a copy first: the page belongs to the thread, and what was checked must be what is used. */
    _Alignas(8) uint8_t words_in[PROTOCOL_BYTES_MAX];
    uint32_t word_count = message_get(&message, words_in);
    status = message_label(message.info);
    if (status == OK) {
        if (!protocol_fits(&operation->reply, word_count, message_caps(message.info), words_in))
            return P_REPLY;
        size_t bytes = word_count * 8U;
        memcpy(reply, words_in, bytes < operation->reply.most_bytes ? bytes : operation->reply.most_bytes);
    } else if (extra != NULL && word_count > 0) {
        size_t bytes = word_count * 8U < PROTOCOL_REASON_MAX ? word_count * 8U : PROTOCOL_REASON_MAX;
        memcpy(extra->reason, words_in, bytes);
        extra->reason[PROTOCOL_REASON_MAX - 1] = '\0';
        if (bytes < PROTOCOL_REASON_MAX)
            extra->reason[bytes] = '\0';
    }
    return (uint32_t)status;
}
