/* Init's manifest: what is accepted, and what are the errors for the rest? */
#include <stdlib.h>
#include <string.h>

#include "servers/init/manifest.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

static struct manifest manifest;
static char error[MANIFEST_ERROR_MAX];

/* Parsed from memory that ends with the text, so that the sanitizer sees a read behind it. */
static bool parse(const char *text) {
    size_t length = strlen(text);
    char *copy = malloc(length + 1);
    memcpy(copy, text, length);
    char *exact = realloc(copy, length == 0 ? 1 : length);
    error[0] = '\0';
    bool fine = manifest_parse(exact, length, &manifest, error);
    free(exact);
    return fine;
}

static void whole_manifest_is_read(void) {
    CHECK(parse("{\"programs\": [{\"name\": \"console\", \"image\": \"bin/console\", \"arguments\": [\"a\", \"b c\"],"
                "\"priority\": 30, \"slots\": 256, \"pool\": 40, \"vital\": true, \"capabilities\": {"
                "\"serve\": {\"endpoint\": \"console\", \"right\": \"serve\"},"
                "\"peer\": {\"endpoint\": \"init\", \"right\": \"call\", \"badge\": 77},"
                "\"events\": {\"notification\": \"n\", \"right\": \"wait\", \"bind\": true},"
                "\"ports\": {\"ports\": [1016, 8]}, \"irq\": {\"irq\": 4}, \"some\": {\"memory\": 5},"
                "\"memory\": {\"memory\": \"rest\"}, \"p\": {\"pool\": 6}, \"v\": {\"volume\": true},"
                "\"d\": {\"devices\": [4276092928, 1]}, \"s\": {\"self\": \"thread\"}}},"
                "{\"image\": \"bin/x\", \"name\": \"x\"}]}"));
    CHECK_EQUAL(manifest.program_count, 2);
    const struct manifest_program *one = &manifest.programs[0];
    CHECK(strcmp(one->name, "console") == 0 && strcmp(one->image, "bin/console") == 0);
    CHECK(one->argument_count == 3 && memcmp(one->arguments, "bin/console\0a\0b c", 18) == 0);
    CHECK(one->priority == 30 && one->slots == 256 && one->pool_pages == 40 && one->vital);
    CHECK_EQUAL(one->cap_count, 11);
    CHECK(one->caps[0].kind == MANIFEST_ENDPOINT && one->caps[0].right == MANIFEST_SERVE);
    CHECK(one->caps[1].right == MANIFEST_CALL && one->caps[1].badge == 77);
    CHECK(one->caps[2].kind == MANIFEST_NOTIFICATION && one->caps[2].bind);
    CHECK(one->caps[3].first == 1016 && one->caps[3].count == 8 && one->caps[4].first == 4);
    CHECK(one->caps[5].kind == MANIFEST_MEMORY && one->caps[5].count == 5);
    CHECK(one->caps[6].kind == MANIFEST_MEMORY_REST && one->caps[7].kind == MANIFEST_POOL);
    CHECK(one->caps[9].first == 4276092928 && one->caps[10].first == MANIFEST_SELF_THREAD);
    CHECK(manifest.programs[1].argument_count == 1 && manifest.programs[1].slots == 128);
}

#define PROGRAM(rest) "{\"programs\":[{\"name\":\"a\",\"image\":\"b\"" rest "}]}"
#define TABLE ",\"capabilities\":{\"table\":{\"self\":\"table\"}}"
#define RESTART(rule) PROGRAM(TABLE ",\"keep\":1,\"restart\":" rule)
#define HEARTBEAT(ms) PROGRAM(TABLE ",\"keep\":1,\"restart\":{\"limit\":1},\"heartbeat_ms\":" ms)
#define NO_TABLE "program 1 (a): restart goes with \"table\": {\"self\": \"table\"}: the next program looks through it"

