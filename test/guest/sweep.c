/*
 * Does it matter at which instruction an interrupt comes?
 *
 * The machine counts time in instructions (suite.py --icount 0: 1 ns each). A client does a short list of operations
 * again and again. Each time an interrupt comes one instruction later, from before the first operation to after the
 * last. The interrupt wakes a thread of higher priority in another space, which fills all registers with its own
 * values. All that the client, its server and the others see must be as without an interrupt, to the last register. All
 * of this is repeated with a non-maskable interrupt, which also comes inside the kernel.
 *
 * Operations that take long are sampled, from another instruction with each seed: the word points=N says how many
 * instructions of one operation are tried, and points=1000000 tries every one. (While the kernel has interrupts off, a
 * timer's interrupt waits, so only a non-maskable one can hit many different instructions.)
 */
#include "kernel/abi/system.h"
#include "libsys/text/string.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"
#include "test/guest/sweep_stage.h"

#define UNMAPPED_AT 0x7000000000ULL
#define MAP_AT 0x6000000000ULL
#define LARGE_PAGES 512U

static void add_ep_call(struct sweep_stage *stage, uint64_t words, uint64_t caps) {
    struct raw_registers *registers = stage_add_step(stage, SYS_ep_call);
    registers->rdi = CLIENT_SERVER;
    registers->rsi = MESSAGE_INFO(0x1abe1, words, caps);
    stage->client.message->send_caps[0] = CLIENT_GO;
}

static void sweep_calls(uint64_t words, uint64_t caps, const char *name) {
    struct sweep_stage stage;
    stage_init(&stage, INTERRUPT_TIMER);
    add_ep_call(&stage, words, caps);
    stage_sweep(&stage, name);
    const struct client_view *view = stage_view(&stage);
    const struct raw_registers *found = view->found, *given = view->given;
    CHECK_EQUAL(found->rax, OK);
    CHECK_EQUAL(found->rsi, MESSAGE_INFO(0, words, 0));
    CHECK_EQUAL(found->r9, given->r9 + 1);
    for (uint64_t i = MESSAGE_REGISTERS; i < words; i++)
        CHECK_EQUAL(stage.client.message->words[i], 0x3d3d3d3d3d3d3d3e);
    CHECK(stage.server.view->out[OUT_COUNT] > 2);
}

static void ep_call_interrupted_without_words(void) { sweep_calls(0, 0, "call of 0 words"); }
static void ep_call_interrupted_with_4_words(void) { sweep_calls(4, 0, "call of 4 words"); }
static void ep_call_interrupted_with_8_words(void) { sweep_calls(8, 0, "call of 8 words"); }
static void ep_call_interrupted_with_a_capability(void) { sweep_calls(8, 1, "call of 8 words and a capability"); }

static void fault_interrupted(void) {
    struct sweep_stage stage;
    stage_init(&stage, INTERRUPT_TIMER);
    stage_add_store(&stage, UNMAPPED_AT);
    stage_sweep(&stage, "fault");
    CHECK(stage.server.view->out[OUT_COUNT] > 2);
}

/* Hand the victim over from one space to another and back, while it spins. */
static void check_victim(struct sweep_stage *stage) {
    struct thread_registers seen = worker_read(stage->scratch[0]).registers;
    CHECK(memcmp(&seen, &stage->bystander_registers, sizeof seen) == 0);
}

static void prepare_handover(struct sweep_stage *stage) {
    memcpy(stage->client.message->data, &stage->bystander_registers, sizeof stage->bystander_registers);
}

static void thread_handover_interrupted(void) {
    struct sweep_stage stage;
    struct worker victim;
    stage_init(&stage, INTERRUPT_TIMER);
    worker_make(&victim, stage_own(role_nothing));
    cap_t other = worker_space();
    CHECK_STATUS(sys_space_map(other, victim.window, 0, WORKER_STACK_PAGES + 2,
                               stage.bystander.stack_top - WORKER_STACK_PAGES * PAGE_BYTES, READ_WRITE),
                 OK);
    CHECK_STATUS(sys_space_map(victim.space, victim.window, 0, WORKER_STACK_PAGES + 2,
                               stage.bystander.stack_top - WORKER_STACK_PAGES * PAGE_BYTES, READ_WRITE),
                 OK);
    stage.scratch[0] = victim.thread;
    stage.prepare = prepare_handover;
    stage.check = check_victim;
    worker_give(&stage.client, CLIENT_FREE, victim.thread, RIGHTS_ALL, 0);
    worker_give(&stage.client, CLIENT_FREE + 1, victim.space, RIGHTS_ALL, 0);
    worker_give(&stage.client, CLIENT_FREE + 2, other, RIGHTS_ALL, 0);
    struct thread_config config = {.priority = 1};
    CHECK_STATUS(worker_configure(victim.thread, &config, THREAD_PRIORITY), OK);
    for (uint32_t i = 0; i < 2; i++) {
        const uint64_t arguments[6] = {CLIENT_FREE, CLIENT_FREE + 2 - i, HANDOVER_RESUME};
        stage_add_call(&stage, SYS_thread_handover, arguments);
    }
    stage_sweep(&stage, "handover, twice");
    for (uint32_t i = 0; i < 2; i++)
        CHECK_EQUAL(stage_view(&stage)->found[i].rax, OK);
}

