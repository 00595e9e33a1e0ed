/*
 * Does the ELF parser understand a sound file, name each kind of damage, never read outside its bytes, and promise only
 * what a loader can rely on?
 */
#include "libsys/format/elf.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/abi/rights.h"
#include "test/host/elf_maker.h"
#include "test/host/elf_texts.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define BASE 0x400000ULL

static const struct elf_limits limits = {.lowest = 0x200000, .end = 0x7ffffffff000};
static struct maker_file file;
static struct elf_plan plan;
static bool provoked[ELF_HEADERS_OUTSIDE + 1]; /* by error: seen in damage_is_named */

/* Parse a copy of exactly these bytes, so that the address sanitizer sees a read beyond them. */
static struct elf_result parse_copy(const void *bytes, size_t count, struct elf_limits within) {
    uint8_t *copy = malloc(count + 1);
    memcpy(copy, bytes, count);
    copy = realloc(copy, count == 0 ? 1 : count);
    struct elf_result result = elf_plan_image(copy, count, within, &plan);
    free(copy);
    return result;
}

static void sound_file_is_planned(void) {
    maker_elf(&file, BASE);
    CHECK_EQUAL(parse_copy(&file, sizeof file, limits).error, ELF_OK);
    CHECK_EQUAL(plan.type, ELF_TYPE_FIXED);
    CHECK_EQUAL(plan.entry, BASE + 0x800);
    CHECK_EQUAL(plan.lowest, BASE);
    CHECK_EQUAL(plan.end, BASE + 0x5000);
    CHECK_EQUAL(plan.segment_count, 3);
    CHECK_EQUAL(plan.align, 0x1000);
    CHECK_EQUAL(plan.segments[0].rights, MEMORY_READ | MEMORY_EXECUTE);
    CHECK_EQUAL(plan.segments[1].rights, MEMORY_READ);
    CHECK_EQUAL(plan.segments[2].rights, MEMORY_READ | MEMORY_WRITE);
    CHECK_EQUAL(plan.segments[2].virt, BASE + 0x2000);
    CHECK_EQUAL(plan.segments[2].file_offset, 0x2000);
    CHECK_EQUAL(plan.segments[2].file_bytes, 0x100);
    CHECK_EQUAL(plan.segments[2].memory_bytes, 0x3000);
    CHECK_EQUAL(plan.segments[2].header, 3);
    CHECK(!plan.shares_page);
    CHECK(!plan.executable_stack);
    CHECK_EQUAL(plan.headers_virt, BASE + 0x40);
    CHECK_EQUAL(plan.header_count, MAKER_HEADER_COUNT);
    CHECK_EQUAL(plan.tls.virt, BASE + 0x2000);
    CHECK_EQUAL(plan.tls.file_bytes, 0x10);
    CHECK_EQUAL(plan.tls.memory_bytes, 0x20);
    CHECK_EQUAL(plan.tls.align, 16);
    CHECK_EQUAL(plan.relro_virt, BASE + 0x2000);
    CHECK_EQUAL(plan.relro_bytes, 0x1000);
    CHECK_EQUAL(plan.interpreter_offset, 0x1000);
    CHECK_EQUAL(plan.interpreter_bytes, 8);
}

static void movable_file_counts_from_zero(void) {
    maker_elf(&file, 0);
    file.header.e_type = 3;
    CHECK_EQUAL(parse_copy(&file, sizeof file, limits).error, ELF_OK);
    CHECK_EQUAL(plan.type, ELF_TYPE_RELOCATABLE);
    CHECK_EQUAL(plan.lowest, 0);
    const struct elf_limits narrow = {.lowest = 0x200000, .end = 0x204000};
    CHECK_EQUAL(parse_copy(&file, sizeof file, narrow).error, ELF_OUTSIDE);
    const struct elf_limits enough = {.lowest = 0x200000, .end = 0x205000};
    CHECK_EQUAL(parse_copy(&file, sizeof file, enough).error, ELF_OK);
}

