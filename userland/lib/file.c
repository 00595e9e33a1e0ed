#include "userland/lib/file.h"

#include "libsys/program/program.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"

static struct protocol_extra extra; /* receives the servers' reasons */

const char *file_reason(uint32_t status) { return extra.reason[0] != '\0' ? extra.reason : status_text(status); }

/* Put a path into a request. False: it is longer than any path may be. */
static bool put_path(const char *path, char *ret_path, uint64_t *ret_length) {
    extra.reason[0] = '\0';
    *ret_length = strlen(path);
    if (*ret_length > FILES_PATH_MAX)
        return false;
    memcpy(ret_path, path, *ret_length);
    return true;
}

uint32_t file_stat(const char *path, struct files_stat_reply *ret_stat) {
    static struct files_stat_request request;
    if (!put_path(path, request.path, &request.length_bytes))
        return P_NOT_FOUND;
    return files_stat(program_cap("files"), &request, ret_stat, &extra);
}

uint32_t file_list(const char *path, uint64_t index, struct files_list_reply *ret_entry) {
    static struct files_list_request request;
    if (!put_path(path, request.path, &request.length_bytes))
        return P_NOT_FOUND;
    request.index = index;
    return files_list(program_cap("files"), &request, ret_entry, &extra);
}

uint32_t file_create(const char *path, enum files_kind kind, uint64_t *ret_file) {
    static struct files_create_request request;
    struct files_create_reply reply;
    if (!put_path(path, request.path, &request.length_bytes))
        return P_NOT_FOUND;
    request.kind = kind;
    uint32_t status = files_create(program_cap("files"), &request, &reply, &extra);
    if (status == OK)
        *ret_file = reply.file;
    return status;
}

uint32_t file_remove(const char *path, enum files_kind kind) {
    static struct files_remove_request request;
    struct files_remove_reply reply;
    if (!put_path(path, request.path, &request.length_bytes))
        return P_NOT_FOUND;
    request.kind = kind;
    return files_remove(program_cap("files"), &request, &reply, &extra);
}

uint32_t file_rename(const char *from, const char *to) {
    static struct files_rename_request request;
    struct files_rename_reply reply;
    extra.reason[0] = '\0';
    size_t from_bytes = strlen(from), to_bytes = strlen(to);
    if (from_bytes > FILES_PATH_MAX || to_bytes > sizeof request.paths - from_bytes)
        return P_NOT_FOUND;
    memcpy(request.paths, from, from_bytes);
    memcpy(request.paths + from_bytes, to, to_bytes);
    request.from_bytes = from_bytes;
    request.length_bytes = from_bytes + to_bytes;
    return files_rename(program_cap("files"), &request, &reply, &extra);
}

uint32_t file_truncate(uint64_t file, uint64_t size_bytes) {
    struct files_truncate_request request = {file, size_bytes};
    struct files_truncate_reply reply;
    extra.reason[0] = '\0';
    return files_truncate(program_cap("files"), &request, &reply, &extra);
}

uint32_t file_open(const char *path, _Bool cut, uint64_t *ret_file) {
    struct files_stat_reply there;
    uint32_t status = file_create(path, FILES_FILE, ret_file);
    if (status != P_EXISTS && status != P_READ_ONLY)
        return status;
    status = file_stat(path, &there);
    if (status == OK && there.kind != FILES_FILE)
        status = P_NOT_FILE;
    else if (status == P_NOT_FOUND)
        status = P_READ_ONLY; /* the file could not be made */
    if (status == OK && cut)
        status = file_truncate(there.file, 0);
    if (status == OK)
        *ret_file = there.file;
    return status;
}

uint32_t file_open_stream(const char *path, enum files_open_mode mode, cap_t *ret_stream) {
    static struct files_open_request request;
    struct files_open_reply reply;
    if (!put_path(path, request.path, &request.length_bytes))
        return P_NOT_FOUND;
    request.mode = mode;
    extra.receive[0] = slot_take();
    if (extra.receive[0] == 0)
        return P_LIMIT;
    uint32_t status = files_open(program_cap("files"), &request, &reply, &extra);
    if (status == OK)
        *ret_stream = extra.receive[0];
    else
        slot_free(extra.receive[0]);
    extra.receive[0] = 0;
    return status;
}

uint32_t file_read(uint64_t file, uint64_t offset_bytes, void *bytes, uint64_t most_bytes, uint64_t *ret_length) {
    static struct files_read_reply reply;
    struct files_read_request request = {file, offset_bytes, most_bytes};
    extra.reason[0] = '\0';
    uint32_t status = files_read(program_cap("files"), &request, &reply, &extra);
    if (status != OK)
        return status;
    memcpy(bytes, reply.bytes, reply.length_bytes);
    *ret_length = reply.length_bytes;
    return OK;
}

uint32_t file_write(uint64_t file, uint64_t offset_bytes, const void *bytes, uint64_t length_bytes) {
    static struct files_write_request request;
    struct files_write_reply reply;
    extra.reason[0] = '\0';
    for (uint64_t done = 0; done < length_bytes; done += reply.written_bytes) {
        uint64_t left = length_bytes - done;
        request.length_bytes = left < sizeof request.bytes ? left : sizeof request.bytes;
        request.file = file;
        request.offset_bytes = offset_bytes == FILES_APPEND ? FILES_APPEND : offset_bytes + done;
        memcpy(request.bytes, (const uint8_t *)bytes + done, request.length_bytes);
        uint32_t status = files_write(program_cap("files"), &request, &reply, &extra);
        if (status != OK)
            return status;
    }
    return OK;
}

_Bool file_target(const char *from, const char *to, char *path) {
    struct files_stat_reply there;
    if (file_stat(to, &there) != OK || there.kind != FILES_DIRECTORY)
        return format_into(path, FILES_PATH_MAX + 1, "%s", to) <= FILES_PATH_MAX;
    const char *name = from;
    for (const char *at = from; *at != '\0'; at++)
        if (at[0] == '/' && at[1] != '\0')
            name = at + 1;
    return format_into(path, FILES_PATH_MAX + 1, "%s/%s", to, name) <= FILES_PATH_MAX;
}
