#include "test/host/kernel/acpi_memory.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/base/string.h"
#include "kernel/machine/log.h"

#define PIECES_MAX 64U
#define COPIES_MAX 4096U
#define HEAD_BYTES 36U
#define CHECKSUM_AT 9U

static struct acpi_piece {
    uint64_t phys;
    uint32_t length;
    uint8_t bytes[ACPI_BYTES_MAX];
} pieces[PIECES_MAX];
static uint32_t piece_count;
static void *copies[COPIES_MAX];
static uint32_t copy_count;

char acpi_log[1024];

/* Stands in for the kernel's own log_line. */
void log_line(enum log_level level, const char *module, const char *format, ...) {
    (void)level;
    (void)module;
    strncat(acpi_log, format, sizeof acpi_log - strlen(acpi_log) - 1);
}
size_t text_length(const char *text) { return strlen(text); }
int text_compare(const char *a, const char *b, size_t count) { return strncmp(a, b, count); }

void acpi_memory_clear(void) {
    while (copy_count > 0)
        free(copies[--copy_count]);
    piece_count = 0;
    acpi_log[0] = 0;
}

const uint8_t *acpi_reach(uint64_t phys, uint64_t bytes) {
    for (uint32_t i = 0; i < piece_count; i++) {
        uint64_t offset = phys - pieces[i].phys;
        if (offset >= pieces[i].length || bytes > pieces[i].length - offset || copy_count == COPIES_MAX)
            continue;
        void *copy = malloc(bytes);
        if (copy == NULL)
            abort();
        copies[copy_count++] = copy;
        return memcpy(copy, pieces[i].bytes + offset, bytes);
    }
    return NULL;
}

void acpi_put(uint64_t phys, const void *bytes, uint32_t length) {
    if (piece_count == PIECES_MAX || length > ACPI_BYTES_MAX)
        abort();
    struct acpi_piece *piece = &pieces[piece_count++];
    piece->phys = phys;
    piece->length = length;
    if (length > 0)
        memcpy(piece->bytes, bytes, length);
}

uint8_t *acpi_bytes(uint64_t phys) {
    for (uint32_t i = 0; i < piece_count; i++) {
        if (pieces[i].phys == phys)
            return pieces[i].bytes;
    }
    abort();
}

void acpi_add_up(uint64_t phys, uint32_t at, uint32_t length) {
    uint8_t *bytes = acpi_bytes(phys);
    bytes[at] = 0;
    for (uint32_t i = 0; i < length; i++) {
        if (i != at)
            bytes[at] = (uint8_t)(bytes[at] - bytes[i]);
    }
}

void acpi_put_table(uint64_t phys, const char *name, const void *bytes, uint32_t length) {
    uint8_t all[ACPI_BYTES_MAX] = {0};
    uint32_t whole = HEAD_BYTES + length;
    if (whole > sizeof all)
        abort();
    memcpy(all, name, 4);
    memcpy(all + 4, &whole, sizeof whole);
    if (length > 0)
        memcpy(all + HEAD_BYTES, bytes, length);
    acpi_put(phys, all, whole);
    acpi_add_up(phys, CHECKSUM_AT, whole);
}

void acpi_put_root(uint64_t phys, bool wide, const uint64_t *entries, uint32_t count) {
    uint8_t rsdp[36] = "RSD PTR ", body[ACPI_BYTES_MAX];
    uint32_t entry_bytes = wide ? 8 : 4, length = sizeof rsdp;
    for (uint32_t i = 0; i < count; i++)
        memcpy(body + i * entry_bytes, &entries[i], entry_bytes);
    acpi_put_table(phys, wide ? "XSDT" : "RSDT", body, count * entry_bytes);
    rsdp[15] = wide ? 2 : 0;
    memcpy(rsdp + (wide ? 24 : 16), &phys, entry_bytes);
    memcpy(rsdp + 20, &length, sizeof length);
    acpi_put(ACPI_RSDP, rsdp, sizeof rsdp);
    acpi_add_up(ACPI_RSDP, 8, 20);
    acpi_add_up(ACPI_RSDP, 32, 36);
}
