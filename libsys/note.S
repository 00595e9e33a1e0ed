/*
 * The ELF note by which a program says that it is built for Baton, and for which version of its interface; the process server
 * starts no other (elf.h). start.S has it for all that links libsys; what goes without links this file.
 * Source: System V gABI, "Note Section".
 */
    .section .note.baton, "a", @note
    .balign 4
    .long 2f - 1f /* bytes of the name, ... */
    .long 4       /* ... of the content */
    .long 1       /* type: the version of the interface */
1:  .asciz "Baton"
2:  .balign 4
    .long 1

    .section .note.GNU-stack, "", @progbits
