#include "servers/init/manifest.h"

#include "kernel/abi/system.h"
#include "kernel/abi/thread.h"
#include "libsys/program/keep.h"
#include "libsys/text/string.h"
#include "servers/init/reader.h"

#define DEFAULT_PRIORITY 24U
#define DEFAULT_SLOTS 128U
#define DEFAULT_POOL_PAGES 24U
#define DEFAULT_WINDOW_MS 10000U
#define POOL_PAGES_MIN 16U

#define GIB (1ULL << 30)
#define PAGES_LIMIT (1ULL << 40) /* more pages than any machine has; keeps sums of them from wrapping */

/* Read an array of two numbers. */
static bool read_pair(const struct reader *in, uint32_t token, const char *what, uint64_t first_most,
                      uint64_t count_most, struct manifest_cap *cap) {
    if (in->tokens[token].type != JSMN_ARRAY || in->tokens[token].size != 2)
        return reader_fail(in, "%s is not an array of two numbers", what);
    return read_number(in, token + 1, what, 0, first_most, &cap->first) &&
           read_number(in, token + 2, what, 1, count_most, &cap->count);
}

static bool read_right(const struct reader *in, uint32_t token, struct manifest_cap *cap) {
    static const char *const names[] = {
        [MANIFEST_SERVE] = "serve", [MANIFEST_CALL] = "call",   [MANIFEST_ISSUE] = "issue",
        [MANIFEST_OWN] = "own",     [MANIFEST_RAISE] = "raise", [MANIFEST_WAIT] = "wait",
    };
    for (uint32_t i = MANIFEST_SERVE; i <= MANIFEST_WAIT; i++) {
        if (in->tokens[token].type == JSMN_STRING && token_is(in, token, names[i])) {
            cap->right = (enum manifest_right)i;
            return true;
        }
    }
    return reader_fail(in, "right must be serve, call, issue, own, raise or wait");
}

static bool read_self(const struct reader *in, uint32_t token, struct manifest_cap *cap) {
    static const char *const names[] = {
        [MANIFEST_SELF_SPACE] = "space",
        [MANIFEST_SELF_TABLE] = "table",
        [MANIFEST_SELF_THREAD] = "thread",
        [MANIFEST_SELF_POOL] = "pool",
    };
    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (in->tokens[token].type == JSMN_STRING && token_is(in, token, names[i])) {
            cap->first = i;
            return true;
        }
    }
    return reader_fail(in, "self must be space, table, thread or pool");
}

static bool read_memory(const struct reader *in, uint32_t token, struct manifest_cap *cap) {
    if (in->tokens[token].type == JSMN_STRING && token_is(in, token, "rest")) {
        cap->kind = MANIFEST_MEMORY_REST;
        return true;
    }
    cap->kind = MANIFEST_MEMORY;
    return read_number(in, token, "memory (pages, or \"rest\")", 1, PAGES_LIMIT, &cap->count);
}

/* Read the member that says what kind a capability is. *ret_known: it is such a member. */
static bool read_kind(const struct reader *in, uint32_t key, struct manifest_cap *cap, bool *ret_known) {
    uint32_t value = key + 1;
    *ret_known = true;
    if (token_is(in, key, "endpoint")) {
        cap->kind = MANIFEST_ENDPOINT;
        return read_string(in, value, "endpoint", cap->object, sizeof cap->object);
    }
    if (token_is(in, key, "notification")) {
        cap->kind = MANIFEST_NOTIFICATION;
        return read_string(in, value, "notification", cap->object, sizeof cap->object);
    }
    if (token_is(in, key, "ports")) {
        cap->kind = MANIFEST_PORTS;
        return read_pair(in, value, "ports", 0xffff, 0x10000, cap);
    }
    if (token_is(in, key, "irq")) {
        cap->kind = MANIFEST_IRQ;
        return read_number(in, value, "irq", 0, 255, &cap->first);
    }
    if (token_is(in, key, "memory"))
        return read_memory(in, value, cap);
    if (token_is(in, key, "pool")) {
        cap->kind = MANIFEST_POOL;
        return read_number(in, value, "pool (pages)", 1, PAGES_LIMIT, &cap->count);
    }
    if (token_is(in, key, "volume")) {
        bool wanted;
        cap->kind = MANIFEST_VOLUME;
        return read_bool(in, value, "volume", &wanted) && (wanted || reader_fail(in, "volume can only be true"));
    }
    if (token_is(in, key, "devices")) {
        cap->kind = MANIFEST_DEVICES;
        return read_pair(in, value, "devices", UINT64_MAX - PAGE_BYTES, PAGES_LIMIT, cap);
    }
    if (token_is(in, key, "self")) {
        cap->kind = MANIFEST_SELF;
        return read_self(in, value, cap);
    }
    *ret_known = false;
    return true;
}

