/*
 * What an incarnation takes, counted page by page.
 */
#pragma once

#include "servers/process/memory/pager.h"

/*
 * In place of a program that has died: count the frames, pages and files of an incarnation, after all counts were set
 * to zero. Nothing is known of the mappings that were changed last (struct context_change), so these pages are
 * unmapped, and the next access to each brings it again. The caller maps message pages again.
 */
void incarnation_count(struct server_context *context, struct incarnation *incarnation);

/* The part of its frames that other holders account for: of a frame with n holders, (n - 1) / n. */
uint64_t incarnation_others_part(const struct server_context *context, struct incarnation *incarnation);
