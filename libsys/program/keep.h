/*
 * Memory of a server that outlives it: init maps it at one address for each program that it makes of the same entry of
 * the manifest (`keep`), one after the other. docs/recovery.md tells the whole story.
 *
 *     KEEP_AT                struct keep_head     written by init before a program starts
 *     KEEP_STATE_AT          the server's state   begins with its struct server
 *     the last JOURNAL_BYTES the journal's notes  (libsys/wire/journal.h)
 *
 * So pointers into it stay true. Pointers to the program's own variables, functions and texts do not belong here.
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/thread.h"

#define KEEP_AT 0x40000000ULL
#define KEEP_STATE_AT (KEEP_AT + PAGE_BYTES)
#define KEEP_PAGES_MAX 4096U
#define KEEP_NO_MAX 64U
#define KEEP_OTHER_FORM "its state has another form than that of the program before"

/* Names a form of kept state: whose it is, by three letters, and its version, 1 to 255. Never 0. */
#define KEEP_LAYOUT(a, b, c, version) ((uint64_t)(a) << 48 | (uint64_t)(b) << 40 | (uint64_t)(c) << 32 | (version))

/*
 * A layout with the size of its state, as keep_head.layout has it: a structure that has grown is another layout, even
 * if nobody thought of the version.
 */
static inline uint64_t keep_sized_layout(uint64_t layout, uint64_t bytes) { return layout | bytes << 8; }
_Static_assert(KEEP_PAGES_MAX *PAGE_BYTES <= (uint64_t)1 << 24, "a size fits below a layout's letters");

/* The layout that server_init() writes for a program that does not call server_keep(). */
#define KEEP_NOTHING UINT64_MAX

/* What a program is started for while it is swapped in (docs/swap.md). */
enum keep_trial {
    KEEP_SETTLED = 0, /* it answers for the state */
    KEEP_TRIAL = 1,   /* the program before is still there, and goes on if this one says no or ends */
    KEEP_EXPORT = 2,  /* ... and this one only exports the state, and ends (libsys/program/export.h) */
};

struct keep_head {
    uint64_t generation;          /* 1: the first program; the rest of the head is zero then, the state need not be */
    uint64_t layout;              /* which state lies here: keep_sized_layout(); 0: none yet */
    uint64_t recovered;           /* the last program that has done with `dead`; init leaves that alone until then */
    uint64_t slots_end;           /* capabilities that programs made lie below this slot (slots_keep()) */
    uint64_t trial;               /* enum keep_trial; the program writes KEEP_SETTLED to say yes */
    uint64_t export_form;         /* of the export that lies at EXPORT_AT, as its server names it; 0: there is none */
    uint64_t export_bytes;        /* ... and its size */
    uint64_t is_foreign;          /* 1: this one says no because the state has another layout than its own */
    char no[KEEP_NO_MAX];         /* why this one says no; zero-terminated */
    uint64_t failed;              /* 1: the program before ended by itself; 0: somebody ended it */
    struct thread_registers dead; /* ... and where */
};

static inline struct keep_head *keep_head(void) { return (struct keep_head *)KEEP_AT; }

/* Does a state of this layout and size lie here? For what has to be known before server_keep() is called. */
static inline bool keep_is_there(uint64_t layout, uint64_t bytes) {
    return keep_head()->layout == keep_sized_layout(layout, bytes);
}

/* Which program this is, from 1 on. */
static inline uint64_t keep_generation(void) { return keep_head()->generation; }

/* For a program that is on trial: say no, and end. reason: at most KEEP_NO_MAX - 1 bytes of it are told. */
_Noreturn static inline void keep_refuse(const char *reason) {
    struct keep_head *head = keep_head();
    for (uint64_t i = 0; i < KEEP_NO_MAX - 1 && (i == 0 || reason[i - 1] != '\0'); i++)
        head->no[i] = reason[i];
    __builtin_trap();
}

/* Say yes: from here on this program answers for the state. */
static inline void keep_accept(struct keep_head *head) { *(volatile uint64_t *)&head->trial = KEEP_SETTLED; }

/*
 * For a program that may be on trial (docs/swap.md): say yes to the state if it has this program's layout, or say no to
 * it and end. One that is given an export says neither yet: it does so in server_init().
 */
static inline void keep_decide(struct keep_head *head, bool follows) {
    bool is_on_trial = head->trial == KEEP_TRIAL;
    if (is_on_trial && !follows && head->export_form != 0)
        return;
    head->is_foreign = is_on_trial && !follows;
    if (head->is_foreign || head->trial == KEEP_EXPORT) /* its program does not export */
        keep_refuse(KEEP_OTHER_FORM);
    keep_accept(head);
}

/* For a program that can use no state: on trial it says no. */
static inline void keep_refuse_trial(const struct keep_head *head) {
    if (head->trial != KEEP_SETTLED)
        keep_refuse("the new program keeps no state");
}

/* For a program that keeps no state although it could: it can't come back, nor take over from one that keeps. */
static inline void keep_nothing(struct keep_head *head) {
    keep_refuse_trial(head);
    head->layout = KEEP_NOTHING;
}
