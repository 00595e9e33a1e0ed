/*
 * Circular lists whose links lie in the elements; the head is one more pair of links. An element that is in no list is
 * a list of its own. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct links {
    struct links *next, *previous;
};

/* The structure of which `element` is the member. */
#define LIST_OWNER(element, type, member) ((type *)(void *)((uint8_t *)(element)-offsetof(type, member)))

static inline void list_init(struct links *list) { *list = (struct links){list, list}; }

static inline bool list_is_empty(const struct links *list) { return list->next == list; }

/* Add an element at the end. */
static inline void list_add(struct links *head, struct links *element) {
    *element = (struct links){head, head->previous};
    head->previous->next = element;
    head->previous = element;
}

static inline void list_remove(struct links *element) {
    element->previous->next = element->next;
    element->next->previous = element->previous;
    list_init(element);
}

/* Move an element from the list it is in to the end of another. */
static inline void list_move(struct links *head, struct links *element) {
    list_remove(element);
    list_add(head, element);
}
