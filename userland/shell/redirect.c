/*
 * Redirections `< > >> 2>&1`: opens files as streams of the files server, in the order in which they are typed.
 */
#include "libsys/runtime/stream.h"
#include "userland/lib/file.h"
#include "userland/lib/pipe.h"
#include "userland/shell/shell.h"

/* A digit before `<` or `>` is the stream's number in libsys. */
_Static_assert(STREAM_IN == 0, "<");
_Static_assert(STREAM_OUT == 1, ">");
_Static_assert(STREAM_ERRORS == 2, "2>");
_Static_assert(SCAN_STREAMS == STREAM_STANDARD_COUNT, "no other digit");

static cap_t standard(unsigned stream) {
    return stream == STREAM_IN ? stream_in() : stream == STREAM_OUT ? stream_out() : stream_errors();
}

static bool open_file(struct shell *shell, const struct redirection *redirect, struct shell_streams *streams) {
    static const enum files_open_mode modes[] = {
        [REDIRECT_READ] = FILES_OPEN_READ, [REDIRECT_WRITE] = FILES_OPEN_WRITE, [REDIRECT_APPEND] = FILES_OPEN_APPEND};
    cap_t *opened = &streams->opened[streams->opened_count];
    uint32_t status = file_open_stream(redirect->path, modes[redirect->kind], opened);
    if (status != OK) {
        shell_complain(shell, "%s: %s", redirect->path, file_reason(status));
        shell->status = SHELL_FAILURE;
        return false;
    }
    streams->caps[redirect->from] = *opened;
    streams->opened_count++;
    return true;
}

bool shell_redirect(struct shell *shell, struct shell_streams *streams) {
    for (size_t i = 0; i < shell->words.redirect_count; i++) {
        const struct redirection *redirect = &shell->words.redirects[i];
        if (redirect->kind == REDIRECT_COPY)
            streams->caps[redirect->from] =
                streams->caps[redirect->to] != 0 ? streams->caps[redirect->to] : standard(redirect->to);
        else if (!open_file(shell, redirect, streams))
            return false;
    }
    for (unsigned i = 0; i < SCAN_STREAMS; i++)
        stream_replace((enum stream_standard)i, streams->caps[i]);
    return true;
}

void shell_end_redirect(struct shell_streams *streams) {
    for (unsigned i = 0; i < SCAN_STREAMS; i++)
        stream_replace((enum stream_standard)i, 0);
    while (streams->opened_count > 0)
        pipe_drop(&streams->opened[--streams->opened_count]);
}
