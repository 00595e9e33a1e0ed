/* The pipes server, with nothing beside it: does each call do what its protocol says, also for clients that die? */
#include "libsys/proto/pipes.h"
#include "libsys/text/string.h"
#include "test/realm/realm.h"

#define MADE_MAX 65U /* more than the server has places for */

struct ends {
    cap_t reader, writer;
};

static void drop(struct ends *pipe) {
    slot_drop(&pipe->reader);
    slot_drop(&pipe->writer);
}

static uint32_t make_by(cap_t server, struct ends *ret_pipe) {
    struct protocol_extra extra = {.receive = {slot_take(), slot_take()}};
    const struct pipes_create_request request = {0};
    struct pipes_create_reply reply;
    uint32_t status = pipes_create(server, &request, &reply, &extra);
    *ret_pipe = (struct ends){extra.receive[0], extra.receive[1]};
    if (status != OK)
        drop(ret_pipe);
    return status;
}

static uint32_t make(struct ends *ret_pipe) { return make_by(program_need("pipes"), ret_pipe); }

static uint32_t write(cap_t end, const char *text) {
    struct stream_write_request request = {.length_bytes = strlen(text)};
    struct stream_write_reply reply;
    memcpy(request.bytes, text, request.length_bytes);
    return stream_write(end, &request, &reply, NULL);
}

static uint32_t read(cap_t end, struct stream_read_reply *ret_reply) {
    const struct stream_read_request request = {.most_bytes = STREAM_BYTES_MAX};
    return stream_read(end, &request, ret_reply, NULL);
}

static void what_is_written_is_read(void) {
    struct ends pipe;
    struct stream_read_reply got;
    CHECK_STATUS(make(&pipe), OK);
    CHECK_STATUS(write(pipe.writer, "ab"), OK);
    CHECK_STATUS(write(pipe.writer, "c"), OK);
    CHECK_STATUS(read(pipe.reader, &got), OK);
    CHECK(got.length_bytes == 3 && memcmp(got.bytes, "abc", 3) == 0);
    CHECK_STATUS(read(pipe.writer, &got), P_PERMISSION);
    CHECK_STATUS(write(pipe.reader, "x"), P_PERMISSION);
    slot_drop(&pipe.writer);
    CHECK_STATUS(read(pipe.reader, &got), OK);
    CHECK_EQUAL(got.length_bytes, 0);
    drop(&pipe);
}

static void read_one(void *pipe) {
    struct stream_read_reply got;
    CHECK_STATUS(read(((struct ends *)pipe)->reader, &got), OK);
    CHECK(got.length_bytes == 1 && got.bytes[0] == 'x');
}

static void a_reader_waits_for_a_byte(void) {
    struct ends pipe;
    CHECK_STATUS(make(&pipe), OK);
    struct client *reader = client_start(read_one, &pipe);
    CHECK(client_waits(reader));
    CHECK_STATUS(write(pipe.writer, "x"), OK);
    client_join(reader);
    drop(&pipe);
}

static void a_reader_that_dies_takes_nothing_along(void) {
    struct ends pipe;
    struct stream_read_reply got;
    CHECK_STATUS(make(&pipe), OK);
    for (uint32_t i = 0; i < 300; i++) { /* more than there are places to wait */
        struct client *reader = client_start(read_one, &pipe);
        CHECK(client_waits(reader));
        client_kill(reader);
    }
    CHECK_STATUS(write(pipe.writer, "x"), OK);
    CHECK_STATUS(read(pipe.reader, &got), OK);
    CHECK_EQUAL(got.length_bytes, 1);
    drop(&pipe);
}

/* Whoever makes as many pipes as there can be leaves some for another client. */
static void a_client_takes_no_place_of_another(void) {
    static struct ends pipes[MADE_MAX];
    struct ends other = {0};
    uint32_t count = 0;
    cap_t greedy = realm_as("pipes", 1), modest = realm_as("pipes", 2);
    while (count < MADE_MAX && make_by(greedy, &pipes[count]) == OK)
        count++;
    CHECK(count > 1 && count < MADE_MAX);
    CHECK_STATUS(make_by(greedy, &other), P_LIMIT);
    CHECK_STATUS(make_by(modest, &other), OK);
    drop(&other);
    while (count > 0)
        drop(&pipes[--count]);
    slot_drop(&greedy);
    slot_drop(&modest);
}

SUITE(CASE(what_is_written_is_read), CASE(a_reader_waits_for_a_byte), CASE(a_reader_that_dies_takes_nothing_along),
      CASE(a_client_takes_no_place_of_another));