/* Check that the members of a capability make sense together. */
static bool check_cap(const struct reader *in, const struct manifest_cap *cap, uint32_t kinds) {
    bool endpoint = cap->kind == MANIFEST_ENDPOINT;
    bool notification = cap->kind == MANIFEST_NOTIFICATION;
    if (kinds != 1)
        return reader_fail(in,
                           "must have one of endpoint, notification, ports, irq, memory, pool, volume, devices, self");
    if (endpoint && cap->right != MANIFEST_SERVE && !manifest_calls(cap->right) && cap->right != MANIFEST_OWN)
        return reader_fail(in, "an endpoint needs \"right\": serve, call, issue or own");
    if (notification && cap->right != MANIFEST_RAISE && cap->right != MANIFEST_WAIT && cap->right != MANIFEST_OWN)
        return reader_fail(in, "a notification needs \"right\": raise, wait or own");
    if (!endpoint && !notification && cap->right != MANIFEST_RIGHT_NONE)
        return reader_fail(in, "only endpoints and notifications have a right");
    if (cap->badge != 0 && cap->right != MANIFEST_CALL)
        return reader_fail(in, "a badge goes with right call alone");
    if (cap->bind && (!notification || cap->right == MANIFEST_RAISE))
        return reader_fail(in, "bind goes with a notification that can be waited for");
    if (cap->kind == MANIFEST_PORTS && cap->first + cap->count > 0x10000)
        return reader_fail(in, "ports end at 65535");
    if (cap->kind == MANIFEST_DEVICES && cap->first % PAGE_BYTES != 0)
        return reader_fail(in, "the address is not a multiple of 4096");
    if (cap->kind == MANIFEST_DEVICES && cap->count * PAGE_BYTES >= 32 * GIB && cap->count * PAGE_BYTES % GIB != 0)
        return reader_fail(in, "devices of 32 GiB or more are whole GiB"); /* see docs/abi/memory_derive.md */
    return true;
}

static bool read_cap(struct reader *in, uint32_t token, struct manifest_cap *cap) {
    if (in->tokens[token].type != JSMN_OBJECT)
        return reader_fail(in, "is not an object");
    uint32_t kinds = 0;
    uint32_t end = json_after(in->tokens, in->count, token);
    for (uint32_t key = token + 1; key < end; key = json_after(in->tokens, in->count, key + 1)) {
        bool is_kind;
        bool fine = read_kind(in, key, cap, &is_kind);
        kinds += is_kind ? 1 : 0;
        if (!is_kind && token_is(in, key, "right"))
            fine = read_right(in, key + 1, cap);
        else if (!is_kind && token_is(in, key, "badge"))
            fine = read_number(in, key + 1, "badge", 1, UINT64_MAX, &cap->badge);
        else if (!is_kind && token_is(in, key, "bind"))
            fine = read_bool(in, key + 1, "bind", &cap->bind);
        else if (!is_kind)
            return reader_fail(in, "unknown member \"%.*s\"", token_length(in, key), token_text(in, key));
        if (!fine)
            return false;
    }
    return check_cap(in, cap, kinds);
}

