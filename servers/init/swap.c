#include "servers/init/swap.h"

#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/wire/commit.h"
#include "servers/init/kept.h"
#include "servers/init/report.h"

#define LOOK_NS 100000U         /* how often: a new program has decided after some 300,000 instructions */
#define PATIENCE_NS 1000000000U /* with the old program, to be done with a message, and with the new one, to decide */
#define PATIENCE_LOOKS 1000U    /* ... so often at least: the whole machine may have stood still meanwhile */
#define PROOF_NS 1000000000U    /* ... and has been there for so long (SWAP_PROOF_MESSAGES) */

enum swap_stage {
    SWAP_NONE,
    SWAP_WAITS,  /* until the old program waits for a message */
    SWAP_TRIAL,  /* the thread is in the new program, which has not said yes as far as init knows */
    SWAP_EXPORT, /* the thread is in another program of the old image, which exports the state */
};

static struct {
    enum swap_stage stage;
    struct child *child;
    struct child other;            /* SWAP_WAITS: the new program; then the old one, as exchange() has left it */
    struct memory_run page;        /* from SWAP_TRIAL on: a copy of the thread's message page */
    uint64_t end_ns;               /* of init's patience, ... */
    uint32_t looks;                /* ... how often it has looked, ... */
    uint64_t heard;                /* ... and messages that the old program had taken when it began */
    char path[MANIFEST_IMAGE_MAX]; /* of the new program */
    struct init_swap_reply reply;
} swap;

bool swap_concerns(const struct child *child) { return swap.stage != SWAP_NONE && swap.child == child; }

bool swap_result(struct init_swap_reply *ret_reply) {
    *ret_reply = swap.reply;
    return swap.stage == SWAP_NONE;
}

static uint64_t kept(size_t offset) { return kept_word(swap.child, &the_world, offset); }

static uint64_t heard(const struct child *child) {
    return kept_word(child, &the_world, KEEP_STATE_AT - KEEP_AT + COMMIT_HEARD);
}

static bool is_same_memory(const struct memory_run *one, const struct memory_run *other) {
    return one->memory == other->memory && one->offset_pages == other->offset_pages;
}

/* The program that does not go on is given up, with what it had to itself. */
static void drop(struct child *loser, struct child *winner) {
    child_drop_image(loser, &the_world);
    kept_drop_export(loser->export.page_count != 0 ? loser : winner, &the_world);
    if (!is_same_memory(&loser->keep, &winner->keep))
        the_world.source.give_back(&the_world.source, &loser->keep);
}

/* The swap is over. no: why it was not done; NULL: it was. */
static void end(const char *no) {
    struct child *child = swap.child;
    swap.stage = SWAP_NONE;
    swap.reply = (struct init_swap_reply){.is_done = no == NULL};
    if (swap.page.page_count != 0)
        the_world.source.give_back(&the_world.source, &swap.page);
    swap.page.page_count = 0;
    bool can_come_back = is_same_memory(&swap.other.keep, &child->keep); /* else its image can't use the state */
    drop(&swap.other, child);
    if (no == NULL) {
        child->former[0] = '\0';
        if (can_come_back)
            memcpy(child->former, swap.other.path, sizeof child->former);
        child->proven_ns = sys_clock_read().value + PROOF_NS;
        child->proven_heard = heard(child) + SWAP_PROOF_MESSAGES;
        child->restart_count++;
        if (strcmp(child->path, swap.other.path) != 0)
            log_print("init: %s is %s now", child->program->name, child->path);
        return;
    }
    memcpy(swap.reply.no, no, strnlen(no, sizeof swap.reply.no - 1));
    log_print("init: %s stays %s: %s", child->program->name, child->path, swap.reply.no);
}

void swap_take_back(struct child *child, uint64_t now_ns) {
    bool is_proven = now_ns >= child->proven_ns && heard(child) >= child->proven_heard;
    if (child->former[0] == '\0')
        return;
    if (!is_proven) {
        log_print("init: %s: %s has just been swapped in: back to %s", child->program->name, child->path,
                  child->former);
        memcpy(child->path, child->former, sizeof child->path);
    }
    child->former[0] = '\0';
}

static uint64_t copy_page(const struct memory_run *to, const struct memory_run *from) {
    return sys_memory_copy(to->memory, to->offset_pages * PAGE_BYTES, from->memory, from->offset_pages * PAGE_BYTES,
                           PAGE_BYTES)
        .status;
}

