/*
 * Hand the state to another make of this server, and take it over from one (docs/files-state.md). The tree does its own
 * part (ram_export.c); streams, copies and serial numbers are the same in all makes.
 */
#include "libsys/text/string.h"
#include "servers/files/files_state.h"
#include "servers/files/ram_pages.h"
#include "servers/files/serve.h"

void server_state_export(struct export *to) {
    struct files_state_serials serials = {kept->first_serial, kept->last_serial};
    export_put(to, FILES_STATE_SERIALS, &serials, sizeof serials);
    for (const struct open_file *stream = kept->streams; stream < kept->streams + STREAMS_MAX; stream++) {
        struct files_state_stream record = {stream->kept,      stream->badge, stream->file.in_memory,
                                            stream->file.node, stream->mode,  stream->offset_bytes,
                                            stream->owner};
        if (record.slot != 0)
            export_put(to, FILES_STATE_STREAM, &record, sizeof record);
    }
    if (!kept->mounted)
        return;
    for (const struct image_copy *image = kept->images; image < kept->images + IMAGES_MAX; image++) {
        struct files_state_copy record = {image->kept, image->page, image->page_count, image->owner, 0};
        if (record.slot != 0)
            export_put(to, FILES_STATE_COPY, &record, sizeof record);
    }
    ram_export(&kept->ram, to);
}

static bool import_copy(const struct files_state_copy *record) {
    struct image_copy *image = kept->images;
    while (image < kept->images + IMAGES_MAX && image->kept != 0)
        image++;
    if (image == kept->images + IMAGES_MAX || record->slot == 0 || record->page < 1 || record->page_count < 1 ||
        record->page > kept->ram.page_count || record->page_count > kept->ram.page_count - record->page + 1)
        return false;
    for (uint32_t i = 0; i < record->page_count; i++)
        if (ram_page_is_used(&kept->ram, record->page + i))
            return false;
    ram_claim_run(&kept->ram, record->page, record->page_count, record->owner);
    *image = (struct image_copy){record->slot, record->page, record->page_count, record->owner};
    return true;
}

/* A stream's file is there already. */
static bool import_stream(const struct files_state_stream *record) {
    uint64_t index = STREAM_INDEX(record->badge);
    if (record->slot == 0 || (record->badge & STREAM_BADGE) == 0 || index >= STREAMS_MAX ||
        kept->streams[index].kept != 0 || record->mode < FILES_OPEN_READ || record->mode > FILES_OPEN_APPEND)
        return false;
    bool is_there =
        record->in_memory != 0
            ? record->node < RAM_NODES_MAX && ram_stat(&kept->ram, (uint32_t)record->node).kind == FILES_FILE
            : record->node < kept->tree.node_count && kept->tree.nodes[record->node].kind == FILES_FILE;
    kept->streams[index] = (struct open_file){
        .kept = record->slot,
        .badge = record->badge,
        .owner = (uint32_t)record->owner,
        .file = {record->in_memory != 0, (uint32_t)record->node},
        .mode = record->mode,
        .offset_bytes = record->offset_bytes,
    };
    return is_there;
}

static bool import_serials(const struct files_state_serials *record) {
    kept->first_serial = record->first_serial;
    kept->last_serial = record->last_serial;
    return true;
}

/* Take over the records of one kind. False: one is not as it should be. */
static bool import_kind(const struct export *from, enum files_state_kind kind) {
    struct export_record record;
    for (uint64_t at = 0; export_next(from, &at, &record);) {
        bool good = true;
        if (record.kind != kind)
            continue;
        if (kind == FILES_STATE_COPY)
            good = record.length_bytes == sizeof(struct files_state_copy) && import_copy(record.bytes);
        else if (kind == FILES_STATE_STREAM)
            good = record.length_bytes == sizeof(struct files_state_stream) && import_stream(record.bytes);
        else if (kind == FILES_STATE_SERIALS)
            good = record.length_bytes == sizeof(struct files_state_serials) && import_serials(record.bytes);
        if (!good)
            return false;
    }
    return true;
}

const char *server_state_import(const struct export *from, void *memory, uint32_t page_count) {
    const char *reason = NULL;
    if (kept->mounted) {
        ram_pages_init(&kept->ram, memory, page_count);
        if (!import_kind(from, FILES_STATE_COPY))
            return FILES_STATE_DAMAGED;
        reason = ram_import(&kept->ram, from);
    }
    if (reason == NULL && (!import_kind(from, FILES_STATE_SERIALS) || !import_kind(from, FILES_STATE_STREAM)))
        reason = FILES_STATE_DAMAGED;
    return reason;
}
