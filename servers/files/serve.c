/*
 * Handlers of the protocol `files`, and the reading and writing of files for streams. tree.c and ram_lists.c decide.
 */
#include "servers/files/serve.h"

#include "kernel/abi/rights.h"
#include "kernel/abi/syscall.h"
#include "libsys/program/program.h"
#include "libsys/proto/identity.h"
#include "libsys/text/format.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"

PROTOCOL_DISPATCH(files, FILES_SERVED)

const struct protocol *const serve_files_protocol = &files_protocol;

/* A stream capability allows only the stream operations. They come first in the table, behind 0, which is `counter`. */
#define STREAM_OPERATION_COUNT 3U
const struct protocol serve_stream_protocol = {"stream", files_operations, STREAM_OPERATION_COUNT, files_dispatch};

struct served_access served;

/* The place that a path leads to: in memory or on the volume. */
struct resolved_path {
    struct path path;
    bool in_memory;
    struct ram_path below; /* in memory: the rest of the path */
};

static uint32_t resolve(struct server_call *call, const char *path, size_t length, struct resolved_path *ret_target) {
    if (kept->damaged)
        return P_DAMAGED;
    const char *reason = NULL;
    uint32_t status = path_clean(path, length, &ret_target->path, &reason);
    if (reason != NULL)
        format_into(call->reason, sizeof call->reason, "%s", reason);
    if (status != OK)
        return status;
    const char *below = kept->mounted ? path_below(&ret_target->path, SERVE_MOUNT) : NULL;
    ret_target->in_memory = below != NULL;
    ret_target->below = (struct ram_path){below, ret_target->path.directory};
    return OK;
}

/* Let the tree work for this owner from now on. */
static void work_for(uint32_t owner) {
    kept->ram.now_ns = sys_clock_read().value;
    kept->ram.owner = owner;
}

/* Aim for an operation that changes something: the path has to lead into memory. */
static uint32_t resolve_to_change(struct server_call *call, const char *path, size_t length,
                                  struct resolved_path *ret_target) {
    uint32_t status = resolve(call, path, length, ret_target);
    if (status == OK && !ret_target->in_memory)
        status = P_READ_ONLY;
    work_for(IDENTITY_PID(call->badge));
    return status;
}

/* Explain P_NO_SPACE: if some is left, the tree refuses this owner alone. */
static uint32_t explain_share(struct server_call *call, uint32_t status, const struct quota *quota, const char *what) {
    if (status == P_NO_SPACE && quota->free_count > 0)
        format_into(call->reason, sizeof call->reason, "the program has as %s as is left for all others", what);
    return status;
}

static uint32_t explain_name(struct server_call *call, uint32_t status) {
    if (status == P_LIMIT)
        format_into(call->reason, sizeof call->reason, "a name has at most %u bytes", RAM_NAME_MAX);
    return explain_share(call, status, &kept->ram.node_places, "many files and directories");
}

static uint32_t explain_size(struct server_call *call, uint32_t status) {
    if (status == P_LIMIT)
        format_into(call->reason, sizeof call->reason, "a file has at most %lu bytes", RAM_FILE_BYTES_MAX);
    return explain_share(call, status, &kept->ram.pages, "much memory");
}

/* Find the file that a number names. */
static uint32_t find_file(struct server_call *call, uint64_t number, struct served_file *ret_file) {
    ret_file->in_memory = (number & RAM_FILE_NUMBER) != 0;
    if (ret_file->in_memory)
        return ram_file_node(&kept->ram, number, &ret_file->node) ? OK : P_NOT_FOUND;
    if (number < 1 || number > kept->tree.node_count || kept->tree.nodes[number - 1].kind != FILES_FILE) {
        format_into(call->reason, sizeof call->reason, "no file has the number %lu", number);
        return P_ARGUMENT;
    }
    ret_file->node = (uint32_t)number - 1;
    return OK;
}

static uint32_t stat_in_memory(const struct resolved_path *target, struct files_stat_reply *reply) {
    uint32_t found;
    uint32_t status = ram_find(&kept->ram, target->below, &found);
    if (status != OK)
        return status;
    struct ram_stat node = ram_stat(&kept->ram, found);
    *reply = (struct files_stat_reply){
        .kind = node.kind,
        .size_bytes = node.size_bytes,
        .file = node.kind == FILES_FILE ? ram_file_number(&kept->ram, found) : 0,
        .changed_ns = node.changed_ns,
    };
    return OK;
}

