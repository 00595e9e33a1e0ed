"""A session of gdb with a machine: session.py prepares it, inside.py runs within gdb."""
