/*
 * Do files do what the protocol promises, seen from ring 3 alone? All calls go to the files server of the running
 * system, by messages, below a directory of the test's own.
 *
 * Prints a line for each check; exits 0 if all hold, otherwise with the number of failures (at most 100).
 */
#include "kernel/abi/rights.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/runtime/stream.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"
#include "userland/lib/file.h"
#include "userland/lib/launch.h"
#include "userland/lib/pipe.h"

#define FOLDER "/tmp/filetest"
#define STREAMS_MIN 64U  /* files that a program can open as streams, at least */
#define STREAMS_MAX 256U /* ... and all programs together, at most */
#define MAPPED FOLDER "/mapped"
#define COPIES_MIN 16U /* files below /tmp that a program can have mapped, at least */
#define COPIES_MAX 64U /* ... and all programs together, at most */
#define FILLERS 12U    /* programs that fill the memory: each takes at least half of what is left */
#define FAILURES_MAX 100U
#define READ 4U /* its number in FILES_OPERATIONS */
#define LONG_NAME "a-name-of-64-bytes-is-longer-than-what-there-is-room-for-in-here"

static const char usage[] = "filetest    test files from ring 3, below " FOLDER;

static uint64_t check_count;
static uint64_t failure_count;
static uint8_t block[FILES_BYTES_MAX];

static void check(bool holds, const char *what) {
    check_count++;
    if (!holds)
        failure_count++;
    print("%s %lu - %s\n", holds ? "ok" : "not ok", check_count, what);
}

static void check_status(uint32_t status, uint32_t wanted, const char *what) {
    check(status == wanted, what);
    if (status != wanted)
        print("# status %s, wanted %s: %s\n", status_name(status), status_name(wanted), file_reason(status));
}

static struct files_space_reply space(void) {
    struct files_space_request request = {.zero = 0};
    struct files_space_reply reply = {.page_count = 0};
    if (files_space(program_cap("files"), &request, &reply, NULL) != OK)
        reply.page_count = 0;
    return reply;
}

static bool is(const char *path, const char *wanted) {
    struct files_stat_reply file;
    uint64_t length;
    if (file_stat(path, &file) != OK || file_read(file.file, 0, block, sizeof block, &length) != OK)
        return false;
    return file.size_bytes == strlen(wanted) && length == file.size_bytes && memcmp(block, wanted, length) == 0;
}

/*
 * Whether the last word of an answer holds the file's bytes and none of an earlier answer, as the kernel delivers it.
 */
static void check_last_word(uint64_t file) {
    static const uint64_t lengths[] = {8, 3};
    for (uint32_t i = 0; i < 2; i++) {
        struct message message = {MESSAGE_INFO(READ, 3, 0), {file, 0, lengths[i]}};
        uint64_t word = 0, status = ep_call(program_cap("files"), &message);
        memcpy(&word, "one two!", lengths[i]);
        check(status == OK && message.info == MESSAGE_INFO(OK, 2, 0) && message.words[1] == word,
              i == 0 ? "a whole word is read" : "... and less than a word, with zeros behind");
    }
}