uint32_t files_serve_stat(struct server_call *call, const struct files_stat_request *request,
                          struct files_stat_reply *reply) {
    struct resolved_path target;
    struct tree_place place;
    uint32_t status = resolve(call, request->path, request->length_bytes, &target);
    if (status == OK && target.in_memory)
        return stat_in_memory(&target, reply);
    if (status == OK)
        status = tree_find(&kept->tree, &target.path, &place);
    if (status != OK)
        return status;
    bool is_file = place.kind == FILES_FILE;
    *reply = (struct files_stat_reply){
        .kind = place.kind,
        .size_bytes = is_file ? kept->tree.nodes[place.node].data_bytes : 0,
        .file = is_file ? place.node + 1 : 0, /* 0 names nothing */
    };
    return OK;
}

uint32_t serve_read(struct server_call *call, struct served_file file, uint64_t offset_bytes, uint64_t most_bytes,
                    uint8_t *bytes, uint64_t *ret_length) {
    if (most_bytes < 1 || most_bytes > FILES_BYTES_MAX) {
        format_into(call->reason, sizeof call->reason, "most_bytes is %lu, want 1..%u", most_bytes, FILES_BYTES_MAX);
        return P_ARGUMENT;
    }
    if (file.in_memory) {
        *ret_length = ram_read(&kept->ram, file.node, offset_bytes, bytes, most_bytes);
        return OK;
    }
    const struct tree_node *node = &kept->tree.nodes[file.node];
    uint64_t left = offset_bytes < node->data_bytes ? node->data_bytes - offset_bytes : 0;
    *ret_length = left < most_bytes ? left : most_bytes;
    const char *data = (const char *)SERVE_VOLUME_AT + node->data_offset; /* inside the volume: see tree_build */
    memcpy(bytes, data + (left > 0 ? offset_bytes : 0), *ret_length);
    return OK;
}

uint32_t files_serve_read(struct server_call *call, const struct files_read_request *request,
                          struct files_read_reply *reply) {
    struct served_file file;
    uint32_t status = find_file(call, request->file, &file);
    if (status != OK)
        return status;
    return serve_read(call, file, request->offset_bytes, request->most_bytes, reply->bytes, &reply->length_bytes);
}

static uint32_t list_in_memory(const struct resolved_path *target, uint64_t index, struct files_list_reply *reply) {
    uint32_t found;
    uint32_t status = ram_find(&kept->ram, target->below, &found);
    if (status == OK && ram_stat(&kept->ram, found).kind != FILES_DIRECTORY)
        status = P_NOT_DIRECTORY;
    if (status == OK)
        status = ram_child(&kept->ram, found, index, &found);
    if (status != OK)
        return status;
    struct ram_stat node = ram_stat(&kept->ram, found);
    reply->length_bytes = strlen(node.name);
    reply->kind = node.kind;
    reply->size_bytes = node.size_bytes;
    memcpy(reply->name, node.name, reply->length_bytes);
    return OK;
}

uint32_t files_serve_list(struct server_call *call, const struct files_list_request *request,
                          struct files_list_reply *reply) {
    struct resolved_path target;
    struct tree_place place;
    uint32_t status = resolve(call, request->path, request->length_bytes, &target);
    if (status == OK && target.in_memory)
        return list_in_memory(&target, request->index, reply);
    if (status == OK)
        status = tree_find(&kept->tree, &target.path, &place);
    if (status != OK)
        return status;
    if (place.kind != FILES_DIRECTORY)
        return P_NOT_DIRECTORY;
    struct tree_child child;
    status = tree_child(&kept->tree, &place, request->index, &child);
    if (status != OK)
        return status;
    reply->length_bytes = child.name_length < FILES_PATH_MAX ? child.name_length : FILES_PATH_MAX;
    reply->kind = child.kind;
    reply->size_bytes = child.size_bytes;
    memcpy(reply->name, child.name, reply->length_bytes);
    return OK;
}

