/*
 * Do spawn and exec refuse each kind of damaged image, with words that say what is wrong?
 */
#include "libsys/maker/layout.h"
#include "libsys/text/string.h"
#include "test/process/child.h"

#define CODE_LIVES_ON 30

static bool contains(const char *text, const char *words) {
    for (; *text != '\0'; text++)
        if (strncmp(text, words, strlen(words)) == 0)
            return true;
    return false;
}

static void check_reason(const char *words) {
    if (!CHECK(contains(start_reason, words)))
        test_note("the reason is `%s`, want `%s` in it", start_reason, words);
}

/* image_is_refused PATH STATUS WORDS: exec fails so, and this program goes on. */
static int role_image_is_refused(int argc, char **argv) {
    CHECK_EQUAL(argc, 4);
    const struct child_start start = {argv[1], NULL, NULL, NULL};
    CHECK_STATUS(start_exec(&start), number_of(argv[2]));
    check_reason(argv[3]);
    return CODE_LIVES_ON;
}

static void refuse_spawn(const char *path, uint32_t status, const char *words) {
    const struct child_start start = {path, NULL, NULL, NULL};
    uint64_t pid;
    CHECK_STATUS(start_spawn(&start, &pid), status);
    check_reason(words);
}

static void refuse_exec(const char *path, uint32_t status, const char *words) {
    CHECK_ROLE(CODE_LIVES_ON, "image_is_refused", path, text_of(status), words);
}

/* A pair of cases for each error of libsys/format/elf_error.def; the file of that name is wrong in this way. */
#define REFUSE(name, file, status, words)                                                      \
    static void spawn_refuses_image_##name(void) { refuse_spawn(IMAGES file, status, words); } \
    static void exec_refuses_image_##name(void) { refuse_exec(IMAGES file, status, words); }
#define ELF_FILE_ERROR(name, text) REFUSE(name, #name, P_IMAGE, text)
#define ELF_SEGMENT_ERROR(name, text) REFUSE(name, #name, P_IMAGE, text)
#include "libsys/format/elf_error.def"

REFUSE(of_one_byte, "one_byte", P_IMAGE, "too short for an ELF header")
REFUSE(of_text, "text", P_IMAGE, "too short for an ELF header")
REFUSE(of_noise, "noise", P_IMAGE, "not an ELF file")
REFUSE(of_another_system, "foreign", P_IMAGE, "built for another system")
REFUSE(of_another_name, "other_name", P_IMAGE, "built for another system")
REFUSE(of_another_version, "other_version", P_IMAGE, "built for another version of Baton")
REFUSE(with_interpreter, "interpreter", P_IMAGE, "interpreter")
REFUSE(with_executable_stack, "executable_stack", P_IMAGE, "executable stack")
REFUSE(with_shared_page, "shared_page", P_IMAGE, "share a page")
REFUSE(too_large, "too_large", P_LIMIT, "segments take more than")

/* The image from which all the others were made is sound. */
static void spawn_runs_the_sound_image(void) {
    const struct child_start start = {IMAGES "sound", NULL, NULL, NULL};
    uint64_t pid;
    CHECK_STATUS(start_spawn(&start, &pid), OK);
    CHECK_STATUS(kill_process(pid, PROCESS_SIGTERM), OK);
    CHECK_KILLED(pid, PROCESS_SIGTERM);
}

/* It finds itself above 4 GiB, and says so by an undefined instruction. */
static void spawn_moves_a_position_independent_image(void) {
    const struct child_start start = {"test/exec/movable", NULL, NULL, NULL};
    struct process_wait_reply end;
    uint64_t pid;
    CHECK_STATUS(start_spawn(&start, &pid), OK);
    CHECK_STATUS(wait_for(pid, &end), OK);
    CHECK_EQUAL(end.end, PROCESS_KILLED);
    CHECK_EQUAL(end.value, PROCESS_SIGILL);
    CHECK(end.rip >= LAYOUT_IMAGE_BASE && end.rip < LAYOUT_IMAGE_END);
}

/* The server leaves RELRO to the program, even at a fixed address: only the program knows when relocation is done. */
static void spawn_leaves_relro_to_the_program(void) {
    const struct child_start start = {IMAGES "relocates", NULL, NULL, NULL};
    uint64_t pid;
    CHECK_STATUS(start_spawn(&start, &pid), OK);
    CHECK_KILLED(pid, PROCESS_SIGILL);
}

static const struct test_case cases[] = {CASE_NEEDS(spawn_runs_the_sound_image, OPERATION(kill)),
                                         CASE(spawn_moves_a_position_independent_image),
                                         CASE_NEEDS(spawn_leaves_relro_to_the_program, OPERATION(protect)),
#define PAIR(name) CASE(spawn_refuses_image_##name), CASE(exec_refuses_image_##name),
#define ELF_FILE_ERROR(name, text) PAIR(name)
#define ELF_SEGMENT_ERROR(name, text) PAIR(name)
#include "libsys/format/elf_error.def"
                                         PAIR(of_one_byte) PAIR(of_text) PAIR(of_noise) PAIR(of_another_system)
                                             PAIR(of_another_name) PAIR(of_another_version) PAIR(with_interpreter)
                                                 PAIR(with_executable_stack) PAIR(with_shared_page) PAIR(too_large)};
static const struct role roles[] = {ROLE(image_is_refused)};
GROUP(images);