static bool read_caps(struct reader *in, uint32_t token, struct manifest_program *program) {
    if (in->tokens[token].type != JSMN_OBJECT)
        return reader_fail(in, "capabilities is not an object");
    uint32_t end = json_after(in->tokens, in->count, token);
    for (uint32_t key = token + 1; key < end; key = json_after(in->tokens, in->count, key + 1)) {
        if (program->cap_count == MANIFEST_CAPS_MAX)
            return reader_fail(in, "more than %u capabilities", MANIFEST_CAPS_MAX);
        struct manifest_cap *cap = &program->caps[program->cap_count];
        if (!read_string(in, key, "a capability's name", cap->name, sizeof cap->name))
            return false;
        if (strchr(cap->name, '=') != NULL)
            return reader_fail(in, "a capability's name contains =");
        program->cap_count++;
        in->cap = cap->name;
        if (!read_cap(in, key + 1, cap))
            return false;
        in->cap = NULL;
    }
    return true;
}

static bool add_argument(const struct reader *in, uint32_t token, struct manifest_program *program) {
    uint32_t room = MANIFEST_ARGUMENTS_BYTES - program->argument_bytes;
    char *at = program->arguments + program->argument_bytes;
    if (room < 2)
        return reader_fail(in, "arguments take more than %u bytes", MANIFEST_ARGUMENTS_BYTES);
    if (!read_string(in, token, "an argument", at, room))
        return false;
    program->argument_bytes += (uint32_t)strlen(at) + 1;
    program->argument_count++;
    return true;
}

static bool read_arguments(const struct reader *in, uint32_t token, struct manifest_program *program) {
    if (in->tokens[token].type != JSMN_ARRAY)
        return reader_fail(in, "arguments is not an array");
    uint32_t end = json_after(in->tokens, in->count, token);
    for (uint32_t i = token + 1; i < end; i = json_after(in->tokens, in->count, i))
        if (!add_argument(in, i, program))
            return false;
    return true;
}

static bool read_restart(const struct reader *in, uint32_t token, struct manifest_restart *restart) {
    if (in->tokens[token].type != JSMN_OBJECT)
        return reader_fail(in, "restart is not an object");
    *restart = (struct manifest_restart){.window_ms = DEFAULT_WINDOW_MS};
    uint32_t end = json_after(in->tokens, in->count, token);
    for (uint32_t key = token + 1; key < end; key = json_after(in->tokens, in->count, key + 1)) {
        bool fine;
        if (token_is(in, key, "limit"))
            fine = read_number(in, key + 1, "restart limit", 1, UINT32_MAX, &restart->limit);
        else if (token_is(in, key, "window_ms"))
            fine = read_number(in, key + 1, "restart window_ms", 1, MANIFEST_MS_MAX, &restart->window_ms);
        else if (token_is(in, key, "backoff_ms"))
            fine = read_number(in, key + 1, "restart backoff_ms", 0, MANIFEST_MS_MAX, &restart->backoff_ms);
        else
            return reader_fail(in, "restart: unknown member \"%.*s\"", token_length(in, key), token_text(in, key));
        if (!fine)
            return false;
    }
    return restart->limit > 0 || reader_fail(in, "restart needs \"limit\"");
}

/* Read a member other than name and image, which were read before. */
static bool read_member(struct reader *in, uint32_t key, struct manifest_program *program) {
    uint32_t value = key + 1;
    if (token_is(in, key, "name") || token_is(in, key, "image"))
        return true;
    if (token_is(in, key, "arguments"))
        return read_arguments(in, value, program);
    if (token_is(in, key, "priority"))
        return read_number(in, value, "priority", PRIORITY_LOWEST, INIT_PRIORITY, &program->priority);
    if (token_is(in, key, "slots"))
        return read_number(in, value, "slots", TABLE_SLOTS_MIN, TABLE_SLOTS_MAX, &program->slots) &&
               ((program->slots & (program->slots - 1)) == 0 || reader_fail(in, "slots is not a power of two"));
    if (token_is(in, key, "pool"))
        return read_number(in, value, "pool (pages)", POOL_PAGES_MIN, PAGES_LIMIT, &program->pool_pages);
    if (token_is(in, key, "vital"))
        return read_bool(in, value, "vital", &program->vital);
    if (token_is(in, key, "keep"))
        return read_number(in, value, "keep (pages)", 1, KEEP_PAGES_MAX, &program->keep_pages);
    if (token_is(in, key, "restart"))
        return read_restart(in, value, &program->restart);
    if (token_is(in, key, "heartbeat_ms"))
        return read_number(in, value, "heartbeat_ms", MANIFEST_HEARTBEAT_MIN_MS, MANIFEST_MS_MAX,
                           &program->heartbeat_ms);
    if (token_is(in, key, "capabilities"))
        return read_caps(in, value, program);
    return reader_fail(in, "unknown member \"%.*s\"", token_length(in, key), token_text(in, key));
}

