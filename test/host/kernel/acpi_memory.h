/*
 * Memory with ACPI tables in it, for host tests: pieces at physical addresses. Whatever is read of them is a copy of
 * exactly the bytes that were asked for, so that the sanitizers see the first one beyond.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/arch/x86_64/acpi.h"

#define ACPI_RSDP 0xf0000U /* where acpi_put_root puts it */
#define ACPI_BYTES_MAX 4096U

/* Empty again: no pieces, no log. */
void acpi_memory_clear(void);

/* A piece at `phys`: overlaps none, at most ACPI_BYTES_MAX. */
void acpi_put(uint64_t phys, const void *bytes, uint32_t length);
/* A table: its head, with a checksum that is right, and then `bytes`. */
void acpi_put_table(uint64_t phys, const char *name, const void *bytes, uint32_t length);
/* RSDP and, at `phys`, RSDT (wide: XSDT) with these entries. */
void acpi_put_root(uint64_t phys, bool wide, const uint64_t *entries, uint32_t count);
/* The piece at `phys`, to be changed. */
uint8_t *acpi_bytes(uint64_t phys);
/* Make the byte at `at` such that bytes 0 ... length - 1 of the piece add up. */
void acpi_add_up(uint64_t phys, uint32_t at, uint32_t length);

/* Formats of the lines on the log since the last clearing, one after another. */
extern char acpi_log[1024];
