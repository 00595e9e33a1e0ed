#include "servers/pipes/pipe.h"

#include "libsys/string.h"

_Static_assert((PIPE_BYTES & (PIPE_BYTES - 1)) == 0, "places are numbers modulo a power of two");

static size_t used(const struct pipe *pipe) { return pipe->added - pipe->taken; }
static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

void pipe_start(struct pipe *pipe, const struct pipe_clients *clients) {
    pipe->clients = clients;
    pipe->gone[PIPE_READER] = pipe->gone[PIPE_WRITER] = false;
    pipe->added = pipe->taken = 0;
    pipe->reader_count = pipe->writer_count = 0;
}

static size_t add(struct pipe *pipe, const uint8_t *bytes, size_t length) {
    length = smaller(length, PIPE_BYTES - used(pipe));
    size_t at = pipe->added % PIPE_BYTES, first = smaller(length, PIPE_BYTES - at);
    memcpy(pipe->bytes + at, bytes, first);
    memcpy(pipe->bytes, bytes + first, length - first);
    pipe->added += length;
    return length;
}

/* The oldest bytes, which stay. */
static size_t peek(const struct pipe *pipe, uint8_t *bytes, size_t limit) {
    size_t length = smaller(limit, used(pipe));
    size_t at = pipe->taken % PIPE_BYTES, first = smaller(length, PIPE_BYTES - at);
    memcpy(bytes, pipe->bytes + at, first);
    memcpy(bytes + first, pipe->bytes, length - first);
    return length;
}

static struct pipe_reader take_reader(struct pipe *pipe) {
    struct pipe_reader reader = pipe->readers[0];
    pipe->reader_count--;
    for (size_t i = 0; i < pipe->reader_count; i++)
        pipe->readers[i] = pipe->readers[i + 1];
    return reader;
}

static void remove_writer(struct pipe *pipe, size_t i) {
    pipe->writer_count--;
    memmove(&pipe->writers[i], &pipe->writers[i + 1], (pipe->writer_count - i) * sizeof pipe->writers[0]);
}

/* Those who died while they waited make room for others. */
static void forget_the_dead(struct pipe *pipe) {
    size_t kept = 0;
    for (size_t i = 0; i < pipe->reader_count; i++)
        if (pipe->clients->waits(pipe->readers[i].reply))
            pipe->readers[kept++] = pipe->readers[i];
    pipe->reader_count = kept;
    for (size_t i = pipe->writer_count; i > 0; i--)
        if (!pipe->clients->waits(pipe->writers[i - 1].reply))
            remove_writer(pipe, i - 1);
}

enum pipe_outcome pipe_read(struct pipe *pipe, uint8_t *bytes, size_t limit, size_t *ret_length) {
    *ret_length = peek(pipe, bytes, limit); /* nobody overtakes: while readers wait there is nothing */
    pipe->taken += *ret_length;
    if (*ret_length > 0 || pipe->gone[PIPE_WRITER])
        return PIPE_DONE;
    if (pipe->reader_count == PIPE_WAITERS_MAX)
        forget_the_dead(pipe);
    return pipe->reader_count == PIPE_WAITERS_MAX ? PIPE_FULL_UP : PIPE_WAIT;
}

enum pipe_outcome pipe_write(struct pipe *pipe, const uint8_t *bytes, size_t length, size_t *ret_length) {
    *ret_length = 0;
    if (pipe->gone[PIPE_READER])
        return PIPE_BROKEN;
    *ret_length = add(pipe, bytes, length); /* nobody overtakes: while writers wait it is full */
    if (*ret_length > 0)
        return PIPE_DONE;
    if (pipe->writer_count == PIPE_WAITERS_MAX)
        forget_the_dead(pipe);
    return pipe->writer_count == PIPE_WAITERS_MAX ? PIPE_FULL_UP : PIPE_WAIT;
}

void pipe_park_reader(struct pipe *pipe, cap_t reply, size_t limit) {
    pipe->readers[pipe->reader_count++] = (struct pipe_reader){.reply = reply, .limit = limit};
}

void pipe_park_writer(struct pipe *pipe, cap_t reply, const uint8_t *bytes, size_t length) {
    struct pipe_writer *writer = &pipe->writers[pipe->writer_count++];
    writer->reply = reply;
    writer->length = length;
    memcpy(writer->bytes, bytes, length);
}

/* A reader that died meanwhile takes nothing away: its bytes go to the next. */
static bool serve_reader(struct pipe *pipe) {
    struct stream_read_reply answer;
    if (pipe->reader_count == 0 || (used(pipe) == 0 && !pipe->gone[PIPE_WRITER]))
        return false;
    struct pipe_reader reader = take_reader(pipe);
    answer.length_bytes = peek(pipe, answer.bytes, reader.limit);
    if (pipe->clients->answer_read(reader.reply, &answer))
        pipe->taken += answer.length_bytes;
    return true;
}

/* A writer's request becomes the reader's reply as it is. */
_Static_assert(sizeof(struct stream_write_request) == sizeof(struct stream_read_reply), "size");
_Static_assert(offsetof(struct stream_write_request, bytes) == offsetof(struct stream_read_reply, bytes), "bytes");

bool pipe_hand_over(struct pipe *pipe, const struct stream_write_request *request) {
    while (pipe->reader_count > 0 && pipe->readers[0].limit >= request->length_bytes && !pipe->gone[PIPE_READER]) {
        struct pipe_reader reader = take_reader(pipe);
        if (pipe->clients->answer_read(reader.reply, (const struct stream_read_reply *)(const void *)request))
            return true;
    }
    return false;
}

/* What a writer sent that died meanwhile is not in the pipe yet, and never will be. */
static bool serve_writer(struct pipe *pipe) {
    bool broken = pipe->gone[PIPE_READER];
    if (pipe->writer_count == 0 || (used(pipe) == PIPE_BYTES && !broken))
        return false;
    struct pipe_writer *writer = &pipe->writers[0];
    if (broken)
        pipe->clients->answer_write(writer->reply, P_BROKEN, 0);
    else if (pipe->clients->waits(writer->reply))
        pipe->clients->answer_write(writer->reply, OK, add(pipe, writer->bytes, writer->length));
    remove_writer(pipe, 0);
    return true;
}

void pipe_progress(struct pipe *pipe) {
    while (serve_reader(pipe) || serve_writer(pipe)) {
    }
}

void pipe_end_gone(struct pipe *pipe, enum pipe_end end) {
    pipe->gone[end] = true;
    if (end == PIPE_READER)
        pipe->taken = pipe->added; /* nobody will ever want them */
    pipe_progress(pipe);
    forget_the_dead(pipe);
}