/* The value of the member with this name of the object `token`; 0: it has none. */
static uint32_t find_member(const struct reader *in, uint32_t token, const char *name) {
    uint32_t end = json_after(in->tokens, in->count, token);
    for (uint32_t key = token + 1; key < end; key = json_after(in->tokens, in->count, key + 1))
        if (token_is(in, key, name))
            return key + 1;
    return 0;
}

/* Check a key: a string with one value, and not repeated. The tokenizer lets more pass. */
static bool check_key(const struct reader *in, uint32_t object, uint32_t key, uint32_t end) {
    size_t at = (size_t)in->tokens[key].start; /* finding its line reads all text before it, so only messages do */
    if (in->tokens[key].type != JSMN_STRING || in->tokens[key].size != 1 || key + 1 >= end)
        return reader_fail(in, "line %u: a member has no name or not one value; is there a comma too few or too many?",
                           reader_line(in, at));
    for (uint32_t before = object + 1; before < key; before = json_after(in->tokens, in->count, before + 1))
        if (token_length(in, before) == token_length(in, key) &&
            memcmp(token_text(in, before), token_text(in, key), (size_t)token_length(in, key)) == 0)
            return reader_fail(in, "line %u: the member \"%.*s\" is given twice", reader_line(in, at),
                               token_length(in, key), token_text(in, key));
    return true;
}

static bool check_objects(const struct reader *in) {
    for (uint32_t i = 0; i < in->count; i++) {
        const jsmntok_t *token = &in->tokens[i];
        bool is_key = token->parent >= 0 && in->tokens[token->parent].type == JSMN_OBJECT;
        if (token->type != JSMN_OBJECT && token->type != JSMN_ARRAY && token->size > 0 && !is_key)
            return reader_fail(in, "line %u: a colon behind something that is no name",
                               reader_line(in, (size_t)token->start));
        if (token->type != JSMN_OBJECT)
            continue;
        uint32_t end = json_after(in->tokens, in->count, i);
        for (uint32_t key = i + 1; key < end; key = json_after(in->tokens, in->count, key + 1))
            if (!check_key(in, i, key, end))
                return false;
    }
    return true;
}

/* Find the array of programs, the only member of the document. *ret_programs: its token. */
static bool find_programs(const struct reader *in, uint32_t *ret_programs) {
    *ret_programs = in->tokens[0].type == JSMN_OBJECT ? find_member(in, 0, "programs") : 0;
    if (*ret_programs == 0 || in->tokens[*ret_programs].type != JSMN_ARRAY)
        return reader_fail(in, "there is no array \"programs\"");
    uint32_t end = json_after(in->tokens, in->count, 0);
    for (uint32_t key = 1; key < end; key = json_after(in->tokens, in->count, key + 1))
        if (key + 1 != *ret_programs)
            return reader_fail(in, "line %u: unknown member \"%.*s\"", reader_line(in, (size_t)in->tokens[key].start),
                               token_length(in, key), token_text(in, key));
    return true;
}