static void kernel_addresses_are_accepted(void) {
    const struct elf_limits kernel = {.lowest = 0xffffffff80000000, .end = 0xfffffffffffff000};
    maker_elf(&file, 0xffffffff80000000);
    CHECK_EQUAL(parse_copy(&file, sizeof file, kernel).error, ELF_OK);
    CHECK_EQUAL(parse_copy(&file, sizeof file, limits).error, ELF_OUTSIDE);
    maker_elf(&file, 0xffffffffffffa000);
    CHECK_EQUAL(parse_copy(&file, sizeof file, kernel).error, ELF_OK);
    maker_elf(&file, 0xffffffffffffb000);
    CHECK_EQUAL(parse_copy(&file, sizeof file, kernel).error, ELF_ADDRESS_WRAPS);
    maker_elf(&file, 0xffffffffffffa000);
    file.headers[3].p_memsz += 1;
    CHECK_EQUAL(parse_copy(&file, sizeof file, kernel).error, ELF_OUTSIDE);
}

static void unaligned_bytes_are_read(void) {
    static uint8_t room[sizeof file + 1];
    maker_elf(&file, BASE);
    memcpy(room + 1, &file, sizeof file);
    CHECK_EQUAL(elf_plan_image(room + 1, sizeof file, limits, &plan).error, ELF_OK);
}

static void empty_segment_is_skipped(void) {
    maker_elf(&file, BASE);
    file.headers[2].p_filesz = 0;
    file.headers[2].p_memsz = 0;
    file.headers[2].p_vaddr = 12345; /* an empty segment's place does not matter */
    CHECK_EQUAL(parse_copy(&file, sizeof file, limits).error, ELF_OK);
    CHECK_EQUAL(plan.segment_count, 2);
    CHECK_EQUAL(plan.segments[1].header, 3);
}

static void shared_page_is_noticed(void) {
    maker_elf(&file, BASE);
    file.headers[1].p_memsz = file.headers[1].p_filesz = 0xf00;
    file.headers[2].p_vaddr = BASE + 0xf10;
    file.headers[2].p_offset = 0xf10;
    CHECK_EQUAL(parse_copy(&file, sizeof file, limits).error, ELF_OK);
    CHECK(plan.shares_page);
}

static void absent_headers_leave_zeroes(void) {
    maker_elf(&file, BASE);
    for (uint32_t i = 0; i < MAKER_HEADER_COUNT; i++)
        file.headers[i].p_type = file.headers[i].p_type == MAKER_LOAD ? MAKER_LOAD : MAKER_NULL;
    CHECK_EQUAL(parse_copy(&file, sizeof file, limits).error, ELF_OK);
    CHECK_EQUAL(plan.tls.memory_bytes, 0);
    CHECK_EQUAL(plan.relro_bytes, 0);
    CHECK_EQUAL(plan.interpreter_bytes, 0);
    CHECK_EQUAL(plan.headers_virt, BASE + 0x40); /* found without its own header too */
    file.headers[1].p_offset = 0x1000;
    CHECK_EQUAL(parse_copy(&file, sizeof file, limits).error, ELF_OK);
    CHECK_EQUAL(plan.headers_virt, 0);
}

static void tls_without_bytes_in_the_file_may_lie_anywhere(void) {
    maker_elf(&file, BASE);
    file.headers[4].p_vaddr = BASE + 0x5000;
    file.headers[4].p_filesz = 0;
    file.headers[4].p_memsz = ELF_TLS_BYTES_MAX;
    file.headers[4].p_align = ELF_PAGE_BYTES;
    CHECK_EQUAL(parse_copy(&file, sizeof file, limits).error, ELF_OK);
    CHECK_EQUAL(plan.tls.virt, BASE + 0x5000);
    CHECK_EQUAL(plan.tls.file_bytes, 0);
    CHECK_EQUAL(plan.tls.memory_bytes, ELF_TLS_BYTES_MAX);
    CHECK_EQUAL(plan.tls.align, ELF_PAGE_BYTES);
    file.headers[4].p_align = 0;
    CHECK_EQUAL(parse_copy(&file, sizeof file, limits).error, ELF_OK);
    CHECK_EQUAL(plan.tls.align, 1);
    file.headers[4].p_memsz = 0;
    CHECK_EQUAL(parse_copy(&file, sizeof file, limits).error, ELF_OK);
    file.headers[7].p_type = MAKER_TLS; /* an empty one is one, too */
    CHECK_EQUAL(parse_copy(&file, sizeof file, limits).error, ELF_REPEATED);
}

