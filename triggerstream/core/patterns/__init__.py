"""The shapes over time that a trigger detects: one file a pattern."""
