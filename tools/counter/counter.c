/*
 * A plugin for QEMU's emulator that counts how often each instruction is executed, for ./baton bench.
 *
 *     qemu-system-x86_64 ... -plugin counter.so,out=FILE[,stop=ADDRESS:PAGE:TIMES]...[,interrupt=FIRST:END]
 *
 * FILE gets one group of lines for each row, when the row ends. Instructions before the first COUNTER_MARK_BEGIN
 * belong to the first row.
 *
 *     ffffffff80001370 0000000000000000 20000
 *     0000000000205ac6 8d1f2b7c00a93e11 10000
 *     row
 *
 * A line is: address, page, how often. Programs lie at the same addresses, so `page` tells them apart: it is a hash of
 * the 4 KiB of code around the instruction (page_hash() below, and in tools/host/images.py), and 0 in the kernel's
 * half. `stop` splits a row: at each of the first TIMES executions of the instruction that it names, the counts so far
 * are written as a group that ends with `stop ADDRESS:PAGE` in place of `row`.
 *
 * After a COUNTER_MARK_ARM counting begins with the first instruction executed in FIRST..END-1, which is where the
 * kernel's interrupts enter.
 *
 * Counting adds one host instruction to each of the guest's. The guest sees nothing of it, as its clock counts its own
 * instructions. The machine must have one CPU. An instruction that faults counts each time.
 *
 * Source: QEMU 7.2, docs/devel/tcg-plugins.rst. No distribution packages its header, so the parts in use are declared
 * here: version 1 of the interface, which QEMU 7 and 8 have.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/counter/marks.h"

#define PAGE_BYTES 4096U
#define PLACES (1U << 18) /* distinct instructions; a system has about 60,000 */
#define INDEX_ENTRIES (2 * PLACES)
#define STOPS_MAX 32U

#define API __attribute__((visibility("default")))
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { FLAGS_NONE = 0, INLINE_ADD = 0 };
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *instruction);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *instruction);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *instruction);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*call)(uint64_t id, struct qemu_plugin_tb *block));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction,
                                            void (*call)(unsigned cpu, void *user), int flags, void *user);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *instruction, int operation, void *at,
                                                uint64_t operand);
API extern int qemu_plugin_version;
API int qemu_plugin_install(uint64_t id, const void *info, int argument_count, char **arguments);

int qemu_plugin_version = 1;

/* One instruction. QEMU keeps the address of `times`. */
struct counted_instruction {
    uint64_t address;
    uint64_t page;
    uint64_t times;
    uint64_t begun;   /* `times` at the last COUNTER_MARK_BEGIN */
    uint64_t counted; /* in this row, in its parts that a stop has ended */
};

struct stop {
    uint64_t address, page;
    uint32_t left;
};

static struct counted_instruction places[PLACES];
static uint32_t place_count;
static uint32_t places_index[INDEX_ENTRIES]; /* a place's index plus 1; 0: none; open addressing */
static struct stop stops[STOPS_MAX];
static uint32_t stop_count;
static uint64_t interrupt_first, interrupt_end;
static bool counting = true, armed;
static FILE *out;

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "counter: %s\n", what);
    exit(1);
}

static uint64_t page_hash(const uint8_t *page) {
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a, of words */
    for (uint32_t at = 0; at < PAGE_BYTES; at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, page + at, sizeof word);
        hash = (hash ^ word) * 0x100000001b3;
    }
    return hash;
}

static struct counted_instruction *find_place(uint64_t address, uint64_t page) {
    uint64_t at = (address ^ page) * 0x9e3779b97f4a7c15 >> 32;
    for (; places_index[at % INDEX_ENTRIES] != 0; at++) {
        struct counted_instruction *place = &places[places_index[at % INDEX_ENTRIES] - 1];
        if (place->address == address && place->page == page)
            return place;
    }
    if (place_count == PLACES)
        fail("too many different instructions");
    struct counted_instruction *place = &places[place_count++];
    places_index[at % INDEX_ENTRIES] = place_count;
    place->address = address;
    place->page = page;
    return place;
}

static void begin(void) {
    for (uint32_t i = 0; i < place_count; i++)
        places[i].begun = places[i].times;
    counting = true;
}

static void end(void) {
    for (uint32_t i = 0; counting && i < place_count; i++)
        places[i].counted += places[i].times - places[i].begun;
    counting = false;
}

