/*
 * What the parts of the UEFI front end share. Source: UEFI specification 2.10, through GNU-EFI's headers.
 */
#pragma once

#include <efi.h>
#include <stdbool.h>
#include <stdint.h>

#include "boot/loader.h"
#include "boot/memory_map.h"
#include "boot/text.h"

struct uefi {
    EFI_HANDLE image; /* the loader's own */
    EFI_SYSTEM_TABLE *system;
    EFI_BOOT_SERVICES *services;
    struct text failure; /* why the last function that returned false did so */
};

/* uefi_console.c: firmware's console, or COM1 if it has none. */
void uefi_print(const struct uefi *uefi, const char *text);
void uefi_wait_for_key(const struct uefi *uefi, uint32_t seconds_max);

/* Put "NAME: what: STATUS" in uefi->failure and return false. */
bool uefi_fail(struct uefi *uefi, const char *name, const char *what, EFI_STATUS status);

/*
 * uefi_volume.c: files on the file system from which firmware loaded this loader. uefi_read_volume() reads the boot
 * volume into whole pages of its own. uefi_read_command() reads the command line into `bytes`, which has room for
 * BOOT_COMMAND_MAX; if there is no such file, the line is empty.
 */
[[nodiscard]] bool uefi_read_volume(struct uefi *uefi, uint64_t *ret_phys, uint64_t *ret_bytes);
[[nodiscard]] bool uefi_read_command(struct uefi *uefi, char *bytes);

/*
 * uefi_memory.c: the memory map. uefi_read_map() reads it while firmware runs, and paints firmware's own memory as
 * taken. uefi_exit() ends boot services and then reads the final map.
 */
[[nodiscard]] bool uefi_read_map(struct uefi *uefi, struct memory_map *map);
[[nodiscard]] bool uefi_exit(struct uefi *uefi, struct memory_map *map);

/* uefi_machine.c: what firmware knows about the machine. */
uint64_t uefi_find_rsdp(const struct uefi *uefi);
struct boot_framebuffer uefi_find_framebuffer(const struct uefi *uefi);
void uefi_find_entropy(const struct uefi *uefi, uint64_t words[BOOT_ENTROPY_WORDS]);
