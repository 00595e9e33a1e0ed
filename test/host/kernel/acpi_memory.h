/*
 * Memory with ACPI tables, for host tests: pieces at physical addresses. A read gets a copy of exactly the bytes asked
 * for, so that sanitizers notice an access beyond them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/arch/x86_64/acpi.h"

#define ACPI_RSDP 0xf0000U /* where acpi_put_root puts it */
#define ACPI_BYTES_MAX 4096U

/* Remove all pieces, and clear the log. */
void acpi_memory_clear(void);

/* Put a piece of at most ACPI_BYTES_MAX bytes at `phys`; it must not overlap others. */
void acpi_put(uint64_t phys, const void *bytes, uint32_t length);
/* Put a table: its header, with a right checksum, then `bytes`. */
void acpi_put_table(uint64_t phys, const char *name, const void *bytes, uint32_t length);
/* Put an RSDP and, at `phys`, an RSDT (wide: XSDT) with these entries. */
void acpi_put_root(uint64_t phys, bool wide, const uint64_t *entries, uint32_t count);
/* The piece at `phys`, to be changed. */
uint8_t *acpi_bytes(uint64_t phys);
/* Set the byte at `at` so that the checksum over bytes 0 ... length - 1 of the piece is right. */
void acpi_add_up(uint64_t phys, uint32_t at, uint32_t length);

/* The format strings of the lines logged since the last clearing, one after another. */
extern char acpi_log[1024];
