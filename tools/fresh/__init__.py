"""The rehearsal of a stranger's first hour: a bare Debian root, README's requirements, README's commands."""
