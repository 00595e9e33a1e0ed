#include "libsys/proto/files.h"
#include "libsys/runtime/stream.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "userland/shell/shell.h"

/* Gathers bytes into lines. */
struct script {
    struct shell *shell;
    char line[LINE_BYTES_MAX + 2]; /* with a CR before its end */
    size_t length;
    bool too_long;
    bool has_zero; /* the parser would take it for the line's end */
};

void shell_refuse_line(struct shell *shell, enum line_event why) {
    if (why == LINE_TOO_LONG)
        shell_complain(shell, "the line is longer than %u bytes", LINE_BYTES_MAX);
    else
        shell_complain(shell, "the line has a zero byte");
    shell->status = SHELL_USAGE;
}

/* Remove the CR of a line that ends by CR LF, as in a file from another system. */
static void drop_return(struct script *script) {
    if (script->length > 0 && script->line[script->length - 1] == '\r')
        script->length--;
}

static void run_gathered(struct script *script) {
    struct shell *shell = script->shell;
    shell->line_number++;
    drop_return(script);
    if (script->too_long || script->length > LINE_BYTES_MAX) {
        shell_refuse_line(shell, LINE_TOO_LONG);
    } else if (script->has_zero) {
        shell_refuse_line(shell, LINE_HAS_ZERO);
    } else {
        script->line[script->length] = '\0';
        shell_run_line(shell, script->line);
    }
    script->length = 0;
    script->too_long = false;
    script->has_zero = false;
}

static bool is_over(const struct shell *shell) { return shell->leaving || shell->interrupted; }

static void take_bytes(struct script *script, const char *bytes, size_t length) {
    for (size_t i = 0; i < length && !is_over(script->shell); i++) {
        if (bytes[i] == '\n')
            run_gathered(script);
        else if (script->length == LINE_BYTES_MAX + 1)
            script->too_long = true;
        else
            script->line[script->length++] = bytes[i];
        script->has_zero |= bytes[i] == '\0';
    }
}

static void finish(struct script *script) {
    if (script->length > 0 && !is_over(script->shell))
        run_gathered(script);
    script->shell->line_number = 0;
}

static struct script script; /* static: too large for the stack, and there is one at a time */

static void begin(struct shell *shell) {
    script.shell = shell;
    script.length = 0;
    script.too_long = false;
    script.has_zero = false;
    shell->line_number = 0;
}

void shell_run_text(struct shell *shell, const char *text) {
    begin(shell);
    take_bytes(&script, text, strlen(text));
    finish(&script);
}

/* Read one byte at a time: the bytes after a command may be input for it. */
uint32_t shell_run_stream(struct shell *shell, cap_t stream) {
    uint32_t status = OK;
    begin(shell);
    while (!is_over(shell)) {
        char byte;
        size_t length;
        status = stream_read_some(stream, &byte, 1, &length);
        if (status != OK || length == 0)
            break;
        take_bytes(&script, &byte, 1);
    }
    finish(&script);
    return status;
}

uint32_t shell_run_file(struct shell *shell, const char *path) {
    static struct files_stat_request where;
    struct files_stat_reply file;
    where.length_bytes = strlen(path);
    if (where.length_bytes > sizeof where.path)
        return P_NOT_FOUND;
    memcpy(where.path, path, where.length_bytes);
    uint32_t status = files_stat(shell->files, &where, &file, NULL);
    if (status == OK && file.kind != FILES_FILE)
        status = P_NOT_FILE;
    if (status != OK)
        return status;

    begin(shell);
    struct files_read_request request = {.file = file.file, .most_bytes = FILES_BYTES_MAX};
    while (!is_over(shell)) {
        static struct files_read_reply reply;
        status = files_read(shell->files, &request, &reply, NULL);
        if (status != OK || reply.length_bytes == 0)
            break;
        take_bytes(&script, (const char *)reply.bytes, reply.length_bytes);
        request.offset_bytes += reply.length_bytes;
    }
    finish(&script);
    return status;
}
