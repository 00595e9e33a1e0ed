"""Mutants: the kernel with one thing wrong on purpose, to see whether the tests notice."""
