/*
 * A machine of several CPUs for the generic kernel, and the programs that its threads run.
 *
 *   entry.c      the way into the kernel and out, and all else that arch/x86_64/ does to memory. Its loads and stores
 *                are steps
 *   fast.c       the fast path; its loads and stores are steps, too
 *   user.c       user mode: programs, a CPU's cached translations, interrupts; and the checks that always hold there
 *   world.c      the objects of a scenario, made once; the checks at the end
 *   scenarios.h  the scenarios themselves
 *
 * As on the machine, a thread's registers are in its frame while it is in the kernel, and in its CPU's `live` while it
 * runs. RIP says where in its program it is, RSP which thread it is.
 */
#pragma once

#include "kernel/abi/status.h"
#include "kernel/abi/syscall.h"
#include "kernel/machine/cpu.h"
#include "kernel/machine/lock.h"
#include "test/host/kernel/schedules/explore.h"

/* The fast path's check of the lock, after it has announced itself. */
static inline bool kernel_lock_is_held(void) {
    uint32_t serving = __atomic_load_n(&kernel_ticket_lock.serving, __ATOMIC_RELAXED);
    return __atomic_load_n(&kernel_ticket_lock.holder, __ATOMIC_RELAXED) == serving;
}

#define WORLD_THREADS 4U
#define WORLD_SPACES 2U
#define WORLD_OPS 16U

/* Slots of the table that all threads share. */
enum world_cap {
    CAP_TABLE = 1,
    CAP_THREAD = 2, /* and those that follow */
    CAP_SPACE = CAP_THREAD + WORLD_THREADS,
    CAP_POOL = CAP_SPACE + WORLD_SPACES,
    CAP_DOOMED, /* the pool of all that a scenario calls doomed */
    CAP_ENDPOINT,
    CAP_SIGNAL,
    CAP_MEMORY, /* WORLD_PAGES pages; the first is mapped at PAGE_AT in each space */
    CAP_FREE,
};
#define WORLD_PAGES 4U
#define PAGE_AT 0x40000000ULL

/* The operations of a thread's program. */
enum op_kind {
    OP_END,   /* the end: loop for ever */
    OP_STOP,  /* the end: stop; for threads that share a CPU */
    OP_CALL,  /* a system call; `allowed` are the statuses that it may have */
    OP_TOUCH, /* read PAGE_AT, or write it; where that is not allowed, it is a fault */
    OP_WRITE,
    OP_FPU,   /* use an FPU register; if the CPU's are not the thread's, it is a fault */
    OP_TRAP,  /* an instruction that traps; reported after it */
    OP_STAGE, /* put `data` at byte `number` of the message page */
    OP_AGAIN, /* back to op `number` if the last call's status is one of `allowed` */
    OP_LATER, /* the clock goes on by `number` ns */
};

struct op {
    enum op_kind kind;
    uint64_t number, arguments[6];
    uint64_t allowed; /* a bit for each status */
    const void *data;
    uint64_t bytes;
};

#define STATUS_BIT(status) (1ULL << (status))
#define ONLY_OK STATUS_BIT(OK)

struct actor {
    uint32_t cpu, space;
    uint8_t priority;
    bool doomed;       /* in the doomed pool */
    bool stopped;      /* at first */
    bool may_not_end;  /* it may be stopped, waiting or destroyed at the end */
    bool may_be_asked; /* its faults go to the endpoint */
    struct op program[WORLD_OPS];
};

struct scenario {
    const char *name;
    const char *question;
    uint32_t cpu_count;
    bool doomed_endpoint, doomed_space; /* of the spaces, the second */
    bool bound_signal;                  /* to thread 1 */
    struct actor actors[WORLD_THREADS]; /* those with a program */
    const char *(*verdict)(void);       /* at the end; NULL: nothing but what always holds */
};

/* The registers of a thread that runs. */
struct live {
    uint64_t rip, rsp, status, target, info, words[4];
};

/* The machine's state besides memory; reset for each schedule. */
struct world_cpu {
    struct {
        uint64_t root, page, frame;
        bool is_writable;
    } entries[4]; /* translations */
    uint32_t entry_count;
    uint32_t pending; /* interrupts: bits of enum world_vector */
    uint64_t armed_ns;
    uint64_t running; /* RSP of what runs in user mode; 0: nothing does */
    uint64_t fpu;     /* its registers */
};

enum world_vector { PENDING_REQUEST = 1, PENDING_TIMER = 2 };

struct schedule_world {
    const struct scenario *scenario;
    struct cpu cpus[EXPLORE_CPUS_MAX];
    struct thread *threads[WORLD_THREADS];
    struct {
        struct world_cpu cpus[EXPLORE_CPUS_MAX];
        uint64_t fpu_areas[WORLD_THREADS], fpu_uses[WORLD_THREADS];
        uint64_t now_ns;
        uint32_t ended;                             /* threads at OP_END, a bit each */
        uint32_t late_count;                        /* how often time has had to pass */
        uint8_t statuses[WORLD_THREADS][WORLD_OPS]; /* of the calls that were made; 0xff: none */
        uint64_t values[WORLD_THREADS][WORLD_OPS];
    } live;
};
extern struct schedule_world world;

#define STATUS_NONE 0xffU

/* Make the objects of a scenario, and the program for the explorer. */
const struct explore_program *world_make(const struct scenario *scenario);

uint64_t world_digest(void); /* of all memory that schedules may change */
struct notification;
struct notification *world_signal(void);

/* ---- user.c ---- */
_Noreturn void user_run(void); /* this CPU's current thread, which has just been left to */
uint32_t user_wait(void);      /* for an interrupt: which, one of them */
bool user_is_interrupted(void);
void user_forget_all(uint32_t cpu);
void user_forget(uint32_t cpu, uint64_t root, uaddr_t at, uint64_t page_count);
void user_begin(void);
void user_fpu_move(uint32_t cpu, const struct thread *thread, bool loads); /* between a CPU and a thread's memory */
bool user_let_time_pass(void); /* up to the first timer; false: none is set */
#define PROGRAM_AT 0x50000000ULL
#define PROGRAM_BYTES 0x1000ULL /* of one thread */
#define OP_BYTES 16U
#define SYSCALL_BYTES 2U
static inline uint64_t user_entry(uint32_t thread) { return PROGRAM_AT + thread * PROGRAM_BYTES; }
static inline uint64_t user_stack(uint32_t thread) { return 0x60000000ULL + thread * PROGRAM_BYTES; }

/* ---- entry.c ---- */
void entry_first(uint32_t cpu); /* a CPU has been started */
/* Make the system call in `live`. Afterwards another thread may run: `live` then has its registers. */
void entry_call(struct live *live);
void entry_interrupt(struct live *live, uint64_t vector, uint64_t address);
void entry_leave(struct live *live);

/* ---- fast.c ---- */
bool fast_path(struct cpu *cpu, struct live *live); /* false: nothing has changed */
