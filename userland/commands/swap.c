#include "libsys/program/program.h"
#include "libsys/proto/init.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"

static const char usage[] = "swap NAME IMAGE    put another program in the place of a server that runs";

/* Copy a word into its place in the request. False: it is too long, and that was said. */
static bool fill(char *room, size_t room_bytes, const char *word) {
    bool fits = strlen(word) < room_bytes;
    if (fits)
        memcpy(room, word, strlen(word));
    else
        (void)command_complain("swap", "%s: the name is too long", word);
    return fits;
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    struct init_swap_request request = {.name = {0}};
    struct init_swap_reply reply;
    struct protocol_extra extra = {.reason = {0}};
    if (command_help(argc, argv, usage))
        return 0;
    int first = command_operands(argc, argv, usage, '\0', NULL);
    if (first == 0)
        return COMMAND_USAGE;
    if (argc - first != 2)
        return command_misused(usage, "swap: want a server and an image, as in `swap pipes /bin/pipes`");
    const char *name = argv[first], *path = argv[first + 1];
    if (!fill(request.name, sizeof request.name, name) ||
        !fill(request.path, sizeof request.path, path[0] == '/' ? path + 1 : path)) /* as the volume names it */
        return 1;
    uint32_t status = init_swap(program_cap("init"), &request, &reply, &extra);
    if (status != OK)
        return command_complain("swap", "%s: %s", name, extra.reason[0] != '\0' ? extra.reason : status_text(status));
    return reply.is_done != 0 ? 0 : command_complain("swap", "%s stays as it is: %s", name, reply.no);
}
