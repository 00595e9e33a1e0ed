/*
 * A server's state in a form that other programs than its own know: records, one behind the other, in memory that both
 * programs of a swap can see. docs/swap.md tells the story; each form has a page of its own.
 *
 *     | kind, length | bytes, padded to 8 | kind, length | bytes, padded to 8 | ...
 *
 * A program that exports is one more program of the server's image, started beside the state while nobody serves:
 *
 *     if (export_is_wanted())      before server_keep(), once what the state points to is mapped
 *         my_export(export_begin(), ...);         never returns: ends with export_end()
 *
 * One that imports:
 *
 *     if (!server_keep(...)) {
 *         struct export from;
 *         if (export_is_there(MY_FORM, &from))
 *             ...                  builds its state, claims its slots; or keep_refuse() with a reason
 *         else
 *             ...                  begins a state
 *     }
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libsys/program/keep.h"

#define EXPORT_AT (KEEP_AT + KEEP_PAGES_MAX * (uint64_t)PAGE_BYTES)

struct export {
    uint8_t *bytes;
    uint64_t room_bytes;
    uint64_t used_bytes; /* more than room_bytes: it did not fit, and the last records are missing */
};

struct export_record {
    uint32_t kind; /* each form's own, from 1 on */
    uint32_t length_bytes;
    const void *bytes; /* aligned to 8 */
};

/* Add a record. One that does not fit is counted only. */
void export_put(struct export *to, uint32_t kind, const void *bytes, uint32_t length_bytes);

/* The record at *at, which is 0 at first and moves behind it. False: there is none, or not a whole one. */
bool export_next(const struct export *from, uint64_t *at, struct export_record *ret_record);

/* Is this program started only to export its state? It must not change it, nor what it points to. */
static inline bool export_is_wanted(void) { return keep_head()->trial == KEEP_EXPORT; }

/* Begin to export, into all the memory that there is for it. */
struct export export_begin(void);

/* The export is complete; this program ends. form: KEEP_LAYOUT() of the records and their meaning. */
_Noreturn void export_end(const struct export *export, uint64_t form);

/*
 * Is there an export of this form to begin from? To be asked once server_keep() has returned false. From then on the
 * program may import it; it says yes in server_init(), or no by keep_refuse().
 */
MUST_USE bool export_is_there(uint64_t form, struct export *ret_from);

/* Has export_is_there() said so? */
bool export_was_taken(void);
