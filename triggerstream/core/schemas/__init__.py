"""What the doors ask of an event before it is in the log: its type, its source, its data."""