/* The members of a program that comes back: their bounds, in any order, and what is meant where one is left out. */
static void restarts_are_read(void) {
    const struct manifest_program *one = &manifest.programs[0];
    CHECK(parse(PROGRAM("")));
    CHECK(one->keep_pages == 0 && one->heartbeat_ms == 0);
    CHECK(one->restart.limit == 0 && one->restart.window_ms == 0 && one->restart.backoff_ms == 0);
    CHECK(parse(RESTART("{\"limit\":1}")));
    CHECK(one->restart.limit == 1 && one->restart.window_ms == 10000 && one->restart.backoff_ms == 0);
    CHECK(parse(RESTART("{\"backoff_ms\":0,\"window_ms\":1,\"limit\":4294967295}")));
    CHECK(one->restart.limit == 4294967295 && one->restart.window_ms == 1 && one->restart.backoff_ms == 0);
    CHECK(parse(PROGRAM(",\"heartbeat_ms\":86400000,\"restart\":{\"limit\":20,\"window_ms\":86400000,"
                        "\"backoff_ms\":86400000},\"keep\":4096" TABLE)));
    CHECK(one->restart.limit == 20 && one->restart.window_ms == 86400000 && one->restart.backoff_ms == 86400000);
    CHECK(one->keep_pages == 4096 && one->heartbeat_ms == 86400000);
    CHECK(parse(HEARTBEAT("100")));
    CHECK(one->keep_pages == 1 && one->heartbeat_ms == 100);
}

