/*
 * Do failed spawns and execs leave no trace, whichever call failed? Tries them with each single kernel call and message
 * failing once, and with every number of free frames; and checks what they make when nothing fails.
 */
#include <string.h>

#include "libsys/program/auxiliary.h"
#include "test/host/process_world.h"
#include "test/host/suite.h"

static struct server_context *const context = &served_context;

/* What does a new process find: its image, its stack, its capabilities? */
static void new_process_finds_everything(void) {
    uint64_t pid;
    struct thread_registers entry;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    CHECK_EQUAL(pid, 2);
    CHECK(!world_odd_call);
    const struct process_objects *objects = world_objects(pid);
    cap_t thread = world_thread(pid);
    CHECK(fake_thread_runs(thread, &entry));
    CHECK_EQUAL(entry.rip, WORLD_BASE + 0x800);
    CHECK_EQUAL(entry.rsp % 16, 0);

    uint8_t seen[PAGE_BYTES];
    CHECK(world_read(thread, WORLD_BASE, seen, PAGE_BYTES) && memcmp(seen, fake_file[0], PAGE_BYTES) == 0);
    CHECK(world_read(thread, WORLD_BASE + 0x1000, seen, PAGE_BYTES) && memcmp(seen, fake_file[1], PAGE_BYTES) == 0);
    CHECK(world_read(thread, WORLD_BASE + 0x2000, seen, 0x100) && memcmp(seen, fake_file[2], 0x100) == 0);
    for (uint64_t at = WORLD_BASE + 0x2100; at < WORLD_BASE + 0x5000; at += 8)
        CHECK_EQUAL(world_word(thread, at), 0);
    CHECK(!world_read(thread, WORLD_BASE + 0x5000, seen, 1));

    uaddr_t at = entry.rsp;
    CHECK_EQUAL(world_word(thread, at), 2);
    CHECK(world_has_text(thread, world_word(thread, at + 8), "prog"));
    CHECK(world_has_text(thread, world_word(thread, at + 16), "arg"));
    CHECK_EQUAL(world_word(thread, at + 24), 0);
    CHECK(world_has_text(thread, world_word(thread, at + 32), "A=1")); /* cap:fake=3 was left out */
    CHECK(world_has_text(thread, world_word(thread, at + 40), "cap:process=1"));
    CHECK(world_has_text(thread, world_word(thread, at + 48), "cap:console=33"));
    CHECK(world_has_text(thread, world_word(thread, at + 56), "slots=34,128"));
    CHECK_EQUAL(world_word(thread, at + 64), 0);
    CHECK_EQUAL(world_word(thread, at + 72), AT_PHDR);
    CHECK_EQUAL(world_word(thread, at + 80), WORLD_BASE + 0x40);
    CHECK(fake_table_has(objects->table, 1) && fake_table_has(objects->table, 33) &&
          !fake_table_has(objects->table, 34));
    CHECK_EQUAL(world_word(thread, LAYOUT_MESSAGE), 0);
}

/* Two processes of one file: a write of one changes neither the file nor the other process. */
static void writable_pages_are_private(void) {
    uint64_t pid;
    uaddr_t at = WORLD_BASE + 0x1008;
    world_start(400);
    ((struct maker_file *)(void *)fake_file)->headers[2].p_flags = MAKER_R | MAKER_W;
    CHECK_EQUAL(world_start_first(), OK);
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    CHECK_EQUAL(fake_count().mapped_frames, 2 * (1 + 1)); /* one page of the stack, and the message page, of each */
    uint64_t wanted;
    memcpy(&wanted, &fake_file[1][8], sizeof wanted);
    CHECK_EQUAL(world_word(world_thread(1), at), wanted);
    CHECK_EQUAL(world_word(world_thread(pid), at), wanted);
    memset(fake_file[1], 0x11, PAGE_BYTES); /* as a write through a mapping of the file would */
    CHECK_EQUAL(world_word(world_thread(1), at), wanted);
    CHECK_EQUAL(world_word(world_thread(pid), at), wanted);
    CHECK(world_set_word(world_thread(1), at, 4711));
    CHECK_EQUAL(world_word(world_thread(1), at), 4711);
    CHECK_EQUAL(world_word(world_thread(pid), at), wanted);
    CHECK_EQUAL(fake_file[1][8], 0x11);
    CHECK_EQUAL(fake_count().mapped_frames, 2 * (1 + 1 + 1));
}

