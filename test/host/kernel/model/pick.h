/*
 * Chooses arguments of calls by the model's state.
 */
#pragma once

#include "test/host/kernel/model/lockstep.h"
#include "test/host/kernel/model/model.h"

#define PICK_SHARED 41U     /* the first frames, which are usually not made into pools */
#define PICK_FIRST_FREE 16U /* the first thread keeps the slots below for good */

/* A slot of the thread's table with a capability of this type (OBJECT_NONE: any type); now and then any number. */
uint64_t pick_slot(uint32_t self, enum object_type type);
uint64_t pick_empty(uint32_t self);
/* A slot with a Table and an empty (full) slot in it; table 0 = its own. */
uint64_t pick_table(uint32_t self, bool full, uint64_t *ret_slot);
/* A part of the Memory in a slot, at most `limit` pages. */
void pick_pages(uint32_t self, uint64_t memory, uint64_t limit, uint64_t *ret_offset, uint64_t *ret_count);
uint64_t pick_deadline(void); /* no two are the same */
uint64_t pick_rights(void);
uint64_t pick_address(void);

/* Put a random message into the message page of `self`, if it has one. The first thread does not send
 * capabilities that it must keep. */
void pick_message(uint32_t self);
/* Put words into its message page's data, for a call that takes them from there. */
void pick_data(uint32_t self, const void *data, uint64_t bytes);
