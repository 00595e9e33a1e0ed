/*
 * Does the invariant check notice all that it should? One thing at a time is made wrong in a sound kernel, and the
 * check has to name the broken invariant. (The kernel half of a root is tested in the machine:
 * system_control_checks_the_kernel_half in test/guest/system_info.c.)
 */
#include <string.h>

#include "kernel/abi/rights.h"
#include "kernel/arch.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/base/ledger.h"
#include "kernel/calls/check.h"
#include "kernel/ending/binding.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/notification.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/pool.h"
#include "kernel/memory/space.h"
#include "kernel/run/queue.h"
#include "kernel/run/sched.h"
#include "kernel/run/timer.h"
#include "kernel/run/trace.h"
#include "test/host/kernel/machine.h"
#include "test/host/suite.h"

#define SOMEWHERE 0x4000000000ULL
#define DEVICE_AT (SOMEWHERE + (1ULL << 39)) /* only device memory, which is not counted, is mapped near it */
#define LARGE_AT (SOMEWHERE + (1ULL << 30))
#define LARGE_PAGES 512U
#define MAPPED_PAGES 2U
#define PTE_FRAME 0x000ffffffffff000ULL

/* A kernel with something in each place that the check looks at. */
static struct {
    struct thread *stopped, *ready, *receiver, *sender, *caller, *waiter;
    struct endpoint *served, *busy; /* where `receiver` waits; where `sender` does */
    struct notification *notification;
    struct cap_slot *root, *child; /* capabilities to `served` */
    uint64_t frame;                /* mapped */
    cap_t next;                    /* slot */
} scene;

static void *make(enum object_type type) {
    cap_t slot = scene.next++;
    CHECK_EQUAL(sys_object_create(MACHINE_CAP_POOL, type, 0, slot).status, OK);
    return cap_object(&machine.table->slots[slot]);
}

static struct thread *make_waiting(enum thread_run_state state, struct heap *queue) {
    struct thread *thread = make(OBJECT_THREAD);
    thread->state = (uint8_t)state;
    if (queue != NULL)
        queue_enter(queue, thread);
    return thread;
}

static void set_scene(void) {
    machine_start();
    trace.events = 0;
    scene.next = MACHINE_CAP_FREE;
    cap_t served = scene.next;
    scene.served = make(OBJECT_ENDPOINT);
    cap_t busy = scene.next;
    scene.busy = make(OBJECT_ENDPOINT);
    scene.notification = make(OBJECT_NOTIFICATION);
    CHECK_EQUAL(sys_endpoint_watch(busy, busy + 1, 1).status, OK);
    scene.stopped = make(OBJECT_THREAD);
    scene.ready = make(OBJECT_THREAD);
    scene.ready->cpu = &machine.cpu;
    thread_set_priority(scene.ready, 5);
    sched_ready(scene.ready);
    scene.receiver = make_waiting(THREAD_IN_WAIT, &scene.served->receivers);
    scene.sender = make_waiting(THREAD_IN_CALL, &scene.busy->senders);
    scene.waiter = make_waiting(THREAD_IN_SIGNAL, &scene.notification->waiters);
    scene.caller = make_waiting(THREAD_IN_CALL, NULL);
    cap_set_reply(&machine.self->reply, scene.caller);
    timer_set(&scene.waiter->deadline, &machine.cpu, 1000);
    cap_t child = scene.next++;
    CHECK_EQUAL(machine_copy(child, served).status, OK);
    scene.root = &machine.table->slots[served];
    scene.child = &machine.table->slots[child];
    scene.frame = MACHINE_FIRST_FREE;
    CHECK_EQUAL(sys_space_map(MACHINE_CAP_SPACE, MACHINE_CAP_MEMORY, 0, MAPPED_PAGES, SOMEWHERE, MEMORY_READ).status,
                OK);
    static struct memory device;
    cap_t devices = scene.next++;
    device = (struct memory){.is_device = true};
    object_init(&device.object, OBJECT_MEMORY, NULL, 0);
    cap_set_first(&machine.table->slots[devices], &device.object, RIGHTS_ALL, memory_pack(&device, MACHINE_FRAMES, 1));
    CHECK_EQUAL(sys_space_map(MACHINE_CAP_SPACE, devices, 0, 1, DEVICE_AT, MEMORY_READ).status, OK);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
}

