/*
 * The UEFI front end: \EFI\BOOT\BOOTX64.EFI, which users boot.
 */
#include "boot/uefi.h"

#include "boot/clock.h"
#include "boot/cpu.h"
#include "boot/enter.h"
#include "boot/serial.h"

enum { SECONDS_TO_READ_MESSAGE = 10 };

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

static struct uefi uefi;
static struct loader loader;
static struct memory_map final_map;
static char command[BOOT_COMMAND_MAX];

/* While firmware still runs: show the message, give time to read it, then let firmware try its next boot option. */
static EFI_STATUS return_to_firmware(const char *message) {
    uefi_print(&uefi, "\nbaton: ");
    uefi_print(&uefi, message);
    uefi_print(&uefi, "\nbaton: press a key to return to firmware\n");
    uefi_wait_for_key(&uefi, SECONDS_TO_READ_MESSAGE);
    return EFI_LOAD_ERROR;
}

/* After firmware has been left. */
_Noreturn static void give_up(const char *message) {
    serial_begin();
    serial_write("\nbaton: ");
    serial_write(message);
    serial_write("\n");
    cpu_halt_forever();
}

static bool claim_pages(uint64_t phys, uint64_t page_count) {
    EFI_PHYSICAL_ADDRESS address = phys;
    return uefi.services->AllocatePages(AllocateAddress, EfiLoaderData, page_count, &address) == EFI_SUCCESS;
}

static bool read_firmware(struct loader_input *input) {
    if (!uefi_read_volume(&uefi, &input->volume_phys, &input->volume_bytes) || !uefi_read_command(&uefi, command))
        return false;
    input->command = command;
    input->rsdp_phys = uefi_find_rsdp(&uefi);
    input->framebuffer = uefi_find_framebuffer(&uefi);
    uefi_find_entropy(&uefi, input->entropy);
    /* Read the map last, so that it includes all that the calls above allocated. */
    return uefi_read_map(&uefi, &input->map);
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system) {
    struct loader_input *input = &loader.input;
    input->loader_tsc = cpu_read_tsc();
    uefi = (struct uefi){.image = image, .system = system, .services = system->BootServices};
    if (system->ConOut == NULL)
        serial_begin();
    /*
     * Firmware resets the machine when a boot option takes 5 minutes, and a large volume on a slow stick does take so
     * long. Firmware sets its watchdog anew for each option that it tries. If it has none, there is nothing to turn
     * off.
     */
    (void)uefi.services->SetWatchdogTimer(0, 0, 0, NULL);
    const char *problem = enter_check_cpu();
    if (problem != NULL)
        return return_to_firmware(problem);
    if (!read_firmware(input))
        return return_to_firmware(uefi.failure.bytes);
    if (!clock_measure(input->rsdp_phys, &input->rates, &input->notes))
        return return_to_firmware(input->notes.bytes);
    input->claim_end = MEMORY_PHYS_END; /* page tables of firmware map all RAM */
    input->claim_pages = claim_pages;
    input->has_giant_pages = enter_has_giant_pages();
    if (!loader_prepare(&loader))
        return return_to_firmware(loader.failure.bytes);
    if (!uefi_exit(&uefi, &final_map))
        give_up(uefi.failure.bytes);
    if (!loader_finish(&loader, &final_map))
        give_up(loader.failure.bytes);
    enter_kernel(&loader.entry);
}