static void executable_stack_is_noticed(void) {
    maker_elf(&file, BASE);
    file.headers[5].p_flags |= MAKER_X;
    CHECK_EQUAL(parse_copy(&file, sizeof file, limits).error, ELF_OK);
    CHECK(plan.executable_stack);
}

/* One kind of damage: a number written into the sound file, and what the parser says. */
struct elf_damage {
    size_t offset;
    size_t bytes;
    uint64_t value;
    enum elf_error error;
    uint32_t segment;
};

#define FIELD(field, number, name) \
    { offsetof(struct maker_file, field), sizeof(((struct maker_file *)0)->field), number, ELF_##name, 0 }
#define HEADER(index, field, number, name)                                               \
    {                                                                                    \
        offsetof(struct maker_file, headers) + index * sizeof file.headers[0] +          \
            offsetof(struct maker_program_header, field),                                \
            sizeof(((struct maker_program_header *)0)->field), number, ELF_##name, index \
    }

static const struct elf_damage damages[] = {
    FIELD(header.e_ident[0], 0x7e, NOT_ELF),
    FIELD(header.e_ident[1], 'e', NOT_ELF),
    FIELD(header.e_ident[2], 'l', NOT_ELF),
    FIELD(header.e_ident[3], 'f', NOT_ELF),
    FIELD(header.e_ident[4], 1, NOT_64_BIT),
    FIELD(header.e_ident[5], 2, NOT_LITTLE_ENDIAN),
    FIELD(header.e_ident[6], 0, WRONG_VERSION),
    FIELD(header.e_version, 2, WRONG_VERSION),
    FIELD(header.e_machine, 183, WRONG_MACHINE),
    FIELD(header.e_type, 1, WRONG_TYPE),
    FIELD(header.e_type, 4, WRONG_TYPE),
    FIELD(header.e_phentsize, 32, HEADER_SIZE),
    FIELD(header.e_phnum, 65, TOO_MANY_HEADERS),
    FIELD(header.e_phnum, 0xffff, TOO_MANY_HEADERS),
    FIELD(header.e_phoff, MAKER_FILE_BYTES - 8 * 56 + 1, TRUNCATED_HEADERS),
    FIELD(header.e_phoff, UINT64_MAX - 8 * 56 + 1, TRUNCATED_HEADERS),
    FIELD(header.e_phnum, 0, NO_SEGMENT),
    FIELD(header.e_entry, BASE - 1, ENTRY_OUTSIDE),
    FIELD(header.e_entry, BASE + 0x1000, ENTRY_OUTSIDE),
    FIELD(header.e_entry, 0, ENTRY_OUTSIDE),
    HEADER(1, p_offset, 0xfffffffffffff000, FILE_WRAPS),
    HEADER(3, p_filesz, 0x101, FILE_BEYOND_END),
    HEADER(3, p_offset, 0x3000, FILE_BEYOND_END),
    HEADER(1, p_memsz, 0xfff, FILE_EXCEEDS_MEMORY),
    HEADER(1, p_memsz, 0, FILE_EXCEEDS_MEMORY),
    HEADER(3, p_memsz, 0xfffffffffffff000, ADDRESS_WRAPS),
    HEADER(3, p_vaddr, 0x800000000000, NOT_CANONICAL),
    HEADER(3, p_vaddr, 0x7fffffffe000, NOT_CANONICAL),
    HEADER(3, p_memsz, 0x8000000000000000, NOT_CANONICAL),
    HEADER(3, p_vaddr, 0xffff7fffffffe000, NOT_CANONICAL),
    HEADER(1, p_vaddr, 0x1ff000, OUTSIDE),
    HEADER(3, p_vaddr, 0x7fffffffd000, OUTSIDE),
    HEADER(3, p_vaddr, 0xffffffff80002000, OUTSIDE),
    HEADER(2, p_align, 3, BAD_ALIGNMENT),
    HEADER(4, p_align, 24, BAD_ALIGNMENT),
    HEADER(2, p_vaddr, BASE + 0x1008, NOT_CONGRUENT),
    HEADER(1, p_flags, 7, WRITE_EXECUTE),
    HEADER(3, p_flags, 3, WRITE_EXECUTE),
    HEADER(3, p_vaddr, BASE - 0x1000, OUT_OF_ORDER),
    HEADER(2, p_vaddr, BASE, OVERLAP),
    HEADER(1, p_memsz, 0x1001, OVERLAP),
    HEADER(3, p_type, MAKER_TLS, REPEATED),
    HEADER(7, p_type, MAKER_STACK, REPEATED),
    HEADER(5, p_type, MAKER_PHDR, REPEATED),
    HEADER(7, p_type, MAKER_RELRO, REPEATED),
    HEADER(4, p_offset, 0x2100, FILE_BEYOND_END),
    HEADER(4, p_offset, 0xfffffffffffffff8, FILE_WRAPS),
    HEADER(4, p_filesz, 0x21, FILE_EXCEEDS_MEMORY),
    HEADER(4, p_vaddr, 0xfffffffffffffff0, ADDRESS_WRAPS),
    HEADER(4, p_memsz, ELF_TLS_BYTES_MAX + 1, TLS_TOO_LARGE),
    HEADER(4, p_memsz, 0xf000000000000000, TLS_TOO_LARGE),
    HEADER(4, p_align, 2 * ELF_PAGE_BYTES, TLS_ALIGNMENT),
    HEADER(4, p_align, 1ULL << 63, TLS_ALIGNMENT),
    HEADER(7, p_filesz, 7, BAD_INTERPRETER),
    HEADER(7, p_filesz, 1, BAD_INTERPRETER),
    HEADER(7, p_filesz, 4097, BAD_INTERPRETER),
    HEADER(7, p_offset, 0x20ff, FILE_BEYOND_END),
    {offsetof(struct maker_file, headers[4].p_vaddr), 8, BASE + 0x20f8, ELF_TLS_OUTSIDE, 0},
    {offsetof(struct maker_file, headers[4].p_vaddr), 8, BASE + 0x2008, ELF_TLS_OUTSIDE, 0},
    {offsetof(struct maker_file, headers[4].p_offset), 8, 0x2010, ELF_TLS_OUTSIDE, 0},
    {offsetof(struct maker_file, headers[3].p_flags), 4, MAKER_W, ELF_TLS_OUTSIDE, 0},
    {offsetof(struct maker_file, headers[6].p_memsz), 8, 0x3001, ELF_RELRO_OUTSIDE, 0},
    {offsetof(struct maker_file, headers[6].p_vaddr), 8, BASE - 1, ELF_RELRO_OUTSIDE, 0},
    {offsetof(struct maker_file, headers[0].p_vaddr), 8, BASE + 0x48, ELF_HEADERS_OUTSIDE, 0},
};

/* In the table the segment of REPEATED and OVERLAP is where the number is written; the parser may meet it later. */
static uint32_t segment_of(const struct elf_damage *damage) {
    if (damage->error == ELF_OVERLAP)
        return 2;
    return damage->error == ELF_REPEATED && damage->segment == 3 ? 4 : damage->segment;
}

/* The message about a refused image, against the table of texts. */
static bool text_is_right(struct elf_result result) {
    char message[ELF_MESSAGE_MAX], wanted[ELF_MESSAGE_MAX];
    const char *text = elf_texts[result.error];
    if (strncmp(text, "segment N", 9) == 0)
        snprintf(wanted, sizeof wanted, "segment %u%s", result.segment, text + 9);
    else
        snprintf(wanted, sizeof wanted, "%s", text);
    elf_format_result(result, message, sizeof message);
    if (CHECK(strcmp(message, wanted) == 0))
        return true;
    printf("#   is \"%s\", want \"%s\"\n", message, wanted);
    return false;
}

static void damage_is_named(void) {
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        const struct elf_damage *damage = &damages[i];
        maker_elf(&file, BASE);
        memcpy((uint8_t *)&file + damage->offset, &damage->value, damage->bytes);
        struct elf_result result = parse_copy(&file, sizeof file, limits);
        bool same = CHECK_EQUAL(result.error, damage->error) && CHECK_EQUAL(result.segment, segment_of(damage)) &&
                    text_is_right(result);
        if (!same)
            printf("#   in row %zu\n", i);
        provoked[result.error] = true;
        CHECK_EQUAL(plan.segment_count, 0);
    }
}

