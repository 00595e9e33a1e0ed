/*
 * The other CPUs: started at boot, stopped at the end. docs/adr/0022-other-cpus.md has the reasons.
 */
#pragma once

#include <stdint.h>

struct acpi_facts;
struct boot_info;
struct boot_range;

/* How many CPUs to start, the boot CPU included: all that ACPI names, at most CPUS_MAX, and at most N of `cpus=N`. */
uint32_t smp_choose(const char *command, const struct acpi_facts *facts);

/*
 * Start them one after another. A CPU that is like the boot CPU gets its place in cpus[] and idles; one that differs is
 * named on the log and stays stopped. Call during boot, while memory below 1 MiB is as the loader left it.
 */
void smp_start(uint32_t wanted, const struct acpi_facts *facts, const struct boot_info *boot,
               const struct boot_range *ranges);

/* Stop all other CPUs at their next instruction, before the machine ends. */
void smp_stop_others(void);
