#include "libsys/format/elf.h"

#include "kernel/abi/rights.h"
#include "libsys/format/elf_header.h"
#include "libsys/text/string.h"

enum { ELF_MACHINE_X86_64 = 62, ELF_CLASS_64 = 2, ELF_DATA_LITTLE = 1, ELF_VERSION_CURRENT = 1 };

enum elf_header_flag { FLAG_EXECUTE = 1 << 0, FLAG_WRITE = 1 << 1, FLAG_READ = 1 << 2 };

/* State of the parse. The plan is built in the caller's memory: a second one would be too large for a small stack. */
struct parse {
    const uint8_t *bytes;
    uint64_t byte_count;
    uint64_t headers_offset;
    struct elf_limits limits;
    struct elf_plan *plan;
    bool has_stack;
    bool has_tls;
    bool has_headers;
    uint64_t headers_claim; /* address that PT_PHDR states */
};

/* All reads of untrusted bytes go through here. */
static bool bytes_read(const struct parse *parse, uint64_t offset, void *ret_bytes, uint64_t count) {
    if (offset > parse->byte_count || count > parse->byte_count - offset)
        return false;
    memcpy(ret_bytes, parse->bytes + offset, count);
    return true;
}

static bool range_is_inside(uint64_t start, uint64_t bytes, uint64_t outer_start, uint64_t outer_bytes) {
    return start >= outer_start && start - outer_start <= outer_bytes && bytes <= outer_bytes - (start - outer_start);
}

