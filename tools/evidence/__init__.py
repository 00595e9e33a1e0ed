"""What a machine leaves behind, and how it is read: results, logs, registers, page tables, symbols, the report."""
