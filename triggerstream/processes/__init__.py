"""One process a file: what is wired together, and in which order it starts and stops."""
