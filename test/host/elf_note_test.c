/* Is an image's build id found, and is a malformed note ignored? */
#include <stdlib.h>
#include <string.h>

#include "libsys/format/elf.h"
#include "test/host/elf_maker.h"
#include "test/host/suite.h"

#define BASE 0x400000ULL

static struct maker_file file;
static struct elf_plan plan;

/* Parse a copy of the file, so that the address sanitizer sees a read beyond it. */
static struct elf_result parse_copy(void) {
    const struct elf_limits limits = {.lowest = 0x200000, .end = 0x7ffffffff000};
    uint8_t *copy = malloc(sizeof file);
    memcpy(copy, &file, sizeof file);
    struct elf_result result = elf_plan_image(copy, sizeof file, limits, &plan);
    free(copy);
    return result;
}

/* The notes of a file with two, of which the second is the build id. */
static uint32_t *put_notes(uint32_t offset) {
    static const uint32_t notes[] = {5,          2,   1, 0x64636261, 0x65, 0x11111111, /* "abcde", two bytes */
                                     4,          5,   3, 0x00554e47,                   /* "GNU", five bytes */
                                     0x44332211, 0x55};
    maker_elf(&file, BASE);
    memcpy((uint8_t *)&file + offset, notes, sizeof notes);
    file.headers[7] = (struct maker_program_header){
        .p_type = MAKER_NOTE, .p_offset = offset, .p_filesz = sizeof notes, .p_memsz = sizeof notes};
    return (uint32_t *)(void *)((uint8_t *)&file + offset);
}

static void build_id_is_found(void) {
    put_notes(0x1100);
    CHECK_EQUAL(parse_copy().error, ELF_OK);
    CHECK_EQUAL(plan.build_id_offset, 0x1100 + 10 * 4);
    CHECK_EQUAL(plan.build_id_bytes, 5);
    CHECK_EQUAL(((uint8_t *)&file)[plan.build_id_offset], 0x11);
    put_notes(MAKER_FILE_BYTES - 12 * 4); /* up to the last byte of the file */
    CHECK_EQUAL(parse_copy().error, ELF_OK);
    CHECK_EQUAL(plan.build_id_bytes, 5);
}

/* Whatever a malformed note holds, the file can be loaded, and no id is made up. */
static void notes_without_sense_are_none(void) {
    static const struct {
        uint32_t word, value;
    } damaged[] = {{0, 0xffffffff}, {1, 0xffffffff}, {0, 0xfffffffd}, {0, 40}, {1, 28},       {6, 3},
                   {6, 0},          {7, 21},         {7, 9},          {8, 1},  {9, 0x554e48}, {7, 0xffffffff}};
    for (uint32_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        put_notes(0x1100)[damaged[i].word] = damaged[i].value;
        CHECK_EQUAL(parse_copy().error, ELF_OK);
        if (!CHECK_EQUAL(plan.build_id_bytes, 0))
            printf("#   in row %u\n", i);
    }
    static const uint64_t offsets[] = {MAKER_FILE_BYTES, MAKER_FILE_BYTES - 1, UINT64_MAX, UINT64_MAX - 8};
    for (uint32_t i = 0; i < 4; i++) {
        put_notes(0x1100);
        file.headers[7].p_offset = offsets[i];
        file.headers[7].p_filesz = UINT64_MAX;
        CHECK_EQUAL(parse_copy().error, ELF_OK);
        CHECK_EQUAL(plan.build_id_bytes, 0);
    }
    put_notes(0x1100)[7] = ELF_BUILD_ID_MAX + 1; /* there are as many bytes, but no such ids */
    file.headers[7].p_filesz = 0x100;
    CHECK_EQUAL(parse_copy().error, ELF_OK);
    CHECK_EQUAL(plan.build_id_bytes, 0);
    put_notes(MAKER_FILE_BYTES - 12 * 4)[7] = 9; /* the header says there are as many, the file does not */
    file.headers[7].p_filesz = UINT64_MAX;
    CHECK_EQUAL(parse_copy().error, ELF_OK);
    CHECK_EQUAL(plan.build_id_bytes, 0);
    put_notes(MAKER_FILE_BYTES - 12 * 4);
    file.headers[7].p_filesz = UINT64_MAX; /* what is there ends the search */
    CHECK_EQUAL(parse_copy().error, ELF_OK);
    CHECK_EQUAL(plan.build_id_bytes, 5);
}

SUITE(CASE(build_id_is_found), CASE(notes_without_sense_are_none));
