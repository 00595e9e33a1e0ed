/*
 * A firmware as odd as some real ones: an application between firmware and the loader. It replaces entries in the table
 * of boot services and starts the loader, \EFI\BATON\LOADER.EFI. The file \odd.txt selects the oddities by words
 * separated by spaces, `name` or `name=number`; test/boot/run_probe.py has the machines that use them.
 */
#include <efi.h>
#include <stdbool.h>
#include <stdint.h>

#define PAGE 4096U

enum {
    WORDS_BYTES_MAX = 128,
    LOADER_BYTES_MAX = 1 << 20,
    MAP_BYTES_MAX = 1 << 17,
    STRIDE = 96,           /* size of descriptors with `stride`; usually 48 */
    READ_BYTES_MAX = 4099, /* at most, in one read with `short` */
};

static EFI_SYSTEM_TABLE *table;
static EFI_BOOT_SERVICES real; /* the firmware's own table */
static char words[WORDS_BYTES_MAX];
static uint32_t exit_tries, refused_count, read_count;
static bool watchdog_runs = true;

static EFI_STATUS(EFIAPI *real_open_volume)(EFI_FILE_IO_INTERFACE *, EFI_FILE **);
static EFI_STATUS(EFIAPI *real_open)(EFI_FILE *, EFI_FILE **, CHAR16 *, UINT64, UINT64);
static EFI_STATUS(EFIAPI *real_read)(EFI_FILE *, UINTN *, void *);
static EFI_STATUS(EFIAPI *real_info)(EFI_FILE *, EFI_GUID *, UINTN *, void *);

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

/* The text after `name` in the word that begins with it; NULL: no such word. */
static const char *value_of(const char *name) {
    for (const char *at = words; *at != 0; at++) {
        uint32_t i = 0;
        while (name[i] != 0 && at[i] == name[i])
            i++;
        if (name[i] == 0 && (at == words || at[-1] == ' '))
            return at + i;
    }
    return NULL;
}

static bool has(const char *name) { return value_of(name) != NULL; }

