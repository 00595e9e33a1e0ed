#include "libsys/wire/protocol.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "libsys/wire/message.h"
#include "libsys/wire/transfer.h"

/*
 * Name the capabilities that travel with the request, and the slots for those of the reply. *ret_old: the slots named
 * before.
 */
static void set_slots(const struct protocol_operation *operation, const struct protocol_extra *extra, cap_t *ret_old) {
    struct message_page *page = program_message();
    for (uint32_t i = 0; i < operation->request.cap_count; i++)
        page->send_caps[i] = extra->send[i];
    for (uint32_t i = 0; i < operation->reply.cap_count; i++) {
        ret_old[i] = page->receive_caps[i];
        page->receive_caps[i] = extra->receive[i];
    }
}

/*
 * Between calls only a server names slots to receive in (server.h), so that nobody sends a capability that was not
 * asked for.
 */
static void restore_slots(const struct protocol_operation *operation, const cap_t *old) {
    for (uint32_t i = 0; i < operation->reply.cap_count; i++)
        program_message()->receive_caps[i] = old[i];
}

static void take_reason(const void *words, uint32_t word_count, struct protocol_extra *extra) {
    size_t bytes = word_count * 8U < PROTOCOL_REASON_MAX ? word_count * 8U : PROTOCOL_REASON_MAX;
    memcpy(extra->reason, words, bytes);
    extra->reason[PROTOCOL_REASON_MAX - 1] = '\0';
    if (bytes < PROTOCOL_REASON_MAX)
        extra->reason[bytes] = '\0';
}

/* Take the reason of a failure. A long one is still in the message page. */
static void take_failure(const struct message *message, struct protocol_extra *extra) {
    uint64_t words[MESSAGE_WORDS];
    uint32_t word_count = message_get(message, words);
    if (word_count > 0)
        take_reason(words, word_count, extra);
}

uint32_t protocol_call(cap_t server, uint32_t number, const struct protocol_operation *operation, const void *request,
                       void *reply, struct protocol_extra *extra) {
    uint32_t bytes = protocol_bytes(&operation->request, request);
    cap_t old[MESSAGE_CAPS];
    if (bytes == 0)
        return P_MESSAGE;
    if ((operation->request.cap_count | operation->reply.cap_count) != 0)
        set_slots(operation, extra, old);
    if (extra != NULL)
        extra->reason[0] = '\0';

    struct message message;
    uint64_t status;
    uint32_t label;
    bool repeats = extra == NULL || !extra->interruptible;
    do {
        message.info = MESSAGE_INFO(number, message_words_of(bytes), operation->request.cap_count);
        message_put(&message, request, bytes);
        status = ep_call(server, &message);
        label = status == OK ? message_label(message.info) : (uint32_t)status;
        /* E_BUSY: each try does a part of the kernel's pending work on a capability */
    } while (status == E_BUSY || (label == P_INTERRUPTED && repeats));
    if (operation->reply.cap_count != 0)
        restore_slots(operation, old);
    if (status == OK && label != OK && extra != NULL)
        take_failure(&message, extra);
    if (label != OK)
        return label;

    /* All words on which the shape depends came in registers. */
    if (!protocol_fits(&operation->reply, message_words(message.info), message_caps(message.info), message.words))
        return P_REPLY;
    message_take(&message, reply, operation->reply.most_bytes);
    return OK;
}
