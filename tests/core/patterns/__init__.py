"""Patterns, each by itself: stories in, matches out."""
