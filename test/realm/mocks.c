/* Mocks: a thread each, which answers by rules. */
#include "libsys/text/string.h"
#include "test/realm/clients.h"

static struct mock *begun[CLIENTS_MAX];
static uint32_t begun_count;

static const struct mock_rule *find_rule(const struct mock *mock, uint32_t operation) {
    uint32_t number = mock->calls[operation];
    for (const struct mock_rule *rule = mock->rules; rule < mock->rules + mock->rule_count; rule++)
        if (rule->operation == operation && number >= rule->first && (rule->last == 0 || number <= rule->last))
            return rule;
    return NULL;
}

static struct message answer_of(const struct mock *mock, const struct mock_rule *rule) {
    static const uint64_t zero[MESSAGE_WORDS];
    const struct protocol_shape *shape = &mock->operations[rule->operation].reply;
    const void *reply = rule->reply != NULL ? rule->reply : zero;
    uint32_t bytes = protocol_bytes(shape, reply);
    struct message answer = {.info = MESSAGE_INFO(OK, message_words_of(bytes), shape->cap_count)};
    message_put(&answer, reply, bytes);
    for (uint32_t i = 0; i < shape->cap_count; i++)
        program_message()->send_caps[i] = rule->caps[i];
    return answer;
}

static void keep(struct mock *mock) {
    cap_t slot = slot_take();
    if (mock->kept_count == CLIENTS_MAX || slot == 0 || sys_cap_move(0, slot, 0).status != OK) {
        slot_free(slot);
        (void)sys_cap_delete(0, 0); /* its caller gets E_PEER, which no case can take for silence */
        return;
    }
    mock->kept[mock->kept_count++] = slot;
}

static void answer(struct mock *mock, const struct mock_rule *rule) {
    struct message reply = {.info = MESSAGE_INFO(rule->status, 0, 0)};
    if (rule->delay_ns > 0)
        realm_sleep(rule->delay_ns);
    switch (rule->way) {
    case MOCK_ANSWERS:
        reply = answer_of(mock, rule);
        break;
    case MOCK_FAILS:
        break;
    case MOCK_DIES:
        mock->is_dead = true;
        (void)sys_cap_delete(0, 0);
        return;
    case MOCK_DROPS:
        (void)sys_cap_delete(0, 0);
        return;
    case MOCK_KEEPS:
        keep(mock);
        return;
    }
    (void)ep_reply(0, &reply); /* a caller that is gone is no error */
}

static void take(struct mock *mock, const struct message *message) {
    uint32_t operation = message_label(message->info);
    const struct mock_rule gone = {.way = MOCK_FAILS, .status = P_GONE};
    const struct mock_rule unexpected = {.way = MOCK_FAILS, .status = P_OPERATION};
    const struct mock_rule *rule = NULL;
    memset(mock->request, 0, sizeof mock->request);
    (void)message_get(message, mock->request);
    mock->request_operation = operation;
    if (operation < mock->operation_count) {
        mock->calls[operation]++;
        rule = find_rule(mock, operation);
    }
    if (mock->is_dead)
        rule = &gone;
    if (rule == NULL) {
        mock->unexpected++;
        mock->last_unexpected = operation;
    }
    answer(mock, rule != NULL ? rule : &unexpected);
}

static void serve(void *argument) {
    struct mock *mock = argument;
    cap_t endpoint = program_need(mock->name);
    struct message message;
    uint64_t badge;
    memcpy(program_message()->receive_caps, mock->receive, sizeof mock->receive);
    while (ep_wait(endpoint, DEADLINE_NEVER, &message, &badge) == OK) {
        if (message_kind(message.info) != MESSAGE_CALL)
            continue;
        take(mock, &message);
        for (uint32_t i = 0; i < MESSAGE_CAPS; i++)
            (void)sys_cap_delete(0, mock->receive[i]); /* what came with the call */
    }
}

void mock_begin(struct mock *mock, const struct mock_rule *rules, uint32_t rule_count) {
    mock_end(mock);
    mock->rules = rules;
    mock->rule_count = rule_count;
    mock->is_dead = false;
    mock->unexpected = 0;
    mock->request_operation = UINT32_MAX;
    memset(mock->calls, 0, sizeof mock->calls);
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++)
        mock->receive[i] = slot_take();
    mock->client = client_start(serve, mock);
    begun[begun_count++] = mock;
}

void mock_end(struct mock *mock) {
    if (mock->client == NULL)
        return;
    client_kill(mock->client);
    mock->client = NULL;
    while (mock->kept_count > 0)
        slot_drop(&mock->kept[--mock->kept_count]);
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++)
        slot_drop(&mock->receive[i]);
    for (uint32_t i = 0; i < begun_count; i++)
        if (begun[i] == mock)
            begun[i] = begun[--begun_count];
    if (mock->unexpected == 0)
        return;
    bool known = mock->last_unexpected < mock->operation_count && mock->operations[mock->last_unexpected].name != NULL;
    test_fail("mock %s: %u unexpected calls, the last of operation %u (%s)", mock->name, mock->unexpected,
              mock->last_unexpected, known ? mock->operations[mock->last_unexpected].name : "not in its protocol");
}

void mocks_clear(void) {
    while (begun_count > 0)
        mock_end(begun[0]);
}

uint32_t mock_calls(const struct mock *mock, uint32_t operation) { return mock->calls[operation]; }

const void *mock_request(const struct mock *mock, uint32_t operation) {
    return mock->request_operation == operation ? mock->request : NULL;
}
