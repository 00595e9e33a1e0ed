/* The parts of libsys that make no system call: slots, formats, numbers, messages and their
 * shapes, the initial stack. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/abi/system.h"
#include "libsys/maker/audit_text.h"
#include "libsys/maker/backtrace.h"
#include "libsys/maker/stack.h"
#include "libsys/program/auxiliary.h"
#include "libsys/program/program.h"
#include "libsys/program/slots.h"
#include "libsys/text/format.h"
#include "libsys/text/text.h"
#include "libsys/wire/protocol.h"
#include "libsys/wire/status_text.h"
#include "test/host/suite.h"

/* Each check has a name of its own, and the place is told where one was looked at. */
static void audit_failures_have_words(void) {
    char text[AUDIT_TEXT_MAX], before[AUDIT_TEXT_MAX] = "";
    for (uint64_t check = AUDIT_KERNEL_HALF; check <= AUDIT_ENTRY_STATE; check++) {
        audit_format(&(struct audit_failure){.check = check, .level = 4, .address = UINT64_MAX, .entry = UINT64_MAX},
                     text, sizeof text);
        CHECK(strstr(text, "0xffffffffffffffff, level 4, entry 0xffffffffffffffff") != NULL);
        CHECK(strstr(text, "lacks") == NULL && strcmp(text, before) != 0);
        memcpy(before, text, sizeof text);
    }
    audit_format(&(struct audit_failure){AUDIT_KERNEL_TEXT, 0x1000, 4, 0}, text, sizeof text);
    CHECK(strcmp(text, "kernel text is not mapped, at 0x1000, level 4, entry 0x0") == 0);
    audit_format(&(struct audit_failure){AUDIT_STACK, 0x1ff8, 1, 5}, text, sizeof text);
    CHECK(strcmp(text, "the word below the stack pointer is not mapped as needed, at 0x1ff8, level 1, entry 0x5") == 0);
    audit_format(&(struct audit_failure){.check = AUDIT_TABLE}, text, sizeof text);
    CHECK(strcmp(text, "the thread has no capability table") == 0);
    audit_format(&(struct audit_failure){.check = 99}, text, sizeof text);
    CHECK(strstr(text, "lacks") != NULL);
}

static void slots_come_and_go(void) {
    struct slots slots;
    slots_init(&slots, 16, 128);
    for (cap_t wanted = 16; wanted < 128; wanted++)
        CHECK_EQUAL(slots_take(&slots), wanted);
    CHECK_EQUAL(slots_take(&slots), 0);
    slots_free(&slots, 70);
    slots_free(&slots, 70); /* twice is once */
    slots_free(&slots, 20);
    slots_free(&slots, 5); /* never ours to give */
    slots_free(&slots, 128);
    slots_free(&slots, 0);
    CHECK_EQUAL(slots.used_count, 110);
    CHECK_EQUAL(slots_take(&slots), 20);
    CHECK_EQUAL(slots_take(&slots), 70);
    CHECK_EQUAL(slots_take(&slots), 0);
    slots.used[1] &= ~(1ULL << (100 - 64)); /* slots_free, cut short */
    slots_recount(&slots);
    CHECK_EQUAL(slots_left(&slots), 1);
    CHECK_EQUAL(slots_take(&slots), 100);
    CHECK_EQUAL(slots_left(&slots), 0);

    memset(&slots, 0xff, sizeof slots);
    slots_init(&slots, 70, 100); /* neither at the border of a word */
    CHECK_EQUAL(slots_take(&slots), 70);
    slots_recount(&slots);
    CHECK_EQUAL(slots_left(&slots), 29);
    for (cap_t wanted = 71; wanted < 100; wanted++)
        CHECK_EQUAL(slots_take(&slots), wanted);
    CHECK_EQUAL(slots_take(&slots), 0);
}