/* Map pages, change the rights of one, unmap. */
static void sweep_mapping(cap_t memory, uint64_t page_count, const char *name) {
    struct sweep_stage stage;
    stage_init(&stage, INTERRUPT_TIMER);
    worker_give(&stage.client, CLIENT_FREE, stage.client.space, RIGHTS_ALL, 0);
    worker_give(&stage.client, CLIENT_FREE + 1, memory, RIGHTS_ALL, 0);
    const uint64_t map[6] = {CLIENT_FREE, CLIENT_FREE + 1, 0, page_count, MAP_AT, READ_WRITE};
    const uint64_t protect[6] = {CLIENT_FREE, MAP_AT + PAGE_BYTES, 1, MEMORY_READ};
    const uint64_t unmap[6] = {CLIENT_FREE, MAP_AT, page_count};
    stage_add_call(&stage, SYS_space_map, map);
    stage_add_call(&stage, SYS_space_protect, protect);
    stage_add_call(&stage, SYS_space_unmap, unmap);
    stage_sweep(&stage, name);
    for (uint32_t i = 0; i < 3; i++)
        CHECK_EQUAL(stage_view(&stage)->found[i].rax, OK);
    CHECK_EQUAL(stage_view(&stage)->found[2].rdx, page_count);
}

static void space_map_interrupted(void) { sweep_mapping(world_memory(3), 3, "map, protect, unmap 3 pages"); }
static void space_map_interrupted_with_a_large_page(void) {
    sweep_mapping(hook_large_memory(1), LARGE_PAGES, "map, split, unmap 2 MiB");
}

/* Copies that derive from a capability of the client's: half from it, half in a chain. */
#define REVOKED 40U
static void prepare_revoke(struct sweep_stage *stage) {
    cap_t root = stage->scratch[0], chain = stage->scratch[1];
    CHECK_STATUS(sys_cap_copy(0, root, stage->done, RIGHTS_ALL, 0), OK);
    for (uint32_t i = 0; i < REVOKED / 2; i++) {
        CHECK_STATUS(sys_cap_copy(stage->client.table, CLIENT_FREE + 1 + i, root, RIGHTS_ALL, 0), OK);
        CHECK_STATUS(sys_cap_copy(0, chain + i, i == 0 ? root : chain + i - 1, RIGHTS_ALL, 0), OK);
    }
    CHECK_STATUS(sys_cap_move(stage->client.table, CLIENT_FREE, root), OK);
}

static void check_revoke(struct sweep_stage *stage) {
    cap_t chain = stage->scratch[1];
    /* the slots are empty again, in both tables */
    CHECK_STATUS(sys_cap_copy(0, chain, stage->done, RIGHTS_ALL, 0), OK);
    CHECK_STATUS(sys_cap_move(stage->client.table, CLIENT_FREE + REVOKED / 2, chain), OK);
    CHECK_STATUS(sys_cap_delete(stage->client.table, CLIENT_FREE + REVOKED / 2), OK);
    CHECK_STATUS(sys_cap_delete(stage->client.table, CLIENT_FREE), OK);
}

static void cap_revoke_interrupted(void) {
    struct sweep_stage stage;
    stage_init(&stage, INTERRUPT_TIMER);
    stage.scratch[0] = world_slot();
    stage.scratch[1] = world_slots(REVOKED / 2);
    stage.prepare = prepare_revoke;
    stage.check = check_revoke;
    const uint64_t arguments[6] = {CLIENT_FREE};
    stage_add_call(&stage, SYS_cap_revoke, arguments);
    stage_sweep(&stage, "revoke of 40");
    CHECK_EQUAL(stage_view(&stage)->found[0].rax, OK);
}