static void short_files_are_named(void) {
    maker_elf(&file, BASE);
    for (size_t bytes = 0; bytes < sizeof file; bytes++) {
        enum elf_error error = parse_copy(&file, bytes, limits).error;
        enum elf_error wanted = ELF_FILE_BEYOND_END;
        if (bytes < sizeof(struct maker_file_header))
            wanted = ELF_TOO_SHORT;
        else if (bytes < offsetof(struct maker_file, rest))
            wanted = ELF_TRUNCATED_HEADERS;
        CHECK_EQUAL(error, wanted);
        CHECK(error == ELF_FILE_BEYOND_END || text_is_right((struct elf_result){error, 0}));
        provoked[error] = true;
    }
}

static void too_many_segments_are_named(void) {
    static struct {
        struct maker_file_header header;
        struct maker_program_header headers[ELF_SEGMENTS_MAX + 1];
    } many;
    maker_elf(&file, BASE);
    many.header = file.header;
    many.header.e_phnum = ELF_SEGMENTS_MAX;
    many.header.e_entry = BASE;
    for (uint32_t i = 0; i <= ELF_SEGMENTS_MAX; i++) {
        many.headers[i] = (struct maker_program_header){.p_type = MAKER_LOAD, .p_flags = MAKER_R | MAKER_X};
        many.headers[i].p_vaddr = BASE + i * 0x1000ULL;
        many.headers[i].p_memsz = 0x1000;
    }
    CHECK_EQUAL(parse_copy(&many, sizeof many, limits).error, ELF_OK);
    CHECK_EQUAL(plan.segment_count, ELF_SEGMENTS_MAX);
    many.header.e_phnum = ELF_SEGMENTS_MAX + 1;
    struct elf_result result = parse_copy(&many, sizeof many, limits);
    CHECK_EQUAL(result.error, ELF_TOO_MANY_SEGMENTS);
    CHECK_EQUAL(result.segment, ELF_SEGMENTS_MAX);
    CHECK(text_is_right(result));
    provoked[result.error] = true;
}

