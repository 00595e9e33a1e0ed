/* Power-off through ACPI, past the kernel. ICH9 LPC: PMBASE is register 0x40, ACPI_CNTL 0x44; PM1 control is PMBASE +
 * 4. */
#include "guest.inc"
    tap "1..1\nok 1 - first\n"
    mov $0xcf8, %edx
    mov $0x8000f840, %eax
    outl %eax, %dx
    mov $0xcfc, %edx
    mov $0x601, %eax
    outl %eax, %dx
    mov $0xcf8, %edx
    mov $0x8000f844, %eax
    outl %eax, %dx
    mov $0xcfc, %edx
    mov $0x80, %eax
    outl %eax, %dx
    mov $0x604, %edx
    mov $0x2000, %eax                   /* SLP_EN, SLP_TYP 0: S5 */
    outw %ax, %dx
1:  jmp 1b
