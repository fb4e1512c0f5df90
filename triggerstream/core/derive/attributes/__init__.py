"""Attributes: what is folded of a customer's events, and what follows from others."""
