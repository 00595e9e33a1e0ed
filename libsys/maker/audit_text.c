#include "libsys/maker/audit_text.h"

#include <stdbool.h>

#include "libsys/text/format.h"

#define ENTRY_PRESENT 1U /* in any entry of a page table. Intel SDM vol. 3A, 4-Level Paging */

/* *ret_is_place: the text is a noun for something that is not mapped as needed, not a sentence yet. */
static const char *audit_text(uint64_t check, bool *ret_is_place) {
    *ret_is_place = false;
    switch (check) {
#define AUDIT_PLACE(number, name, what) \
    case number:                        \
        *ret_is_place = true;           \
        return what;
#define AUDIT_RULE(number, name, text) \
    case number:                       \
        return text;
#include "kernel/abi/audit.def"
    default:
        return "a check that this table lacks";
    }
}

void audit_format(const struct audit_failure *failure, char *buffer, size_t buffer_bytes) {
    bool is_place;
    const char *text = audit_text(failure->check, &is_place);
    const char *state = "";
    if (is_place)
        state = (failure->entry & ENTRY_PRESENT) != 0 ? " is not mapped as needed" : " is not mapped";
    if (failure->level == 0)
        (void)format_into(buffer, buffer_bytes, "%s%s", text, state);
    else
        (void)format_into(buffer, buffer_bytes, "%s%s, at 0x%lx, level %lu, entry 0x%lx", text, state, failure->address,
                          failure->level, failure->entry);
}
