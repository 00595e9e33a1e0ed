"""The checks of check_docs.py on documentation and sources, one module a subject."""
