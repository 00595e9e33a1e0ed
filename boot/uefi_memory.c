#include "boot/uefi.h"

enum {
    SPARE_BYTES = 32768, /* the map may grow by some 600 entries before it needs a larger buffer */
    EXIT_TRIES = 32,
};

/* Firmware's map in firmware's format. */
struct raw_map {
    uint8_t *bytes;
    UINTN capacity_bytes;
    UINTN bytes_used;
    UINTN descriptor_bytes;
    UINTN key;
};

static struct raw_map raw;

static EFI_STATUS raw_try(const struct uefi *uefi) {
    UINT32 version = 0;
    raw.bytes_used = raw.capacity_bytes;
    return uefi->services->GetMemoryMap(&raw.bytes_used, (EFI_MEMORY_DESCRIPTOR *)(void *)raw.bytes, &raw.key,
                                        &raw.descriptor_bytes, &version);
}

/*
 * Read firmware's map. A map that has outgrown its buffer tells its size, and gets a new buffer with room to grow
 * further. That room is large from the beginning: after the first try to leave firmware, growing is the last resort,
 * since memory may be allocated then only from UEFI 2.9 on (UEFI specification, EFI_BOOT_SERVICES.ExitBootServices).
 * The size of an entry is not asked for, since some firmware does not tell it here. The old buffer is not freed: it
 * becomes free memory anyway.
 */
static EFI_STATUS raw_read(const struct uefi *uefi) {
    EFI_STATUS status = raw_try(uefi);
    for (uint32_t try = 0; status == EFI_BUFFER_TOO_SMALL && try < EXIT_TRIES; try++) {
        UINTN bytes = raw.bytes_used + SPARE_BYTES;
        void *buffer = NULL;
        status = uefi->services->AllocatePool(EfiLoaderData, bytes, &buffer);
        if (status != EFI_SUCCESS)
            return status;
        raw.bytes = buffer;
        raw.capacity_bytes = bytes;
        status = raw_try(uefi);
    }
    return status;
}

/* of_services: the kind that the memory of boot services counts as. */
static enum boot_range_kind kind_of(uint32_t type, enum boot_range_kind of_services) {
    switch (type) {
    case EfiConventionalMemory:
        return BOOT_RANGE_RAM;
    case EfiLoaderCode:
    case EfiLoaderData:
        return BOOT_RANGE_LOADER;
    case EfiBootServicesCode:
    case EfiBootServicesData:
        return of_services;
    case EfiMemoryMappedIO:
    case EfiMemoryMappedIOPortSpace:
        return BOOT_RANGE_DEVICE;
    default:
        return BOOT_RANGE_FIRMWARE;
    }
}

static bool raw_paint(struct uefi *uefi, struct memory_map *map, enum boot_range_kind of_services) {
    map->count = 0;
    for (UINTN offset = 0; offset + raw.descriptor_bytes <= raw.bytes_used; offset += raw.descriptor_bytes) {
        const EFI_MEMORY_DESCRIPTOR *descriptor = (const void *)(raw.bytes + offset);
        uint64_t bytes = descriptor->NumberOfPages > MEMORY_PHYS_END / BOOT_PAGE_BYTES
                             ? MEMORY_PHYS_END
                             : descriptor->NumberOfPages * BOOT_PAGE_BYTES;
        if (!memory_map_paint(map, descriptor->PhysicalStart, bytes, kind_of(descriptor->Type, of_services))) {
            text_clear(&uefi->failure);
            text_add(&uefi->failure, "memory map: firmware reports more ranges than the loader can hold");
            return false;
        }
    }
    return true;
}

bool uefi_read_map(struct uefi *uefi, struct memory_map *map) {
    EFI_STATUS status = raw_read(uefi);
    if (status != EFI_SUCCESS)
        return uefi_fail(uefi, "memory map", "cannot be read", status);
    return raw_paint(uefi, map, BOOT_RANGE_LOADER);
}

/*
 * Code that runs between reading the map and leaving may change the map and so make its key stale
 * (EFI_INVALID_PARAMETER), or a driver may not be ready yet. The map is then read again and leaving tried again.
 */
bool uefi_exit(struct uefi *uefi, struct memory_map *map) {
    EFI_STATUS status = EFI_NOT_READY;
    for (uint32_t try = 0; status != EFI_SUCCESS && try < EXIT_TRIES; try++) {
        status = raw_read(uefi);
        if (status != EFI_SUCCESS)
            return uefi_fail(uefi, "memory map", "cannot be read", status);
        status = uefi->services->ExitBootServices(uefi->image, raw.key);
    }
    if (status != EFI_SUCCESS)
        return uefi_fail(uefi, "firmware", "does not let go of the machine", status);
    return raw_paint(uefi, map, BOOT_RANGE_RAM);
}
