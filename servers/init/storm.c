#include "servers/init/storm.h"

#include "kernel/abi/syscall.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"

#define WORD "storm="
#define NS_PER_US 1000U

static struct {
    uint64_t random; /* 0: no storm */
    uint64_t mean_ns;
    uint64_t next_ns;
    const char *name; /* of the one server; empty: of any */
    size_t name_length;
} storm;

/* Marsaglia's xorshift64: small, and the same everywhere. */
static uint64_t draw(uint64_t limit) {
    storm.random ^= storm.random << 13;
    storm.random ^= storm.random >> 7;
    storm.random ^= storm.random << 17;
    return storm.random % limit;
}

void storm_start(const char *command) {
    for (; *command != '\0'; command++) {
        if (strncmp(command, WORD, sizeof WORD - 1) != 0)
            continue;
        uint64_t seed, mean_us;
        const char *at = text_skip_number(command + sizeof WORD - 1, &seed);
        if (at != NULL && *at == ',')
            at = text_skip_number(at + 1, &mean_us);
        else
            at = NULL;
        if (at == NULL || mean_us == 0)
            return;
        storm.random = seed + 1;
        storm.mean_ns = mean_us * NS_PER_US;
        storm.name = *at == ',' ? at + 1 : "";
        for (const char *end = storm.name; *end != '\0' && *end != ' '; end++)
            storm.name_length++;
        return;
    }
}

static bool is_meant(const struct child *child) {
    const char *name = child->program->name;
    bool named = strlen(name) == storm.name_length && strncmp(name, storm.name, storm.name_length) == 0;
    return child->program->restart.limit != 0 && (storm.name_length == 0 || named);
}

/* Any of those that are meant, each as likely; NULL: there is none. */
static struct child *draw_child(void) {
    struct child *meant[MANIFEST_PROGRAMS_MAX];
    uint64_t count = 0;
    for (struct child *child = the_children; child < the_children + the_manifest.program_count; child++)
        if (is_meant(child))
            meant[count++] = child;
    return count == 0 ? NULL : meant[draw(count)];
}

struct child *storm_draw(uint64_t now_ns) {
    bool is_due = storm.random != 0 && storm.next_ns != 0 && storm.next_ns <= now_ns;
    return is_due ? draw_child() : NULL;
}

uint64_t storm_next_ns(uint64_t now_ns) {
    if (storm.random == 0)
        return DEADLINE_NEVER;
    if (storm.next_ns == 0)
        storm.next_ns = now_ns + storm.mean_ns; /* let the system start */
    else if (storm.next_ns <= now_ns)
        storm.next_ns = now_ns + 1 + draw(2 * storm.mean_ns);
    return storm.next_ns;
}
