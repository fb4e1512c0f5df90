"""From values to what runs: compiled triggers, found by event type."""