struct wrong {
    const char *what;
    void (*make)(void);
};

/* Try each wrong thing in a fresh kernel. */
static void check_each(enum invariant broken, const struct wrong *wrongs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        set_scene();
        wrongs[i].make();
        if (!CHECK_EQUAL(check_invariants(), broken))
            printf("# %s\n", wrongs[i].what);
    }
}

/* ---- threads ---- */

static void mark_empty_queue(void) { machine.cpu.ready_bitmap |= 1; }
static void unmark_queue(void) { machine.cpu.ready_bitmap = 0; }
static void change_priority(void) { scene.ready->priority++; }
static void change_cpu(void) { scene.ready->cpu = NULL; }
static void break_back_link(void) { machine.cpu.ready[scene.ready->priority].head.previous = NULL; }
static void stop_a_ready_one(void) { scene.ready->state = THREAD_STOPPED; }
static void leave_ready_queue(void) {
    list_remove(&scene.ready->run);
    machine.cpu.ready_bitmap = 0;
}
static void kill_a_ready_one(void) { scene.ready->object.dying = true; }
static void forget_a_ready_one(void) { list_remove(&scene.ready->object.in_pool); }
static void say_ready(void) { scene.stopped->state = THREAD_READY; }
static void say_running(void) { scene.stopped->state = THREAD_RUNNING; }
static void say_in_call(void) { scene.stopped->state = THREAD_IN_CALL; }
static void say_in_wait(void) { scene.stopped->state = THREAD_IN_WAIT; }
static void say_in_signal(void) { scene.stopped->state = THREAD_IN_SIGNAL; }
static void say_in_fault(void) { scene.stopped->state = THREAD_IN_FAULT; }
static void say_nonsense(void) { scene.stopped->state = THREAD_IN_FAULT + 1; }
static void say_stopped(void) { scene.receiver->state = THREAD_STOPPED; }
static void forget_queue(void) { scene.receiver->wait_heap = NULL; }
static void answer_in_queue(void) { scene.sender->reply_slot = &machine.self->reply; }

static void keep_queue(void) { scene.stopped->wait_heap = &scene.served->receivers; }

/* Conditions that the fast path relies on, in a thread and its CPU. */
static void switch_to_suspended(void) { scene.receiver->suspended = true; }
static void switch_to_foreign(void) { scene.receiver->foreign = true; }
static void switch_to_deadline(void) { scene.waiter->direct = &machine.cpu; }
static void never_switch(void) { scene.receiver->direct = NULL; }
static void other_slots(void) { machine.self->slots++; }
static void one_slot_more(void) { machine.self->slot_count++; }
static void slots_without_table(void) { scene.stopped->slot_count = 7; }
static void other_root(void) { machine.self->arch.root += PAGE_BYTES; }
static void root_without_space(void) { scene.stopped->arch.root = machine_root(); }
static void other_rank(void) { scene.receiver->queue_rank ^= 1ULL << 58; }
static void other_reply(void) { scene.receiver->reply_head += 1ULL << 16; }
static void let_foreign_run(void) {
    machine.self->foreign = true;
    thread_set_direct(machine.self);
}
static void run_out_unnoticed(void) { machine.cpu.blocked = true, machine.cpu.unsettled = false; }
static void charge_another(void) { scene.waiter->deadline.priority++; }
static void wait_elsewhere(void) { scene.waiter->deadline.cpu = NULL; }
static void switch_fpu(void) { machine.cpu.arch.fpu_owner = machine.self; }

