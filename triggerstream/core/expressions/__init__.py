"""Expressions: a subset of CEL, from a text to closures."""
