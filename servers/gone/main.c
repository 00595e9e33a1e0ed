/*
 * Stands in for a server that does not come back: everybody who calls it is told that it is gone. init puts this
 * program in its place, with its thread and its table.
 */
#include "libsys/program/keep.h"
#include "libsys/program/program.h"
#include "libsys/wire/message.h"
#include "libsys/wire/protocol.h"

static const struct message gone = {.info = MESSAGE_INFO(P_GONE, 0, 0)};

/* Answer the calls that the server had deferred, and let go of all else that it had made. */
static void empty_table(void) {
    for (cap_t slot = program.slots.first; slot < program.slots.limit; slot++)
        if (ep_reply(slot, &gone) != OK)
            (void)sys_cap_delete(0, slot);
}

int main(int argc, char **argv, char **envp) {
    (void)argc;
    (void)argv;
    (void)envp;
    cap_t serve = program_need("serve");
    uint64_t badge;
    if (program_cap_size("keep") != 0)
        keep_refuse_trial(keep_head()); /* its server is not gone: somebody swaps this program in by hand */
    empty_table();
    for (;;) {
        struct message message = gone;
        uint64_t status = ep_reply_wait(serve, &message, &badge);
        if (status != OK && status != E_CANCEL)
            return 1;
    }
}