static void make_movable(uint64_t align) {
    struct maker_file file;
    maker_elf(&file, 0);
    file.header.e_type = 3; /* ET_DYN */
    file.headers[2].p_align = align;
    maker_note(&file);
    memcpy(fake_file, &file, sizeof file);
}

/* A position-independent image is moved as a whole, and told where it lies. */
static void position_independent_image_is_moved(void) {
    struct thread_registers entry;
    world_start(400);
    make_movable(PAGE_BYTES);
    CHECK_EQUAL(world_start_first(), OK);
    CHECK(fake_thread_runs(world_thread(1), &entry));
    CHECK_EQUAL(entry.rip, LAYOUT_IMAGE_BASE + 0x800);
    uaddr_t vector = entry.rsp + 7 * 8; /* argc, one argument, NULL, three notes, NULL */
    CHECK_EQUAL(world_word(world_thread(1), vector), AT_PHDR);
    CHECK_EQUAL(world_word(world_thread(1), vector + 8), LAYOUT_IMAGE_BASE + 0x40);
}

struct places {
    uaddr_t base, stack_end, pointer, mappings;
};

/* Where a process's parts lie; all must be within the layout's limits. */
static struct places look_for(uint64_t pid) {
    const struct incarnation *incarnation = &world_objects(pid)->incarnation;
    struct thread_registers entry = {0};
    CHECK(fake_thread_runs(world_thread(pid), &entry));
    struct places places = {.base = entry.rip - 0x800, .pointer = entry.rsp, .mappings = incarnation->places};
    const struct vm_region *region = vm_next_region(incarnation->vm, 0);
    for (; region != NULL; region = vm_next_region(incarnation->vm, region->end))
        if (region->kind == PROCESS_MAP_STACK)
            places.stack_end = region->end;
    CHECK(places.base >= LAYOUT_IMAGE_BASE && places.base <= LAYOUT_IMAGE_BASE + LAYOUT_IMAGE_SPREAD);
    CHECK(places.stack_end <= LAYOUT_STACK_TOP &&
          places.stack_end > LAYOUT_STACK_TOP - LAYOUT_STACK_SPREAD - LAYOUT_STACK_SPREAD_PAGES * PAGE_BYTES);
    uaddr_t message = LAYOUT_MESSAGE - incarnation->lowered;
    CHECK(message >> 21 == (places.stack_end - 1) >> 21 && message > places.stack_end);
    CHECK_EQUAL(world_word(world_thread(pid), message), 0);
    CHECK(places.pointer < places.stack_end && places.pointer > places.stack_end - 2 * PAGE_BYTES);
    CHECK_EQUAL(places.base % PAGE_BYTES, 0);
    CHECK_EQUAL(places.stack_end % PAGE_BYTES, 0);
    CHECK_EQUAL(places.pointer % 16, 0);
    return places;
}

static void start_somewhere(uint64_t align) {
    world_start(400);
    make_movable(align);
    context->fixed_addresses = false;
    random_start(&context->random, "seed", 4);
    CHECK_EQUAL(world_start_first(), OK);
}

/* Address randomisation: each started program lies elsewhere, and each random bit of an address is
 * set about half the time. */