/* Runs after the three cases above, which look at the texts, too. */
static void every_error_was_provoked(void) {
    CHECK_EQUAL(sizeof elf_texts / sizeof elf_texts[0], sizeof provoked);
    for (uint32_t error = ELF_OK + 1; error < sizeof provoked; error++) {
        if (!CHECK(provoked[error])) {
            char message[ELF_MESSAGE_MAX];
            elf_format_result((struct elf_result){.error = (enum elf_error)error}, message, sizeof message);
            printf("#   %s\n", message);
        }
    }
}

/* Its bytes in the file are those of a segment that is read. */
static bool tls_is_sound(void) {
    const struct elf_tls *tls = &plan.tls;
    bool found = tls->file_bytes == 0;
    for (uint32_t i = 0; i < plan.segment_count; i++) {
        const struct elf_segment *segment = &plan.segments[i];
        found = found || (tls->virt >= segment->virt && tls->virt - segment->virt <= segment->file_bytes &&
                          tls->file_bytes <= segment->file_bytes - (tls->virt - segment->virt) &&
                          tls->file_offset == segment->file_offset + (tls->virt - segment->virt) &&
                          (segment->rights & MEMORY_READ));
    }
    bool aligned = tls->align <= 4096 && (tls->align & (tls->align - 1)) == 0;
    return found && aligned && tls->file_bytes <= tls->memory_bytes && tls->memory_bytes <= ELF_TLS_BYTES_MAX;
}