static void check_writing(void) {
    uint64_t file = 0, length;
    struct files_stat_reply seen = {.kind = 0};
    check_status(file_create(FOLDER "/a", FILES_FILE, &file), OK, "a file is made");
    check_status(file_create(FOLDER "/a", FILES_FILE, &file), P_EXISTS, "... once");
    check_status(file_write(file, 0, "one", 3), OK, "it is written");
    check_status(file_write(file, FILES_APPEND, " two", 4), OK, "... at its end");
    check(is(FOLDER "/a", "one two"), "what was written is read");
    check_status(file_write(file, FILES_APPEND, "!", 1), OK, "a word is made full");
    check_last_word(file);
    check_status(file_truncate(file, 7), OK, "... and shorter again");
    check_status(file_write(file, 1, "__", 2), OK, "... in the middle");
    check(is(FOLDER "/a", "o__ two"), "... and read again");
    check(file_stat(FOLDER "/a", &seen) == OK && seen.changed_ns > 0 && seen.changed_ns <= sys_clock_read().value,
          "stat tells when it was changed");
    check_status(file_truncate(file, 1), OK, "it is cut");
    check_status(file_truncate(file, 3), OK, "... and made longer");
    check(file_stat(FOLDER "/a", &seen) == OK && seen.size_bytes == 3, "its size says so");
    check(file_read(file, 0, block, sizeof block, &length) == OK && length == 3 && memcmp(block, "o\0\0", 3) == 0,
          "what was cut off is zeros");
    check_status(file_read(file, 3, block, sizeof block, &length), OK, "reading at the end is no error");
    check(length == 0, "... and gives nothing");
    check_status(file_remove(FOLDER "/a", FILES_FILE), OK, "it is removed");
    check_status(file_read(file, 0, block, sizeof block, &length), P_NOT_FOUND, "its number names nothing then");
    check_status(file_write(file, 0, "x", 1), P_NOT_FOUND, "... nor when writing");
}

static void check_names(void) {
    uint64_t file;
    struct files_list_reply entry;
    check_status(file_create(FOLDER "/d", FILES_DIRECTORY, &file), OK, "a directory is made");
    check_status(file_create(FOLDER "/d/f", FILES_FILE, &file), OK, "... and a file in it");
    check_status(file_remove(FOLDER "/d", FILES_DIRECTORY), P_NOT_EMPTY, "a directory that is not empty stays");
    check_status(file_remove(FOLDER "/d", FILES_FILE), P_NOT_FILE, "a directory is not removed as a file");
    check_status(file_remove(FOLDER "/d/f", FILES_DIRECTORY), P_NOT_DIRECTORY, "nor a file as a directory");
    check_status(file_create(FOLDER "/none/f", FILES_FILE, &file), P_NOT_FOUND, "nothing is made in no directory");
    check_status(file_create(FOLDER "/d/f/g", FILES_FILE, &file), P_NOT_DIRECTORY, "nothing is made in a file");
    check_status(file_create(FOLDER "/" LONG_NAME, FILES_FILE, &file), P_LIMIT, "a name may be too long");
    check_status(file_create(FOLDER "/../x", FILES_FILE, &file), P_ARGUMENT, "`..` is refused");
    check_status(file_rename(FOLDER "/d", FOLDER "/d/e"), P_ARGUMENT, "a directory can't go below itself");
    check_status(file_rename(FOLDER "/d", FOLDER "/e"), OK, "a directory gets another name");
    check(file_list(FOLDER, 0, &entry) == OK && entry.length_bytes == 1 && entry.name[0] == 'e' &&
              entry.kind == FILES_DIRECTORY,
          "the list has it");
    check_status(file_list(FOLDER, 1, &entry), P_END, "... and nothing else");
    check_status(file_create(FOLDER "/f", FILES_FILE, &file), OK, "another file is made");
    check_status(file_write(file, 0, "new", 3), OK, "... and written");
    check_status(file_rename(FOLDER "/f", FOLDER "/e"), P_EXISTS, "a file does not take a directory's place");
    check_status(file_rename(FOLDER "/f", FOLDER "/e/f"), OK, "a file takes another file's place");
    check(is(FOLDER "/e/f", "new"), "... with what was in it");
    check_status(file_remove(FOLDER "/e/f", FILES_FILE), OK, "the file goes");
    check_status(file_remove(FOLDER "/e/", FILES_DIRECTORY), OK, "the directory goes");
}

