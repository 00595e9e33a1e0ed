#include "boot/command.h"
#include "boot/uefi.h"

#define VOLUME_NAME "\\baton\\boot.tar"
#define COMMAND_NAME "\\baton\\command.txt"
#define MIB (1ULL << 20)

enum { INFO_BYTES = 512 }; /* EFI_FILE_INFO with a name far longer than ours */

static CHAR16 volume_path[] = L"\\baton\\boot.tar";
static CHAR16 command_path[] = L"\\baton\\command.txt";
static EFI_GUID loaded_image_guid = LOADED_IMAGE_PROTOCOL;
static EFI_GUID file_system_guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
static EFI_GUID file_info_guid = EFI_FILE_INFO_ID;

static bool open_root(struct uefi *uefi, EFI_FILE **ret_root) {
    EFI_LOADED_IMAGE *image = NULL;
    EFI_FILE_IO_INTERFACE *volume = NULL;
    EFI_STATUS status = uefi->services->HandleProtocol(uefi->image, &loaded_image_guid, (void **)&image);
    if (status == EFI_SUCCESS)
        status = uefi->services->HandleProtocol(image->DeviceHandle, &file_system_guid, (void **)&volume);
    if (status == EFI_SUCCESS)
        status = volume->OpenVolume(volume, ret_root);
    if (status != EFI_SUCCESS)
        return uefi_fail(uefi, "boot volume", "the loader was not started from a file system", status);
    return true;
}

static bool fail_plainly(struct uefi *uefi, const char *name, const char *what) {
    text_clear(&uefi->failure);
    text_add(&uefi->failure, name);
    text_add(&uefi->failure, ": ");
    text_add(&uefi->failure, what);
    return false;
}

/* Get the size of a file. A folder is an error. */
static bool file_size(struct uefi *uefi, EFI_FILE *file, const char *name, uint64_t *ret_bytes) {
    union {
        EFI_FILE_INFO info;
        uint8_t room[INFO_BYTES];
    } buffer;
    UINTN size = sizeof buffer;
    EFI_STATUS status = file->GetInfo(file, &file_info_guid, &size, &buffer);
    if (status != EFI_SUCCESS)
        return uefi_fail(uefi, name, "size unknown", status);
    if (buffer.info.Attribute & EFI_FILE_DIRECTORY)
        return fail_plainly(uefi, name, "a folder; put the file in its place");
    *ret_bytes = buffer.info.FileSize;
    return true;
}

/* Tell how far reading has come, for a file large enough to take a while. */
static void print_progress(const struct uefi *uefi, uint64_t done, uint64_t bytes) {
    if (bytes < 4 * MIB)
        return;
    struct text line;
    text_clear(&line);
    text_add(&line, "\rbaton: reading " VOLUME_NAME ": ");
    text_add_decimal(&line, done / MIB);
    text_add(&line, " of ");
    text_add_decimal(&line, bytes / MIB);
    text_add(&line, done == bytes ? " MiB\n" : " MiB");
    uefi_print(uefi, line.bytes);
}

static bool read_all(struct uefi *uefi, EFI_FILE *file, uint64_t phys, uint64_t bytes) {
    uint64_t done = 0;
    while (done < bytes) {
        UINTN chunk = bytes - done < MIB ? bytes - done : MIB;
        EFI_STATUS status = file->Read(file, &chunk, (void *)(uintptr_t)(phys + done));
        if (status != EFI_SUCCESS)
            return uefi_fail(uefi, VOLUME_NAME, "cannot be read", status);
        if (chunk == 0) {
            return uefi_fail(uefi, VOLUME_NAME, "shorter than its folder entry says; copy it again",
                             EFI_VOLUME_CORRUPTED);
        }
        done += chunk;
        print_progress(uefi, done, bytes);
    }
    return true;
}

static bool load_file(struct uefi *uefi, EFI_FILE *file, uint64_t *ret_phys, uint64_t *ret_bytes) {
    uint64_t bytes = 0;
    if (!file_size(uefi, file, VOLUME_NAME, &bytes))
        return false;
    EFI_PHYSICAL_ADDRESS phys = 0;
    UINTN page_count = bytes / BOOT_PAGE_BYTES + 1; /* never 0; sometimes one more than needed */
    EFI_STATUS status = uefi->services->AllocatePages(AllocateAnyPages, EfiLoaderData, page_count, &phys);
    if (status != EFI_SUCCESS)
        return uefi_fail(uefi, VOLUME_NAME, "too large for this machine", status);
    *ret_phys = phys;
    *ret_bytes = bytes;
    return read_all(uefi, file, phys, bytes);
}

bool uefi_read_volume(struct uefi *uefi, uint64_t *ret_phys, uint64_t *ret_bytes) {
    EFI_FILE *root = NULL;
    EFI_FILE *file = NULL;
    if (!open_root(uefi, &root))
        return false;
    bool good = true;
    EFI_STATUS status = root->Open(root, &file, volume_path, EFI_FILE_MODE_READ, 0);
    if (status == EFI_NOT_FOUND) {
        good =
            fail_plainly(uefi, VOLUME_NAME,
                         "not found on the boot volume; copy it to the partition that holds \\EFI\\BOOT\\BOOTX64.EFI");
    } else if (status != EFI_SUCCESS) {
        good = uefi_fail(uefi, VOLUME_NAME, "cannot be opened", status);
    } else {
        good = load_file(uefi, file, ret_phys, ret_bytes);
        (void)file->Close(file);
    }
    (void)root->Close(root);
    return good;
}

static bool read_command(struct uefi *uefi, EFI_FILE *file, char *ret_command) {
    static uint8_t bytes[COMMAND_FILE_BYTES_MAX];
    uint64_t size = 0, done = 0;
    if (!file_size(uefi, file, COMMAND_NAME, &size))
        return false;
    UINTN chunk = 1;
    while (chunk != 0 && done < sizeof bytes) { /* until the file ends, or is too long in any case */
        chunk = sizeof bytes - done;
        EFI_STATUS status = file->Read(file, &chunk, bytes + done);
        if (status != EFI_SUCCESS)
            return uefi_fail(uefi, COMMAND_NAME, "cannot be read", status);
        done += chunk;
    }
    const char *problem = command_decode(bytes, done, ret_command);
    return problem == NULL || fail_plainly(uefi, COMMAND_NAME, problem);
}

bool uefi_read_command(struct uefi *uefi, char *bytes) {
    EFI_FILE *root = NULL;
    EFI_FILE *file = NULL;
    bytes[0] = 0;
    if (!open_root(uefi, &root))
        return false;
    bool good = true;
    EFI_STATUS status = root->Open(root, &file, command_path, EFI_FILE_MODE_READ, 0);
    if (status == EFI_SUCCESS) {
        good = read_command(uefi, file, bytes);
        (void)file->Close(file);
    } else if (status != EFI_NOT_FOUND) {
        good = uefi_fail(uefi, COMMAND_NAME, "cannot be opened", status);
    }
    (void)root->Close(root);
    return good;
}