static bool is_power_of_two(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

/* Whether bits 63 to 47 are equal. */
static bool is_canonical(uint64_t virt) {
    uint64_t top = virt >> 47;
    return top == 0 || top == 0x1ffff;
}

static uint64_t page_of(uint64_t virt) { return virt / ELF_PAGE_BYTES; }

static enum elf_error check_file_header(const struct elf_file_header *header) {
    if (header->magic[0] != 0x7f || header->magic[1] != 'E' || header->magic[2] != 'L' || header->magic[3] != 'F')
        return ELF_NOT_ELF;
    if (header->class != ELF_CLASS_64)
        return ELF_NOT_64_BIT;
    if (header->data != ELF_DATA_LITTLE)
        return ELF_NOT_LITTLE_ENDIAN;
    if (header->ident_version != ELF_VERSION_CURRENT || header->version != ELF_VERSION_CURRENT)
        return ELF_WRONG_VERSION;
    if (header->machine != ELF_MACHINE_X86_64)
        return ELF_WRONG_MACHINE;
    if (header->type != ELF_TYPE_FIXED && header->type != ELF_TYPE_RELOCATABLE)
        return ELF_WRONG_TYPE;
    if (header->program_header_bytes != ELF_PROGRAM_HEADER_BYTES && header->program_header_count != 0)
        return ELF_HEADER_SIZE;
    if (header->program_header_count > ELF_PROGRAM_HEADERS_MAX)
        return ELF_TOO_MANY_HEADERS;
    return ELF_OK;
}

static enum elf_error check_file_range(const struct parse *parse, const struct elf_program_header *header) {
    if (header->offset + header->file_bytes < header->offset)
        return ELF_FILE_WRAPS;
    if (header->offset + header->file_bytes > parse->byte_count)
        return ELF_FILE_BEYOND_END;
    return ELF_OK;
}

/* Check the segment's addresses; memory_bytes is not 0. */
static enum elf_error check_address(const struct parse *parse, const struct elf_program_header *header) {
    uint64_t lowest = parse->plan->type == ELF_TYPE_FIXED ? parse->limits.lowest : 0;
    uint64_t end = parse->plan->type == ELF_TYPE_FIXED ? parse->limits.end : parse->limits.end - parse->limits.lowest;
    if (header->virt + header->memory_bytes < header->virt)
        return ELF_ADDRESS_WRAPS;
    if (!is_canonical(header->virt) || !is_canonical(header->virt + header->memory_bytes - 1))
        return ELF_NOT_CANONICAL;
    if (header->virt < lowest || header->virt + header->memory_bytes > end)
        return ELF_OUTSIDE;
    if (header->align != 0 && !is_power_of_two(header->align))
        return ELF_BAD_ALIGNMENT;
    if ((header->virt - header->offset) % ELF_PAGE_BYTES != 0)
        return ELF_NOT_CONGRUENT;
    return ELF_OK;
}

static enum elf_error check_order(const struct elf_plan *plan, const struct elf_program_header *header) {
    if (plan->segment_count == ELF_SEGMENTS_MAX)
        return ELF_TOO_MANY_SEGMENTS;
    if (plan->segment_count == 0)
        return ELF_OK;
    const struct elf_segment *previous = &plan->segments[plan->segment_count - 1];
    if (header->virt < previous->virt)
        return ELF_OUT_OF_ORDER;
    if (header->virt - previous->virt < previous->memory_bytes)
        return ELF_OVERLAP;
    return ELF_OK;
}

static uint32_t rights_of(uint32_t flags) {
    uint32_t rights = 0;
    if (flags & FLAG_READ)
        rights |= MEMORY_READ;
    if (flags & FLAG_WRITE)
        rights |= MEMORY_WRITE;
    if (flags & FLAG_EXECUTE)
        rights |= MEMORY_EXECUTE;
    return rights;
}

static enum elf_error add_load(struct parse *parse, const struct elf_program_header *header, uint32_t number) {
    struct elf_plan *plan = parse->plan;
    enum elf_error error = check_file_range(parse, header);
    if (error == ELF_OK && header->file_bytes > header->memory_bytes)
        error = ELF_FILE_EXCEEDS_MEMORY;
    if (error != ELF_OK || header->memory_bytes == 0)
        return error;
    error = check_address(parse, header);
    if (error == ELF_OK && (header->flags & FLAG_WRITE) && (header->flags & FLAG_EXECUTE))
        error = ELF_WRITE_EXECUTE;
    if (error == ELF_OK)
        error = check_order(plan, header);
    if (error != ELF_OK)
        return error;
    if (plan->align < header->align || plan->segment_count == 0)
        plan->align = header->align < ELF_PAGE_BYTES ? ELF_PAGE_BYTES : header->align;
    if (plan->segment_count == 0)
        plan->lowest = header->virt;
    else if (page_of(plan->end - 1) == page_of(header->virt))
        plan->shares_page = true;
    plan->end = header->virt + header->memory_bytes;
    plan->segments[plan->segment_count++] = (struct elf_segment){
        .virt = header->virt,
        .file_offset = header->offset,
        .file_bytes = header->file_bytes,
        .memory_bytes = header->memory_bytes,
        .rights = rights_of(header->flags),
        .header = number,
    };
    return ELF_OK;
}

/* Check a template by itself. */
static enum elf_error check_tls(const struct elf_program_header *header) {
    if (header->file_bytes > header->memory_bytes)
        return ELF_FILE_EXCEEDS_MEMORY;
    if (header->virt + header->memory_bytes < header->virt)
        return ELF_ADDRESS_WRAPS;
    if (header->align != 0 && !is_power_of_two(header->align))
        return ELF_BAD_ALIGNMENT;
    if (header->memory_bytes > ELF_TLS_BYTES_MAX)
        return ELF_TLS_TOO_LARGE;
    if (header->align > ELF_PAGE_BYTES)
        return ELF_TLS_ALIGNMENT;
    return ELF_OK;
}

static enum elf_error add_tls(struct parse *parse, const struct elf_program_header *header) {
    enum elf_error error = check_file_range(parse, header);
    if (error == ELF_OK)
        error = check_tls(header);
    if (error == ELF_OK && parse->has_tls)
        error = ELF_REPEATED;
    if (error != ELF_OK)
        return error;
    parse->has_tls = true;
    parse->plan->tls = (struct elf_tls){
        .virt = header->virt,
        .file_offset = header->offset,
        .file_bytes = header->file_bytes,
        .memory_bytes = header->memory_bytes,
        .align = header->align == 0 ? 1 : header->align,
    };
    return ELF_OK;
}

static enum elf_error add_interpreter(struct parse *parse, const struct elf_program_header *header) {
    enum elf_error error = check_file_range(parse, header);
    if (error != ELF_OK)
        return error;
    if (parse->plan->interpreter_bytes != 0)
        return ELF_REPEATED;
    if (header->file_bytes < 2 || header->file_bytes > ELF_INTERPRETER_MAX)
        return ELF_BAD_INTERPRETER;
    uint8_t last = 0;
    if (!bytes_read(parse, header->offset + header->file_bytes - 1, &last, sizeof last) || last != 0)
        return ELF_BAD_INTERPRETER;
    parse->plan->interpreter_offset = header->offset;
    parse->plan->interpreter_bytes = header->file_bytes;
    return ELF_OK;
}

static enum elf_error add_relro(struct parse *parse, const struct elf_program_header *header) {
    if (parse->plan->relro_bytes != 0)
        return ELF_REPEATED;
    parse->plan->relro_virt = header->virt;
    parse->plan->relro_bytes = header->memory_bytes;
    return ELF_OK;
}

static enum elf_error add_stack(struct parse *parse, const struct elf_program_header *header) {
    if (parse->has_stack)
        return ELF_REPEATED;
    parse->has_stack = true;
    parse->plan->executable_stack = (header->flags & FLAG_EXECUTE) != 0;
    return ELF_OK;
}

/* A note: name and content follow, each padded to a multiple of 4. */
struct note {
    uint32_t name_bytes;
    uint32_t content_bytes;
    uint32_t type;
};
enum { NOTE_INTERFACE = 1, NOTE_BUILD_ID = 3, NOTES_MAX = 16, NOTE_NAME_MAX = sizeof("Baton") };

static uint64_t whole_words(uint64_t bytes) { return (bytes + 3) & ~3ULL; }

/* Whether the note at `at` has this type and this name, terminating zero included. */
static bool note_is(const struct parse *parse, uint64_t at, const struct note *note, uint32_t type, const char *name,
                    uint32_t name_bytes) {
    char found[NOTE_NAME_MAX];
    if (note->type != type || note->name_bytes != name_bytes ||
        !bytes_read(parse, at + sizeof *note, found, name_bytes))
        return false;
    for (uint32_t i = 0; i < name_bytes; i++) {
        if (found[i] != name[i])
            return false;
    }
    return true;
}

/* Evaluate a note that lies wholly in the file. The first of a kind counts. */
static void read_note(struct parse *parse, uint64_t at, const struct note *note) {
    struct elf_plan *plan = parse->plan;
    uint64_t content = at + sizeof *note + whole_words(note->name_bytes);
    bool is_id = note_is(parse, at, note, NOTE_BUILD_ID, "GNU", sizeof("GNU"));
    if (is_id && plan->build_id_bytes == 0 && note->content_bytes <= ELF_BUILD_ID_MAX) {
        plan->build_id_offset = content;
        plan->build_id_bytes = note->content_bytes;
    }
    bool is_interface = note_is(parse, at, note, NOTE_INTERFACE, "Baton", sizeof("Baton"));
    if (is_interface && plan->interface == 0 && note->content_bytes == sizeof plan->interface)
        (void)bytes_read(parse, content, &plan->interface, sizeof plan->interface);
}

/* Source: System V ABI, "Note Section"; the GNU linker's --build-id. */
static void find_notes(struct parse *parse, const struct elf_program_header *header) {
    struct note note;
    uint64_t at = header->offset, left = header->file_bytes;
    for (uint32_t i = 0; i < NOTES_MAX && left >= sizeof note && bytes_read(parse, at, &note, sizeof note); i++) {
        uint64_t bytes = sizeof note + whole_words(note.name_bytes) + whole_words(note.content_bytes);
        if (bytes > left || bytes > parse->byte_count - at)
            return;
        read_note(parse, at, &note);
        at += bytes;
        left -= bytes;
    }
}

static enum elf_error add_headers(struct parse *parse, const struct elf_program_header *header) {
    if (parse->has_headers)
        return ELF_REPEATED;
    parse->has_headers = true;
    parse->headers_claim = header->virt;
    return ELF_OK;
}

/* A loader skips unknown kinds of headers (unwind tables, vendors' own), as the ABI asks. */
static enum elf_error add_header(struct parse *parse, const struct elf_program_header *header, uint32_t number) {
    switch (header->kind) {
    case ELF_KIND_LOAD:
        return add_load(parse, header, number);
    case ELF_KIND_TLS:
        return add_tls(parse, header);
    case ELF_KIND_INTERPRETER:
        return add_interpreter(parse, header);
    case ELF_KIND_RELRO:
        return add_relro(parse, header);
    case ELF_KIND_STACK:
        return add_stack(parse, header);
    case ELF_KIND_HEADERS:
        return add_headers(parse, header);
    case ELF_KIND_NOTE:
        find_notes(parse, header);
        return ELF_OK;
    default:
        return ELF_OK;
    }
}

static bool entry_is_executable(const struct elf_plan *plan) {
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *segment = &plan->segments[i];
        if ((segment->rights & MEMORY_EXECUTE) && range_is_inside(plan->entry, 1, segment->virt, segment->memory_bytes))
            return true;
    }
    return false;
}