static void threads_are_where_their_state_says(void) {
    static const struct wrong wrongs[] = {
        {"an empty ready queue is marked", mark_empty_queue},
        {"a ready queue is not marked", unmark_queue},
        {"a ready thread is in the queue of another priority", change_priority},
        {"a ready thread belongs to another CPU", change_cpu},
        {"a ready queue is not linked backwards", break_back_link},
        {"a thread in a ready queue is not ready", stop_a_ready_one},
        {"a ready thread is in no queue", leave_ready_queue},
        {"a ready queue has a thread that is no object", forget_a_ready_one},
        {"a dying thread is ready", kill_a_ready_one},
        {"a stopped thread says that it is ready", say_ready},
        {"... that it runs", say_running},
        {"... that it is in a call", say_in_call},
        {"... that it waits for a message", say_in_wait},
        {"... that it waits for a notification", say_in_signal},
        {"... that it is in a fault", say_in_fault},
        {"... something that is no state", say_nonsense},
        {"a thread in a queue says that it is stopped", say_stopped},
        {"a thread in a queue does not know which", forget_queue},
        {"a thread in a queue can be answered", answer_in_queue},
        {"a thread that left its queue still names it", keep_queue},
        {"a suspended thread may be switched to", switch_to_suspended},
        {"a foreign thread may be switched to", switch_to_foreign},
        {"a thread with a deadline may be switched to", switch_to_deadline},
        {"a thread's deadline is charged to another priority", charge_another},
        {"a thread's deadline is another CPU's", wait_elsewhere},
        {"a thread that waits may not be switched to", never_switch},
        {"a thread's slots are not its table's", other_slots},
        {"a thread has a slot more than its table", one_slot_more},
        {"a thread without a table has slots", slots_without_table},
        {"a thread's root is not its space's", other_root},
        {"a thread without a space has a root", root_without_space},
        {"a thread's place in a queue is another priority's", other_rank},
        {"a right to answer would be for another thread", other_reply},
        {"a foreign thread runs and nobody watches", let_foreign_run},
        {"a CPU has nothing to run but a ready thread, and has not been told", run_out_unnoticed},
        {"the fast path would leave the FPU's state behind", switch_fpu},
    };
    check_each(INVARIANT_THREADS, wrongs, sizeof wrongs / sizeof wrongs[0]);
}

/* ---- queues ---- */

static void break_receivers(void) { scene.receiver->wait.rank++; }
static void break_senders(void) { scene.sender->wait.rank = 0, scene.sender->wait_heap = NULL; }
static void break_waiters(void) { scene.waiter->wait.left = &scene.sender->wait; }
static void break_deadlines(void) { scene.waiter->deadline.node.rank++; }
static void unmark_deadlines(void) { machine.cpu.deadline_bitmap = 0; }
static void mark_no_deadlines(void) { machine.cpu.deadline_bitmap |= 1ULL << 63; }
static void send_past_a_receiver(void) {
    scene.stopped->state = THREAD_IN_CALL;
    queue_enter(&scene.served->senders, scene.stopped);
}
static void raise_past_a_waiter(void) { scene.notification->bits = 1; }

static void bind_one_that_is_not(void) { scene.notification->bound = scene.stopped; }

static void queues_are_well_formed(void) {
    static const struct wrong wrongs[] = {
        {"the queue of receivers is no heap", break_receivers},
        {"the queue of waiters is no heap", break_waiters},
        {"the deadlines are no heap", break_deadlines},
        {"a heap of deadlines is not marked", unmark_deadlines},
        {"an empty heap of deadlines is marked", mark_no_deadlines},
        {"an endpoint has senders and receivers", send_past_a_receiver},
        {"a notification has bits and waiters", raise_past_a_waiter},
        {"a notification's bits go to a thread that is not bound to it", bind_one_that_is_not},
    };
    check_each(INVARIANT_QUEUES, wrongs, sizeof wrongs / sizeof wrongs[0]);
    set_scene();
    break_senders();
    CHECK_EQUAL(check_invariants(), INVARIANT_THREADS); /* the check finds first that the thread is in no queue */
    scene.sender->state = THREAD_STOPPED;
    CHECK_EQUAL(check_invariants(), INVARIANT_QUEUES);
}

/* ---- derivation ---- */

