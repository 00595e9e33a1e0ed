/*
 * Intrusive doubly linked lists. A node that is on no list has next == NULL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTAINER_OF(pointer, type, member) ((type *)((uintptr_t)(pointer)-offsetof(type, member)))

struct list_node {
    struct list_node *next, *previous;
};

struct list {
    struct list_node head; /* next = first, previous = last; both the head itself when empty */
};

static inline void list_init(struct list *list) { list->head.next = list->head.previous = &list->head; }

static inline bool list_is_empty(const struct list *list) { return list->head.next == &list->head; }

static inline bool list_contains_node(const struct list_node *node) { return node->next != NULL; }

static inline void list_insert_before(struct list_node *at, struct list_node *node) {
    node->next = at;
    node->previous = at->previous;
    at->previous->next = node;
    at->previous = node;
}

static inline void list_append(struct list *list, struct list_node *node) { list_insert_before(&list->head, node); }

static inline void list_remove(struct list_node *node) {
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->next = node->previous = NULL;
}

static inline struct list_node *list_first(const struct list *list) { return list->head.next; }
