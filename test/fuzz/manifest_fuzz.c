/* Any bytes as a manifest: the result is a plan within its limits, or an error in words. */
#include <string.h>

#include "libsys/program/keep.h"
#include "servers/init/manifest.h"
#include "test/fuzz/fuzz.h"

static void check_program(const struct manifest_program *program) {
    REQUIRE(memchr(program->name, 0, sizeof program->name) != NULL);
    REQUIRE(memchr(program->image, 0, sizeof program->image) != NULL);
    REQUIRE(program->argument_bytes <= sizeof program->arguments && program->argument_count > 0);
    REQUIRE(program->cap_count <= MANIFEST_CAPS_MAX);
    REQUIRE(program->keep_pages <= KEEP_PAGES_MAX);
    REQUIRE(program->restart.window_ms <= MANIFEST_MS_MAX && program->restart.backoff_ms <= MANIFEST_MS_MAX);
    REQUIRE((program->restart.limit > 0) == (program->restart.window_ms > 0));
    REQUIRE(program->restart.limit == 0 || program->keep_pages > 0);
    REQUIRE(program->heartbeat_ms == 0 || (program->heartbeat_ms >= MANIFEST_HEARTBEAT_MIN_MS &&
                                           program->heartbeat_ms <= MANIFEST_MS_MAX && program->restart.limit > 0));
    uint32_t ends = 0;
    for (uint32_t i = 0; i < program->argument_bytes; i++)
        ends += program->arguments[i] == 0;
    REQUIRE(ends == program->argument_count);
    for (uint32_t i = 0; i < program->cap_count; i++) {
        REQUIRE(memchr(program->caps[i].name, 0, MANIFEST_NAME_MAX) != NULL);
        REQUIRE(memchr(program->caps[i].object, 0, MANIFEST_NAME_MAX) != NULL);
        REQUIRE(program->caps[i].kind <= MANIFEST_SELF && program->caps[i].right <= MANIFEST_WAIT);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static struct manifest manifest;
    char error[MANIFEST_ERROR_MAX] = "";
    if (!manifest_parse((const char *)data, bytes, &manifest, error)) {
        REQUIRE(error[0] != 0 && memchr(error, 0, sizeof error) != NULL);
        return 0;
    }
    REQUIRE(manifest.program_count <= MANIFEST_PROGRAMS_MAX);
    for (uint32_t i = 0; i < manifest.program_count; i++)
        check_program(&manifest.programs[i]);
    return 0;
}