static void addresses_are_random(void) {
    static const uint64_t varying[3] = {LAYOUT_IMAGE_SPREAD - PAGE_BYTES, (LAYOUT_STACK_SPREAD - 1) & ~0x100fffULL,
                                        0x3f0};
    const uint32_t rounds = 256;
    uint32_t set[3][64] = {0};
    uint8_t last_random[16] = {0}, random[16];
    start_somewhere(PAGE_BYTES);
    for (uint32_t i = 0; i < rounds; i++) {
        struct places at = look_for(1);
        uint64_t found[3] = {at.base - LAYOUT_IMAGE_BASE, LAYOUT_STACK_TOP - at.stack_end, at.pointer};
        for (uint32_t j = 0; j < 3; j++)
            for (uint32_t bit = 0; bit < 64; bit++)
                set[j][bit] += found[j] >> bit & 1;
        uaddr_t vector = at.pointer;
        while (world_word(world_thread(1), vector) != AT_RANDOM)
            vector += 8;
        CHECK(world_read(world_thread(1), world_word(world_thread(1), vector + 8), random, sizeof random));
        CHECK(memcmp(random, last_random, sizeof random) != 0);
        memcpy(last_random, random, sizeof random);
        CHECK_EQUAL(world_exec(1), SERVER_DEFERRED);
    }
    for (uint32_t j = 0; j < 3; j++)
        for (uint32_t bit = 4; bit < 42; bit++)
            if (varying[j] >> bit & 1 && !CHECK(set[j][bit] > rounds / 4 && set[j][bit] < 3 * rounds / 4))
                printf("#   address %u, bit %u: set %u times of %u\n", j, bit, set[j][bit], rounds);
}

/* fork keeps all addresses, and exec draws new ones. An equal seed gives equal ones; the flag gives
 * the layout's first ones. */
static void addresses_are_kept_or_fixed(void) {
    uint64_t pid;
    start_somewhere(PAGE_BYTES);
    struct places first = look_for(1), other;
    CHECK_EQUAL(world_fork(1, &pid), OK);
    const struct image_marks *marks = &world_objects(1)->incarnation.images;
    CHECK(marks->count == 1 && memcmp(marks, &world_objects(pid)->incarnation.images, sizeof *marks) == 0);
    const struct vm *vm = world_objects(1)->incarnation.vm, *copy = world_objects(pid)->incarnation.vm;
    const struct vm_region *region = vm_next_region(vm, 0);
    for (; region != NULL; region = vm_next_region(vm, region->end)) {
        const struct vm_region *same = vm_next_region(copy, region->start);
        CHECK(same != NULL && region->start == same->start && region->end == same->end);
    }
    CHECK_EQUAL(world_exec(1), SERVER_DEFERRED);
    other = look_for(1);
    CHECK(first.base != other.base && first.stack_end != other.stack_end && first.mappings != other.mappings);
    start_somewhere(PAGE_BYTES);
    other = look_for(1);
    CHECK(memcmp(&first, &other, sizeof first) == 0);
    context->fixed_addresses = true;
    CHECK_EQUAL(world_exec(1), SERVER_DEFERRED);
    other = look_for(1);
    CHECK(other.base == LAYOUT_IMAGE_BASE && other.stack_end == LAYOUT_STACK_TOP);
    CHECK_EQUAL(world_exec(1), SERVER_DEFERRED);
    first = look_for(1);
    CHECK(memcmp(&first, &other, sizeof first) == 0);
}

/* An image is placed so that its segments have their alignment; it is refused if no place fits. */
static void alignment_of_an_image_is_kept(void) {
    uint64_t pid;
    struct server_call answer;
    start_somewhere(2 << 20);
    for (uint32_t i = 0; i < 16; i++) {
        CHECK_EQUAL(look_for(1).base % (2 << 20), 0);
        CHECK_EQUAL(world_exec(1), SERVER_DEFERRED);
    }
    make_movable(LAYOUT_IMAGE_BASE);
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    CHECK_EQUAL(look_for(pid).base % LAYOUT_IMAGE_BASE, 0);
    make_movable(2 * LAYOUT_IMAGE_BASE);
    CHECK_EQUAL(world_spawn(1, &pid, &answer), P_IMAGE);
    CHECK(strcmp(answer.reason, "a segment is aligned to more than 4 GiB") == 0);
}

/* The part of a segment beyond its bytes in the file is zero, even where the file goes on. */
static void rest_of_a_segment_is_zero(void) {
    world_start(400);
    ((struct maker_file *)(void *)fake_file)->headers[2].p_filesz = 0x800;
    CHECK_EQUAL(world_start_first(), OK);
    uint64_t wanted;
    memcpy(&wanted, &fake_file[1][0x7f8], sizeof wanted);
    CHECK_EQUAL(world_word(world_thread(1), WORLD_BASE + 0x17f8), wanted);
    CHECK_EQUAL(world_word(world_thread(1), WORLD_BASE + 0x1800), 0);
    CHECK_EQUAL(world_word(world_thread(1), WORLD_BASE + 0x1ff8), 0);
}

