/*
 * For the build: check that init accepts a manifest, and copy it then. Else print the reason that the machine would log
 * at its start.
 */
#include <stdio.h>
#include <stdlib.h>

#include "servers/init/manifest.h"

#define FILE_BYTES_MAX (1U << 20)

static int check(const char *from, const char *to, FILE *input, FILE *output) {
    static char text[FILE_BYTES_MAX];
    static struct manifest manifest;
    char error[MANIFEST_ERROR_MAX];
    size_t length = fread(text, 1, sizeof text, input);
    if (!manifest_parse(text, length, &manifest, error)) {
        (void)fprintf(stderr, "%s: %s\n", from, error);
        (void)remove(to);
        return EXIT_FAILURE;
    }
    return fwrite(text, 1, length, output) == length && fclose(output) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    FILE *input = argc == 3 ? fopen(argv[1], "rb") : NULL;
    FILE *output = input != NULL ? fopen(argv[2], "wb") : NULL;
    if (output != NULL)
        return check(argv[1], argv[2], input, output);
    (void)fprintf(stderr, "usage: manifest_check INPUT OUTPUT\n");
    return EXIT_FAILURE;
}