/*
 * Map a copy of a file in memory: the file's own pages could change, or become another file's, while they are mapped.
 */
static uint32_t map_in_memory(struct server_call *call, const struct resolved_path *target, uint32_t owner,
                              struct files_map_reply *reply) {
    uint32_t found;
    uint32_t status = ram_find(&kept->ram, target->below, &found);
    if (status != OK)
        return status;
    if (ram_stat(&kept->ram, found).kind != FILES_FILE)
        return P_NOT_FILE;
    if (ram_stat(&kept->ram, found).size_bytes == 0) {
        format_into(call->reason, sizeof call->reason, "the file is empty");
        return P_NOT_FILE;
    }
    *reply = (struct files_map_reply){.size_bytes = ram_stat(&kept->ram, found).size_bytes};
    work_for(owner);
    return images_make(call, &served.copies, found, &call->reply_caps[0]);
}

uint32_t files_serve_map(struct server_call *call, const struct files_map_request *request,
                         struct files_map_reply *reply) {
    struct resolved_path target;
    struct tree_place place;
    uint32_t status = resolve(call, request->path, request->length_bytes, &target);
    if (status == OK && target.in_memory)
        return map_in_memory(call, &target, (uint32_t)(call->badge != 0 ? IDENTITY_PID(call->badge) : request->owner),
                             reply);
    if (status == OK)
        status = tree_find(&kept->tree, &target.path, &place);
    if (status != OK)
        return status;
    if (place.kind != FILES_FILE)
        return P_NOT_FILE;
    const struct tree_node *node = &kept->tree.nodes[place.node];
    if (node->data_bytes == 0) {
        format_into(call->reason, sizeof call->reason, "the file is empty");
        return P_NOT_FILE;
    }
    cap_t slot = slot_take();
    if (slot == 0)
        return P_LIMIT;
    uint64_t first = node->data_offset / PAGE_BYTES;
    uint64_t end = pages_for(node->data_offset + node->data_bytes);
    status = (uint32_t)sys_memory_derive(served.volume, first, end - first, slot, MEMORY_READ | MEMORY_EXECUTE).status;
    if (status != OK) {
        slot_free(slot);
        format_into(call->reason, sizeof call->reason, "deriving memory: %s", status_text(status));
        return P_KERNEL;
    }
    call->reply_caps[0] = slot;
    reply->size_bytes = node->data_bytes;
    reply->offset_bytes = node->data_offset % PAGE_BYTES;
    return OK;
}

static bool kind_is_known(uint64_t kind) { return kind == FILES_FILE || kind == FILES_DIRECTORY; }

uint32_t files_serve_create(struct server_call *call, const struct files_create_request *request,
                            struct files_create_reply *reply) {
    struct resolved_path target;
    uint32_t node;
    if (!kind_is_known(request->kind))
        return P_ARGUMENT;
    uint32_t status = resolve_to_change(call, request->path, request->length_bytes, &target);
    if (status == OK)
        status = ram_create(&kept->ram, target.below, (enum files_kind)request->kind, &node);
    if (status == OK)
        reply->file = request->kind == FILES_FILE ? ram_file_number(&kept->ram, node) : 0;
    return explain_name(call, status);
}

uint32_t serve_write(struct server_call *call, uint32_t owner, struct served_file file, uint64_t offset_bytes,
                     const uint8_t *bytes, uint64_t length_bytes, struct files_write_reply *ret_done) {
    if (!file.in_memory)
        return P_READ_ONLY;
    work_for(owner);
    uint32_t status = ram_write(&kept->ram, file.node, offset_bytes, bytes, length_bytes, &ret_done->written_bytes);
    if (status == P_NO_SPACE) {
        images_take_back(&served.copies);
        status = ram_write(&kept->ram, file.node, offset_bytes, bytes, length_bytes, &ret_done->written_bytes);
    }
    ret_done->size_bytes = ram_stat(&kept->ram, file.node).size_bytes;
    return explain_size(call, status);
}

uint32_t files_serve_write(struct server_call *call, const struct files_write_request *request,
                           struct files_write_reply *reply) {
    struct served_file file;
    uint32_t status = find_file(call, request->file, &file);
    if (status != OK)
        return status;
    return serve_write(call, IDENTITY_PID(call->badge), file, request->offset_bytes, request->bytes,
                       request->length_bytes, reply);
}

