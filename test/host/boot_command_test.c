/*
 * Is a command line read in whatever form an editor saved it, or refused in words, without reading outside the file?
 */
#include "boot/command.h"

#include <stdlib.h>
#include <string.h>

#include "test/host/suite.h"

static char command[BOOT_COMMAND_MAX];

/* Decode a copy of exactly these bytes, so that the sanitizer notices a read beyond them. */
static const char *decode(const char *file, uint64_t bytes) {
    uint8_t *copy = malloc(bytes == 0 ? 1 : bytes);
    memcpy(copy, file, bytes);
    const char *problem = command_decode(copy, bytes, command);
    free(copy);
    return problem;
}

static void texts_are_read(void) {
    static const struct {
        const char *file;
        uint64_t bytes;
        const char *command;
    } texts[] = {
        {"", 0, ""},
        {"log=debug\r\n", 11, "log=debug\r\n"},
        {"gr\303\274n", 5, "gr\303\274n"},
        {"\357\273\277log", 6, "log"},
        {"\357\273\277", 3, ""},
        {"\377\376l\0o\0g\0", 8, "log"},
        {"\376\377\0l\0o\0g", 8, "log"},
        {"\376\377", 2, ""},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK(decode(texts[i].file, texts[i].bytes) == NULL);
        CHECK(strcmp(command, texts[i].command) == 0);
    }
}

static void what_is_no_text_is_refused(void) {
    static const struct {
        const char *file;
        uint64_t bytes;
        const char *problem;
    } files[] = {
        {"l\0o\0g\0", 6, "no text: it has a zero byte; save it as plain text"}, /* UTF-16 without its mark */
        {"\377\376\0\0", 4, "no text: it has a zero byte; save it as plain text"},
        {"\377\376\0\1", 4, "UTF-16 with other letters than ASCII; save it as plain text"},
        {"\376\377\0\374", 4, "UTF-16 with other letters than ASCII; save it as plain text"},
        {"\377\376l\0o", 5, "half a letter of UTF-16 at its end; save it as plain text"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *problem = decode(files[i].file, files[i].bytes);
        CHECK(problem != NULL && strcmp(problem, files[i].problem) == 0);
    }
}

static void length_has_a_limit(void) {
    char file[COMMAND_FILE_BYTES_MAX] = "\377\376";
    for (uint32_t i = 2; i < sizeof file; i += 2)
        file[i] = 'x';
    CHECK(decode(file, sizeof file - 2) == NULL);
    CHECK_EQUAL(strlen(command), BOOT_COMMAND_MAX - 1);
    CHECK(strcmp(decode(file, sizeof file), "longer than 511 bytes; shorten it") == 0);
    memset(file, 'x', sizeof file);
    CHECK(decode(file, BOOT_COMMAND_MAX - 1) == NULL);
    CHECK(strcmp(decode(file, BOOT_COMMAND_MAX), "longer than 511 bytes; shorten it") == 0);
}

SUITE(CASE(texts_are_read), CASE(what_is_no_text_is_refused), CASE(length_has_a_limit));