static void check_volume(void) {
    struct files_stat_reply seen = {.kind = 0};
    uint64_t file;
    check_status(file_create("/bin/x", FILES_FILE, &file), P_READ_ONLY, "nothing is made on the volume");
    check_status(file_remove("/bin/ls", FILES_FILE), P_READ_ONLY, "nothing is removed there");
    check_status(file_rename("/bin/ls", "/bin/sl"), P_READ_ONLY, "nothing is renamed there");
    check_status(file_rename("/bin/ls", FOLDER "/ls"), P_READ_ONLY, "nothing is moved away from there");
    check_status(file_remove("/tmp", FILES_DIRECTORY), P_READ_ONLY, "/tmp itself stays");
    check_status(file_rename(FOLDER, "/tmp"), P_READ_ONLY, "... and nothing takes its place");
    check(file_stat("bin/ls", &seen) == OK && seen.changed_ns == 0, "a file of the volume is found");
    check_status(file_write(seen.file, 0, "x", 1), P_READ_ONLY, "... and can't be written");
    check_status(file_truncate(seen.file, 0), P_READ_ONLY, "... nor cut");
    check_status(file_write(0, 0, "x", 1), P_ARGUMENT, "a number that names no file is refused");
    check(file_stat("/tmp/", &seen) == OK && seen.kind == FILES_DIRECTORY, "/tmp is a directory");
    bool listed = false;
    struct files_list_reply entry;
    for (uint64_t i = 0; file_list("/", i, &entry) == OK; i++)
        listed = listed || (entry.length_bytes == 3 && memcmp(entry.name, "tmp", 3) == 0);
    check(listed, "... that is listed");
}

static uint32_t write_stream(cap_t stream, const char *text) {
    return stream_write_all(stream, text, strlen(text), NULL);
}

/* Files as a program's input and output. */
static void check_streams(void) {
    static cap_t many[STREAMS_MAX + 1];
    const char *path = FOLDER "/stream";
    cap_t out = 0, more = 0, in = 0;
    size_t length = 0, count = 0;
    uint64_t number;
    check_status(file_open_stream(path, FILES_OPEN_READ, &in), P_NOT_FOUND, "what is not there can't be read");
    check_status(file_open_stream(FOLDER, FILES_OPEN_READ, &in), P_NOT_FILE, "nor a directory");
    check_status(file_open_stream(FOLDER, FILES_OPEN_WRITE, &in), P_NOT_FILE, "... which can't be written either");
    check_status(file_open_stream(FOLDER, (enum files_open_mode)4, &in), P_ARGUMENT, "there is no fourth mode");
    check_status(file_open_stream("/bin/x", FILES_OPEN_WRITE, &in), P_READ_ONLY, "nothing is made on the volume");
    check_status(file_open_stream("/bin/ls", FILES_OPEN_APPEND, &in), P_READ_ONLY, "... or changed");
    check_status(file_open_stream(path, FILES_OPEN_WRITE, &out), OK, "a file is made to be written");
    check(write_stream(out, "one ") == OK && write_stream(out, "two") == OK && is(path, "one two"), "... and is");
    check_status(file_open_stream(path, FILES_OPEN_APPEND, &more), OK, "it is opened to be added to");
    check(write_stream(more, " three") == OK && write_stream(out, "+") == OK && write_stream(more, "!") == OK &&
              is(path, "one two+three!"),
          "each writes where it is, or to the end");
    check_status(file_open_stream(path, FILES_OPEN_READ, &in), OK, "it is opened to be read");
    check(stream_read_some(in, block, 4, &length) == OK && length == 4 &&
              stream_read_some(in, block, 400, &length) == OK && length == 10 && memcmp(block, "two+three!", 10) == 0,
          "... on from where one was");
    check(stream_read_some(in, block, 4, &length) == OK && length == 0, "... to the end");
    check_status(write_stream(in, "x"), P_PERMISSION, "one for reading can't be written");
    check_status(stream_read_some(out, block, 1, &length), P_PERMISSION, "one for writing can't be read");
    struct files_space_request nothing = {.zero = 0};
    struct files_space_reply room;
    check_status(files_space(in, &nothing, &room, NULL), P_OPERATION, "a stream is no way to the other files");
    check_status(stream_read_some(program_cap("files"), block, 1, &length), P_OPERATION, "and the server is no stream");
    pipe_drop(&out);
    check_status(file_open_stream(path, FILES_OPEN_WRITE, &out), OK, "who opens it to write");
    check(is(path, ""), "... cuts it");
    uint64_t free = space().pages_free, free_entries = space().entries_free;
    check_status(write_stream(out, "old"), OK, "it is written");
    uint64_t taken = free - space().pages_free; /* by one file; some servers need a page to find its pages */
    check_status(file_remove(path, FILES_FILE), OK, "... and removed");
    check(write_stream(out, "er") == OK && write_stream(more, "!") == OK, "who has it open writes on");
    pipe_drop(&in);
    check_status(file_open_stream(path, FILES_OPEN_READ, &in), P_NOT_FOUND, "nobody else finds it");
    check(file_create(path, FILES_FILE, &number) == OK && is(path, ""), "a new one has its name");
    check_status(file_open_stream(path, FILES_OPEN_READ, &in), OK, "which is opened");
    check_status(file_write(number, 0, "new", 3), OK, "... and written");
    check(file_create(FOLDER "/over", FILES_FILE, &number) == OK && file_rename(FOLDER "/over", path) == OK &&
              is(path, ""),
          "another takes its place");
    check(stream_read_some(in, block, 9, &length) == OK && length == 3 && memcmp(block, "new", 3) == 0,
          "who has it open reads on");
    check_status(file_remove(path, FILES_FILE), OK, "that goes, too");
    check(space().pages_free == free - 2 * taken && space().entries_free == free_entries - 1,
          "open files keep their room");
    pipe_drop(&out);
    pipe_drop(&more);
    pipe_drop(&in);
    check(space().pages_free == free && space().entries_free == free_entries + 1, "... and give it back");
    while (count <= STREAMS_MAX && file_open_stream("/bin/ls", FILES_OPEN_READ, &many[count]) == OK)
        count++;
    check(count > STREAMS_MIN, "many files can be open");
    while (count > 0)
        pipe_drop(&many[--count]);
    check_status(file_open_stream("/bin/ls", FILES_OPEN_READ, &in), OK, "... and again when they are not any more");
    check(stream_read_some(in, block, 4, &length) == OK && length == 4 &&
              memcmp(block,
                     "\x7f"
                     "ELF",
                     4) == 0,
          "... on the volume too");
    pipe_drop(&in);
}

