/*
 * How much is brought at once. What lies beyond is brought by faults: programs reserve far more than they touch.
 */
#pragma once

#define EAGER_STACK_PAGES 16UL    /* of a stack, its upper end */
#define EAGER_REGION_PAGES 1024UL /* of any other region, its lower end */
#define EAGER_FREE_PART 2U        /* while fewer than one frame in EAGER_FREE_PART is free, none is */
