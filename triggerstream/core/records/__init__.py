"""What stands on the topics: one topic or kind a file, written and read there."""