/* Does a spawn that fails at its kth call, for every k, change nothing, and does the next one succeed? */
static void spawn_fails_at_every_call(void) {
    uint64_t pid = 0;
    uint32_t k = 1;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    struct world_trace before = world_look();
    for (;; k++) {
        fake_fail_at(k);
        uint32_t status = world_spawn(1, &pid, NULL);
        if (!fake_failed() || status == OK) /* the last call is behind the commit: it lets the program start */
            break;
        world_unstage(1);
        if (!CHECK(world_same(&before)))
            printf("#   after call %u failed\n", k);
    }
    fake_fail_at(0);
    printf("# spawn makes %u calls that can fail\n", k - 1);
    CHECK(k > 30);
    CHECK_EQUAL(world_exit(pid, 0), SERVER_DEFERRED);
    struct process_wait_reply end;
    CHECK_EQUAL(world_wait(1, pid, 1, &end), OK);
    CHECK(world_same(&before));
}

/* Does a caller whose exec fails at its kth call go on with its old image, with nothing changed? */
static void exec_fails_at_every_call(void) {
    uint64_t pid;
    struct thread_registers entry_before;
    struct thread_registers entry_after;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    const struct process_objects *objects = world_objects(pid);
    CHECK(fake_thread_runs(world_thread(pid), &entry_before));
    struct world_trace before = world_look();
    CHECK_EQUAL(world_exec(pid), SERVER_DEFERRED); /* its present image came by exec, too */
    CHECK(world_same(&before));
    cap_t space = objects->incarnation.space;
    uint32_t k = 1;
    for (;; k++) {
        fake_fail_at(k);
        uint32_t status = world_exec(pid);
        if (!fake_failed())
            break;
        CHECK(status != OK && status != SERVER_DEFERRED);
        world_unstage(pid);
        CHECK(world_same(&before));
        CHECK_EQUAL(objects->incarnation.space, space);
        CHECK(fake_thread_runs(world_thread(pid), &entry_after));
        CHECK(memcmp(&entry_before, &entry_after, sizeof entry_before) == 0);
        CHECK_EQUAL(world_word(world_thread(pid), entry_after.rsp), 2);
    }
    fake_fail_at(0);
    printf("# exec makes %u calls that can fail\n", k - 1);
    CHECK(k > 20);
    CHECK(world_same(&before)); /* the new image takes exactly as much */
    CHECK(fake_table_has(objects->table, 33));
    CHECK_EQUAL(world_word(world_thread(pid), entry_after.rsp), 2);
}

/* With 0, 1, 2, ... free frames: an orderly refusal each time, until there are enough. */
static void memory_runs_out_at_every_frame(void) {
    uint64_t pid;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    uint64_t needed = 400 - context->frames.free_count;
    for (uint64_t pages = needed; pages < 2 * needed + 2; pages++) {
        world_start(pages);
        CHECK_EQUAL(world_start_first(), OK);
        struct world_trace before = world_look();
        uint32_t status = world_spawn(1, &pid, NULL);
        if (pages >= 2 * needed + 1) { /* one page more, for the staged strings */
            CHECK_EQUAL(status, OK);
            continue;
        }
        if (status == OK) /* the staged page was free again in time */
            continue;
        CHECK_EQUAL(status, P_NO_MEMORY);
        world_unstage(1);
        CHECK(world_same(&before));
    }
}