/* Whether a loaded segment holds the template, so that copies from memory and from the file are equal. */
static bool tls_is_loaded(const struct elf_plan *plan) {
    const struct elf_tls *tls = &plan->tls;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *segment = &plan->segments[i];
        if ((segment->rights & MEMORY_READ) &&
            range_is_inside(tls->virt, tls->file_bytes, segment->virt, segment->file_bytes) &&
            tls->file_offset - segment->file_offset == tls->virt - segment->virt)
            return true;
    }
    return tls->file_bytes == 0;
}

static bool relro_is_loaded(const struct elf_plan *plan) {
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *segment = &plan->segments[i];
        uint64_t room = (segment->virt + segment->memory_bytes + ELF_PAGE_BYTES - 1) / ELF_PAGE_BYTES * ELF_PAGE_BYTES;
        /* Linkers round the range up to whole pages, past the segment's last byte. */
        if (range_is_inside(plan->relro_virt, plan->relro_bytes, segment->virt, room - segment->virt))
            return true;
    }
    return plan->relro_bytes == 0;
}

static uint64_t find_headers(const struct parse *parse) {
    const struct elf_plan *plan = parse->plan;
    uint64_t bytes = (uint64_t)plan->header_count * ELF_PROGRAM_HEADER_BYTES;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *segment = &plan->segments[i];
        if (range_is_inside(parse->headers_offset, bytes, segment->file_offset, segment->file_bytes))
            return segment->virt + (parse->headers_offset - segment->file_offset);
    }
    return 0;
}

