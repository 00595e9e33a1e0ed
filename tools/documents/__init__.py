"""What check_docs.py holds documentation and sources to, one module a subject."""
