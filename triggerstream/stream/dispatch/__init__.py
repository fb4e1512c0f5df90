"""The sender's calls: how many at once, and what became of them."""
