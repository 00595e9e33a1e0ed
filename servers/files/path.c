#include "servers/files/path.h"

#include "libsys/text/string.h"

static uint32_t add_component(struct path *path, const char *name, size_t length, const char **ret_reason) {
    if (length == 0 || (length == 1 && name[0] == '.')) {
        path->directory = true;
        return OK;
    }
    if (length == 2 && name[0] == '.' && name[1] == '.') {
        *ret_reason = "a path must not contain `..`";
        return P_ARGUMENT;
    }
    path->directory = false;
    if (path->length > 0)
        path->text[path->length++] = '/';
    memcpy(path->text + path->length, name, length);
    path->length += length;
    return OK;
}

uint32_t path_clean(const char *path, size_t length, struct path *ret_path, const char **ret_reason) {
    ret_path->length = 0;
    ret_path->directory = true;
    if (length > FILES_PATH_MAX)
        return P_NOT_FOUND;
    size_t start = 0;
    for (size_t at = 0; at <= length; at++) {
        if (at < length && ((uint8_t)path[at] < 0x20 || path[at] == 0x7f)) {
            *ret_reason = "a path must not contain control bytes";
            return P_ARGUMENT;
        }
        if (at < length && path[at] != '/')
            continue;
        uint32_t status = add_component(ret_path, path + start, at - start, ret_reason);
        if (status != OK)
            return status;
        start = at + 1;
    }
    ret_path->text[ret_path->length] = '\0';
    return OK;
}

const char *path_below(const struct path *path, const char *mount) {
    size_t length = strlen(mount);
    if (strncmp(path->text, mount, length) != 0)
        return NULL;
    if (path->text[length] == '\0')
        return path->text + length;
    return path->text[length] == '/' ? path->text + length + 1 : NULL;
}
