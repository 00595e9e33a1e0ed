#include "boot/uefi.h"

enum {
    SPARE_DESCRIPTORS = 64, /* how many the map may grow by until firmware is left */
    EXIT_TRIES = 8,
};

/* Firmware's map in firmware's format. The buffer is made once: after the first try to exit nothing may be allocated. */
struct raw_map {
    uint8_t *bytes;
    UINTN capacity_bytes;
    UINTN bytes_used;
    UINTN descriptor_bytes;
    UINTN key;
};

static struct raw_map raw;

static EFI_STATUS raw_read(const struct uefi *uefi) {
    UINT32 version = 0;
    raw.bytes_used = raw.capacity_bytes;
    return uefi->services->GetMemoryMap(&raw.bytes_used, (EFI_MEMORY_DESCRIPTOR *)(void *)raw.bytes, &raw.key,
                                        &raw.descriptor_bytes, &version);
}

static EFI_STATUS raw_make(const struct uefi *uefi) {
    EFI_STATUS status = raw_read(uefi); /* with no room: says how much it takes */
    if (status != EFI_BUFFER_TOO_SMALL) {
        return status == EFI_SUCCESS ? EFI_DEVICE_ERROR : status;
    }
    UINTN bytes = raw.bytes_used + SPARE_DESCRIPTORS * raw.descriptor_bytes;
    void *buffer = NULL;
    status = uefi->services->AllocatePool(EfiLoaderData, bytes, &buffer);
    if (status == EFI_SUCCESS) {
        raw.bytes = buffer;
        raw.capacity_bytes = bytes;
    }
    return status;
}

/* of_services: what boot services' own memory counts as. */
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
    EFI_STATUS status = raw_make(uefi);
    if (status == EFI_SUCCESS) {
        status = raw_read(uefi);
    }
    if (status != EFI_SUCCESS) {
        return uefi_fail(uefi, "memory map", "cannot be read", status);
    }
    return raw_paint(uefi, map, BOOT_RANGE_LOADER);
}

/* Whatever runs between reading the map and leaving may change it and make its key stale; then it is read again. */
bool uefi_exit(struct uefi *uefi, struct memory_map *map) {
    EFI_STATUS status = EFI_INVALID_PARAMETER;
    for (uint32_t try = 0; status == EFI_INVALID_PARAMETER && try < EXIT_TRIES; try++) {
        status = raw_read(uefi);
        if (status == EFI_SUCCESS) {
            status = uefi->services->ExitBootServices(uefi->image, raw.key);
        }
    }
    if (status != EFI_SUCCESS) {
        return uefi_fail(uefi, "firmware", "does not let go of the machine", status);
    }
    return raw_paint(uefi, map, BOOT_RANGE_RAM);
}
