/*
 * The other CPUs: started at boot, stopped at the end. docs/adr/0022-other-cpus.md has the reasons.
 */
#pragma once

#include <stdint.h>

struct acpi_facts;
struct boot_info;
struct boot_range;

/* How many CPUs to start, the boot CPU among them: all that ACPI names, at most CPUS_MAX, and at most N of `cpus=N`. */
uint32_t smp_choose(const char *command, const struct acpi_facts *facts);

/* Start them one after another. Each that is as the boot CPU is gets its place in cpus[] and idles; each that is not is
 * named on the log and left parked. During boot, with all memory below 1 MiB as the loader has left it. */
void smp_start(uint32_t wanted, const struct acpi_facts *facts, const struct boot_info *boot,
               const struct boot_range *ranges);

/* The end is near: no other CPU does anything from its next instruction on. */
void smp_stop_others(void);
