#include "kernel/base/heap.h"

static uint32_t rank_of(const struct heap_node *node) { return node == NULL ? 0 : node->rank; }

/* Restore the leftist property at `node`; its children have it. True: the rank of `node` changed. */
static bool settle(struct heap_node *node) {
    if (rank_of(node->left) < rank_of(node->right)) {
        struct heap_node *left = node->left;
        node->left = node->right;
        node->right = left;
    }
    uint32_t rank = 1 + rank_of(node->right);
    bool changed = rank != node->rank;
    node->rank = rank;
    return changed;
}

/*
 * Merge two heaps whose roots have no parent. The walk down merges the two right spines by key. The walk up restores
 * the leftist property at each node of the merged spine. Both are as long as the two spines together.
 */
static struct heap_node *merge(struct heap_node *a, struct heap_node *b) {
    struct heap_node *root = NULL, *last = NULL;
    struct heap_node **link = &root;
    while (a != NULL && b != NULL) {
        if (b->key < a->key) {
            struct heap_node *swap = a;
            a = b;
            b = swap;
        }
        *link = a;
        a->parent = last;
        last = a;
        link = &a->right;
        a = a->right;
    }
    struct heap_node *rest = a != NULL ? a : b;
    *link = rest;
    if (rest != NULL)
        rest->parent = last;
    for (struct heap_node *node = last; node != NULL; node = node->parent)
        settle(node);
    return root;
}

void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key) {
    struct heap_node *root = heap->root;
    heap_insert_alone(heap, node, key);
    if (root != NULL)
        heap->root = merge(root, node);
}

/*
 * The node's children, merged, take its place. A smaller rank can make the parent's rank smaller, and so on. Each
 * further step up deals with a larger rank, so there are at most log2(n + 1) steps.
 */
void heap_remove(struct heap *heap, struct heap_node *node) {
    if (heap->root == node && node->left == NULL) {
        heap_remove_alone(heap, node);
        return;
    }
    struct heap_node *parent = node->parent;
    if (node->left != NULL)
        node->left->parent = NULL;
    if (node->right != NULL)
        node->right->parent = NULL;
    struct heap_node *heir = merge(node->left, node->right);
    if (heir != NULL)
        heir->parent = parent;
    if (parent == NULL)
        heap->root = heir;
    else if (parent->left == node)
        parent->left = heir;
    else
        parent->right = heir;
    while (parent != NULL && settle(parent))
        parent = parent->parent;
    node->parent = node->left = node->right = NULL;
    node->rank = 0;
}

bool heap_is_well_formed(const struct heap *heap, uint64_t *ret_count) {
    uint64_t count = 0;
    const struct heap_node *node = heap->root, *from = NULL;
    if (node != NULL && node->parent != NULL)
        return false;
    while (node != NULL) { /* a walk without a stack: `from` is the previous node */
        const struct heap_node *next;
        if (from == node->parent) {
            count++;
            bool ordered = node->parent == NULL || node->parent->key <= node->key;
            if (!ordered || rank_of(node->left) < rank_of(node->right) || node->rank != 1 + rank_of(node->right))
                return false;
            if ((node->left != NULL && node->left->parent != node) ||
                (node->right != NULL && node->right->parent != node))
                return false;
            next = node->left != NULL ? node->left : node->right != NULL ? node->right : node->parent;
        } else {
            next = from == node->left && node->right != NULL ? node->right : node->parent;
        }
        from = node;
        node = next;
    }
    *ret_count = count;
    return true;
}
