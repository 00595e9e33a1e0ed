#include "servers/init/storm.h"

#include "kernel/abi/syscall.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"

#define NS_PER_US 1000U

struct storm_plan {
    uint64_t random; /* 0: no storm */
    uint64_t mean_ns;
    uint64_t next_ns;
    const char *name; /* of the one server; empty: of any */
    size_t name_length;
};
static struct storm_plan storms[STORM_KINDS];

/* Marsaglia's xorshift64: small, and the same everywhere. */
static uint64_t draw(struct storm_plan *storm, uint64_t limit) {
    storm->random ^= storm->random << 13;
    storm->random ^= storm->random >> 7;
    storm->random ^= storm->random << 17;
    return storm->random % limit;
}

/* Read a storm from behind its word. */
static void begin(struct storm_plan *storm, const char *at) {
    uint64_t seed, mean_us;
    at = text_skip_number(at, &seed);
    if (at == NULL || *at != ',' || (at = text_skip_number(at + 1, &mean_us)) == NULL || mean_us == 0)
        return;
    *storm = (struct storm_plan){.random = seed + 1, .mean_ns = mean_us * NS_PER_US, .name = *at == ',' ? at + 1 : ""};
    for (const char *end = storm->name; *end != '\0' && *end != ' '; end++)
        storm->name_length++;
}

void storm_start(const char *command) {
    static const char words[STORM_KINDS][sizeof "storm="] = {[STORM_ENDS] = "storm=", [STORM_SWAPS] = "swaps="};
    for (; *command != '\0'; command++)
        for (uint32_t kind = 0; kind < STORM_KINDS; kind++)
            if (strncmp(command, words[kind], sizeof words[kind] - 1) == 0)
                begin(&storms[kind], command + sizeof words[kind] - 1);
}

static bool is_meant(const struct storm_plan *storm, const struct child *child) {
    const char *name = child->program->name;
    bool named = strlen(name) == storm->name_length && strncmp(name, storm->name, storm->name_length) == 0;
    return child->program->restart.limit != 0 && (storm->name_length == 0 || named);
}

/* Any of those that are meant, each as likely; NULL: there is none. */
static struct child *draw_child(struct storm_plan *storm) {
    struct child *meant[MANIFEST_PROGRAMS_MAX];
    uint64_t count = 0;
    for (struct child *child = the_children; child < the_children + the_manifest.program_count; child++)
        if (is_meant(storm, child))
            meant[count++] = child;
    return count == 0 ? NULL : meant[draw(storm, count)];
}

struct child *storm_draw(enum storm_kind kind, uint64_t now_ns) {
    struct storm_plan *storm = &storms[kind];
    bool is_due = storm->random != 0 && storm->next_ns != 0 && storm->next_ns <= now_ns;
    return is_due ? draw_child(storm) : NULL;
}

uint64_t storm_next_ns(uint64_t now_ns) {
    uint64_t next_ns = DEADLINE_NEVER;
    for (struct storm_plan *storm = storms; storm < storms + STORM_KINDS; storm++) {
        if (storm->random == 0)
            continue;
        if (storm->next_ns == 0)
            storm->next_ns = now_ns + storm->mean_ns; /* let the system start */
        else if (storm->next_ns <= now_ns)
            storm->next_ns = now_ns + 1 + draw(storm, 2 * storm->mean_ns);
        next_ns = smaller(next_ns, storm->next_ns);
    }
    return next_ns;
}
