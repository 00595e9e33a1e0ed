#include "libsys/wire/journal.h"

#include "libsys/text/string.h"

struct journal *journal;

void journal_note_long(const void *at, size_t bytes) {
    if (journal == NULL || journal->notes == NULL)
        return;
    uint64_t used = JOURNAL_USED(journal->mark);
    struct journal_note_end end = {(uint64_t)(uintptr_t)at, bytes};
    if (bytes > JOURNAL_BYTES || journal_note_bytes(bytes) > JOURNAL_BYTES - used)
        __builtin_trap();
    uint64_t after = used + journal_note_bytes(bytes);
    memcpy(journal->notes + used, at, bytes);
    memcpy(journal->notes + after - sizeof end, &end, sizeof end);
    journal_commit(journal, JOURNAL_STAGE(journal->mark) | after << 8);
    __asm__ volatile("" : : : "memory"); /* the caller's change comes after the note */
}

void journal_undo(struct journal *undone) {
    uint64_t used;
    while ((used = JOURNAL_USED(undone->mark)) != 0) {
        struct journal_note_end end;
        memcpy(&end, undone->notes + used - sizeof end, sizeof end);
        uint64_t before = used - journal_note_bytes(end.bytes);
        memcpy((void *)(uintptr_t)end.at, undone->notes + before, end.bytes);
        journal_commit(undone, JOURNAL_STAGE(undone->mark) | before << 8);
    }
}

void journal_settle(void) {
    if (journal != NULL)
        journal_commit(journal, JOURNAL_STAGE(journal->mark));
}