/* A damaged image, an unknown capability, too few strings, a foreign badge: each error is named, and nothing leaks. */
static void refusals_have_reasons(void) {
    uint64_t pid;
    struct server_call answer;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    struct world_trace before = world_look();
    fake_file[0][0] = 0;
    CHECK_EQUAL(world_spawn(1, &pid, &answer), P_IMAGE);
    CHECK(strcmp(answer.reason, "not an ELF file") == 0);
    fake_file[0][0] = 0x7f;
    world_strings = (struct process_strings){3, 0, 2}; /* A=1 is one of the names */
    CHECK_EQUAL(world_spawn(1, &pid, &answer), P_ARGUMENT);
    CHECK(strcmp(answer.reason, "cap:fake=3: no name of a capability") == 0);
    world_strings = (struct process_strings){2, 2, 1};
    world_unstage(1);

    struct maker_file sound, *file = (struct maker_file *)(void *)fake_file;
    memcpy(&sound, file, sizeof sound);
    file->headers[5].p_flags |= MAKER_X;
    CHECK_EQUAL(world_spawn(1, &pid, &answer), P_IMAGE);
    CHECK(strcmp(answer.reason, "it wants an executable stack") == 0);
    memcpy(file, &sound, sizeof sound);
    file->headers[7] =
        (struct maker_program_header){.p_type = MAKER_INTERP, .p_offset = 0x1000, .p_filesz = PROCESS_PATH_MAX + 2};
    fake_file[1][PROCESS_PATH_MAX + 1] = 0;
    CHECK_EQUAL(world_spawn(1, &pid, &answer), P_IMAGE);
    CHECK(strcmp(answer.reason, "the path of its interpreter is too long") == 0);
    memset(fake_file[1], 'a', PROCESS_PATH_MAX);
    /* the longest path, with its zero byte; every path gives this file */
    file->headers[7].p_filesz = PROCESS_PATH_MAX + 1;
    fake_file[1][PROCESS_PATH_MAX] = 0;
    CHECK_EQUAL(world_spawn(1, &pid, &answer), P_IMAGE);
    CHECK(strstr(answer.reason, "its interpreter aaa") == answer.reason);
    memcpy(file, &sound, sizeof sound);

    struct process_spawn_request request = {.length_bytes = 8, .strings = {3, 2, 1}, .path = "bin/prog"};
    struct process_spawn_reply reply;
    CHECK_EQUAL(world_stage(1), OK);
    CHECK_EQUAL(world_call(1, 3, &request, &reply, NULL), P_ARGUMENT);
    CHECK_EQUAL(world_call(99, 3, &request, &reply, NULL), P_NO_PROCESS);
    CHECK_EQUAL(world_call(0, 3, &request, &reply, NULL), P_NO_PROCESS);
    CHECK(world_same(&before));
}

/* Does the report of a refused handover say this? */
static void check_said(const char *wanted) {
    if (!CHECK(strstr(world_log, wanted) != NULL))
        printf("# said:\n%s# wanted: %s\n", world_log, wanted);
}

/*
 * A page that is not as the server has recorded it can't be made by an image: both ends of the program are checked, and
 * brought, before. So the fake kernel damages one. The report compares tables and records, and the caller goes on.
 */
static void refused_handover_is_explained(void) {
    uint64_t pid;
    struct server_call answer;
    struct thread_registers entry;
    world_start(400);
    context->fixed_addresses = true;
    CHECK_EQUAL(world_start_first(), OK);
    CHECK(fake_thread_runs(world_thread(1), &entry));
    struct world_trace before = world_look();

    world_log[0] = '\0';
    fake_damage = (struct fake_damage){WORLD_BASE, MEMORY_READ};
    CHECK_EQUAL(world_spawn(1, &pid, &answer), E_AUDIT);
    CHECK(strcmp(answer.reason, "the kernel refuses the space: the first instruction is not mapped as needed, at "
                                "0x400800, level 1, entry 0x8000000000000005") == 0);
    check_said("process: bin/prog: the kernel refuses the space: the first instruction is not mapped as needed, at ");
    check_said("\nprocess: bin/prog: first instruction, 0x0000000000400800: needs r-x, has r--, memory 0x");
    check_said("\nprocess: bin/prog: mapped there: 0x0000000000400000 to 0x0000000000401000, r-x, file\n"
               "process: bin/prog: word below the stack pointer, 0x00007ffff");
    check_said(": needs rw-, has rw-, memory 0x");
    check_said(", rw-, stack\nprocess: bin/prog: audit of the whole space: sound\n");
    world_unstage(1);
    CHECK(world_same(&before));

    world_log[0] = '\0';
    fake_damage = (struct fake_damage){(entry.rsp - 8) & ~(PAGE_BYTES - 1), 0};
    CHECK_EQUAL(world_exec(1), E_AUDIT);
    check_said("the word below the stack pointer is not mapped, at 0x7ffff");
    check_said(": needs r-x, has r-x, memory 0x");
    check_said(": needs rw-, has no page: the walk ends at level 1\n");
    world_unstage(1);
    CHECK(world_same(&before));
}

