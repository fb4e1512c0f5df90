"""What detection remembers of one customer."""
