/*
 * What exectest and the programs it starts agree on. Each payload says by its exit status what it found, so that a
 * status proves which image ran and how far it came.
 */
#pragma once

#define PAYLOAD_FOLDER "test/exec/"

enum payload_status {
    PAYLOAD_WRONG = 1,       /* something was not as it should be; the payload has printed what */
    PAYLOAD_SHOWN = 42,      /* show: it received exactly what it should, in the caller's process */
    PAYLOAD_CHAIN_END = 43,  /* chain: the last link, same pid, same figures as after the first exec */
    PAYLOAD_LIVES_ON = 44,   /* caller: exec failed as foretold, and the caller is unharmed */
    PAYLOAD_TICKS_SEEN = 45, /* ticks: the timer interrupted after every exec */
    PAYLOAD_REFUSED = 46,    /* hog: it asked for memory until it was refused */
};

/* What `caller` hands to `show`, behind the program's name and the caller's pid. */
#define PAYLOAD_WORDS "one", "two words", "", "4th: \xc3\xa4 '\"$"
#define PAYLOAD_ENVIRONMENT "COLOR=blue", "EMPTY=", "PATH=a=b"