/* A program's successor names the slots that its state holds. They are given out no more, and can be freed. */
static void slots_are_claimed(void) {
    struct slots slots;
    slots_init(&slots, 70, 200); /* neither at the border of a word */
    const cap_t nobodys[] = {0, 69, 200, 255, TABLE_SLOTS_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof nobodys / sizeof nobodys[0]; i++)
        slots_claim(&slots, nobodys[i]); /* never given out, so nobody can hold them */
    CHECK_EQUAL(slots_left(&slots), 130);
    const cap_t held[] = {70, 127, 128, 199, 72, 72};
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++)
        slots_claim(&slots, held[i]);
    CHECK_EQUAL(slots.used_count, 5); /* twice is once */
    CHECK(slots_is_taken(&slots, 70) && slots_is_taken(&slots, 199) && !slots_is_taken(&slots, 71));
    CHECK_EQUAL(slots_take(&slots), 71);
    CHECK_EQUAL(slots_take(&slots), 73);
    for (cap_t wanted = 74; wanted < 199; wanted++)
        if (wanted != 127 && wanted != 128)
            CHECK_EQUAL(slots_take(&slots), wanted);
    CHECK_EQUAL(slots_take(&slots), 0);
    CHECK_EQUAL(slots_left(&slots), 0);
    slots_claim(&slots, 100); /* taken already */
    CHECK_EQUAL(slots.used_count, 130);
    slots_free(&slots, 72);
    slots_recount(&slots);
    CHECK_EQUAL(slots_left(&slots), 1);
    CHECK_EQUAL(slots_take(&slots), 72);
}

/* A program's successor looks for capabilities below the mark: where a slot was taken before, and none is claimed. */
static void slots_tell_how_far_they_went(void) {
    struct slots slots;
    uint64_t kept_end = 0;
    slots_init(&slots, 70, 200);
    CHECK_EQUAL(slots_take(&slots), 70); /* before the mark is there */
    slots_keep(&slots, &kept_end);
    CHECK_EQUAL(kept_end, 128);
    for (cap_t wanted = 71; wanted < 200; wanted++) {
        CHECK_EQUAL(slots_take(&slots), wanted);
        CHECK(kept_end > wanted && kept_end <= wanted + 64);
    }
    CHECK_EQUAL(slots_take(&slots), 0);
    CHECK_EQUAL(slots_find_free(&slots, 70), 0);

    slots_init(&slots, 70, 200); /* the successor */
    CHECK_EQUAL(slots_find_free(&slots, 1), 0);
    slots_keep(&slots, &kept_end);
    CHECK_EQUAL(slots_find_free(&slots, 1), 70);
    for (cap_t held = 70; held < 198; held++)
        slots_claim(&slots, held);
    CHECK_EQUAL(slots_find_free(&slots, 1), 198);
    CHECK_EQUAL(slots_find_free(&slots, 199), 199);
    CHECK_EQUAL(slots_find_free(&slots, 200), 0);
    slots_free(&slots, 150);
    CHECK_EQUAL(slots_find_free(&slots, 1), 150);
    CHECK_EQUAL(kept_end, 256); /* it only grows */

    slots_init(&slots, 70, 200);
    kept_end = 0;
    slots_keep(&slots, &kept_end);
    CHECK_EQUAL(slots_take(&slots), 70);
    CHECK_EQUAL(slots_find_free(&slots, 1), 71); /* no slot of the last word was ever taken */
    for (cap_t held = 71; held < 128; held++)
        slots_claim(&slots, held);
    CHECK_EQUAL(slots_find_free(&slots, 1), 0);
}

/* Against the C library's own, for what both know. */
#define SAME(...) same_as_libc(__LINE__, __VA_ARGS__)
FORMAT_LIKE(2, 3) static void same_as_libc(int line, const char *format, ...) {
    char ours[128];
    char theirs[128];
    va_list arguments;
    va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t length = format_into_list(ours, sizeof ours, format, arguments);
    int wanted = vsnprintf(theirs, sizeof theirs, format, again);
    va_end(again);
    va_end(arguments);
    if (!CHECK(strcmp(ours, theirs) == 0) || !CHECK_EQUAL(length, wanted))
        printf("#   line %d: ours \"%s\", theirs \"%s\"\n", line, ours, theirs);
}

