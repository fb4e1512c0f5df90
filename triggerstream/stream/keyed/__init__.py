"""The keyed process's awaiting half: the commit protocol over ports."""
