#include "boot/phys.h"

void *phys_pointer(uint64_t phys) { return (void *)(uintptr_t)phys; }
