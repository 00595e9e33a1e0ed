#include "libsys/wire/status_text.h"

#include "libsys/wire/protocol.h"

const char *status_text(uint64_t status) {
    switch (status) {
#define STATUS(number, name, text) \
    case number:                   \
        return text;
#define PROTOCOL_STATUS(number, name, text) \
    case number:                            \
        return text;
#include "kernel/abi/status.def"
#include "libsys/wire/status.def"
#undef STATUS
    default:
        return "unknown status";
    }
}

const char *status_name(uint64_t status) {
    switch (status) {
#define STATUS(number, name, text) \
    case number:                   \
        return #name;
#define PROTOCOL_STATUS(number, name, text) \
    case number:                            \
        return #name;
#include "kernel/abi/status.def"
#include "libsys/wire/status.def"
#undef STATUS
    default:
        return "?";
    }
}
