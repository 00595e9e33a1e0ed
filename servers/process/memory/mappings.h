/*
 * The operations on a process's own memory: map, unmap, protect, break, and the list of its mappings. Arguments come
 * from the process and may have any value.
 */
#pragma once

#include "servers/process/memory/objects.h"

/* Choose random places for a new program's stack and message page, and for mappings that may go anywhere. */
void mappings_choose_places(struct server_context *context, struct incarnation *incarnation);

/* Pages of all mappings, and the most that the limits allow. */
uint64_t mappings_page_count(const struct incarnation *incarnation);
uint64_t mappings_pages_max(const struct limits *limits);

uint32_t mappings_map(struct server_context *context, struct incarnation *incarnation,
                      const struct process_map_request *request, uaddr_t *ret_at);
uint32_t mappings_map_file(struct server_context *context, struct incarnation *incarnation, uint32_t owner,
                           const struct process_map_file_request *request, struct process_map_file_reply *reply,
                           char *reason);
uint32_t mappings_unmap(struct server_context *context, struct incarnation *incarnation, uaddr_t at,
                        uint64_t length_bytes);
uint32_t mappings_protect(struct server_context *context, struct incarnation *incarnation, uaddr_t at,
                          uint64_t length_bytes, uint64_t rights);
uint32_t mappings_set_break(struct server_context *context, struct incarnation *incarnation, uaddr_t end);

/* Describe mapping number `index`; neighbours that are alike count as one. False: there is none. */
bool mappings_describe(const struct incarnation *incarnation, uint64_t index, struct process_maps_reply *ret_map);