static void change_type(void) { scene.child->head ^= 1; }
static void change_object(void) { scene.child->head = (scene.child->head & 0xffff) | cap_pack(scene.busy); }
static void change_first(void) { scene.served->object.first_cap = scene.child; }
static void deepen(void) { scene.child->next += 2; }
static void unlink_backwards(void) { scene.child->previous = cap_pack(scene.child) | BOUND_NOT; }
static void unlink_forwards(void) { scene.root->next &= CAP_DEPTH_MAX; }
static void count_one_more(void) { cap_count++; }
static void lose_one(void) {
    unlink_forwards();
    memset(scene.child, 0, sizeof *scene.child);
}
static void lose_the_reply(void) { scene.caller->reply_slot = scene.child; }
static void change_bound_type(void) { machine.self->table.head ^= 1; }
static void correct_another_list(void) { scene.served->object.adjust_at = &machine.self->table; }
static void correct_an_empty_slot(void) { scene.served->object.adjust_at = &machine.self->fault_endpoint; }
static void correct_a_dying_one(void) {
    scene.served->object.adjust_at = scene.child;
    scene.served->object.dying = true;
}
static void say_watched(void) { scene.served->object.watched = true; }
static void say_not_watched(void) { scene.busy->object.watched = false; }
static void bind_unnoticed(void) {
    thread_bind(scene.stopped, &scene.stopped->notification, scene.notification->object.first_cap);
    scene.notification->bound = NULL;
}
static void change_watch(void) { scene.busy->watch.head ^= 1; }

static void derivation_lists_are_linked(void) {
    static const struct wrong wrongs[] = {
        {"a capability is of another type than its object", change_type},
        {"a list has capabilities to two objects", change_object},
        {"an object's list begins elsewhere", change_first},
        {"a capability is two deeper than the one before", deepen},
        {"the next one does not point back", unlink_backwards},
        {"the one before points elsewhere", unlink_forwards},
        {"there are fewer capabilities than are counted", count_one_more},
        {"one is gone and still counted", lose_one},
        {"a caller looks for the right to answer it elsewhere", lose_the_reply},
        {"a bound capability is of another type than its object", change_bound_type},
        {"depths are to be corrected in another object's list", correct_another_list},
        {"... from a slot on that is empty", correct_an_empty_slot},
        {"... of a dying object", correct_a_dying_one},
        {"an endpoint says that it is watched", say_watched},
        {"... that it is not", say_not_watched},
        {"a thread is bound to a notification that does not know", bind_unnoticed},
        {"what an endpoint is watched by is of another type than its object", change_watch},
    };
    check_each(INVARIANT_DERIVATION, wrongs, sizeof wrongs / sizeof wrongs[0]);
}

/* ---- frames ---- */

/* The ledger entry of the table of this level (4: the root) on the way to the device memory. */
static struct frame_entry *table_entry(uint32_t level) {
    uint64_t table = machine_root();
    for (uint32_t at = 4; at > level; at--) {
        const uint64_t *entries = arch_pointer(table);
        table = entries[DEVICE_AT >> (12 + 9 * (at - 1)) & 511] & PTE_FRAME;
    }
    return &ledger.frames[table / PAGE_BYTES];
}

static uint64_t pool_frame(void) { return arch_physical(machine.pool) / PAGE_BYTES; }
static void hold_a_mapped_one(void) { ledger.frames[scene.frame].type_and_count++; }
static void release_a_mapped_one(void) { ledger.frames[scene.frame].type_and_count--; }
static void hold_another(void) { ledger.frames[scene.frame + MAPPED_PAGES].type_and_count++; }
static void count_another(void) { ledger.mapped_count++; }
static void map_an_object(void) {
    ledger.frames[scene.frame].type_and_count = (uint32_t)FRAME_OBJECT << 28 | 1;
    ledger.mapped_count--;
}
static void count_in_root(void) { table_entry(4)->type_and_count++; }
static void count_in_empty_root(void) {
    struct space *space = make(OBJECT_SPACE);
    ledger.frames[space->root / PAGE_BYTES].type_and_count++;
}
static void count_in_pdpt(void) { table_entry(3)->type_and_count++; }
static void count_in_directory(void) { table_entry(2)->type_and_count--; }
static void count_in_table(void) { table_entry(1)->type_and_count--; }
static void change_table_type(void) { table_entry(1)->type_and_count += (FRAME_OBJECT - (uint32_t)FRAME_TABLE) << 28; }
static void bind_a_message_page(void) { scene.stopped->message_frame = (uint32_t)(scene.frame + MAPPED_PAGES); }