static void formats_are_as_usual(void) {
    SAME("plain");
    SAME("%d %d %d", 0, -1, INT_MIN);
    SAME("%5d|%-5d|%05d|%05d", 42, 42, 42, -42);
    SAME("%u %x %X", UINT_MAX, 0xbeefU, 0xbeefU);
    SAME("%lu %lx %ld %zu", ULONG_MAX, 0x123456789abcdefUL, LONG_MIN, (size_t)7);
    SAME("%016lx|%8lx|%-8lx|", 0x1234UL, 0x1234UL, 0x1234UL);
    SAME("%s|%8s|%-8s|%.2s|%.*s", "abc", "abc", "abc", "abc", 1, "abc");
    SAME("%c%3c%%", 'x', 'y');
    SAME("%*d|%-*d|%*d", 6, 1, 6, 2, -6, 3);
    SAME("%p", (void *)0x1000);
    SAME("%+d|%+d|% d|% d|%+5d|%+05d", 5, -5, 5, -5, 5, 5);
    SAME("%#x|%#X|%#x|%#o|%#o|%o|%#.3o|%#8x|%#08x", 255, 255, 0, 8, 0, 64, 8, 255, 255);
    SAME("%hhx|%hhd|%hhu|%hx|%hd|%hu", (unsigned char)0xff, (signed char)-1, (unsigned char)200, (unsigned short)0xffff,
         (short)-2, (unsigned short)40000);
    SAME("%jd|%ju|%td", INTMAX_MIN, UINTMAX_MAX, (ptrdiff_t)-3);
    SAME("%.8x|%.3d|%8.3d|%-8.3d|%.0d|%.0d|%.*d", 42, -7, 7, 7, 0, 1, -1, 7);
    SAME("%+.0d|%#.0x|%#.0o|%5.0d|", 0, 0, 0, 0);
    SAME("%hhd %s", (signed char)-1, "what follows");
}

/* Unknown formats, which the compiler refuses where it sees them, end the output. No argument is
 * used for another conversion. */
static void formats_stop_at_what_is_unknown(void) {
    static const struct {
        const char *format, *text;
    } cases[] = {
        {"%d %f %s", "7 %f %s"},        {"%d %5.2Lf %s", "7 %5.2Lf %s"},
        {"%d %n%s", "7 %n%s"},          {"%d %ls|%s", "7 %ls|%s"},
        {"%d %lc|%s", "7 %lc|%s"},      {"%d %y%% %s", "7 %y%% %s"},
        {"%d %-08.3", "7 %-08.3"},      {"%d %", "7 %"},
        {"%d %lp %s", "7 %lp %s"},      {"%d%5%%s", "7%next"},
        {"%08.3d|%s", "     007|next"},
    };
    char text[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-nonliteral"
        size_t length = format_into(text, sizeof text, cases[i].format, 7, "next");
#pragma clang diagnostic pop
        if (!CHECK(strcmp(text, cases[i].text) == 0) || !CHECK_EQUAL(length, strlen(cases[i].text)))
            printf("#   \"%s\" gave \"%s\"\n", cases[i].format, text);
    }
    CHECK_EQUAL(format_into(text, sizeof text, "%*d|", INT_MIN, 1), 2); /* a width that has no opposite is none */
}

