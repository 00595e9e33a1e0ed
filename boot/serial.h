/*
 * COM1 at 115200 baud, 8N1, output only. The loader writes there when firmware has no console.
 */
#pragma once

void serial_begin(void);
void serial_write(const char *text);