static uint32_t find_to_read(struct server_call *call, const struct files_open_request *request,
                             struct served_file *ret_file) {
    static struct files_stat_request where;
    struct files_stat_reply found;
    where.length_bytes = request->length_bytes;
    memcpy(where.path, request->path, request->length_bytes);
    uint32_t status = files_serve_stat(call, &where, &found);
    if (status == OK && found.kind != FILES_FILE)
        status = P_NOT_FILE;
    return status == OK ? find_file(call, found.file, ret_file) : status;
}

static uint32_t find_to_open(struct server_call *call, const struct files_open_request *request,
                             struct served_file *ret_file) {
    struct resolved_path target;
    if (request->mode < FILES_OPEN_READ || request->mode > FILES_OPEN_APPEND)
        return P_ARGUMENT;
    if (request->mode == FILES_OPEN_READ)
        return find_to_read(call, request, ret_file);
    ret_file->in_memory = true;
    uint32_t status = resolve_to_change(call, request->path, request->length_bytes, &target);
    if (status == OK)
        status = ram_create(&kept->ram, target.below, FILES_FILE, &ret_file->node);
    if (status == P_EXISTS) {
        status = ram_find(&kept->ram, target.below, &ret_file->node);
        if (status == OK && ram_stat(&kept->ram, ret_file->node).kind != FILES_FILE)
            status = P_NOT_FILE;
        if (status == OK && request->mode == FILES_OPEN_WRITE)
            status = ram_truncate(&kept->ram, ret_file->node, 0);
    }
    return explain_name(call, status);
}

uint32_t serve_hold(struct server_call *call, const struct files_open_request *request, struct served_file *ret_file) {
    uint32_t status = find_to_open(call, request, ret_file);
    if (status == OK && ret_file->in_memory)
        ram_hold(&kept->ram, ret_file->node);
    return status;
}

void serve_release(struct served_file file) {
    if (file.in_memory)
        ram_release(&kept->ram, file.node);
}

uint32_t files_serve_truncate(struct server_call *call, const struct files_truncate_request *request,
                              struct files_truncate_reply *reply) {
    struct served_file file;
    reply->zero = 0;
    uint32_t status = find_file(call, request->file, &file);
    if (status == OK && !file.in_memory)
        status = P_READ_ONLY;
    if (status != OK)
        return status;
    work_for(IDENTITY_PID(call->badge));
    return explain_size(call, ram_truncate(&kept->ram, file.node, request->size_bytes));
}

uint32_t files_serve_remove(struct server_call *call, const struct files_remove_request *request,
                            struct files_remove_reply *reply) {
    struct resolved_path target;
    reply->zero = 0;
    if (!kind_is_known(request->kind))
        return P_ARGUMENT;
    uint32_t status = resolve_to_change(call, request->path, request->length_bytes, &target);
    return status == OK ? ram_remove(&kept->ram, target.below, (enum files_kind)request->kind) : status;
}

uint32_t files_serve_rename(struct server_call *call, const struct files_rename_request *request,
                            struct files_rename_reply *reply) {
    static struct resolved_path from, to; /* large, and one at a time */
    reply->zero = 0;
    if (request->from_bytes > request->length_bytes)
        return P_ARGUMENT;
    uint32_t status = resolve_to_change(call, request->paths, request->from_bytes, &from);
    if (status == OK)
        status = resolve_to_change(call, request->paths + request->from_bytes,
                                   request->length_bytes - request->from_bytes, &to);
    if (status == OK)
        status = ram_rename(&kept->ram, from.below, to.below);
    return explain_name(call, status);
}

uint32_t files_serve_space(struct server_call *call, const struct files_space_request *request,
                           struct files_space_reply *reply) {
    (void)call;
    (void)request;
    images_take_back(&served.copies);
    *reply = (struct files_space_reply){kept->ram.page_count, kept->ram.pages.free_count,
                                        kept->mounted ? RAM_NODES_MAX - 1 : 0, kept->ram.node_places.free_count};
    return OK;
}
