/*
 * What init knows of servers, and does to them, for suites in the usual system that have the capability `init`.
 */
#pragma once

#include "libsys/proto/init.h"

struct init_list_reply entry_of(const char *name);

/* End a server and start it again. Returns init's status. */
uint32_t restart(const char *name);

/* Swap a server for this file. With OK: why that was not done, empty if it was. Else the reason of the failure. */
uint32_t swap_server(const char *name, const char *path, char ret_why[INIT_NO_MAX]);

/* ... and fail the case if it was not done. */
void check_swap(const char *name, const char *path);
