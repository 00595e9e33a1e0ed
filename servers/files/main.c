/*
 * The files server: the boot volume, read only, protocol `files`. tree.c thinks; here its wires are connected.
 */
#include "kernel/abi/rights.h"
#include "kernel/abi/syscall.h"
#include "libsys/print.h"
#include "libsys/program.h"
#include "libsys/proto/files.h"
#include "libsys/server.h"
#include "libsys/string.h"
#include "libsys/text.h"
#include "servers/files/tree.h"

PROTOCOL_SERVER(files, FILES_OPERATIONS)

#define VOLUME_AT 0x10000000ULL /* where the volume is mapped: far from the image below and the stack above */

static struct server server;
static struct tree tree;
static bool damaged; /* the volume is no good archive: the log said why, and every path is refused */
static cap_t volume;

static uint32_t find(struct server_call *call, const char *path, size_t length, struct tree_place *ret_place) {
    if (damaged)
        return P_DAMAGED;
    const char *reason = NULL;
    uint32_t status = tree_find(&tree, path, length, ret_place, &reason);
    if (reason != NULL)
        format_into(call->reason, sizeof call->reason, "%s", reason);
    return status;
}

static uint32_t files_serve_stat(struct server_call *call, const struct files_stat_request *request,
                                 struct files_stat_reply *reply) {
    struct tree_place place;
    uint32_t status = find(call, request->path, request->length_bytes, &place);
    if (status != OK)
        return status;
    bool is_file = place.kind == FILES_FILE;
    *reply = (struct files_stat_reply){
        .kind = place.kind,
        .size_bytes = is_file ? tree.nodes[place.node].data_bytes : 0,
        .file = is_file ? place.node + 1 : 0, /* 0 names nothing */
    };
    return OK;
}

static uint32_t files_serve_read(struct server_call *call, const struct files_read_request *request,
                                 struct files_read_reply *reply) {
    if (request->file < 1 || request->file > tree.node_count || tree.nodes[request->file - 1].kind != FILES_FILE) {
        format_into(call->reason, sizeof call->reason, "no file has the number %lu", request->file);
        return P_ARGUMENT;
    }
    if (request->most_bytes < 1 || request->most_bytes > FILES_BYTES_MAX) {
        format_into(call->reason, sizeof call->reason, "most_bytes is %lu, want 1..%u", request->most_bytes,
                    FILES_BYTES_MAX);
        return P_ARGUMENT;
    }
    const struct tree_node *node = &tree.nodes[request->file - 1];
    uint64_t left = request->offset_bytes < node->data_bytes ? node->data_bytes - request->offset_bytes : 0;
    reply->length_bytes = left < request->most_bytes ? left : request->most_bytes;
    const char *data = (const char *)VOLUME_AT + node->data_offset; /* tree_build: inside the volume */
    memcpy(reply->bytes, data + (left > 0 ? request->offset_bytes : 0), reply->length_bytes);
    return OK;
}

static uint32_t files_serve_list(struct server_call *call, const struct files_list_request *request,
                                 struct files_list_reply *reply) {
    struct tree_place place;
    uint32_t status = find(call, request->path, request->length_bytes, &place);
    if (status != OK)
        return status;
    if (place.kind != FILES_DIRECTORY)
        return P_NOT_DIRECTORY;
    struct tree_child child;
    status = tree_child(&tree, &place, request->index, &child);
    if (status != OK)
        return status;
    reply->length_bytes = child.name_length < FILES_PATH_MAX ? child.name_length : FILES_PATH_MAX;
    reply->kind = child.kind;
    reply->size_bytes = child.size_bytes;
    memcpy(reply->name, child.name, reply->length_bytes);
    return OK;
}

static uint32_t files_serve_map(struct server_call *call, const struct files_map_request *request,
                                struct files_map_reply *reply) {
    struct tree_place place;
    uint32_t status = find(call, request->path, request->length_bytes, &place);
    if (status != OK)
        return status;
    if (place.kind != FILES_FILE)
        return P_NOT_FILE;
    const struct tree_node *node = &tree.nodes[place.node];
    if (node->data_bytes == 0) {
        format_into(call->reason, sizeof call->reason, "the file is empty");
        return P_NOT_FILE;
    }
    cap_t slot = slot_take();
    if (slot == 0)
        return P_LIMIT;
    uint64_t first = node->data_offset / PAGE_BYTES;
    uint64_t end = (node->data_offset + node->data_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    status = (uint32_t)sys_memory_derive(volume, first, end - first, slot, MEMORY_READ | MEMORY_EXECUTE).status;
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

/* Returns enum status. */
static uint64_t map_volume(cap_t space, uint64_t size_bytes) {
    uint64_t page_count = (size_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    for (uint64_t page = 0; page < page_count; page += MAP_PAGES_MAX) {
        uint64_t part = page_count - page < MAP_PAGES_MAX ? page_count - page : MAP_PAGES_MAX;
        uint64_t status = sys_space_map(space, volume, page, part, VOLUME_AT + page * PAGE_BYTES, MEMORY_READ).status;
        if (status != OK)
            return status;
    }
    return OK;
}

static void read_volume(uint64_t size_bytes) {
    struct tree_damage damage = tree_build(&tree, (const void *)VOLUME_AT, size_bytes);
    damaged = damage.error != TREE_OK;
    if (!damaged)
        return;
    const char *detail = damage.error == TREE_ARCHIVE ? ustar_error_text(damage.ustar)
                         : damage.path != NULL        ? damage.path
                                                      : "";
    log_print("files: the volume is damaged: %s, at byte %lu: %s", tree_error_text(damage.error), damage.offset,
              detail);
}

int main(int argc, char **argv, char **envp) {
    (void)argc;
    (void)argv;
    (void)envp;
    cap_t serve = program_cap("serve");
    cap_t space = program_cap("space");
    uint64_t size_bytes = program_cap_size("volume");
    volume = program_cap("volume");
    if (serve == 0 || space == 0 || volume == 0 || size_bytes == 0) {
        log_print("files: want capabilities `serve`, `space`, `volume`, and the volume's size");
        return 1;
    }
    uint64_t status = map_volume(space, size_bytes);
    if (status != OK) {
        log_print("files: mapping the volume: %s", status_text(status));
        return 1;
    }
    read_volume(size_bytes);
    status = server_init(&server, serve, &files_protocol);
    while (status == OK) {
        struct server_event event;
        status = server_next(&server, &event);
        if (status == OK && event.kind == MESSAGE_CALL)
            server_serve(&server, &event);
    }
    log_print("files: waiting for messages: %s", status_text(status));
    return 1;
}
