"""The keyed process without its I/O: state per customer, one input, a commit protocol."""
