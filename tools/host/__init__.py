"""The developer's machine: what is installed, what is missing, and the build."""
