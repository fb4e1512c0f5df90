"""Senders: far sides that misbehave, and processes that end in the middle of a send."""
