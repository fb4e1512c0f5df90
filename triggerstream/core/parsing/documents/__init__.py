"""Reading documents: each kind of them, by its first key."""
