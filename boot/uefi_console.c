#include "boot/serial.h"
#include "boot/uefi.h"

enum { UNITS_PER_CALL = 64, TIMER_UNITS_PER_SECOND = 10000000 };

void uefi_print(const struct uefi *uefi, const char *text) {
    SIMPLE_TEXT_OUTPUT_INTERFACE *console = uefi->system->ConOut;
    if (console == NULL) {
        serial_write(text);
        return;
    }
    while (*text != 0) {
        CHAR16 units[UNITS_PER_CALL];
        uint32_t count = 0;
        /* Leave room for one character, which may become two, and for the terminating zero. */
        while (*text != 0 && count + 3 <= UNITS_PER_CALL) {
            if (*text == '\n')
                units[count++] = '\r';
            units[count++] = (unsigned char)*text++;
        }
        units[count] = 0;
        (void)console->OutputString(console, units); /* a failure has no other place to be reported */
    }
}

void uefi_wait_for_key(const struct uefi *uefi, uint32_t seconds_max) {
    EFI_BOOT_SERVICES *services = uefi->services;
    EFI_EVENT events[2];
    UINTN event_count = 0;
    UINTN fired = 0;
    if (services->CreateEvent(EVT_TIMER, 0, NULL, NULL, &events[0]) != EFI_SUCCESS)
        return;
    event_count = 1;
    if (uefi->system->ConIn != NULL)
        events[event_count++] = uefi->system->ConIn->WaitForKey;
    if (services->SetTimer(events[0], TimerRelative, (uint64_t)seconds_max * TIMER_UNITS_PER_SECOND) == EFI_SUCCESS)
        (void)services->WaitForEvent(event_count, events, &fired);
    (void)services->CloseEvent(events[0]);
}

static const char *status_text(EFI_STATUS status) {
    switch (status) {
    case EFI_NOT_FOUND:
        return "not found";
    case EFI_OUT_OF_RESOURCES:
        return "not enough memory";
    case EFI_DEVICE_ERROR:
        return "the device reports an error";
    case EFI_VOLUME_CORRUPTED:
        return "the file system is damaged";
    case EFI_NO_MEDIA:
    case EFI_MEDIA_CHANGED:
        return "the medium was removed";
    case EFI_ACCESS_DENIED:
    case EFI_SECURITY_VIOLATION:
        return "firmware denies access";
    case EFI_INVALID_PARAMETER:
        return "firmware refuses what it was given";
    case EFI_NOT_READY:
        return "firmware is not ready";
    case EFI_UNSUPPORTED:
        return "firmware does not support it";
    default:
        return NULL;
    }
}

bool uefi_fail(struct uefi *uefi, const char *name, const char *what, EFI_STATUS status) {
    struct text *text = &uefi->failure;
    text_clear(text);
    text_add(text, name);
    text_add(text, ": ");
    text_add(text, what);
    text_add(text, ": ");
    if (status_text(status) != NULL) {
        text_add(text, status_text(status));
    } else {
        text_add(text, "firmware status ");
        text_add_hex(text, status);
    }
    return false;
}
