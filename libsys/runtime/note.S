/*
 * The ELF note that declares a program built for Baton, and the version of its interface. The process server starts no
 * program without it (elf.h). start.S includes it for programs that link libsys; programs without libsys link this
 * file.
 * Source: System V gABI, "Note Section".
 */
    .section .note.baton, "a", @note
    .balign 4
    .long 2f - 1f /* length of the name */
    .long 4       /* length of the content */
    .long 1       /* type: the version of the interface */
1:  .asciz "Baton"
2:  .balign 4
    .long 1

    .section .note.GNU-stack, "", @progbits
