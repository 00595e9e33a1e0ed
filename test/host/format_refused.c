/*
 * The compiler refuses formats that neither print and its like nor C know. clang -verify checks that it refuses each of
 * these lines, and no other.
 */
#include "libsys/runtime/print.h"

void formats(int number, long wide, const char *text);

void formats(int number, long wide, const char *text) {
    print("%+d % d %#x %o %.8x %hhx %*d %s\n", number, number, 1U, 8U, 42U, (unsigned char)1, 5, number, text);
    print("%y\n", number);     /* expected-error {{invalid conversion specifier 'y'}} */
    print("%d %s\n", number);  /* expected-error {{more '%' conversions than data arguments}} */
    print("%s\n", number);     /* expected-error {{format specifies type 'char *'}} */
    print("%d\n", wide);       /* expected-error {{format specifies type 'int'}} */
    print("%hs\n", text);      /* expected-error {{length modifier 'h' results in undefined behavior}} */
    print("100%\n");           /* expected-error {{invalid conversion specifier}} */
    print_error("%d\n", text); /* expected-error {{format specifies type 'int'}} */
    log_print("%lu", number);  /* expected-error {{format specifies type 'unsigned long'}} */
    (void)format_into((char *)0, 0, "%zu", number); /* expected-error {{format specifies type}} */
}