static uint64_t *device_leaf(void) { return arch_table_find(machine_root(), DEVICE_AT) + arch_table_index(DEVICE_AT); }
static void map_ram_as_device(void) {
    *device_leaf() = (*device_leaf() & ~PTE_FRAME) | (scene.frame + MAPPED_PAGES) * PAGE_BYTES;
}
static void map_the_kernels_device(void) {
    *device_leaf() = (*device_leaf() & ~PTE_FRAME) | (arch_frame_limit() - 1) * PAGE_BYTES;
}

static void trace_into_a_free_one(void) {
    trace = (struct trace){.events = 1, .first_frame = scene.frame + MAPPED_PAGES, .page_count = 1};
    cap_count++; /* the trace's binding */
}
static void trace_into_an_object(void) {
    trace_into_a_free_one();
    trace.first_frame = pool_frame();
}

/* A large page whose first frame, or last frame, is not counted. */
static void map_large(uint64_t wrong) {
    uint64_t offset = LARGE_PAGES - MACHINE_FIRST_FREE % LARGE_PAGES;
    CHECK_EQUAL(machine_map(offset, LARGE_PAGES, LARGE_AT, MEMORY_READ).status, OK);
    CHECK(arch_large_find(machine_root(), LARGE_AT) != NULL);
    ledger.frames[MACHINE_FIRST_FREE + offset + wrong].type_and_count--;
    ledger.mapped_count--;
}
static void release_in_a_large_one(void) { map_large(0); }
static void release_the_last_in_a_large_one(void) { map_large(LARGE_PAGES - 1); }

static void ledger_counts_what_is_mapped(void) {
    static const struct wrong wrongs[] = {
        {"a mapped frame has a holder more", hold_a_mapped_one},
        {"a mapped frame has a holder less", release_a_mapped_one},
        {"a frame that is not mapped has a holder", hold_another},
        {"there are fewer mapped frames than are counted", count_another},
        {"a kernel object is mapped", map_an_object},
        {"the root has an entry less than is counted", count_in_root},
        {"a root without entries counts one", count_in_empty_root},
        {"a table of level 3 has an entry less than is counted", count_in_pdpt},
        {"a directory has an entry more than is counted", count_in_directory},
        {"a table has an entry more than is counted", count_in_table},
        {"a table is in a frame that is none", change_table_type},
        {"RAM is mapped as a device", map_ram_as_device},
        {"a device of the kernel's own is mapped", map_the_kernels_device},
        {"a message page has no holder", bind_a_message_page},
        {"a page of the trace has no holder", trace_into_a_free_one},
        {"a page of the trace is a kernel object", trace_into_an_object},
        {"the first frame of a large page has no holder", release_in_a_large_one},
        {"the last frame of a large page has no holder", release_the_last_in_a_large_one},
    };
    check_each(INVARIANT_LEDGER, wrongs, sizeof wrongs / sizeof wrongs[0]);
}

/* ---- pools ---- */

static void free_another(void) { machine.pool->free_frames++; }
static void have_another(void) { machine.pool->frame_count++; }
static void take_another(void) { ledger.kernel_count++; }
static void change_owner(void) { ledger.frames[pool_frame() + 1].owner++; }
static void free_what_is_used(void) { ledger.frames[pool_frame()].type_and_count = (uint32_t)FRAME_POOL << 28; }

static void write_a_zero_one(void) {
    ledger.frames[scene.frame + MAPPED_PAGES].type_and_count = (uint32_t)FRAME_ZERO << 28;
    *(uint64_t *)arch_pointer((scene.frame + MAPPED_PAGES) * PAGE_BYTES + PAGE_BYTES - 8) = 1;
}

static void pools_have_what_they_count(void) {
    static const struct wrong wrongs[] = {
        {"a pool has fewer unused frames than it counts", free_another},
        {"a pool has fewer frames than it counts", have_another},
        {"pools have fewer frames than the kernel counts", take_another},
        {"a pool's frame is another's", change_owner},
        {"a frame in use is said to be unused", free_what_is_used},
        {"a frame that is said to be zero is not", write_a_zero_one},
    };
    check_each(INVARIANT_POOLS, wrongs, sizeof wrongs / sizeof wrongs[0]);
}

SUITE(CASE(threads_are_where_their_state_says), CASE(queues_are_well_formed), CASE(derivation_lists_are_linked),
      CASE(ledger_counts_what_is_mapped), CASE(pools_have_what_they_count));
