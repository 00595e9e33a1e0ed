/*
 * A plan as a line of text:
 *
 *     pipes:3:kill:1,files:12:drop     events, of which each is SERVER:N:WHAT or SERVER:N:WHAT:ARGUMENT
 */
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "test/storm/suite.h"

#define STORM_SERVER(name, messages, calls, requests) #name,
const char *const storm_servers[STORM_SERVERS] = {
#include "test/storm/servers.def"
};
#undef STORM_SERVER

static const char *const whats[STORM_WHATS] = {
    [STORM_KILL] = "kill",     [STORM_DIE] = "die",   [STORM_FAIL] = "fail", [STORM_HANG] = "hang",
    [STORM_DELAY] = "delay",   [STORM_DROP] = "drop", [STORM_KEEP] = "keep", [STORM_DOUBLE] = "double",
    [STORM_REFUSE] = "refuse", [STORM_TAKE] = "take"};

/* Find the word at *text in a list, and step over it. Returns its index; `count`: it is not there. */
static uint32_t read_word(const char **text, const char *const *words, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        size_t length = strlen(words[i]);
        char next = strncmp(*text, words[i], length) == 0 ? (*text)[length] : 'x';
        if (next == ':' || next == ',' || next == '\0') {
            *text += length;
            return i;
        }
    }
    return count;
}

static bool read_number(const char **text, uint64_t *ret_number) {
    if (**text != ':')
        return false;
    const char *rest = text_skip_number(*text + 1, ret_number);
    if (rest == NULL)
        return false;
    *text = rest;
    return true;
}

static bool read_event(const char **text, struct plan_event *event) {
    *event = (struct plan_event){.server = read_word(text, storm_servers, STORM_SERVERS)};
    if (event->server == STORM_SERVERS || !read_number(text, &event->number) || **text != ':')
        return false;
    ++*text;
    event->what = (enum storm_what)read_word(text, whats, STORM_WHATS);
    return event->what != STORM_WHATS && (**text != ':' || read_number(text, &event->argument));
}

bool plan_read(const char *line, struct plan *ret_plan) {
    *ret_plan = (struct plan){0};
    if (strcmp(line, "none") == 0)
        return true;
    for (;;) {
        if (ret_plan->event_count == PLAN_EVENTS_MAX || !read_event(&line, &ret_plan->events[ret_plan->event_count++]))
            return false;
        if (*line == '\0')
            return true;
        if (*line++ != ',')
            return false;
    }
}
