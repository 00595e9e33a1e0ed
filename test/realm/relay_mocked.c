/* Do mocks answer as their rules say? The server under test asks `files`, which is a mock. */
#include "libsys/proto/files.h"
#include "test/realm/realm.h"
#include "test/realm/relay.h"

MOCK(files, FILES_OPERATIONS)

static uint32_t total(uint64_t count, uint64_t *ret_bytes) {
    const struct relay_total_request request = {count};
    struct relay_total_reply reply = {0};
    uint32_t status = relay_total(program_need("relay"), &request, &reply, NULL);
    *ret_bytes = reply.bytes;
    return status;
}

static const struct files_stat_reply seven_bytes = {.size_bytes = 7};
static const struct mock_rule always[] = {{.operation = files_stat_row, .reply = &seven_bytes}};

static void it_answers(void) {
    uint64_t bytes;
    MOCK_BEGIN(mock_files, always);
    CHECK_STATUS(total(5, &bytes), OK);
    CHECK_EQUAL(bytes, 35);
    CHECK_EQUAL(mock_calls(&mock_files, files_stat_row), 5);
    const struct files_stat_request *last = mock_request(&mock_files, files_stat_row);
    CHECK(last != NULL && last->length_bytes == 1 && last->path[0] == '4');
    CHECK(mock_request(&mock_files, files_stat_row + 1) == NULL);
}

/* Capabilities go along as copies. Here the suite itself is the client of its mock. */
static void it_gives_capabilities(void) {
    const struct mock_rule rules[] = {{.operation = files_map_row, .caps = {program_need("memory")}}};
    static const struct files_map_request request = {.length_bytes = 1, .path = "a"};
    struct files_map_reply reply;
    struct protocol_extra extra = {.receive = {slot_take()}};
    MOCK_BEGIN(mock_files, rules);
    CHECK_STATUS(files_map(program_need("files"), &request, &reply, &extra), OK);
    CHECK_STATUS(sys_cap_query(extra.receive[0]), OK);
    slot_drop(&extra.receive[0]);
}

static void the_third_call_gets_no_answer(void) {
    static const struct mock_rule rules[] = {{.operation = files_stat_row, .first = 3, .last = 3, .way = MOCK_DROPS},
                                             {.operation = files_stat_row, .reply = &seven_bytes}};
    uint64_t bytes;
    MOCK_BEGIN(mock_files, rules);
    CHECK_STATUS(total(5, &bytes), E_PEER);
    CHECK_STATUS(total(5, &bytes), OK);
    CHECK_EQUAL(mock_calls(&mock_files, files_stat_row), 3 + 5);
}

static void it_fails_from_a_call_on(void) {
    static const struct mock_rule rules[] = {
        {.operation = files_stat_row, .first = 2, .way = MOCK_FAILS, .status = P_NOT_FOUND},
        {.operation = files_stat_row, .reply = &seven_bytes}};
    uint64_t bytes;
    MOCK_BEGIN(mock_files, rules);
    CHECK_STATUS(total(1, &bytes), OK);
    CHECK_STATUS(total(1, &bytes), P_NOT_FOUND);
    CHECK_STATUS(total(1, &bytes), P_NOT_FOUND);
    MOCK_BEGIN(mock_files, rules); /* it counts from 1 again */
    CHECK_STATUS(total(1, &bytes), OK);
}

static void it_dies(void) {
    static const struct mock_rule rules[] = {{.operation = files_stat_row, .first = 2, .way = MOCK_DIES},
                                             {.operation = files_stat_row, .reply = &seven_bytes}};
    uint64_t bytes;
    MOCK_BEGIN(mock_files, rules);
    CHECK_STATUS(total(3, &bytes), E_PEER);
    CHECK_STATUS(total(1, &bytes), P_GONE);
}

static void it_takes_its_time(void) {
    static const struct mock_rule rules[] = {
        {.operation = files_stat_row, .delay_ns = 30000000, .reply = &seven_bytes}};
    uint64_t bytes, begin_ns = sys_clock_read().value;
    MOCK_BEGIN(mock_files, rules);
    CHECK_STATUS(total(2, &bytes), OK);
    CHECK(sys_clock_read().value - begin_ns >= 60000000);
}

static uint32_t waited;
static void wait_for_total(void *argument) {
    (void)argument;
    uint64_t bytes;
    waited = total(1, &bytes);
}

/* Whoever waits for a silent server waits until that is gone. */
static void it_is_silent(void) {
    static const struct mock_rule rules[] = {{.operation = files_stat_row, .way = MOCK_KEEPS}};
    MOCK_BEGIN(mock_files, rules);
    struct client *client = client_start(wait_for_total, NULL);
    realm_sleep(20000000);
    CHECK(client_waits(client));
    mock_end(&mock_files);
    client_join(client);
    CHECK_STATUS(waited, E_PEER);
}

/* As many clients as there can be, and each of them gets its answer. */
static void clients_come_at_once(void) {
    struct client *clients[CLIENTS_MAX - 1];
    MOCK_BEGIN(mock_files, always);
    for (uint32_t i = 0; i < CLIENTS_MAX - 1; i++)
        clients[i] = client_start(wait_for_total, NULL);
    for (uint32_t i = 0; i < CLIENTS_MAX - 1; i++)
        client_join(clients[i]);
    CHECK_EQUAL(mock_calls(&mock_files, files_stat_row), CLIENTS_MAX - 1);
}

SUITE(CASE(it_answers), CASE(it_gives_capabilities), CASE(the_third_call_gets_no_answer), CASE(it_fails_from_a_call_on),
      CASE(it_dies), CASE(it_takes_its_time), CASE(it_is_silent), CASE(clients_come_at_once));
