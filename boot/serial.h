/*
 * COM1, 115200 baud, 8N1: where the loader speaks when firmware has no console. Output only.
 */
#pragma once

void serial_begin(void);
void serial_write(const char *text);
