/*
 * server.c and recover.c on the fake kernel of server_lives.c. Their system calls go there, as those of
 * commit_on_host.S do, and their variables can be set to what they are when a program starts.
 */
#include <stdint.h>

__asm__(".macro syscall\n call lives_syscall\n .endm");

#pragma clang section bss = "server_bss" data = "server_data"
#include "libsys/wire/recover.c"
#include "libsys/wire/server.c"
#pragma clang section bss = "" data = ""

extern uint8_t __start_server_bss[], __stop_server_bss[];
void server_start_over(void);

/* Not by memset(), for which the sanitizer would look at the gaps between variables. */
__attribute__((no_sanitize("address"))) void server_start_over(void) {
    for (volatile uint8_t *at = __start_server_bss; at < __stop_server_bss; at++)
        *at = 0;
}
