/*
 * The rights of a capability, one enum for each kind of object. A copy never has more rights than its source.
 */
#pragma once

#define RIGHTS_ALL 0xffU

enum memory_right {
    MEMORY_READ = 1 << 0,
    MEMORY_WRITE = 1 << 1,
    MEMORY_EXECUTE = 1 << 2,
    MEMORY_POOL = 1 << 3, /* turn frames into kernel memory */
};

enum pool_right {
    POOL_ALLOCATE = 1 << 0, /* object_create */
    POOL_EXTEND = 1 << 1,   /* pool_extend */
};

enum space_right {
    SPACE_MAP = 1 << 0,   /* map, unmap, protect */
    SPACE_QUERY = 1 << 1, /* query, audit */
    SPACE_RUN = 1 << 2,   /* let a thread run in it */
};

enum thread_right {
    THREAD_CONTROL = 1 << 0, /* configure, hand over, resume, suspend, write */
    THREAD_READ = 1 << 1,    /* read registers and state */
};

enum table_right {
    TABLE_WRITE = 1 << 0, /* place and delete capabilities in it */
    TABLE_USE = 1 << 1,   /* bind a thread to it */
    TABLE_READ = 1 << 2,  /* copy capabilities out of it */
};

enum endpoint_right {
    ENDPOINT_CALL = 1 << 0,  /* send */
    ENDPOINT_WAIT = 1 << 1,  /* receive */
    ENDPOINT_GRANT = 1 << 2, /* send capabilities with a call */
    ENDPOINT_WATCH = 1 << 3, /* the endpoint's watcher is told when this capability has lost its last descendant */
};

enum notification_right {
    NOTIFICATION_RAISE = 1 << 0,
    NOTIFICATION_WAIT = 1 << 1, /* wait, poll, timer, bind */
};

enum irq_right {
    IRQ_BIND = 1 << 0, /* bind, acknowledge */
};

enum ports_right {
    PORTS_READ = 1 << 0,
    PORTS_WRITE = 1 << 1,
};
