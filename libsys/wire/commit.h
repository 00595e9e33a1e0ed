/*
 * Where commit.S finds the members of struct server, and the labels between which the registers of a dead program tell
 * what it had done. server.c checks the offsets.
 */
#pragma once

#define COMMIT_MARK 0
#define COMMIT_ENDPOINT 16
#define COMMIT_ANSWER 24 /* struct message: info, four words */
#define COMMIT_BADGE 64  /* of struct server_event, behind which comes its struct message */
#define COMMIT_INFO 72
#define COMMIT_HEARD 112
#define COMMIT_RECEIVED 1 /* enum server_stage */

#ifndef __ASSEMBLER__
/* Only their addresses count. */
extern const char journal_call_made[], journal_call_end[], journal_read_made[], journal_read_end[];
extern const char server_receive_made[], server_receive_end[];
#endif
