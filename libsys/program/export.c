#include "libsys/program/export.h"

#include "libsys/program/program.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"

struct header {
    uint32_t kind, length_bytes;
};

static bool is_taken;

static uint64_t padded(uint32_t length_bytes) { return ((uint64_t)length_bytes + 7) & ~7ULL; }

void export_put(struct export *to, uint32_t kind, const void *bytes, uint32_t length_bytes) {
    const struct header header = {kind, length_bytes};
    uint64_t at = to->used_bytes;
    to->used_bytes += sizeof header + padded(length_bytes);
    if (to->used_bytes > to->room_bytes)
        return;
    memcpy(to->bytes + at, &header, sizeof header);
    memcpy(to->bytes + at + sizeof header, bytes, length_bytes);
    memset(to->bytes + at + sizeof header + length_bytes, 0, padded(length_bytes) - length_bytes);
}

bool export_next(const struct export *from, uint64_t *at, struct export_record *ret_record) {
    struct header header;
    if (from->used_bytes - *at < sizeof header)
        return false;
    memcpy(&header, from->bytes + *at, sizeof header);
    if (padded(header.length_bytes) > from->used_bytes - *at - sizeof header)
        return false;
    *ret_record = (struct export_record){header.kind, header.length_bytes, from->bytes + *at + sizeof header};
    *at += sizeof header + padded(header.length_bytes);
    return true;
}

struct export export_begin(void) {
    return (struct export){.bytes = (uint8_t *)EXPORT_AT, .room_bytes = keep_head()->export_bytes};
}

_Noreturn void export_end(const struct export *export, uint64_t form) {
    static char no[KEEP_NO_MAX];
    struct keep_head *head = keep_head();
    format_into(no, sizeof no, "its state takes %lu bytes to export; at most are %lu", export->used_bytes,
                export->room_bytes);
    if (export->used_bytes > export->room_bytes)
        keep_refuse(no);
    head->export_bytes = export->used_bytes;
    *(volatile uint64_t *)&head->export_form = form; /* init looks at this one */
    __builtin_trap();
}

bool export_is_there(uint64_t form, struct export *ret_from) {
    const struct keep_head *head = keep_head();
    is_taken = head->export_form == form;
    *ret_from = (struct export){(uint8_t *)EXPORT_AT, head->export_bytes, head->export_bytes};
    return is_taken;
}

bool export_was_taken(void) { return is_taken; }