static void formats_cut_and_terminate(void) {
    char text[8];
    memset(text, 'z', sizeof text);
    CHECK_EQUAL(format_into(text, 5, "%s", "abcdefgh"), 8);
    CHECK(memcmp(text, "abcd\0zzz", 8) == 0);
    CHECK_EQUAL(format_into(text, 0, "%d", 12345), 5);
    CHECK_EQUAL(text[0], 'a');
    const char *null = NULL;
    CHECK_EQUAL(format_into(text, sizeof text, "%s", null), 6);
    CHECK(strcmp(text, "(null)") == 0);
}

static void numbers_are_read_whole(void) {
    uint64_t value = 77;
    CHECK(text_to_number("0", &value) && value == 0);
    CHECK(text_to_number("18446744073709551615", &value) && value == UINT64_MAX);
    CHECK(text_to_number("0xFFffFFffFFffFFff", &value) && value == UINT64_MAX);
    const char list[] = "12,0x1f 7";
    CHECK(text_skip_number(list, &value) == list + 2 && value == 12);
    CHECK(text_skip_number(list + 3, &value) == list + 7 && value == 31);
    CHECK(text_skip_number(list + 8, &value) == list + 9 && value == 7);
    value = 77;
    static const char *const none[] = {
        "", "x", "-1", "+1", " 1", ",1", "12a", "0x", "0X1", "0xg", "18446744073709551616", "0x10000000000000000"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        CHECK(text_skip_number(none[i], &value) == NULL && !text_to_number(none[i], &value));
    static const char *const more[] = {"1 ", "1\n", "1.5", "1,2", "1-2", "1_", "1;", "0x1 MiB", "1\xb2"};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        CHECK(!text_to_number(more[i], &value));
    CHECK_EQUAL(value, 77);
}

static void statuses_have_texts(void) {
    CHECK(strcmp(status_text(E_PEER), "the other side is gone") == 0);
    CHECK(strcmp(status_name(P_IMAGE), "P_IMAGE") == 0);
    CHECK(strcmp(status_text(255), "unknown status") == 0);
}

struct tailed {
    uint64_t length_bytes;
    uint64_t more;
    uint8_t bytes[100];
};

/* A server accepts only messages with exactly the words that their length implies. */
static void shapes_hold_their_length(void) {
    const struct protocol_shape fixed = {24, 24, 1};
    const struct protocol_shape tail = {16, sizeof(struct tailed), 0};
    struct tailed data = {0};
    CHECK_EQUAL(protocol_words(&fixed, &data), 3);
    CHECK(protocol_fits(&fixed, 3, 1, &data));
    CHECK(!protocol_fits(&fixed, 2, 1, &data));
    CHECK(!protocol_fits(&fixed, 4, 1, &data));
    CHECK(!protocol_fits(&fixed, 3, 0, &data));
    CHECK(!protocol_fits(&fixed, 3, 2, &data));

    for (uint64_t length = 0; length <= 100; length++) {
        data.length_bytes = length;
        uint32_t words = (uint32_t)(16 + length + 7) / 8;
        CHECK_EQUAL(protocol_bytes(&tail, &data), 16 + length);
        CHECK_EQUAL(protocol_words(&tail, &data), words);
        CHECK(protocol_fits(&tail, words, 0, &data));
        CHECK(!protocol_fits(&tail, words - 1, 0, &data));
        CHECK(!protocol_fits(&tail, words + 1, 0, &data));
    }
    static const uint64_t lies[] = {sizeof data.bytes + 5, 1000, UINT64_MAX, UINT64_MAX - 15};
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        data.length_bytes = lies[i];
        CHECK_EQUAL(protocol_words(&tail, &data), 0);
        for (uint32_t words = 0; words <= MESSAGE_WORDS; words++)
            CHECK(!protocol_fits(&tail, words, 0, &data));
    }
    data.length_bytes = 0;
    CHECK(!protocol_fits(&tail, 0, 0, &data));
    CHECK(!protocol_fits(&tail, 1, 0, &data));
}

struct program program;
static struct message_page message_page;

