/* Each case fails, in a way that test_realm.py knows the words of. */
#include "kernel/abi/rights.h"
#include "libsys/proto/files.h"
#include "test/realm/realm.h"
#include "test/realm/relay.h"

MOCK(files, FILES_OPERATIONS)

static uint32_t err(enum relay_mistake how) {
    const struct relay_err_request request = {how};
    struct relay_err_reply reply;
    return relay_err(program_need("relay"), &request, &reply, NULL);
}

static void the_suite_keeps_a_slot(void) { CHECK(slot_take() != 0); }
static void the_server_keeps_a_capability(void) { CHECK_STATUS(err(RELAY_KEEPS_A_SLOT), OK); }
static void the_server_faults(void) { CHECK_STATUS(err(RELAY_FAULTS), P_GONE); }

static void a_call_is_unexpected(void) {
    static const struct mock_rule rules[] = {{.operation = files_stat_row, .last = 1}};
    const struct relay_total_request request = {3};
    struct relay_total_reply reply;
    MOCK_BEGIN(mock_files, rules);
    CHECK_STATUS(relay_total(program_need("relay"), &request, &reply, NULL), P_OPERATION);
}

static void fault(void *argument) { *(volatile uint64_t *)argument = 1; }
static void a_client_faults(void) { client_join(client_start(fault, (void *)0x1230)); }
static void the_case_faults(void) { fault((void *)0x1230); }

static void sleep_long(void *argument) {
    (void)argument;
    realm_sleep(100 * REALM_SOON_NS);
}
static void a_client_does_not_end(void) { client_join(client_start(sleep_long, NULL)); }
static void a_client_does_not_call(void) { (void)client_waits(client_start(sleep_long, NULL)); }

static void too_many_clients(void) {
    for (uint32_t i = 0; i <= CLIENTS_MAX; i++)
        (void)client_start(sleep_long, NULL);
}

SUITE(CASE(the_suite_keeps_a_slot), CASE(the_server_keeps_a_capability), CASE(the_server_faults),
      CASE(a_call_is_unexpected), CASE(a_client_faults), CASE(the_case_faults), CASE(a_client_does_not_end),
      CASE(a_client_does_not_call), CASE(too_many_clients));