static uint32_t copy_file(const char *from, const char *to) {
    uint64_t file, length = 1;
    struct files_stat_reply source = {.kind = 0};
    uint32_t status = file_stat(from, &source);
    if (status == OK)
        status = file_open(to, true, &file);
    for (uint64_t offset = 0; status == OK && length > 0; offset += length) {
        status = file_read(source.file, offset, block, sizeof block, &length);
        if (status == OK)
            status = file_write(file, offset, block, length);
    }
    return status;
}

/* Start a program with one argument, or none (NULL), that reads from `input` (0: from where this one does). */
static uint64_t start_reading(const char *path, const char *argument, cap_t input, struct launch_failure *ret_failure) {
    const char *const arguments[] = {path, argument, NULL};
    const struct launch_capability in = {"stdin", input};
    const struct launch launch = {.path = path,
                                  .arguments = arguments,
                                  .environment = (const char *const *)program.environment,
                                  .capabilities = &in,
                                  .capability_count = input != 0};
    return launch_spawn(program_process(), &launch, ret_failure);
}

static uint64_t start(const char *path, const char *argument, struct launch_failure *ret_failure) {
    return start_reading(path, argument, 0, ret_failure);
}

static bool ends_well(uint64_t pid) {
    struct process_wait_request request = {.pid = pid};
    struct process_wait_reply end;
    return pid != 0 && process_wait(program_process(), &request, &end, NULL) == OK && end.end == PROCESS_EXITED &&
           end.value == 0;
}