/* Does the program have its own table, by the name under which the library looks for it? */
static bool has_table(const struct manifest_program *program) {
    for (uint32_t i = 0; i < program->cap_count; i++) {
        const struct manifest_cap *cap = &program->caps[i];
        if (strcmp(cap->name, "table") == 0 && cap->kind == MANIFEST_SELF && cap->first == MANIFEST_SELF_TABLE)
            return true;
    }
    return false;
}

static bool read_program(struct reader *in, uint32_t token, struct manifest *manifest) {
    struct manifest_program *program = &manifest->programs[manifest->program_count];
    *program = (struct manifest_program){
        .priority = DEFAULT_PRIORITY, .slots = DEFAULT_SLOTS, .pool_pages = DEFAULT_POOL_PAGES};
    in->program = program->name;
    in->program_number = manifest->program_count + 1;
    if (in->tokens[token].type != JSMN_OBJECT)
        return reader_fail(in, "is not an object");
    uint32_t name = find_member(in, token, "name");
    uint32_t image = find_member(in, token, "image");
    if (name == 0 || image == 0)
        return reader_fail(in, "has no %s", name == 0 ? "name" : "image");
    if (!read_string(in, name, "name", program->name, sizeof program->name) ||
        !read_string(in, image, "image", program->image, sizeof program->image) || !add_argument(in, image, program))
        return false;
    for (uint32_t i = 0; i < manifest->program_count; i++)
        if (strcmp(manifest->programs[i].name, program->name) == 0)
            return reader_fail(in, "two programs have this name");
    uint32_t end = json_after(in->tokens, in->count, token);
    for (uint32_t key = token + 1; key < end; key = json_after(in->tokens, in->count, key + 1))
        if (!read_member(in, key, program))
            return false;
    if (program->restart.limit != 0 && program->keep_pages == 0)
        return reader_fail(in, "restart goes with keep: the next program must know what it holds");
    if (program->restart.limit != 0 && !has_table(program))
        return reader_fail(in, "restart goes with \"table\": {\"self\": \"table\"}: the next program looks through it");
    if (program->heartbeat_ms != 0 && program->restart.limit == 0)
        return reader_fail(in, "heartbeat_ms goes with restart");
    manifest->program_count++;
    in->program = NULL;
    return true;
}

/* The first program with a capability to the same object as `like` that `is_wanted` accepts. NULL: there is none. */
static const struct manifest_program *find_holder(const struct manifest *manifest, const struct manifest_cap *like,
                                                  bool (*is_wanted)(const struct manifest_cap *cap)) {
    for (uint32_t i = 0; i < manifest->program_count; i++) {
        const struct manifest_program *program = &manifest->programs[i];
        for (uint32_t j = 0; j < program->cap_count; j++) {
            const struct manifest_cap *cap = &program->caps[j];
            bool same = cap->kind == like->kind && cap->first == like->first && strcmp(cap->object, like->object) == 0;
            if (same && is_wanted(cap))
                return program;
        }
    }
    return NULL;
}

/* Does this capability receive calls of an endpoint, or wait for a notification? */
static bool receives(const struct manifest_cap *cap) {
    return cap->right == MANIFEST_OWN || cap->right == MANIFEST_SERVE || cap->right == MANIFEST_WAIT;
}

/* Does its holder rely on getting all that comes to the object? */
static bool takes_all(const struct manifest_cap *cap) {
    return cap->kind == MANIFEST_ENDPOINT ? receives(cap) : cap->bind || cap->kind == MANIFEST_IRQ;
}

static bool is_own_endpoint(const struct manifest_cap *cap) {
    return cap->kind == MANIFEST_ENDPOINT && strcmp(cap->object, MANIFEST_OWN_ENDPOINT) == 0;
}

/* Check that a program receives what this capability sends: else its user would wait without end. */
static bool check_receiver(const struct reader *in, const struct manifest *manifest, const struct manifest_cap *cap) {
    bool sends = manifest_calls(cap->right) || cap->right == MANIFEST_RAISE;
    if (!sends || is_own_endpoint(cap) || find_holder(manifest, cap, receives) != NULL)
        return true;
    return reader_fail(in,
                       cap->kind == MANIFEST_ENDPOINT ? "no program serves the endpoint %s"
                                                      : "no program waits for the notification %s",
                       cap->object);
}

