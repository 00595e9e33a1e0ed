#include "servers/init/swap.h"

#include "libsys/program/keep.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/wire/commit.h"
#include "servers/init/report.h"

#define LOOK_NS 500000U         /* how often */
#define PATIENCE_NS 1000000000U /* with the old program, to be done with a message, and with the new one, to decide */
#define PROOF_NS 1000000000U    /* ... and has been there for so long (SWAP_PROOF_MESSAGES) */

enum swap_stage {
    SWAP_NONE,
    SWAP_WAITS, /* until the old program waits for a message */
    SWAP_TRIAL, /* the thread is in the new program, which has not said yes as far as init knows */
};

static struct {
    enum swap_stage stage;
    struct child *child;
    struct child other;     /* what exchange() names: SWAP_WAITS: of the new program; SWAP_TRIAL: of the old one */
    struct memory_run page; /* SWAP_TRIAL: a copy of the thread's message page */
    uint64_t end_ns;        /* of init's patience */
    struct init_swap_reply reply;
} swap;

bool swap_concerns(const struct child *child) { return swap.stage != SWAP_NONE && swap.child == child; }

bool swap_result(struct init_swap_reply *ret_reply) {
    *ret_reply = swap.reply;
    return swap.stage == SWAP_NONE;
}

static uint64_t kept_word(size_t offset) { return child_kept_word(swap.child, &the_world, offset); }

static uint64_t heard(const struct child *child) {
    return child_kept_word(child, &the_world, KEEP_STATE_AT - KEEP_AT + COMMIT_HEARD);
}

/* The swap is over. no: why it was not done; NULL: it was. The program that does not go on is given up. */
static void end(const char *no) {
    struct child *child = swap.child;
    swap.stage = SWAP_NONE;
    swap.reply = (struct init_swap_reply){.is_done = no == NULL};
    if (swap.page.page_count != 0)
        the_world.source.give_back(&the_world.source, &swap.page);
    swap.page.page_count = 0;
    child_drop_image(&swap.other, &the_world);
    if (no == NULL) {
        memcpy(child->former, swap.other.path, sizeof child->former);
        child->proven_ns = sys_clock_read().value + PROOF_NS;
        child->proven_heard = heard(child) + SWAP_PROOF_MESSAGES;
        child->restart_count++;
        if (strcmp(child->path, child->former) != 0)
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

uint32_t swap_begin(struct child *child, const char *path, const char **ret_reason) {
    struct image_file file;
    const uint8_t *bytes;
    *ret_reason = "its entry in the manifest has no `restart`";
    if (child->program->restart.limit == 0)
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
    swap.child = child;
    swap.stage = SWAP_WAITS;
    swap.end_ns = sys_clock_read().value + PATIENCE_NS;
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
    memcpy(child->path, swap.other.path, sizeof child->path);
    swap.other = before;
}

/* The old program goes on where it was stopped, and knows nothing of it. If it can't, recovery starts it again. */
static void go_back(const char *no) {
    struct child *child = swap.child;
    exchange();
    bool goes_on = child_write_head(child, &the_world, NULL, false) && copy_page(&child->message, &swap.page) == OK &&
                   child_enter(child);
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
    swap.stage = SWAP_TRIAL;
    swap.end_ns = sys_clock_read().value + PATIENCE_NS;
    if (!child_write_head(child, &the_world, &stopped, true) || !child_enter(child))
        go_back("the new program can't be started: see `log`");
}

/* Why the new program has said no; empty if it has not. */
static void read_no(char *no) {
    for (uint64_t i = 0; i < KEEP_NO_MAX; i += 8) {
        uint64_t word = kept_word(offsetof(struct keep_head, no) + i);
        memcpy(no + i, &word, sizeof word);
    }
    no[KEEP_NO_MAX - 1] = '\0';
}

/* Has the new program said yes? From then on it may have changed the state, so the old one can't go on. */
static bool has_accepted(void) { return kept_word(offsetof(struct keep_head, trial)) == 0; }

bool swap_fault(struct child *child) {
    char no[KEEP_NO_MAX];
    if (!swap_concerns(child) || swap.stage != SWAP_TRIAL)
        return false;
    if (has_accepted()) {
        end(NULL);
        return false;
    }
    read_no(no);
    if (no[0] == '\0')
        report_fault(&the_world, child);
    go_back(no[0] != '\0' ? no : "the new program ended at once: see `log`");
    return true;
}

uint64_t swap_tick(uint64_t now_ns) {
    if (swap.stage == SWAP_TRIAL && has_accepted()) {
        end(NULL);
    } else if (swap.stage == SWAP_TRIAL && now_ns > swap.end_ns) {
        (void)sys_thread_suspend(swap.child->thread, SUSPEND_WITHDRAW | SUSPEND_ABANDON);
        go_back("the new program did not decide in time");
    } else if (swap.stage == SWAP_WAITS && swap.child->state != INIT_RUNNING) {
        end("it has just ended");
    } else if (swap.stage == SWAP_WAITS && now_ns > swap.end_ns) {
        end("it is busy with one message");
    } else if (swap.stage == SWAP_WAITS) {
        try_out();
    }
    return swap.stage == SWAP_NONE ? DEADLINE_NEVER : now_ns + LOOK_NS;
}
