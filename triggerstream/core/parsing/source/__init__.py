"""Text to nodes that know their place, and nodes to values."""