/* A child's role: make a file as large as possible. */
static int fill_file(const char *path) {
    uint64_t file;
    uint32_t status = file_create(path, FILES_FILE, &file);
    while (status == OK)
        status = file_write(file, FILES_APPEND, block, sizeof block);
    return status == P_LIMIT || status == P_NO_SPACE ? 0 : 1;
}

static const char *filler_path(uint32_t number) {
    static char path[FILES_PATH_MAX];
    (void)format_into(path, sizeof path, FOLDER "/filler%u", number);
    return path;
}

/* It takes several programs, since no single one gets all. */
static void fill_memory(void) {
    struct launch_failure failure;
    bool filled = true;
    for (uint32_t i = 0; i < FILLERS; i++)
        filled = ends_well(start("/bin/filetest", filler_path(i), &failure)) && filled;
    check(filled, "others take what they can");
}

static void free_memory(void) {
    bool freed = true;
    for (uint32_t i = 0; i < FILLERS; i++)
        freed = file_remove(filler_path(i), FILES_FILE) == OK && freed;
    check(freed, "what the others took is free again");
}

/* A program runs from a copy of its file, whose pages are freed when it has ended. */
static void check_running(void) {
    const char *path = FOLDER "/cat";
    struct pipe_ends ends;
    struct launch_failure failure;
    struct files_stat_reply seen = {.kind = 0};
    uint64_t free = space().pages_free, file = 0;
    check(copy_file("/bin/cat", path) == OK && file_stat(path, &seen) == OK, "a program is copied");
    uint64_t copied = free - space().pages_free, runs = pages_for(seen.size_bytes);
    check_status(pipe_make(&ends), OK, "a pipe is made");
    uint64_t first = start_reading(path, NULL, ends.reader, &failure);
    pipe_drop(&ends.writer);
    check(ends_well(first), "the program runs");
    pipe_drop(&ends.reader);
    check(free - space().pages_free == copied, "... and leaves no page behind");
    check_status(pipe_make(&ends), OK, "another pipe is made");
    first = start_reading(path, NULL, ends.reader, &failure);
    uint64_t second = start_reading(path, NULL, ends.reader, &failure);
    check(free - space().pages_free == copied + 2 * runs, "two that run have a copy each");
    check_status(file_open(path, true, &file), OK, "the file is cut under them");
    memset(block, 0xcc, sizeof block); /* int3 */
    uint32_t status = OK;
    for (uint64_t written = 0; status == OK && written < copied * 4096; written += sizeof block)
        status = file_write(file, FILES_APPEND, block, sizeof block);
    check_status(status, OK, "... and filled with something else");
    check(start(path, NULL, &failure) == 0 && failure.status == P_IMAGE, "... which does not run");
    fill_memory();
    check(start(path, NULL, &failure) == 0 && failure.status == P_NO_SPACE && launch_reason_has(&failure, "in a row"),
          "... so that there is no room for a copy");
    uint64_t full = space().pages_free;
    pipe_drop(&ends.writer);
    check(ends_well(first) && ends_well(second), "they run on");
    pipe_drop(&ends.reader);
    check(space().pages_free == full + 2 * runs, "what they had can be used then");
    free_memory();
    check_status(file_truncate(file, 0), OK, "it is empty");
    check(start(path, NULL, &failure) == 0 && failure.status == P_NOT_FILE && launch_reason_has(&failure, "empty"),
          "... and can't be run, and the reason says why");
    check_status(file_remove(path, FILES_FILE), OK, "it is removed");
    check(space().pages_free == free, "all pages are free as before");
}

/* Map a file as often as one may. */
static uint32_t map_often(const char *path, struct process_map_file_reply *maps, uint32_t most, uint32_t *ret_count) {
    static struct process_map_file_request request;
    uint32_t status = OK;
    request = (struct process_map_file_request){
        .length_bytes = strnlen(path, FILES_PATH_MAX), .size_bytes = 4096, .rights = MEMORY_READ};
    memcpy(request.path, path, request.length_bytes);
    for (*ret_count = 0; status == OK && *ret_count < most; *ret_count += status == OK)
        status = process_map_file(program_process(), &request, &maps[*ret_count], NULL);
    return status;
}