/* Check that no other program takes from this object: each would get only some messages or interrupts. */
static bool check_only_taker(struct reader *in, const struct manifest *manifest, const struct manifest_program *second,
                             const struct manifest_cap *cap) {
    if (!takes_all(cap))
        return true;
    bool is_own = is_own_endpoint(cap);
    const struct manifest_program *first = find_holder(manifest, cap, takes_all);
    if (first == second && !is_own)
        return true;
    in->program = NULL; /* the message is about both */
    if (cap->kind == MANIFEST_IRQ)
        return reader_fail(in, "interrupt line %lu is held by %s and %s", cap->first, first->name, second->name);
    return reader_fail(in,
                       cap->kind == MANIFEST_ENDPOINT ? "endpoint %s is served by %s and %s"
                                                      : "notification %s is bound by %s and %s",
                       cap->object, is_own ? MANIFEST_OWN_ENDPOINT : first->name, second->name);
}

/* Check the whole manifest: two takers of the rest of memory, or an endpoint with no server or two. */
static bool check_whole(struct reader *in, const struct manifest *manifest) {
    uint32_t rest_count = 0;
    for (uint32_t i = 0; i < manifest->program_count; i++) {
        const struct manifest_program *program = &manifest->programs[i];
        in->program = program->name;
        in->program_number = i + 1;
        uint32_t bound = 0;
        for (uint32_t j = 0; j < program->cap_count; j++) {
            const struct manifest_cap *cap = &program->caps[j];
            in->cap = cap->name;
            rest_count += cap->kind == MANIFEST_MEMORY_REST ? 1 : 0;
            bound += cap->bind ? 1 : 0;
            if (rest_count > 1)
                return reader_fail(in, "the rest of memory was given away before");
            if (bound > 1)
                return reader_fail(in, "a second notification is bound");
            if (!check_receiver(in, manifest, cap) || !check_only_taker(in, manifest, program, cap))
                return false;
        }
        in->cap = NULL;
    }
    return true;
}

bool manifest_parse(const char *text, size_t length_bytes, struct manifest *ret_manifest, char *error) {
    static struct reader reader; /* too large for a stack */
    struct reader *in = &reader;
    in->text = text;
    in->program = NULL;
    in->cap = NULL;
    in->error = error;
    in->error_bytes = MANIFEST_ERROR_MAX;
    memset(ret_manifest, 0, sizeof *ret_manifest);
    size_t parsed_bytes;
    int count = json_parse(text, length_bytes, in->tokens, &parsed_bytes);
    if (count == JSMN_ERROR_NOMEM)
        return reader_fail(in, "more than %u JSON tokens", JSON_TOKENS_MAX);
    if (count <= 0)
        return reader_fail(in, "line %u: not JSON%s",
                           reader_line(in, parsed_bytes < length_bytes ? parsed_bytes : length_bytes),
                           count == JSMN_ERROR_PART ? ": it ends too early" : "");
    in->count = (uint32_t)count;
    uint32_t programs;
    if (!check_objects(in))
        return false;
    size_t comma = json_find_comma(text, length_bytes);
    if (comma < length_bytes)
        return reader_fail(in, "line %u: not JSON: is there a comma too few or too many?", reader_line(in, comma));
    if (!find_programs(in, &programs))
        return false;
    uint32_t end = json_after(in->tokens, in->count, programs);
    for (uint32_t i = programs + 1; i < end; i = json_after(in->tokens, in->count, i)) {
        if (ret_manifest->program_count == MANIFEST_PROGRAMS_MAX)
            return reader_fail(in, "more than %u programs", MANIFEST_PROGRAMS_MAX);
        if (!read_program(in, i, ret_manifest))
            return false;
    }
    if (ret_manifest->program_count == 0)
        return reader_fail(in, "no program is to be started");
    return check_whole(in, ret_manifest);
}
