"""The emulated machine: its disk, its firmware, its command line, its life and its death."""
