"""Text to values: trigger files are read, and every problem is told with its place."""
