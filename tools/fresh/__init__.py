"""The rehearsal of a stranger's first hour: a bare Debian root, what README demands, README's commands."""