/* A message carries all its bytes, and no byte that lies after them in the sender's memory. */
static void message_carries_only_its_bytes(void) {
    static uint8_t data[8 * MESSAGE_WORDS], wanted[8 * MESSAGE_WORDS], got[8 * MESSAGE_WORDS];
    program.message = &message_page;
    memset(data, 0xa5, sizeof data);
    for (uint64_t bytes = 0; bytes <= sizeof data; bytes++) {
        struct message message = {.info = MESSAGE_INFO(OK, (bytes + 7) / 8, 0)};
        memset(&message_page, 0x5a, sizeof message_page); /* of an earlier message */
        memset(message.words, 0x5a, sizeof message.words);
        message_put(&message, data, bytes);
        memset(got, 0, sizeof got);
        CHECK_EQUAL(message_get(&message, got), (bytes + 7) / 8);
        memset(wanted, 0, sizeof wanted);
        memcpy(wanted, data, bytes);
        if (!CHECK(memcmp(got, wanted, sizeof got) == 0))
            printf("#   %lu bytes\n", bytes);
    }
}

#define TOP 0x7fff0000U

/* The word at a stack address, in a buffer that ends at TOP. */
static uint64_t word_at(const uint8_t *buffer, size_t size, uaddr_t address) {
    uint64_t word;
    memcpy(&word, buffer + size - (TOP - address), sizeof word);
    return word;
}

static const char *text_at(const uint8_t *buffer, size_t size, uaddr_t address) {
    return (const char *)buffer + size - (TOP - address);
}

static void stack_is_as_the_abi_says(void) {
    static const char arguments[] = "prog\0one\0";
    static const char environment[] = "A=1\0B=2";
    static const char notes[] = "cap:x=1";
    for (uint64_t argument_count = 0; argument_count <= 3; argument_count++) {
        struct stack_input input = {
            .top = TOP,
            .arguments = {arguments, (const uint64_t[]){0, 5, 9, 10}[argument_count], argument_count},
            .environment = {{environment, sizeof environment, 2}, {notes, sizeof notes, 1}},
            .path = "bin/prog",
            .random = "0123456789abcdef",
            .headers = 0x400040,
            .header_count = 5,
            .base = 0,
            .entry = 0x401000,
            .message = 0x7fff8000,
        };
        uint8_t buffer[1024];
        struct stack_result result;
        memset(buffer, 0xcc, sizeof buffer);
        CHECK(string_block_is_whole(&input.arguments));
        CHECK(stack_build(&input, buffer, sizeof buffer, &result));
        uaddr_t at = result.pointer;
        CHECK_EQUAL(at % 16, 0);
        CHECK_EQUAL(word_at(buffer, sizeof buffer, at), argument_count);
        static const char *const wanted[] = {"prog", "one", ""};
        for (uint64_t i = 0; i < argument_count; i++)
            CHECK(strcmp(text_at(buffer, sizeof buffer, word_at(buffer, sizeof buffer, at += 8)), wanted[i]) == 0);
        CHECK_EQUAL(word_at(buffer, sizeof buffer, at += 8), 0);
        CHECK(strcmp(text_at(buffer, sizeof buffer, word_at(buffer, sizeof buffer, at += 8)), "A=1") == 0);
        CHECK(strcmp(text_at(buffer, sizeof buffer, word_at(buffer, sizeof buffer, at += 8)), "B=2") == 0);
        CHECK(strcmp(text_at(buffer, sizeof buffer, word_at(buffer, sizeof buffer, at += 8)), "cap:x=1") == 0);
        CHECK_EQUAL(word_at(buffer, sizeof buffer, at += 8), 0);
        static uint64_t seen[AT_BATON_THREAD + 1];
        memset(seen, 0, sizeof seen);
        for (at += 8; word_at(buffer, sizeof buffer, at) != AT_NULL; at += 16)
            seen[word_at(buffer, sizeof buffer, at)] = word_at(buffer, sizeof buffer, at + 8);
        CHECK(seen[AT_PHDR] == 0x400040 && seen[AT_PHNUM] == 5 && seen[AT_PHENT] == 56 && seen[AT_PAGESZ] == 4096);
        CHECK(seen[AT_ENTRY] == 0x401000 && seen[AT_BATON_MESSAGE] == 0x7fff8000);
        CHECK(strcmp(text_at(buffer, sizeof buffer, seen[AT_EXECFN]), "bin/prog") == 0);
        CHECK(memcmp(text_at(buffer, sizeof buffer, seen[AT_RANDOM]), "0123456789abcdef", 16) == 0);
        CHECK(seen[AT_BATON_THREAD] == result.thread && word_at(buffer, sizeof buffer, result.thread) == result.thread);
        CHECK_EQUAL(word_at(buffer, sizeof buffer, result.thread + 16), 0x7fff8000);
        CHECK_EQUAL(buffer[0], 0xcc); /* below the stack pointer nothing was written */
    }
}

