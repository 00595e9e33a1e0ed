#include "test/guest/lib/arguments.h"

#include "kernel/abi/system.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

void argument_check(const char *name, argument_call *call, cap_t weak) {
    static const cap_t missing[] = {INIT_TABLE_SLOTS, INIT_TABLE_SLOTS + 1, 1ULL << 32, UINT64_MAX};
    cap_t other = world_create(OBJECT_ENDPOINT, 0); /* no call under test takes an endpoint here */
    test_row(name);
    CHECK_STATUS(call(world_slot()), E_CAP);
    for (uint32_t i = 0; i < sizeof missing / sizeof missing[0]; i++)
        CHECK_STATUS(call(missing[i]), E_CAP);
    CHECK_STATUS(call(other), E_TYPE);
    if (weak != 0)
        CHECK_STATUS(call(weak), E_RIGHTS);
    test_row(NULL);
}