/* A pool with one object of each kind, pages mapped and a capability in the table. */
#define DOOMED_PAGES 16U
static void prepare_pool(struct sweep_stage *stage) {
    cap_t pool = stage->scratch[0], space = stage->scratch[1], slot = stage->scratch[2];
    CHECK_STATUS(sys_pool_create(world.region, stage->frames, DOOMED_PAGES, pool), OK);
    CHECK_STATUS(sys_object_create(pool, OBJECT_SPACE, 0, space), OK);
    CHECK_STATUS(sys_space_map(space, stage->scratch[3], 0, 3, MAP_AT, READ_WRITE), OK);
    CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, 64, slot), OK);
    CHECK_STATUS(sys_cap_copy(slot, 5, stage->done, RIGHTS_ALL, 0), OK);
    CHECK_STATUS(sys_object_create(pool, OBJECT_THREAD, 0, slot + 1), OK);
    CHECK_STATUS(sys_object_create(pool, OBJECT_ENDPOINT, 0, slot + 2), OK);
    CHECK_STATUS(sys_object_create(pool, OBJECT_NOTIFICATION, 0, slot + 3), OK);
    CHECK_STATUS(sys_cap_move(stage->client.table, CLIENT_FREE, pool), OK);
}

static void check_pool(struct sweep_stage *stage) {
    CHECK_STATUS(sys_space_query(stage->scratch[1], MAP_AT), E_CAP);
    CHECK_STATUS(sys_signal_poll(stage->scratch[2] + 3), E_CAP);
}

static void cap_delete_of_a_pool_interrupted(void) {
    struct sweep_stage stage;
    stage_init(&stage, INTERRUPT_TIMER);
    stage.scratch[0] = world_slot();
    stage.scratch[1] = world_slot();
    stage.scratch[2] = world_slots(4);
    stage.scratch[3] = world_memory(3);
    stage.frames = world_frames(DOOMED_PAGES);
    stage.prepare = prepare_pool;
    stage.check = check_pool;
    const uint64_t arguments[6] = {0, CLIENT_FREE};
    stage_add_call(&stage, SYS_cap_delete, arguments);
    stage_sweep(&stage, "deletion of a pool");
    CHECK_EQUAL(stage_view(&stage)->found[0].rax, OK);
}

/* ---- non-maskable interrupts ---- */

static void nmi_during_a_system_call(void) {
    struct sweep_stage stage;
    stage_init(&stage, INTERRUPT_NMI);
    const uint64_t poll[6] = {CLIENT_GO};
    stage_add_call(&stage, SYS_signal_poll, poll);
    add_ep_call(&stage, 8, 1);
    stage_sweep(&stage, "NMI: poll, call of 8 words and a capability");
}

static void nmi_during_a_fault(void) {
    struct sweep_stage stage;
    stage_init(&stage, INTERRUPT_NMI);
    stage_add_store(&stage, UNMAPPED_AT);
    stage_sweep(&stage, "NMI: fault");
}

static void nmi_during_an_interrupt(void) {
    struct sweep_stage stage;
    stage_init(&stage, INTERRUPT_NMI);
    cap_t line = world_copy(INIT_CAP_IRQ, RIGHTS_ALL, RANGE(COM1_LINE, 1));
    CHECK_STATUS(sys_irq_bind(line, stage.tick, 1), OK);
    worker_give(&stage.intruder, INTRUDER_LINE, line, RIGHTS_ALL, 0);
    worker_give(&stage.intruder, INTRUDER_PORTS, INIT_CAP_PORTS, RIGHTS_ALL, 0);
    stage.intruder.view->in[0] = 1;
    const uint64_t enable[6] = {CLIENT_PORTS, COM1_ENABLE, 1, COM1_READY};
    stage_add_call(&stage, SYS_port_write, enable);
    uint64_t before = stage.intruder.view->out[OUT_COUNT];
    stage_sweep(&stage, "NMI: interrupt");
    CHECK(stage.intruder.view->out[OUT_COUNT] > before + 2);
}

SUITE(CASE(ep_call_interrupted_without_words), CASE(ep_call_interrupted_with_4_words),
      CASE(ep_call_interrupted_with_8_words), CASE(ep_call_interrupted_with_a_capability), CASE(fault_interrupted),
      CASE(thread_handover_interrupted), CASE(space_map_interrupted), CASE(space_map_interrupted_with_a_large_page),
      CASE(cap_revoke_interrupted), CASE(cap_delete_of_a_pool_interrupted), CASE(nmi_during_a_system_call),
      CASE(nmi_during_a_fault), CASE(nmi_during_an_interrupt));
