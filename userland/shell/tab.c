/*
 * The Tab key: gets the names that complete.c matches, from the files server.
 */
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "userland/lib/file.h"
#include "userland/lib/launch.h"
#include "userland/shell/complete.h"
#include "userland/shell/shell.h"

static struct complete complete; /* too large for the stack */

/* Offer the entries of a folder. A folder that can't be listed offers nothing. */
static void offer_folder(const char *path, bool only_files) {
    static struct files_list_reply entry;
    for (uint64_t i = 0; file_list(path, i, &entry) == OK; i++)
        if (!only_files || entry.kind == FILES_FILE)
            complete_offer(&complete, entry.name, entry.length_bytes, entry.kind == FILES_DIRECTORY);
}

static void offer_commands(const struct shell *shell) {
    const char *name, *search = shell_variable(shell, "PATH");
    for (size_t i = 0; (name = shell_builtin_name(i)) != NULL; i++)
        complete_offer(&complete, name, strlen(name), 0);
    for (const char *folder = search != NULL ? search : LAUNCH_SEARCH, *end = folder; end != NULL; folder = end + 1) {
        char path[FILES_PATH_MAX + 1];
        end = strchr(folder, ':');
        size_t length = end != NULL ? (size_t)(end - folder) : strlen(folder);
        if (length == 0 || length > FILES_PATH_MAX)
            continue;
        memcpy(path, folder, length);
        path[length] = '\0';
        offer_folder(path, true);
    }
}

static void show_names(void) {
    char row[LINE_COLUMNS + COMPLETE_WORD_MAX];
    print("\n");
    for (size_t i = 0; complete_row(&complete, i, row, sizeof row); i++)
        print("%s\n", row);
    if (complete.count > complete.name_count)
        print("... and %lu more\n", complete.count - complete.name_count);
}

void shell_complete(struct shell *shell, bool again) {
    struct line_editor *editor = &shell->editor;
    char insertion[COMPLETE_INSERT_MAX];
    enum complete_kind kind = complete_begin(&complete, editor->text, editor->cursor);
    if (kind == COMPLETE_COMMAND)
        offer_commands(shell);
    else if (kind == COMPLETE_PATH)
        offer_folder(complete.folder, false);
    size_t length = complete_insertion(&complete, insertion);
    if (length == 0 && again && complete.count > 1) {
        show_names();
        line_show(editor);
    } else {
        line_insert(editor, insertion, length);
    }
}
