"""Coverage of the kernel: which lines and branches the tests reach, in the machine and on the host together."""
