#include "libsys/program/program.h"
#include "libsys/proto/files.h"
#include "libsys/runtime/print.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "df    how much room there is below /tmp";
    if (command_help(argc, argv, usage))
        return 0;
    if (!command_is_alone(argc, argv, usage))
        return COMMAND_USAGE;
    struct files_space_request request = {.zero = 0};
    struct files_space_reply space;
    uint32_t status = files_space(program_cap("files"), &request, &space, NULL);
    if (status != OK)
        return command_complain("df", "%s", status_text(status));
    print("/tmp: %lu of %lu KiB free, %lu of %lu entries\n", space.pages_free * 4, space.page_count * 4,
          space.entries_free, space.entry_count);
    return 0;
}
