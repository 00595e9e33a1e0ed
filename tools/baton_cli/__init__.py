"""The commands of ./baton, one module each. A module has NAME, SUMMARY, configure(parser) and
run(options) -> exit code."""