/* Each kind of mistake has its own words. */
static void mistakes_are_named(void) {
#define CAP(members) PROGRAM(",\"capabilities\":{\"c\":{" members "}}")
#define COMMA(line) "line " #line ": not JSON: is there a comma too few or too many?"
#define TWO(one, other)                                                                   \
    "{\"programs\":[{\"name\":\"a\",\"image\":\"x\",\"capabilities\":{\"c\":{" one "}}}," \
    "{\"name\":\"b\",\"image\":\"x\",\"capabilities\":{\"c\":{" other "}}}]}"
    static const struct {
        const char *text, *wanted;
    } mistakes[] = {
        {"", "line 1: not JSON: it ends too early"},
        {"{\"programs\":[", "line 1: not JSON: it ends too early"},
        {"{\"programs\":}", "line 1: a member has no name or not one value; is there a comma too few or too many?"},
        {"{\"programs\":[\n\n{\"name\",\"a\",\"image\",\"b\"}]}",
         "line 3: a member has no name or not one value; is there a comma too few or too many?"},
        {PROGRAM("\n,\n\"priority\": 1\n\"vital\": true"),
         "line 3: a member has no name or not one value; is there a comma too few or too many?"},
        {"{\n\"programs\":\n[ yes ]}", "line 3: not JSON"},
        {"{\n\"programs\":\n[\n", "line 4: not JSON: it ends too early"},
        {PROGRAM(",\"capabilities\":{\"c\":{\"endpoint\":\"kvv\",\"right\":\"call\"},"
                 "\"d\":{\"endpoint\":\"kv\",\"right\":\"serve\"}}"),
         "program 1 (a), capability c: no program serves the endpoint kvv"},
        {CAP("\"notification\":\"e\",\"right\":\"raise\""),
         "program 1 (a), capability c: no program waits for the notification e"},
        {PROGRAM(",\"capabilities\":{\"c\":{\"endpoint\":\"e\",\"right\":\"call\"},"
                 "\"d\":{\"notification\":\"e\",\"right\":\"wait\"}}"),
         "program 1 (a), capability c: no program serves the endpoint e"},
        {"[]", "there is no array \"programs\""},
        {"{\"programs\":{}}", "there is no array \"programs\""},
        {"{\"programs\":[]}", "no program is to be started"},
        {"{\"programs\":[3]}", "program 1 (): is not an object"},
        {"{\"programs\":[{\"name\":\"a\"}]}", "program 1 (): has no image"},
        {"{\"programs\":[{\"image\":\"a\"}]}", "program 1 (): has no name"},
        {PROGRAM(",\"nmae\":1"), "program 1 (a): unknown member \"nmae\""},
        {PROGRAM(",\"priority\":33"), "program 1 (a): priority must be 0 to 32"},
        {PROGRAM(",\"priority\":\"1\""), "program 1 (a): priority is not a whole number"},
        {PROGRAM(",\"priority\":-1"), "program 1 (a): priority is not a whole number"},
        {PROGRAM(",\"priority\":1.5"), "program 1 (a): priority is not a whole number"},
        {PROGRAM(",\"slots\":100"), "program 1 (a): slots is not a power of two"},
        {PROGRAM(",\"vital\":1"), "program 1 (a): vital is neither true nor false"},
        {PROGRAM(",\"keep\":0"), "program 1 (a): keep (pages) must be 1 to 4096"},
        {PROGRAM(",\"keep\":4097"), "program 1 (a): keep (pages) must be 1 to 4096"},
        {PROGRAM(",\"keep\":true"), "program 1 (a): keep (pages) is not a whole number"},
        {RESTART("3"), "program 1 (a): restart is not an object"},
        {RESTART("[3]"), "program 1 (a): restart is not an object"},
        {RESTART("{}"), "program 1 (a): restart needs \"limit\""},
        {RESTART("{\"window_ms\":1,\"backoff_ms\":1}"), "program 1 (a): restart needs \"limit\""},
        {RESTART("{\"limit\":0}"), "program 1 (a): restart limit must be 1 to 4294967295"},
        {RESTART("{\"limit\":4294967296}"), "program 1 (a): restart limit must be 1 to 4294967295"},
        {RESTART("{\"limit\":1,\"window_ms\":0}"), "program 1 (a): restart window_ms must be 1 to 86400000"},
        {RESTART("{\"limit\":1,\"window_ms\":86400001}"), "program 1 (a): restart window_ms must be 1 to 86400000"},
        {RESTART("{\"limit\":1,\"backoff_ms\":86400001}"), "program 1 (a): restart backoff_ms must be 0 to 86400000"},
        {RESTART("{\"limit\":1,\"backoff_ms\":\"1\"}"), "program 1 (a): restart backoff_ms is not a whole number"},
        {RESTART("{\"limit\":1,\"keep\":1}"), "program 1 (a): restart: unknown member \"keep\""},
        {RESTART("{\"limit\":1,\n\"limit\":1}"), "line 2: the member \"limit\" is given twice"},
        {PROGRAM(",\"limit\":1"), "program 1 (a): unknown member \"limit\""},
        {HEARTBEAT("99"), "program 1 (a): heartbeat_ms must be 100 to 86400000"},
        {HEARTBEAT("86400001"), "program 1 (a): heartbeat_ms must be 100 to 86400000"},
        {HEARTBEAT("false"), "program 1 (a): heartbeat_ms is not a whole number"},
        {PROGRAM(",\"heartbeat_ms\":100"), "program 1 (a): heartbeat_ms goes with restart"},
        {PROGRAM(",\"heartbeat_ms\":100,\"keep\":1"), "program 1 (a): heartbeat_ms goes with restart"},
        {PROGRAM(",\"restart\":{\"limit\":1}"),
         "program 1 (a): restart goes with keep: the next program must know what it holds"},
        {PROGRAM(",\"keep\":1,\"restart\":{\"limit\":1}"), NO_TABLE},
        {PROGRAM(",\"keep\":1,\"restart\":{\"limit\":1},\"capabilities\":{\"table\":{\"self\":\"thread\"}}"), NO_TABLE},
        {PROGRAM(",\"keep\":1,\"restart\":{\"limit\":1},\"capabilities\":{\"t\":{\"self\":\"table\"}}"), NO_TABLE},
        {PROGRAM(",\"keep\":1,\"restart\":{\"limit\":1},\"capabilities\":{\"table\":{\"memory\":1}}"), NO_TABLE},
        {PROGRAM(",\"arguments\":\"x\""), "program 1 (a): arguments is not an array"},
        {PROGRAM(",\"arguments\":[1]"), "program 1 (a): an argument is not a string"},
        {PROGRAM(",\"arguments\":[\"a\\n\"]"), "program 1 (a): an argument contains an escape or control character"},
        {PROGRAM(",\"capabilities\":[]"), "program 1 (a): capabilities is not an object"},
        {CAP(""), "program 1 (a), capability c: must have one of endpoint, notification, ports, irq, memory, pool, "
                  "volume, devices, self"},
        {CAP("\"irq\":1,\"volume\":true"),
         "program 1 (a), capability c: must have one of endpoint, notification, ports, irq, memory, pool, volume, "
         "devices, self"},
        {CAP("\"endpoint\":\"e\""),
         "program 1 (a), capability c: an endpoint needs \"right\": serve, call, issue or own"},
        {CAP("\"endpoint\":\"e\",\"right\":\"raise\""),
         "program 1 (a), capability c: an endpoint needs \"right\": serve, call, issue or own"},
        {CAP("\"endpoint\":\"e\",\"right\":\"cal\""),
         "program 1 (a), capability c: right must be serve, call, issue, own, raise or wait"},
        {CAP("\"irq\":1,\"right\":\"call\""),
         "program 1 (a), capability c: only endpoints and notifications have a right"},
        {CAP("\"endpoint\":\"e\",\"right\":\"serve\",\"badge\":1"),
         "program 1 (a), capability c: a badge goes with right call alone"},
        {CAP("\"notification\":\"e\",\"right\":\"raise\",\"bind\":true"),
         "program 1 (a), capability c: bind goes with a notification that can be waited for"},
        {CAP("\"ports\":[1]"), "program 1 (a), capability c: ports is not an array of two numbers"},
        {CAP("\"ports\":[65535,2]"), "program 1 (a), capability c: ports end at 65535"},
        {CAP("\"devices\":[4096,8388609]"), "program 1 (a), capability c: devices of 32 GiB or more are whole GiB"},
        {CAP("\"devices\":[4097,1]"), "program 1 (a), capability c: the address is not a multiple of 4096"},
        {CAP("\"self\":\"me\""), "program 1 (a), capability c: self must be space, table, thread or pool"},
        {CAP("\"memory\":\"all\""), "program 1 (a), capability c: memory (pages, or \"rest\") is not a whole number"},
        {PROGRAM(",\"capabilities\":{\"m\":{\"memory\":\"rest\"},\"n\":{\"memory\":\"rest\"}}"),
         "program 1 (a), capability n: the rest of memory was given away before"},
        {PROGRAM(",\"capabilities\":{\"m\":{\"irq\":1},\"m\":{\"irq\":2}}"), "line 1: the member \"m\" is given twice"},
        {PROGRAM(",\n\"priority\":28,\n\"priority\":5"), "line 3: the member \"priority\" is given twice"},
        {CAP("\"irq\":4,\n\"irq\":4"), "line 2: the member \"irq\" is given twice"},
        {"{\"programs\":[],\n\"programs\":[]}", "line 2: the member \"programs\" is given twice"},
        {"{\"programs\":[{\"name\":\"a\",\"image\":\"b\"}],\n\n\"x\": 1}", "line 3: unknown member \"x\""},
        {"{\"x\": {\"programs\": 1}, \"programs\":[]}", "line 1: unknown member \"x\""},
        {PROGRAM(",\"vital\":true,\n"), COMMA(2)},
        {PROGRAM(",\n\"arguments\":[\"a\",\n]"), COMMA(3)},
        {PROGRAM(",\"arguments\":[\"a\"\n\"b\"]"), COMMA(2)},
        {PROGRAM(",\"arguments\":[\"\\\",]\",\n\n,\"b\"]"), COMMA(3)},
        {PROGRAM(",\"capabilities\":{\"c\":{\"ports\":[1 2]}}"), COMMA(1)},
        {PROGRAM(",\"capabilities\":{\"c\":{\n,\"irq\":1}}"), COMMA(2)},
        {PROGRAM("") "\n,", COMMA(2)},
        {PROGRAM(",\n\"arguments\":[\"a\":\"b\"]"), "line 2: a colon behind something that is no name"},
        {PROGRAM("") "\n{}", COMMA(2)},
        {"{\"programs\":[{\"name\":\"a\",\"image\":\"b\"},{\"name\":\"a\",\"image\":\"b\"}]}",
         "program 2 (a): two programs have this name"},
        {TWO("\"endpoint\":\"e\",\"right\":\"own\"", "\"endpoint\":\"e\",\"right\":\"serve\""),
         "endpoint e is served by a and b"},
        {CAP("\"endpoint\":\"init\",\"right\":\"serve\""), "endpoint init is served by init and a"},
        {TWO("\"notification\":\"n\",\"right\":\"own\",\"bind\":true",
             "\"notification\":\"n\",\"right\":\"wait\",\"bind\":true"),
         "notification n is bound by a and b"},
        {TWO("\"irq\":4", "\"irq\":4"), "interrupt line 4 is held by a and b"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        CHECK(!parse(mistakes[i].text));
        if (!CHECK(strcmp(error, mistakes[i].wanted) == 0))
            printf("#   %s\n#   seen:   %s\n#   wanted: %s\n", mistakes[i].text, error, mistakes[i].wanted);
    }
}

/* More than one capability to an object, where nobody waits in vain. */
static void objects_are_shared(void) {
    CHECK(parse(TWO("\"endpoint\":\"e\",\"right\":\"own\"", "\"endpoint\":\"e\",\"right\":\"call\"")));
    CHECK(parse(TWO("\"irq\":4", "\"irq\":5")));
    CHECK(parse(TWO("\"endpoint\":\"e\",\"right\":\"own\"},\"d\":{\"endpoint\":\"e\",\"right\":\"serve\"",
                    "\"notification\":\"e\",\"right\":\"own\",\"bind\":true")));
    CHECK(parse(
        TWO("\"notification\":\"n\",\"right\":\"own\"", "\"notification\":\"n\",\"right\":\"wait\",\"bind\":true")));
}

/* Every prefix and many damaged copies of a good manifest: refused or accepted, never a stray read or a hang. */
static void damage_does_no_harm(void) {
    static const char good[] = "{\"programs\":[{\"name\":\"a\",\"image\":\"b\",\"arguments\":[\"x\"],\"capabilities\":{"
                               "\"c\":{\"ports\":[1,2]},\"d\":{\"endpoint\":\"e\",\"right\":\"own\"},"
                               "\"e\":{\"endpoint\":\"e\",\"right\":\"call\"}}}]}";
    char text[sizeof good];
    uint64_t state = 99;
    CHECK(parse(good));
    for (size_t length = 0; length < sizeof good - 1; length++) {
        memcpy(text, good, sizeof good);
        text[length] = '\0';
        CHECK(!parse(text));
    }
    for (uint32_t i = 0; i < 5000; i++) {
        memcpy(text, good, sizeof good);
        for (uint32_t j = 0; j < 3; j++)
            text[random_step(&state) % (sizeof good - 1)] = "{}[]\":,x1\\ "[random_step(&state) % 11];
        if (!parse(text))
            CHECK(error[0] != '\0');
    }
}

SUITE(CASE(whole_manifest_is_read), CASE(restarts_are_read), CASE(mistakes_are_named), CASE(objects_are_shared),
      CASE(damage_does_no_harm));