/* Checks that need all segments. */
static enum elf_error check_whole(struct parse *parse) {
    struct elf_plan *plan = parse->plan;
    if (plan->segment_count == 0)
        return ELF_NO_SEGMENT;
    if (!entry_is_executable(plan))
        return ELF_ENTRY_OUTSIDE;
    if (!tls_is_loaded(plan))
        return ELF_TLS_OUTSIDE;
    if (!relro_is_loaded(plan))
        return ELF_RELRO_OUTSIDE;
    plan->headers_virt = find_headers(parse);
    if (parse->has_headers && parse->headers_claim != plan->headers_virt)
        return ELF_HEADERS_OUTSIDE;
    return ELF_OK;
}

static struct elf_result parse_image(struct parse *parse) {
    struct elf_file_header file;
    if (!bytes_read(parse, 0, &file, sizeof file))
        return (struct elf_result){.error = ELF_TOO_SHORT};
    enum elf_error error = check_file_header(&file);
    if (error != ELF_OK)
        return (struct elf_result){.error = error};
    parse->headers_offset = file.headers_offset;
    parse->plan->type = (enum elf_type)file.type;
    parse->plan->entry = file.entry;
    parse->plan->header_count = file.program_header_count;
    uint64_t table_bytes = (uint64_t)file.program_header_count * ELF_PROGRAM_HEADER_BYTES;
    if (!range_is_inside(file.headers_offset, table_bytes, 0, parse->byte_count))
        return (struct elf_result){.error = ELF_TRUNCATED_HEADERS};
    for (uint32_t i = 0; i < file.program_header_count; i++) {
        struct elf_program_header header;
        if (!bytes_read(parse, file.headers_offset + (uint64_t)i * sizeof header, &header, sizeof header))
            return (struct elf_result){.error = ELF_TRUNCATED_HEADERS};
        error = add_header(parse, &header, i);
        if (error != ELF_OK)
            return (struct elf_result){.error = error, .segment = i};
    }
    return (struct elf_result){.error = check_whole(parse)};
}

struct elf_result elf_plan_image(const void *image, uint64_t image_bytes, struct elf_limits limits,
                                 struct elf_plan *ret_plan) {
    struct parse parse = {.bytes = image, .byte_count = image_bytes, .limits = limits, .plan = ret_plan};
    *ret_plan = (struct elf_plan){0};
    struct elf_result result = parse_image(&parse);
    if (result.error != ELF_OK)
        *ret_plan = (struct elf_plan){0};
    return result;
}