/* A child's role: the file mapped once more. */
static int map_once(void) {
    struct process_map_file_reply map;
    uint32_t count;
    return map_often(MAPPED, &map, 1, &count) == OK ? 0 : 1;
}

/* A copy is charged to the program that maps the file: other programs still get copies, and pages for them. */
static void check_copies(void) {
    static struct process_map_file_reply maps[COPIES_MAX];
    struct launch_failure failure;
    uint64_t free = space().pages_free, file = 0;
    uint32_t count;
    bool unmapped = true;
    memset(block, 'm', sizeof block);
    check(file_create(MAPPED, FILES_FILE, &file) == OK && file_write(file, 0, block, sizeof block) == OK,
          "a file is made to be mapped");
    check_status(map_often(MAPPED, maps, COPIES_MAX, &count), P_LIMIT, "one program may map it so often");
    check(count > COPIES_MIN && count < COPIES_MAX - COPIES_MIN, "... which is about half of all copies");
    check(ends_well(start("/bin/filetest", "map", &failure)), "another one maps it then");
    while (count > 0) {
        struct process_unmap_request request = {maps[--count].at, 4096};
        struct process_unmap_reply reply;
        unmapped = process_unmap(program_process(), &request, &reply, NULL) == OK && unmapped;
    }
    check(unmapped && file_remove(MAPPED, FILES_FILE) == OK && space().pages_free == free,
          "all of its pages come back");
}

static void check_full(void) {
    uint64_t first = 0, third = 0, length;
    struct files_stat_reply seen = {.kind = 0};
    memset(block, 'x', sizeof block);
    check_status(file_create(FOLDER "/first", FILES_FILE, &first), OK, "a large file is begun");
    uint32_t status = OK;
    while (status == OK)
        status = file_write(first, FILES_APPEND, block, sizeof block);
    check(status == P_LIMIT || status == P_NO_SPACE, "it grows to the limit of one file, or of one program");
    check(file_stat(FOLDER "/first", &seen) == OK && seen.size_bytes > 3U << 20, "... which is about 4 MiB");
    fill_memory();
    check(file_read(seen.file, seen.size_bytes - 1, block, 1, &length) == OK && length == 1 && block[0] == 'x',
          "what was written before is there");
    check_status(file_create(FOLDER "/third", FILES_FILE, &third), OK, "an empty file needs no page");
    status = file_write(third, 0, "x", 1);
    check(status == P_NO_SPACE || status == P_LIMIT, "... but can't be written");
    check_status(file_remove(FOLDER "/first", FILES_FILE), OK, "the first goes");
    check_status(file_write(third, 0, "x", 1), OK, "then it can");
    check_status(file_remove(FOLDER "/third", FILES_FILE), OK, "the third goes");
    free_memory();
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    if (command_help(argc, argv, usage))
        return 0;
    if (argc == 2)
        return strcmp(argv[1], "map") == 0 ? map_once() : fill_file(argv[1]);
    struct files_space_reply before = space();
    uint64_t none;
    check_status(file_create(FOLDER, FILES_DIRECTORY, &none), OK, "the test has a directory of its own");
    check_writing();
    check_names();
    check_volume();
    check_streams();
    check_running();
    check_copies();
    check_full();
    check_status(file_remove(FOLDER, FILES_DIRECTORY), OK, "the test's directory goes");
    struct files_space_reply after = space();
    check(before.page_count > 0 && before.pages_free == after.pages_free && before.entries_free == after.entries_free,
          "all pages and entries are free as before");
    print("filetest: %lu checks, %lu failed\n", check_count, failure_count);
    return (int)(failure_count < FAILURES_MAX ? failure_count : FAILURES_MAX);
}
