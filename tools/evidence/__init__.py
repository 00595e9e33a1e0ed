"""The evidence that a machine leaves, and how it is read: results, logs, registers, page tables, symbols, the
report."""
