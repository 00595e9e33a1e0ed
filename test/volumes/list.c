/* Print what the files server would serve of a volume: for each entry a line `KIND SIZE PATH` and a line of content in
 * hexadecimal. Or print what is wrong. */
#include <stdio.h>
#include <stdlib.h>

#include "servers/files/tree.h"

#define VOLUME_BYTES_MAX (16U << 20)

int main(int argc, char **argv) {
    static struct tree tree;
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    uint8_t *volume = malloc(VOLUME_BYTES_MAX);
    if (file == NULL || volume == NULL) {
        fprintf(stderr, "usage: list VOLUME\n");
        return 2;
    }
    size_t bytes = fread(volume, 1, VOLUME_BYTES_MAX, file);
    (void)fclose(file);
    struct tree_damage damage = tree_build(&tree, volume, bytes);
    if (damage.error != TREE_OK) {
        const char *what =
            damage.error == TREE_ARCHIVE ? ustar_error_text(damage.ustar) : tree_error_text(damage.error);
        printf("%s\n%llu\n%s\n", what, (unsigned long long)damage.offset, damage.path);
        free(volume);
        return 1;
    }
    for (size_t i = 0; i < tree.node_count; i++) {
        const struct tree_node *node = &tree.nodes[i];
        printf("%s %llu %s\n", node->kind == FILES_FILE ? "file" : "folder", (unsigned long long)node->data_bytes,
               node->path);
        for (uint64_t at = 0; at < node->data_bytes; at++)
            printf("%02x", volume[node->data_offset + at]);
        printf("\n");
    }
    free(volume);
    return 0;
}
