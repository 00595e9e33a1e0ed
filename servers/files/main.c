/*
 * The files server: the boot volume, read only, and below `tmp` files in memory; protocol `files`. This file finds and
 * maps its capabilities; serve.c and streams.c answer calls.
 */
#include "kernel/abi/rights.h"
#include "kernel/abi/syscall.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/number.h"
#include "libsys/wire/status_text.h"
#include "servers/files/serve.h"

#define VOLUME_BYTES_MAX (SERVE_MEMORY_AT - SERVE_VOLUME_AT)

static struct server server;

/* Map a capability's first `size_bytes` bytes, in as many calls as it takes. Returns enum status. */
static uint64_t map_all(cap_t space, cap_t memory, uint64_t size_bytes, uint64_t at, uint64_t rights) {
    uint64_t page_count = pages_for(size_bytes);
    for (uint64_t page = 0; page < page_count; page += MAP_PAGES_MAX) {
        uint64_t part = page_count - page < MAP_PAGES_MAX ? page_count - page : MAP_PAGES_MAX;
        uint64_t status = sys_space_map(space, memory, page, part, at + page * PAGE_BYTES, rights).status;
        if (status != OK)
            return status;
    }
    return OK;
}

static void read_volume(uint64_t size_bytes) {
    struct tree_damage damage = tree_build(&content.tree, (const void *)SERVE_VOLUME_AT, size_bytes);
    content.damaged = damage.error != TREE_OK;
    if (!content.damaged)
        return;
    const char *what = damage.error == TREE_ARCHIVE ? ustar_error_text(damage.ustar) : tree_error_text(damage.error);
    log_print("files: the volume is damaged: %s, at byte %lu%s%s", what, damage.offset,
              damage.path[0] != '\0' ? ": " : "", damage.path);
}

/* Mount `tmp`. False: there is no memory for it, all is read only, and the log says why. */
static bool mount_memory(cap_t space) {
    cap_t memory = program_cap("memory");
    uint64_t size_bytes = program_cap_size("memory");
    if (memory == 0)
        return true;
    if (size_bytes / PAGE_BYTES > RAM_PAGES_MAX)
        size_bytes = (uint64_t)RAM_PAGES_MAX * PAGE_BYTES;
    images_init();
    content.copies =
        (struct copy_source){.tree = &content.ram, .memory = memory, .space = space, .at = SERVE_MEMORY_AT};
    uint64_t status = map_all(space, memory, size_bytes, SERVE_MEMORY_AT, MEMORY_READ | MEMORY_WRITE);
    if (status != OK) {
        log_print("files: mapping the memory: %s", status_text(status));
        return false;
    }
    enum tree_error error = content.damaged ? TREE_OK : tree_add_directory(&content.tree, SERVE_MOUNT);
    if (error != TREE_OK) {
        log_print("files: no place for `" SERVE_MOUNT "` on the volume: %s", tree_error_text(error));
        return false;
    }
    ram_init(&content.ram, (void *)SERVE_MEMORY_AT, (uint32_t)(size_bytes / PAGE_BYTES));
    content.mounted = true;
    return true;
}

int main(int argc, char **argv, char **envp) {
    (void)argc;
    (void)argv;
    (void)envp;
    cap_t serve = program_need("serve");
    cap_t space = program_need("space");
    cap_t events = program_need("events");
    uint64_t size_bytes = program_cap_size("volume");
    content.volume = program_need("volume");
    if (size_bytes == 0 || size_bytes > VOLUME_BYTES_MAX) {
        log_print("files: a volume of %lu bytes, at most %lu are read", size_bytes, (uint64_t)VOLUME_BYTES_MAX);
        return 1;
    }
    uint64_t status = map_all(space, content.volume, size_bytes, SERVE_VOLUME_AT, MEMORY_READ);
    if (status != OK) {
        log_print("files: mapping the volume: %s", status_text(status));
        return 1;
    }
    read_volume(size_bytes);
    if (!mount_memory(space))
        return 1;
    status = streams_init(serve, events);
    if (status == OK)
        status = server_init(&server, serve, serve_files_protocol);
    while (status == OK) {
        status = server_next(&server);
        server.protocol = (server.event.badge & STREAM_BADGE) != 0 ? &serve_stream_protocol : serve_files_protocol;
        if (status == OK && server_event_kind(&server) == MESSAGE_CALL)
            server_serve(&server);
        else if (status == OK && server_event_kind(&server) == MESSAGE_NOTIFICATION)
            streams_look_for_gone();
    }
    log_print("files: %s", status_text(status));
    return 1;
}