/* Thread-local storage of every size and alignment lies where its symbols are looked for, and is zero. */
static void storage_lies_below_the_thread(void) {
    static const char arguments[] = "prog";
    for (uint64_t align = 1; align <= 4096; align *= 2) {
        for (uint64_t bytes = 1; bytes < 100; bytes += 7) {
            struct stack_input input = {.top = TOP, .arguments = {arguments, sizeof arguments, 1}, .path = "p"};
            struct stack_result result;
            static uint8_t buffer[16384];
            memset(buffer, 0xcc, sizeof buffer);
            input.tls_virt = 0x401000 + bytes % align;
            input.tls_bytes = bytes;
            input.tls_align = align;
            CHECK(stack_build(&input, buffer, sizeof buffer, &result));
            CHECK_EQUAL(result.thread % align, 0);
            CHECK_EQUAL(result.tls % align, input.tls_virt % align);
            CHECK(result.tls + bytes <= result.thread && result.tls + bytes + align > result.thread);
            CHECK(result.pointer < result.tls && result.pointer % 16 == 0);
            for (uaddr_t at = result.tls; at < result.thread; at++)
                CHECK_EQUAL(*(const uint8_t *)text_at(buffer, sizeof buffer, at), 0);
        }
    }
}

/* With every size of buffer: it fits or is refused, and nothing outside is written (the sanitizer watches). */
static void stack_that_does_not_fit_is_refused(void) {
    static const char arguments[] = "a\0b";
    struct stack_input input = {.top = TOP, .arguments = {arguments, sizeof arguments, 2}, .path = "p"};
    uint64_t needed = 0;
    for (uint64_t size = 0; size < 512; size++) {
        uint8_t *buffer = malloc(size + 1);
        struct stack_result result;
        bool fits = stack_build(&input, buffer, size, &result);
        CHECK(needed == 0 || fits);
        if (fits && needed == 0)
            needed = size;
        free(buffer);
    }
    CHECK(needed > 100 && needed < 400);
}

static void blocks_are_whole_or_not(void) {
    struct string_block block = {"a\0b", 4, 2};
    CHECK(string_block_is_whole(&block));
    block.count = 1;
    CHECK(!string_block_is_whole(&block));
    block.count = 3;
    CHECK(!string_block_is_whole(&block));
    block = (struct string_block){"a\0b", 3, 1}; /* something behind the last zero */
    CHECK(!string_block_is_whole(&block));
    block = (struct string_block){NULL, 0, 0};
    CHECK(string_block_is_whole(&block));
}

/* A stack of 64 words from STACK_AT on. */
#define STACK_AT 0x10000ULL
static uint64_t stack_words[64];

static bool read_stack(struct backtrace_memory *memory, uaddr_t at, uint64_t *ret_word) {
    (void)memory;
    CHECK_EQUAL(at % 8, 0);
    if (at < STACK_AT || at - STACK_AT >= sizeof stack_words)
        return false;
    *ret_word = stack_words[(at - STACK_AT) / 8];
    return true;
}

