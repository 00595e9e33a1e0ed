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
#include "servers/files/files_state.h"
#include "servers/files/serve.h"

#define VOLUME_BYTES_MAX (SERVE_MEMORY_AT - SERVE_VOLUME_AT)
#define SERIALS_SHIFT 32U /* serial numbers of streams that one program can give */

/* Map a capability's first `size_bytes` bytes, in as many calls as it takes. Returns enum status. */
static uint64_t map_all(cap_t memory, uint64_t size_bytes, uint64_t at, uint64_t rights) {
    uint64_t page_count = pages_for(size_bytes);
    for (uint64_t page = 0; page < page_count; page += MAP_PAGES_MAX) {
        uint64_t part = page_count - page < MAP_PAGES_MAX ? page_count - page : MAP_PAGES_MAX;
        uint64_t status = sys_space_map(served.copies.space, memory, page, part, at + page * PAGE_BYTES, rights).status;
        if (status != OK)
            return status;
    }
    return OK;
}

static void read_volume(uint64_t size_bytes) {
    struct tree_damage damage = tree_build(&kept->tree, (const void *)SERVE_VOLUME_AT, size_bytes);
    kept->damaged = damage.error != TREE_OK;
    if (!kept->damaged)
        return;
    const char *what = damage.error == TREE_ARCHIVE ? ustar_error_text(damage.ustar) : tree_error_text(damage.error);
    log_print("files: the volume is damaged: %s, at byte %lu%s%s", what, damage.offset,
              damage.path[0] != '\0' ? ": " : "", damage.path);
}

/* Map volume and memory. False: that fails, and the log says why. */
static bool map_content(uint64_t volume_bytes, uint64_t memory_bytes) {
    uint64_t status = map_all(served.volume, volume_bytes, SERVE_VOLUME_AT, MEMORY_READ);
    if (status == OK && served.copies.memory != 0)
        status = map_all(served.copies.memory, memory_bytes, SERVE_MEMORY_AT, MEMORY_READ | MEMORY_WRITE);
    if (status != OK)
        log_print("files: mapping volume and memory: %s", status_text(status));
    return status == OK;
}

/* Begin a state. False: there is no place for `tmp` in it, and the log says why. */
static bool begin(uint64_t generation, uint64_t volume_bytes) {
    read_volume(volume_bytes);
    kept->first_serial = kept->last_serial = generation << SERIALS_SHIFT;
    kept->mounted = served.copies.memory != 0;
    enum tree_error error = kept->mounted && !kept->damaged ? tree_add_directory(&kept->tree, SERVE_MOUNT) : TREE_OK;
    if (error != TREE_OK)
        log_print("files: no place for `" SERVE_MOUNT "` on the volume: %s", tree_error_text(error));
    return error == TREE_OK;
}

/* The program runs only for this (docs/swap.md). */
static _Noreturn void export_state(void) {
    struct export to = export_begin();
    server_state_export(&to);
    export_end(&to, FILES_STATE_FORM);
}

/* Take over what another make has exported, if that is how this program begins, or say no. */
static void import_state(uint32_t page_count) {
    struct export from;
    if (!export_is_there(FILES_STATE_FORM, &from))
        return;
    const char *reason = server_state_import(&from, (void *)SERVE_MEMORY_AT, page_count);
    if (reason != NULL)
        keep_refuse(reason);
}

/*
 * Start, as the first program or in place of one that has died. What it left half done is undone by server_keep(), and
 * that reaches into the memory for `tmp`. So everything is mapped before.
 */
static bool start(uint64_t volume_bytes) {
    const struct keep_head *head = keep_head();
    uint64_t memory_bytes = program_cap_size("memory");
    if (memory_bytes > RAM_PAGES_MAX * (uint64_t)PAGE_BYTES)
        memory_bytes = RAM_PAGES_MAX * (uint64_t)PAGE_BYTES;
    uint32_t page_count = (uint32_t)(memory_bytes / PAGE_BYTES);
    bool is_there = keep_is_there(SERVE_LAYOUT, sizeof *kept);
    if (head->trial == KEEP_SETTLED && !is_there && (sys_cap_query(served.copies.memory).value & QUERY_DERIVED) != 0) {
        log_print("files: programs may use pages of a state that is lost: there is no `" SERVE_MOUNT "`");
        served.copies.memory = 0; /* copies are derived from it, and nothing tells which pages they have */
    }
    if (is_there)
        images_end_trial(&served.copies);
    if (!map_content(volume_bytes, memory_bytes))
        return false;
    if (export_is_wanted() && is_there)
        export_state();
    if (!server_keep(&kept->server, SERVE_LAYOUT, sizeof *kept)) {
        if (!begin(head->generation, volume_bytes))
            return false;
        import_state(page_count);
    }
    if (kept->mounted) {
        ram_init(&kept->ram, (void *)SERVE_MEMORY_AT, page_count);
        images_init(&served.copies);
    }
    return true;
}

int main(int argc, char **argv, char **envp) {
    (void)argc;
    (void)argv;
    (void)envp;
    struct server *server = &kept->server;
    cap_t serve = program_need("serve");
    cap_t events = program_need("events");
    uint64_t volume_bytes = program_cap_size("volume");
    served.volume = program_need("volume");
    served.copies = (struct copy_source){.tree = &kept->ram,
                                         .images = kept->images,
                                         .memory = program_cap("memory"),
                                         .space = program_need("space"),
                                         .at = SERVE_MEMORY_AT,
                                         .trial = &kept->image_trial};
    if (volume_bytes == 0 || volume_bytes > VOLUME_BYTES_MAX) {
        log_print("files: a volume of %lu bytes, at most %lu are read", volume_bytes, (uint64_t)VOLUME_BYTES_MAX);
        return 1;
    }
    if (!start(volume_bytes))
        return 1;
    uint64_t status = streams_init(serve, events);
    if (status == OK)
        status = server_init(server, serve, serve_files_protocol);
    while (status == OK) {
        status = server_next(server);
        server->protocol = (server->event.badge & STREAM_BADGE) != 0 ? &serve_stream_protocol : serve_files_protocol;
        if (status == OK && server_event_kind(server) == MESSAGE_CALL)
            server_serve(server);
        else if (status == OK && server_event_kind(server) == MESSAGE_NOTIFICATION)
            streams_look_for_gone();
    }
    log_print("files: %s", status_text(status));
    return 1;
}
