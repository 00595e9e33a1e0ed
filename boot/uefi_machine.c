#include "boot/entropy.h"
#include "boot/uefi.h"

static EFI_GUID graphics_guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
static EFI_GUID random_guid = EFI_RNG_PROTOCOL_GUID;
static const EFI_GUID acpi_2_guid = ACPI_20_TABLE_GUID;
static const EFI_GUID acpi_1_guid = ACPI_TABLE_GUID;

static bool guid_equals(const EFI_GUID *left, const EFI_GUID *right) {
    const uint8_t *left_bytes = (const uint8_t *)left;
    const uint8_t *right_bytes = (const uint8_t *)right;
    uint32_t i = 0;
    while (i < sizeof(EFI_GUID) && left_bytes[i] == right_bytes[i])
        i++;
    return i == sizeof(EFI_GUID);
}

static uint64_t find_table(const struct uefi *uefi, const EFI_GUID *guid) {
    for (UINTN i = 0; i < uefi->system->NumberOfTableEntries; i++) {
        const EFI_CONFIGURATION_TABLE *table = &uefi->system->ConfigurationTable[i];
        if (guid_equals(&table->VendorGuid, guid))
            return (uintptr_t)table->VendorTable;
    }
    return 0;
}

uint64_t uefi_find_rsdp(const struct uefi *uefi) {
    uint64_t phys = find_table(uefi, &acpi_2_guid);
    return phys != 0 ? phys : find_table(uefi, &acpi_1_guid);
}

static enum boot_pixel_format format_of(EFI_GRAPHICS_PIXEL_FORMAT format) {
    switch (format) {
    case PixelRedGreenBlueReserved8BitPerColor:
        return BOOT_PIXEL_RGBX8;
    case PixelBlueGreenRedReserved8BitPerColor:
        return BOOT_PIXEL_BGRX8;
    case PixelBitMask:
    case PixelBltOnly:
    case PixelFormatMax:
        return BOOT_PIXEL_NONE;
    }
    return BOOT_PIXEL_NONE;
}

/*
 * Find the first screen whose memory can be written to directly. A console that stands for several screens has no such
 * memory.
 */
struct boot_framebuffer uefi_find_framebuffer(const struct uefi *uefi) {
    struct boot_framebuffer found = {.format = BOOT_PIXEL_NONE};
    EFI_HANDLE *handles = NULL;
    UINTN handle_count = 0;
    EFI_STATUS status = uefi->services->LocateHandleBuffer(ByProtocol, &graphics_guid, NULL, &handle_count, &handles);
    if (status != EFI_SUCCESS)
        return found;
    for (UINTN i = 0; i < handle_count && found.format == BOOT_PIXEL_NONE; i++) {
        EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics = NULL;
        status = uefi->services->HandleProtocol(handles[i], &graphics_guid, (void **)&graphics);
        if (status != EFI_SUCCESS || graphics->Mode == NULL || graphics->Mode->Info == NULL)
            continue;
        const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *mode = graphics->Mode->Info;
        enum boot_pixel_format format = format_of(mode->PixelFormat);
        if (format != BOOT_PIXEL_NONE && graphics->Mode->FrameBufferBase != 0) {
            found = (struct boot_framebuffer){
                .phys = graphics->Mode->FrameBufferBase,
                .width = mode->HorizontalResolution,
                .height = mode->VerticalResolution,
                .stride_bytes = mode->PixelsPerScanLine * 4,
                .format = format,
            };
        }
    }
    (void)uefi->services->FreePool(handles);
    return found;
}

void uefi_find_entropy(const struct uefi *uefi, uint64_t words[BOOT_ENTROPY_WORDS]) {
    EFI_RNG_PROTOCOL *random = NULL;
    if (entropy_from_cpu(words) || uefi->services->LocateProtocol(&random_guid, NULL, (void **)&random) != EFI_SUCCESS)
        return;
    UINTN bytes = BOOT_ENTROPY_WORDS * sizeof words[0];
    if (random->GetRNG(random, NULL, bytes, (UINT8 *)words) != EFI_SUCCESS) {
        for (uint32_t i = 0; i < BOOT_ENTROPY_WORDS; i++)
            words[i] = 0; /* no half-filled words: all 0 says that there was no source */
    }
}
