#include "servers/init/storm.h"

#include "kernel/abi/syscall.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"

#define NS_PER_US 1000U

struct storm_plan {
    enum storm_kind kind;
    uint64_t random; /* 0: this is no storm, or it is over */
    uint64_t mean_ns;
    uint64_t next_ns; /* 0: is to be drawn */
    bool has_begun;
    const char *name; /* of the one server; empty: of any */
    size_t name_length;
    char path[MANIFEST_IMAGE_MAX]; /* STORM_SWAP_AT: of the new image */
};
static struct storm_plan storms[STORM_PLANS_MAX];
static uint32_t storm_count;

/* Marsaglia's xorshift64: small, and the same everywhere. */
static uint64_t draw(struct storm_plan *storm, uint64_t limit) {
    storm->random ^= storm->random << 13;
    storm->random ^= storm->random >> 7;
    storm->random ^= storm->random << 17;
    return storm->random % limit;
}

/* How far it is to one of these characters, or to the end. */
static size_t length_to(const char *at, const char *ends) {
    size_t length = 0;
    while (strchr(ends, at[length]) == NULL) /* which finds the zero behind the last one, too */
        length++;
    return length;
}

/* Read the image of a swap at one time from behind its time and server. */
static bool read_path(struct storm_plan *storm, const char *at) {
    if (storm->name_length == 0 || *at != ',')
        return false;
    size_t length = length_to(++at, " ");
    memcpy(storm->path, at, smaller(length, sizeof storm->path - 1)); /* one that is cut is not found */
    return length != 0;
}

/* Read a storm from behind its word. What is no storm is left out. */
static void begin(enum storm_kind kind, const char *at) {
    uint64_t seed = 0, mean_us;
    struct storm_plan *storm = &storms[storm_count];
    if (kind != STORM_SWAP_AT && ((at = text_skip_number(at, &seed)) == NULL || *at++ != ','))
        return;
    if (storm_count == STORM_PLANS_MAX || (at = text_skip_number(at, &mean_us)) == NULL || mean_us == 0)
        return;
    *storm = (struct storm_plan){
        .kind = kind, .random = seed + 1, .mean_ns = mean_us * NS_PER_US, .name = *at == ',' ? at + 1 : ""};
    storm->name_length = length_to(storm->name, ", ");
    storm_count += kind != STORM_SWAP_AT || read_path(storm, storm->name + storm->name_length);
}

void storm_start(const char *command) {
    static const char *const words[STORM_KINDS] = {
        [STORM_ENDS] = "storm=", [STORM_SWAPS] = "swaps=", [STORM_SWAP_AT] = "swap-at="};
    storm_count = 0;
    for (; *command != '\0'; command++)
        for (uint32_t kind = 0; kind < STORM_KINDS; kind++)
            if (strncmp(command, words[kind], strlen(words[kind])) == 0)
                begin(kind, command + strlen(words[kind]));
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

bool storm_draw(uint64_t now_ns, struct storm_blow *ret_blow) {
    for (struct storm_plan *storm = storms; storm < storms + storm_count; storm++) {
        if (storm->random == 0 || storm->next_ns == 0 || storm->next_ns > now_ns)
            continue;
        storm->next_ns = 0;
        *ret_blow = (struct storm_blow){storm->kind, draw_child(storm), storm->path};
        if (storm->kind == STORM_SWAP_AT)
            storm->random = 0;
        else if (ret_blow->child != NULL)
            ret_blow->path = ret_blow->child->path;
        return true;
    }
    return false;
}

uint64_t storm_next_ns(uint64_t now_ns) {
    uint64_t next_ns = DEADLINE_NEVER;
    for (struct storm_plan *storm = storms; storm < storms + storm_count; storm++) {
        if (storm->random == 0)
            continue;
        if (storm->next_ns == 0) /* the first time, let the system start */
            storm->next_ns = now_ns + (storm->has_begun ? 1 + draw(storm, 2 * storm->mean_ns) : storm->mean_ns);
        storm->has_begun = true;
        next_ns = smaller(next_ns, storm->next_ns);
    }
    return next_ns;
}
