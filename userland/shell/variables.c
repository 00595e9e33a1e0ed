#include "libsys/text/string.h"
#include "userland/lib/launch.h"
#include "userland/shell/shell.h"

/* Whether the entry NAME=value (or a free one) has the name of `length` bytes. */
static bool has_name(const char *entry, const char *name, size_t length) {
    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

static char *find_entry(struct shell *shell, const char *name, size_t length) {
    for (size_t i = 0; i < SHELL_VARIABLES_MAX; i++)
        if (has_name(shell->variables[i], name, length))
            return shell->variables[i];
    return NULL;
}

static char *find_free(struct shell *shell) {
    for (size_t i = 0; i < SHELL_VARIABLES_MAX; i++)
        if (shell->variables[i][0] == '\0')
            return shell->variables[i];
    return NULL;
}

const char *shell_variable(const struct shell *shell, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < SHELL_VARIABLES_MAX; i++)
        if (has_name(shell->variables[i], name, length))
            return shell->variables[i] + length + 1;
    return NULL;
}

const char *shell_environment_variable(const struct shell *shell, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; shell->environment[i] != NULL; i++)
        if (has_name(shell->environment[i], name, length))
            return shell->environment[i] + length + 1;
    return NULL;
}

bool shell_set_variable(struct shell *shell, const char *assignment) {
    size_t length = scan_name_length(assignment);
    char *entry = find_entry(shell, assignment, length);
    if (entry == NULL)
        entry = find_free(shell);
    if (entry == NULL) {
        shell_complain(shell, "more than %u variables", SHELL_VARIABLES_MAX);
        return false;
    }
    if (strlen(assignment) >= SHELL_VARIABLE_BYTES) {
        shell_complain(shell, "`%.31s`: name and value are longer than %u bytes", assignment, SHELL_VARIABLE_BYTES - 1);
        return false;
    }
    memcpy(entry, assignment, strlen(assignment) + 1);
    return true;
}

void shell_unset_variable(struct shell *shell, const char *name) {
    char *entry = find_entry(shell, name, strlen(name));
    if (entry != NULL)
        entry[0] = '\0';
}

void shell_import_variables(struct shell *shell, char *const *environment) {
    for (; *environment != NULL; environment++) {
        size_t length = scan_name_length(*environment);
        if (length > 0 && length <= SCAN_NAME_MAX && (*environment)[length] == '=' && !launch_is_private(*environment))
            (void)shell_set_variable(shell, *environment); /* a failure has been reported to the user */
    }
}

/* Whether one of the first `count` words sets the variable of `entry` anew. */
static bool is_overridden(const struct shell *shell, const char *entry, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (has_name(shell->words.words[i], entry, scan_name_length(entry)))
            return true;
    return false;
}

void shell_make_environment(struct shell *shell, size_t count) {
    size_t used = 0;
    for (size_t i = 0; i < count && used < SHELL_VARIABLES_MAX; i++)
        shell->environment[used++] = shell->words.words[i];
    for (size_t i = 0; i < SHELL_VARIABLES_MAX && used < SHELL_VARIABLES_MAX; i++) {
        const char *entry = shell->variables[i];
        if (entry[0] != '\0' && !is_overridden(shell, entry, count))
            shell->environment[used++] = entry;
    }
    shell->environment[used] = NULL;
}
