/*
 * The server's memory: one region of frames, each with an owner. The end of a process gives all frames of an owner back
 * at once, so no list of a process's frames is needed.
 */
#pragma once

#include "libsys/maker/image.h"

#define FRAMES_NOBODY 0U
#define FRAMES_SERVER 1U /* owners from 2 on are the caller's to choose, up to 255 */
#define FRAMES_MAX (1U << 18)

/* A source of frames for libsys/maker/image.h; what it gave belongs to `owner`. */
struct frame_source {
    struct image_source source; /* first, so that one pointer names both */
    uint8_t owner;
};

/* Take the largest piece of `memory`. False: there is none. */
bool frames_start(void);

/* `page_count` frames in a row. False: there are none. */
bool frames_take(uint8_t owner, uint64_t page_count, struct memory_run *ret_run);
void frames_give_back_all(uint8_t owner);
uint64_t frames_count(uint8_t owner);
struct frame_source frames_source_for(uint8_t owner);