static uint32_t walk_stack(const struct fault_message *fault, uint64_t *addresses) {
    struct backtrace_memory memory = {read_stack};
    return backtrace_walk(fault, &memory, addresses);
}

static void put_frame(uint64_t word, uint64_t caller_word, uint64_t address) {
    stack_words[word] = STACK_AT + 8 * caller_word;
    stack_words[word + 1] = address;
}

static void callers_are_found(void) {
    uint64_t addresses[BACKTRACE_MAX];
    struct fault_message fault = {.kind = FAULT_DIVIDE, .registers = {.rsp = STACK_AT, .rbp = STACK_AT + 16}};
    memset(stack_words, 0, sizeof stack_words);
    stack_words[0] = 99;
    put_frame(2, 6, 1);
    put_frame(6, 62, 2);
    put_frame(62, 100, 3);
    CHECK_EQUAL(walk_stack(&fault, addresses), 3);
    CHECK(addresses[0] == 1 && addresses[1] == 2 && addresses[2] == 3);
    fault.kind = FAULT_PAGE; /* it read or wrote: what lies on the stack is no return address */
    CHECK_EQUAL(walk_stack(&fault, addresses), 3);
    fault.access = FAULT_ACCESS_FETCH; /* it jumped to where nothing is: the call's return address lies on top */
    CHECK_EQUAL(walk_stack(&fault, addresses), 4);
    CHECK(addresses[0] == 99 && addresses[1] == 1 && addresses[3] == 3);
}

static void wrong_frames_end_a_walk(void) {
    uint64_t addresses[BACKTRACE_MAX];
    struct fault_message fault = {.kind = FAULT_DIVIDE, .registers = {.rsp = STACK_AT, .rbp = STACK_AT + 16}};
    memset(stack_words, 0, sizeof stack_words);
    put_frame(2, 6, 1);
    put_frame(6, 2, 2); /* back to the first: a ring */
    CHECK_EQUAL(walk_stack(&fault, addresses), 2);
    put_frame(6, 6, 2); /* to itself */
    CHECK_EQUAL(walk_stack(&fault, addresses), 2);
    stack_words[6]++; /* misaligned */
    CHECK_EQUAL(walk_stack(&fault, addresses), 2);
    stack_words[7] = 0; /* no address: where a program starts */
    CHECK_EQUAL(walk_stack(&fault, addresses), 1);
    for (uint64_t i = 2; i < 62; i += 2)
        put_frame(i, i + 2, i);
    CHECK_EQUAL(walk_stack(&fault, addresses), BACKTRACE_MAX);
    fault.registers.rbp = STACK_AT - 8; /* below the stack pointer */
    CHECK_EQUAL(walk_stack(&fault, addresses), 0);
    fault.registers.rbp = UINT64_MAX - 7;
    CHECK_EQUAL(walk_stack(&fault, addresses), 0);
    fault.registers.rbp = 0;
    fault.registers.rsp = 0; /* nothing is there */
    CHECK_EQUAL(walk_stack(&fault, addresses), 0);
}

SUITE(CASE(audit_failures_have_words), CASE(slots_come_and_go), CASE(slots_are_claimed),
      CASE(slots_tell_how_far_they_went), CASE(formats_are_as_usual), CASE(formats_stop_at_what_is_unknown),
      CASE(formats_cut_and_terminate), CASE(numbers_are_read_whole), CASE(statuses_have_texts),
      CASE(shapes_hold_their_length), CASE(message_carries_only_its_bytes), CASE(stack_is_as_the_abi_says),
      CASE(storage_lies_below_the_thread), CASE(stack_that_does_not_fit_is_refused), CASE(blocks_are_whole_or_not),
      CASE(callers_are_found), CASE(wrong_frames_end_a_walk));