static void write_counts(void) {
    for (uint32_t i = 0; i < place_count; i++) {
        struct counted_instruction *place = &places[i];
        if (place->counted != 0)
            fprintf(out, "%016" PRIx64 " %016" PRIx64 " %" PRIu64 "\n", place->address, place->page, place->counted);
        place->counted = 0;
    }
}

static void end_line(const char *line) {
    if (fprintf(out, "%s\n", line) < 0 || fflush(out) != 0)
        fail("cannot write");
}

static void at_mark(unsigned cpu, void *user) {
    (void)cpu;
    uintptr_t kind = (uintptr_t)user;
    armed = kind == COUNTER_MARK_ARM;
    if (kind != COUNTER_MARK_BEGIN)
        end();
    if (kind == COUNTER_MARK_BEGIN)
        begin();
    if (kind != COUNTER_MARK_ROW)
        return;
    write_counts();
    end_line("row");
}

static void at_interrupt(unsigned cpu, void *user) {
    (void)cpu, (void)user;
    if (armed)
        begin();
    armed = false;
}

static void at_stop(unsigned cpu, void *user) {
    (void)cpu;
    struct stop *stop = user;
    if (stop->left == 0 || !counting)
        return;
    stop->left--;
    end();
    write_counts();
    char line[64];
    snprintf(line, sizeof line, "stop %016" PRIx64 ":%016" PRIx64, stop->address, stop->page);
    end_line(line);
    begin();
}

/* Which mark the instruction is; 0: it is no mark. */
static uintptr_t mark_kind(const struct qemu_plugin_insn *instruction) {
    static const uint8_t nopl[] = {0x0f, 0x1f, 0x80};
    const uint8_t *code = qemu_plugin_insn_data(instruction);
    uint32_t displacement;
    if (qemu_plugin_insn_size(instruction) != sizeof nopl + sizeof displacement || memcmp(code, nopl, sizeof nopl) != 0)
        return 0;
    memcpy(&displacement, code + sizeof nopl, sizeof displacement);
    uint32_t kind = displacement - COUNTER_MARK;
    return kind <= COUNTER_MARK_ARM ? kind : 0;
}

static uint64_t instruction_page(const struct qemu_plugin_insn *instruction, uint64_t address) {
    uintptr_t at = (uintptr_t)qemu_plugin_insn_haddr(instruction);
    return address >> 63 != 0 || at == 0 ? 0 : page_hash((const uint8_t *)(at & ~(uintptr_t)(PAGE_BYTES - 1)));
}

static void translate(uint64_t id, struct qemu_plugin_tb *block) {
    (void)id;
    uint64_t page = 0, last_page_address = UINT64_MAX;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        uint64_t address = qemu_plugin_insn_vaddr(instruction);
        if (address / PAGE_BYTES != last_page_address) {
            last_page_address = address / PAGE_BYTES;
            page = instruction_page(instruction, address);
        }
        uintptr_t kind = mark_kind(instruction);
        if (kind != 0)
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, at_mark, FLAGS_NONE, (void *)kind);
        if (address >= interrupt_first && address < interrupt_end)
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, at_interrupt, FLAGS_NONE, NULL);
        for (uint32_t s = 0; s < stop_count; s++)
            if (stops[s].address == address && stops[s].page == page)
                qemu_plugin_register_vcpu_insn_exec_cb(instruction, at_stop, FLAGS_NONE, &stops[s]);
        qemu_plugin_register_vcpu_insn_exec_inline(instruction, INLINE_ADD, &find_place(address, page)->times, 1);
    }
}

static bool take_interrupt(const char *text) {
    return sscanf(text, "%" SCNx64 ":%" SCNx64, &interrupt_first, &interrupt_end) == 2;
}

static bool take_stop(const char *text) {
    struct stop *stop = &stops[stop_count];
    return stop_count++ < STOPS_MAX &&
           sscanf(text, "%" SCNx64 ":%" SCNx64 ":%" SCNu32, &stop->address, &stop->page, &stop->left) == 3;
}

int qemu_plugin_install(uint64_t id, const void *info, int argument_count, char **arguments) {
    (void)info;
    for (int i = 0; i < argument_count; i++) {
        if (strncmp(arguments[i], "out=", 4) == 0)
            out = fopen(arguments[i] + 4, "w");
        else if (strncmp(arguments[i], "interrupt=", 10) == 0 && take_interrupt(arguments[i] + 10))
            continue;
        else if (strncmp(arguments[i], "stop=", 5) != 0 || !take_stop(arguments[i] + 5))
            return 1;
    }
    if (out == NULL)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return 0;
}