static UINTN number_of(const char *name) {
    UINTN number = 0;
    for (const char *at = value_of(name); at != NULL && *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (UINTN)(*at - '0');
    return number;
}

/* Take every second page of a block, for good: the memory map grows by twice `count`. */
static void break_memory(UINTN count) {
    EFI_PHYSICAL_ADDRESS block = 0;
    if (count == 0 || real.AllocatePages(AllocateAnyPages, EfiBootServicesData, 2 * count + 2, &block) != EFI_SUCCESS)
        return;
    (void)real.FreePages(block, 2 * count + 2);
    for (UINTN i = 0; i < count; i++) {
        EFI_PHYSICAL_ADDRESS at = block + (2 * i + 1) * PAGE;
        (void)real.AllocatePages(AllocateAddress, EfiRuntimeServicesData, 1, &at);
    }
}

/* ---- leaving ---- */

/* Fails a few times, each time for another reason. */
static EFI_STATUS EFIAPI exit_services(EFI_HANDLE image, UINTN key) {
    exit_tries++;
    if (has("watchdog") && watchdog_runs)
        table->RuntimeServices->ResetSystem(EfiResetShutdown, EFI_TIMEOUT, 0, NULL);
    if (exit_tries <= number_of("stale=")) {
        EFI_PHYSICAL_ADDRESS page = 0;
        (void)real.AllocatePages(AllocateAnyPages, EfiBootServicesData, 1, &page);
        return real.ExitBootServices(image, key);
    }
    if (exit_tries == number_of("stale=") + 1 && has("grow=")) {
        break_memory(number_of("grow="));
        return EFI_INVALID_PARAMETER;
    }
    if (has("never") || (has("busy") && exit_tries == number_of("stale=") + 2))
        return has("never") ? EFI_INVALID_PARAMETER : EFI_NOT_READY;
    return real.ExitBootServices(image, key);
}

static EFI_STATUS EFIAPI set_watchdog(UINTN seconds, UINT64 code, UINTN data_bytes, CHAR16 *data) {
    watchdog_runs = seconds != 0;
    return real.SetWatchdogTimer(seconds, code, data_bytes, data);
}

/* ---- the memory map ---- */

/* Types that came after the loader was written, types of vendors, and a range of no pages; each far from all memory. */
static const uint32_t odd_types[] = {14, 15, 16, 0x70000000, 0x7fffffff, 0x80000000, 0xffffffff, EfiConventionalMemory};
enum { ODD_TYPES = sizeof odd_types / sizeof odd_types[0] };

static EFI_STATUS EFIAPI get_map(UINTN *bytes, EFI_MEMORY_DESCRIPTOR *map, UINTN *key, UINTN *stride, UINT32 *version) {
    static uint8_t all[MAP_BYTES_MAX];
    UINTN all_bytes = sizeof all, step = 0;
    EFI_STATUS status = real.GetMemoryMap(&all_bytes, (void *)all, key, &step, version);
    if (status != EFI_SUCCESS)
        return status;
    UINTN count = all_bytes / step, odd_count = has("types") ? ODD_TYPES : 0, room = *bytes;
    UINTN each = has("stride") ? STRIDE : step;
    *bytes = (count + odd_count) * each;
    if (map == NULL || room < *bytes)
        return EFI_BUFFER_TOO_SMALL; /* some firmware does not tell an entry's size here; nor do we */
    *stride = each;
    for (UINTN i = 0; i < count + odd_count; i++) {
        UINTN at = has("shuffle") ? count + odd_count - 1 - i : i; /* in descending order of addresses */
        EFI_MEMORY_DESCRIPTOR *target = (void *)((uint8_t *)map + at * each);
        if (i < count) {
            *target = *(const EFI_MEMORY_DESCRIPTOR *)(void *)(all + i * step);
            continue;
        }
        *target = (EFI_MEMORY_DESCRIPTOR){.Type = odd_types[i - count]};
        target->PhysicalStart = 0x8000000000 + i * 0x1000000;
        target->NumberOfPages = i + 1 == count + odd_count ? 0 : PAGE;
    }
    return EFI_SUCCESS;
}

/* Refuse memory that the map calls free but that firmware has promised elsewhere. */
static EFI_STATUS EFIAPI take_pages(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN count,
                                    EFI_PHYSICAL_ADDRESS *at) {
    if (how == AllocateAddress && refused_count < number_of("refuse=")) {
        refused_count++;
        return EFI_NOT_FOUND;
    }
    if (has("place=") && how == AllocateAnyPages && type == EfiLoaderData) { /* allocate at this many MiB */
        *at = number_of("place=") << 20;
        how = AllocateAddress;
    }
    return real.AllocatePages(how, type, count, at);
}

/* ---- files ---- */

static EFI_STATUS EFIAPI read_file(EFI_FILE *file, UINTN *bytes, void *target) {
    if (has("short") && *bytes > READ_BYTES_MAX)
        *bytes = READ_BYTES_MAX;
    return has("readerror") && ++read_count == 4 ? EFI_DEVICE_ERROR : real_read(file, bytes, target);
}

static EFI_STATUS EFIAPI get_info(EFI_FILE *file, EFI_GUID *kind, UINTN *bytes, void *target) {
    EFI_STATUS status = real_info(file, kind, bytes, target);
    if (status == EFI_SUCCESS) {
        EFI_FILE_INFO *info = target;
        info->FileSize = has("huge") ? INT64_MAX : info->FileSize + number_of("longer=");
    }
    return status;
}

static EFI_STATUS EFIAPI open_file(EFI_FILE *folder, EFI_FILE **ret_file, CHAR16 *name, UINT64 mode,
                                   UINT64 attributes) {
    EFI_STATUS status = real_open(folder, ret_file, name, mode, attributes);
    if (status == EFI_SUCCESS && (*ret_file)->Read != read_file) {
        real_read = (*ret_file)->Read;
        real_info = (*ret_file)->GetInfo;
        (*ret_file)->Read = read_file;
        (*ret_file)->GetInfo = get_info;
    }
    return status;
}

static EFI_STATUS EFIAPI open_volume(EFI_FILE_IO_INTERFACE *volume, EFI_FILE **ret_root) {
    EFI_STATUS status = real_open_volume(volume, ret_root);
    if (status == EFI_SUCCESS && (*ret_root)->Open != open_file) {
        real_open = (*ret_root)->Open;
        (*ret_root)->Open = open_file;
    }
    return status;
}

/* ---- screens ---- */

static void change_screens(void) {
    EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
    EFI_HANDLE *handles = NULL;
    UINTN count = 0;
    if (!has("mask") || real.LocateHandleBuffer(ByProtocol, &guid, NULL, &count, &handles) != EFI_SUCCESS)
        return;
    for (UINTN i = 0; i < count; i++) {
        EFI_GRAPHICS_OUTPUT_PROTOCOL *screen = NULL;
        if (real.HandleProtocol(handles[i], &guid, (void **)&screen) == EFI_SUCCESS && screen->Mode != NULL)
            screen->Mode->Info->PixelFormat = PixelBitMask;
    }
}

/* ---- the start ---- */

static EFI_STATUS read_whole(EFI_FILE *root, CHAR16 *path, void *target, UINTN *bytes) {
    EFI_FILE *file = NULL;
    EFI_STATUS status = root->Open(root, &file, path, EFI_FILE_MODE_READ, 0);
    if (status == EFI_SUCCESS) {
        status = file->Read(file, bytes, target);
        (void)file->Close(file);
    }
    return status;
}

static void change_tables(EFI_FILE_IO_INTERFACE *volume) {
    EFI_BOOT_SERVICES *services = table->BootServices;
    services->ExitBootServices = exit_services;
    services->SetWatchdogTimer = set_watchdog;
    services->GetMemoryMap = get_map;
    services->AllocatePages = take_pages;
    real_open_volume = volume->OpenVolume;
    volume->OpenVolume = open_volume;
    if (has("noconsole")) {
        table->ConOut = NULL;
        table->ConIn = NULL;
        table->StdErr = NULL;
    }
    if (has("noacpi"))
        table->NumberOfTableEntries = 0;
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system) {
    static uint8_t loader[LOADER_BYTES_MAX];
    EFI_GUID image_guid = LOADED_IMAGE_PROTOCOL, volume_guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
    EFI_LOADED_IMAGE *own = NULL, *next = NULL;
    EFI_FILE_IO_INTERFACE *volume = NULL;
    EFI_FILE *root = NULL;
    EFI_HANDLE next_image = NULL;
    UINTN bytes = sizeof words - 1, loader_bytes = sizeof loader;
    table = system;
    real = *system->BootServices;
    if (real.HandleProtocol(image, &image_guid, (void **)&own) != EFI_SUCCESS ||
        real.HandleProtocol(own->DeviceHandle, &volume_guid, (void **)&volume) != EFI_SUCCESS ||
        volume->OpenVolume(volume, &root) != EFI_SUCCESS ||
        read_whole(root, (CHAR16[]){L"\\odd.txt"}, words, &bytes) != EFI_SUCCESS ||
        read_whole(root, (CHAR16[]){L"\\EFI\\BATON\\LOADER.EFI"}, loader, &loader_bytes) != EFI_SUCCESS ||
        real.LoadImage(false, image, NULL, loader, loader_bytes, &next_image) != EFI_SUCCESS ||
        real.HandleProtocol(next_image, &image_guid, (void **)&next) != EFI_SUCCESS)
        return EFI_ABORTED;
    next->DeviceHandle = has("nodevice") ? NULL : own->DeviceHandle;
    break_memory(number_of("broken="));
    change_screens();
    change_tables(volume);
    return real.StartImage(next_image, NULL, NULL);
}