/* Give the program that it is up to now some time. */
static void be_patient(enum swap_stage stage) {
    swap.stage = stage;
    swap.looks = 0;
    swap.end_ns = sys_clock_read().value + PATIENCE_NS;
}

uint32_t swap_begin(struct child *child, const char *path, const char **ret_reason) {
    struct image_file file;
    const uint8_t *bytes;
    *ret_reason = "its entry in the manifest has no `restart`";
    if (child->program->restart.limit == 0)
        return P_OPERATION;
    *ret_reason = "it keeps no state that another program could use";
    if (kept_is_nothing(child, &the_world))
        return P_OPERATION;
    *ret_reason = swap.stage != SWAP_NONE ? "another swap is under way" : "it does not run";
    if (child->state != INIT_RUNNING || swap.stage != SWAP_NONE)
        return P_BUSY;
    *ret_reason = "the boot volume has no such file";
    if (!world_find_file(&the_world, path, &file, &bytes))
        return P_NOT_FOUND;
    *ret_reason = "the new program can't be built: see `log`";
    if (!child_build_beside(child, path, &the_world, &swap.other))
        return P_IMAGE;
    memcpy(swap.path, swap.other.path, sizeof swap.path);
    swap.child = child;
    swap.heard = heard(child);
    be_patient(SWAP_WAITS);
    return OK;
}

/* The old program and the new one change places. */
static void exchange(void) {
    static struct child before;
    struct child *child = swap.child;
    before = *child;
    child->space = swap.other.space;
    child->image = swap.other.image;
    child->entry = swap.other.entry;
    child->generation = swap.other.generation;
    child->end = swap.other.end;
    child->keep = swap.other.keep;
    child->export = swap.other.export;
    child->export_form = swap.other.export_form;
    child->export_bytes = swap.other.export_bytes;
    memcpy(child->path, swap.other.path, sizeof child->path);
    swap.other = before;
}

/* The old program goes on where it was stopped, and knows nothing of it. If it can't, recovery starts it again. */
static void go_back(const char *no) {
    struct child *child = swap.child;
    exchange();
    bool goes_on = kept_write_head(child, &the_world, NULL, KEEP_SETTLED) &&
                   copy_page(&child->message, &swap.page) == OK && child_enter(child);
    end(no);
    if (goes_on)
        return;
    child->dead = child->entry;
    child->end = INIT_REQUESTED;
    child->restart_count++;
    child->state = INIT_FAULTED;
    child->due_ns = sys_clock_read().value;
}

/* Stop the old program where it waits for a message. False: it does not. */
static bool stop_old(struct thread_registers *ret_registers) {
    struct thread_state state;
    cap_t thread = swap.child->thread;
    (void)sys_thread_suspend(thread, 0); /* can't fail, nor can the others: it is init's own */
    (void)sys_thread_read(thread, 0);
    memcpy(&state, program.message->data, sizeof state);
    if (state.run_state == THREAD_IN_WAIT) {
        (void)sys_thread_suspend(thread, SUSPEND_WITHDRAW);
        (void)sys_thread_read(thread, THREAD_REGISTERS);
        memcpy(ret_registers, program.message->data, sizeof *ret_registers);
        if ((uint32_t)ret_registers->rax == E_CANCEL)
            return true; /* else a message came just now */
    }
    (void)sys_thread_resume(thread);
    return false;
}

/* Let the new program look at the state. */
static void try_out(void) {
    struct child *child = swap.child;
    struct thread_registers stopped;
    if (!stop_old(&stopped))
        return;
    if (!the_world.source.take(&the_world.source, 1, &swap.page) || copy_page(&swap.page, &child->message) != OK) {
        (void)sys_thread_resume(child->thread);
        end("there is no memory to save the message page");
        return;
    }
    child->entry = stopped;
    swap.other.generation = child->generation + 1;
    swap.other.end = INIT_REQUESTED;
    exchange();
    be_patient(SWAP_TRIAL);
    if (!kept_write_head(child, &the_world, &stopped, KEEP_TRIAL) || !child_enter(child))
        go_back("the new program can't be started: see `log`");
}

/*
 * Let another program try in the place of one that has ended, with what the child keeps and exports now. False: it
 * can't be made, and the log says why.
 */
static bool enter_next(const char *path, enum swap_stage stage, enum keep_trial trial) {
    static struct child next;
    struct child *child = swap.child;
    child_drop_image(child, &the_world);
    if (!child_build_beside(child, path, &the_world, &next))
        return false;
    *child = next;
    be_patient(stage);
    return kept_write_head(child, &the_world, NULL, trial) && child_enter(child);
}

