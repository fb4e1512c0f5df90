"""Contact policy: which action may leave, when, and why not. Pure."""