/* The report's own questions may fail as well: the report says so, and the refusal is undone all the same. */
static void report_of_a_refused_handover_may_fail(void) {
    uint64_t pid;
    uint32_t k = 1, untold = 0;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    struct world_trace before = world_look();
    for (;; k++) {
        world_log[0] = '\0';
        fake_damage = (struct fake_damage){WORLD_BASE, 0};
        fake_fail_at(k);
        CHECK(world_spawn(1, &pid, NULL) != OK);
        if (!fake_failed())
            break;
        world_unstage(1);
        if (!CHECK(world_same(&before)))
            printf("#   after call %u failed\n", k);
        if (strstr(world_log, "the kernel does not tell: the capability lacks a right that is needed\n") != NULL) {
            untold++;
            check_said("process: bin/prog: the kernel refuses the space: the first instruction is not mapped, at ");
        }
    }
    fake_fail_at(0);
    fake_damage.at = 0;
    CHECK_EQUAL(untold, 3); /* two pages, and the audit */
}

/* Capabilities that exec does not name are lost; the named ones move to their places, wherever they were. */
static void exec_keeps_what_is_named(void) {
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    const struct process_objects *objects = world_objects(1);
    struct world_trace before = world_look();
    CHECK_EQUAL(sys_cap_copy(objects->table, 40, FAKE_CAP_EVENTS, RIGHTS_ALL, 0).status, OK);
    CHECK_EQUAL(sys_cap_copy(objects->table, 2, FAKE_CAP_EVENTS, RIGHTS_ALL, 0).status,
                OK); /* where it has nothing to do */
    CHECK_EQUAL(world_exec(1), SERVER_DEFERRED);
    CHECK(fake_table_has(objects->table, 1) && fake_table_has(objects->table, 33));
    CHECK(world_same(&before));
    CHECK_EQUAL(sys_cap_copy(objects->table, 50, RANGE(33, objects->table), RIGHTS_ALL, 0).status, OK);
    CHECK_EQUAL(sys_cap_delete(objects->table, 33).status, OK);
    CHECK_EQUAL(world_exec(1), SERVER_DEFERRED); /* nothing lies there: left out */
    CHECK(fake_table_has(objects->table, 1) && !fake_table_has(objects->table, 33) &&
          !fake_table_has(objects->table, 50));
}

/* On another CPU the new program would see its capabilities being sorted out. So it does not run yet. */
static void exec_on_another_cpu_waits(void) {
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    served_context.cpu_count = 2;
    CHECK_EQUAL(sys_cap_copy(world_objects(1)->table, 40, FAKE_CAP_EVENTS, RIGHTS_ALL, 0).status, OK);
    fake_seen_changes = 0;
    CHECK_EQUAL(world_exec(1), SERVER_DEFERRED);
    CHECK(!fake_table_has(world_objects(1)->table, 40));
    CHECK_EQUAL(fake_seen_changes, 0);
    CHECK(!fake_is_suspended(world_thread(1)));
    served_context.cpu_count = 1;
}

/* A revoked capability does not keep its holder from starting programs. */
static void dead_capabilities_are_left_out(void) {
    uint64_t pid;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    CHECK_EQUAL(sys_cap_delete(world_objects(1)->table, 33).status, OK);
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    CHECK(!fake_table_has(world_objects(pid)->table, 33));
}

SUITE(CASE(new_process_finds_everything), CASE(writable_pages_are_private), CASE(position_independent_image_is_moved),
      CASE(addresses_are_random), CASE(addresses_are_kept_or_fixed), CASE(alignment_of_an_image_is_kept),
      CASE(rest_of_a_segment_is_zero), CASE(spawn_fails_at_every_call), CASE(exec_fails_at_every_call),
      CASE(memory_runs_out_at_every_frame), CASE(refusals_have_reasons), CASE(refused_handover_is_explained),
      CASE(report_of_a_refused_handover_may_fail), CASE(exec_keeps_what_is_named), CASE(exec_on_another_cpu_waits),
      CASE(dead_capabilities_are_left_out));
