/*
 * The operations on a process's own memory: map, unmap, protect, break, and the list of what is there. Arguments come from
 * the process: any value.
 */
#pragma once

#include "servers/process/memory/objects.h"

/* Choose where stack and message page of a new program go, and mappings that may go anywhere. */
void memory_choose_places(struct server_context *context, struct incarnation *incarnation);

/* Pages of all mappings, and how many there may be. */
uint64_t memory_page_count(const struct incarnation *incarnation);
uint64_t memory_pages_max(const struct limits *limits);

uint32_t memory_map(struct server_context *context, struct incarnation *incarnation,
                    const struct process_map_request *request, uaddr_t *ret_at);
uint32_t memory_map_file(struct server_context *context, struct incarnation *incarnation, uint32_t owner,
                         const struct process_map_file_request *request, struct process_map_file_reply *reply,
                         char *reason);
uint32_t memory_unmap(struct server_context *context, struct incarnation *incarnation, uaddr_t at,
                      uint64_t length_bytes);
uint32_t memory_protect(struct server_context *context, struct incarnation *incarnation, uaddr_t at,
                        uint64_t length_bytes, uint64_t rights);
uint32_t memory_set_break(struct server_context *context, struct incarnation *incarnation, uaddr_t end);

/* Mapping number `index`: neighbours that are alike are one. False: there is none. */
bool memory_describe(const struct incarnation *incarnation, uint64_t index, struct process_maps_reply *ret_map);