/* The new program does not know the state as it lies: ask the old one's image for a form that it may know. */
static void begin_export(void) {
    struct child *child = swap.child;
    if (!kept_take(child, &the_world, &child->export)) {
        go_back("its state has another form; there is no memory to export it");
        return;
    }
    child->export_bytes = child->export.page_count * PAGE_BYTES;
    if (!enter_next(swap.other.path, SWAP_EXPORT, KEEP_EXPORT))
        go_back("a program to export its state can't be made: see `log`");
}

/* Tell a second state in which slots the programs of the first one may have left something. */
static bool hand_on_slots(const struct memory_run *to, const struct memory_run *from) {
    const uint64_t at = offsetof(struct keep_head, slots_end);
    return sys_memory_copy(to->memory, to->offset_pages * PAGE_BYTES + at, from->memory,
                           from->offset_pages * PAGE_BYTES + at, sizeof(uint64_t))
               .status == OK;
}

/* Let the new program try once more, with the export and memory of its own for a state. */
static void begin_import(void) {
    struct child *child = swap.child;
    struct memory_run own;
    child->export_form = kept(offsetof(struct keep_head, export_form));
    child->export_bytes = kept(offsetof(struct keep_head, export_bytes));
    if (!kept_take(child, &the_world, &own)) {
        go_back("there is no memory for a second state");
        return;
    }
    const struct memory_run first = child->keep;
    child->keep = own;
    if (!hand_on_slots(&own, &first) || !enter_next(swap.path, SWAP_TRIAL, KEEP_TRIAL))
        go_back("the new program can't be started: see `log`");
}

/* Why the new program has said no; empty if it has not. */
static void read_no(char *no) {
    for (uint64_t i = 0; i < KEEP_NO_MAX; i += 8) {
        uint64_t word = kept(offsetof(struct keep_head, no) + i);
        memcpy(no + i, &word, sizeof word);
    }
    no[KEEP_NO_MAX - 1] = '\0';
}

/* Has the new program said yes? From then on it may have changed the state, so the old one can't go on. */
static bool has_accepted(void) { return kept(offsetof(struct keep_head, trial)) == KEEP_SETTLED; }

/* The old program goes on: the one that tried has ended without saying yes. silent: the reason if it gave none. */
static void fail(const char *silent) {
    char no[KEEP_NO_MAX];
    read_no(no);
    if (no[0] == '\0')
        report_fault(&the_world, swap.child);
    go_back(no[0] != '\0' ? no : silent);
}

bool swap_fault(struct child *child) {
    if (!swap_concerns(child) || swap.stage == SWAP_WAITS)
        return false;
    if (has_accepted()) {
        end(NULL);
        return false;
    }
    bool is_first = child->export.page_count == 0;
    if (swap.stage == SWAP_EXPORT && kept(offsetof(struct keep_head, export_form)) != 0)
        begin_import();
    else if (swap.stage == SWAP_EXPORT)
        fail("its program failed to export its state: see `log`");
    else if (is_first && kept(offsetof(struct keep_head, is_foreign)) != 0)
        begin_export();
    else
        fail("the new program ended at once: see `log`");
    return true;
}

uint64_t swap_tick(uint64_t now_ns) {
    bool is_tried = swap.stage == SWAP_TRIAL || swap.stage == SWAP_EXPORT;
    bool is_late = ++swap.looks > PATIENCE_LOOKS && now_ns > swap.end_ns;
    if (is_tried && has_accepted()) {
        end(NULL);
    } else if (is_tried && is_late) {
        (void)sys_thread_suspend(swap.child->thread, SUSPEND_WITHDRAW | SUSPEND_ABANDON);
        go_back(swap.stage == SWAP_TRIAL ? "the new program did not decide in time"
                                         : "its program did not export its state in time");
    } else if (swap.stage == SWAP_WAITS && swap.child->state != INIT_RUNNING) {
        end("it has just ended");
    } else if (swap.stage == SWAP_WAITS && is_late) {
        end(swap.heard == heard(swap.child) ? "it is busy with one message"
                                            : "it is never without a message: try again with less to do");
    } else if (swap.stage == SWAP_WAITS) {
        try_out();
    }
    return swap.stage == SWAP_NONE ? DEADLINE_NEVER : now_ns + LOOK_NS;
}
