/*
 * What exectest and the programs that it starts agree on. Each payload reports its finding by its exit status, so a
 * status proves which image ran and how far it came.
 */
#pragma once

#define PAYLOAD_FOLDER "test/exec/"

enum payload_status {
    PAYLOAD_WRONG = 1,       /* a check failed; the payload has printed which */
    PAYLOAD_SHOWN = 42,      /* show: it received exactly what it should, in the caller's process */
    PAYLOAD_CHAIN_END = 43,  /* chain: the last link, same pid, same figures as after the first exec */
    PAYLOAD_LIVES_ON = 44,   /* caller: exec failed as expected, and the caller is unharmed */
    PAYLOAD_TICKS_SEEN = 45, /* ticks: the timer interrupted after every exec */
    PAYLOAD_REFUSED = 46,    /* hog: it asked for memory until it was refused */
};

/* Arguments that `caller` gives to `show`, after the program's name and the caller's pid. */
#define PAYLOAD_WORDS "one", "two words", "", "4th: \xc3\xa4 '\"$"
#define PAYLOAD_ENVIRONMENT "COLOR=blue", "EMPTY=", "PATH=a=b"