/* The guarantees that a loader relies on, computed independently. */
static bool plan_is_sound(size_t bytes) {
    uint64_t end = plan.type == ELF_TYPE_FIXED ? limits.lowest : 0;
    uint64_t limit = plan.type == ELF_TYPE_FIXED ? limits.end : limits.end - limits.lowest;
    bool entry_found = false;
    for (uint32_t i = 0; i < plan.segment_count; i++) {
        const struct elf_segment *segment = &plan.segments[i];
        bool sound = segment->virt >= end && segment->memory_bytes > 0 && segment->virt < limit &&
                     segment->memory_bytes <= limit - segment->virt && segment->file_bytes <= segment->memory_bytes &&
                     segment->file_offset <= bytes && segment->file_bytes <= bytes - segment->file_offset &&
                     segment->virt % 4096 == segment->file_offset % 4096 &&
                     (segment->rights & (MEMORY_WRITE | MEMORY_EXECUTE)) != (MEMORY_WRITE | MEMORY_EXECUTE);
        if (!sound)
            return false;
        end = segment->virt + segment->memory_bytes;
        entry_found =
            entry_found || ((segment->rights & MEMORY_EXECUTE) && plan.entry >= segment->virt && plan.entry < end);
    }
    return plan.segment_count > 0 && plan.segment_count <= ELF_SEGMENTS_MAX && plan.end == end && entry_found &&
           plan.lowest == plan.segments[0].virt && plan.interpreter_offset <= bytes &&
           plan.interpreter_bytes <= bytes - plan.interpreter_offset && plan.tls.file_offset <= bytes &&
           plan.tls.file_bytes <= bytes - plan.tls.file_offset && tls_is_sound() && plan.build_id_offset <= bytes &&
           plan.build_id_bytes <= bytes - plan.build_id_offset && plan.build_id_bytes <= ELF_BUILD_ID_MAX;
}

static void random_damage_is_survived(void) {
    static const uint64_t values[] = {0,
                                      1,
                                      7,
                                      8,
                                      0xfff,
                                      0x1000,
                                      0x2100,
                                      0x7fffffff,
                                      0xffffffff,
                                      0x400000,
                                      1ULL << 47,
                                      0x7ffffffff000,
                                      0xffffffff80000000,
                                      1ULL << 63,
                                      UINT64_MAX,
                                      UINT64_MAX - 0xfff};
    uint64_t seed = 42;
    uint32_t accepted = 0;
    for (uint32_t round = 0; round < 100000; round++) {
        maker_elf(&file, BASE);
        uint64_t change_count = 1 + random_step(&seed) % 3;
        for (uint64_t change = 0; change < change_count; change++) {
            uint64_t value = random_step(&seed);
            value = value % 2 ? values[(value >> 8) % 16] : random_step(&seed);
            uint64_t width = 1ULL << (random_step(&seed) % 4);
            uint64_t offset = random_step(&seed) % (offsetof(struct maker_file, rest) - 8) / width * width;
            memcpy((uint8_t *)&file + offset, &value, width);
        }
        size_t bytes = random_step(&seed) % 8 ? sizeof file : random_step(&seed) % sizeof file;
        if (parse_copy(&file, bytes, limits).error == ELF_OK) {
            accepted++;
            CHECK(plan_is_sound(bytes));
        }
    }
    CHECK(accepted > 1000); /* otherwise the rounds say nothing about plans */
}

static void messages_fit_their_buffer(void) {
    char message[ELF_MESSAGE_MAX];
    struct elf_result result = {.error = ELF_WRITE_EXECUTE, .segment = 4294967295};
    CHECK_EQUAL(elf_format_result(result, message, sizeof message), strlen(message));
    CHECK(strcmp(message, "segment 4294967295: both writable and executable") == 0);
    result = (struct elf_result){.error = ELF_NOT_ELF, .segment = 3};
    elf_format_result(result, message, sizeof message);
    CHECK(strcmp(message, "not an ELF file") == 0);
    CHECK_EQUAL(elf_format_result(result, message, 4), 3);
    CHECK(strcmp(message, "not") == 0);
    CHECK_EQUAL(elf_format_result(result, message, 0), 0);
    for (uint32_t error = 0; error < sizeof provoked; error++) {
        size_t length =
            elf_format_result((struct elf_result){(enum elf_error)error, UINT32_MAX}, message, sizeof message);
        CHECK(length + 1 < sizeof message);
    }
}

SUITE(CASE(sound_file_is_planned), CASE(movable_file_counts_from_zero), CASE(kernel_addresses_are_accepted),
      CASE(unaligned_bytes_are_read), CASE(empty_segment_is_skipped), CASE(shared_page_is_noticed),
      CASE(absent_headers_leave_zeroes), CASE(tls_without_bytes_in_the_file_may_lie_anywhere),
      CASE(executable_stack_is_noticed), CASE(damage_is_named), CASE(short_files_are_named),
      CASE(too_many_segments_are_named), CASE(every_error_was_provoked), CASE(random_damage_is_survived),
      CASE(messages_fit_their_buffer));
