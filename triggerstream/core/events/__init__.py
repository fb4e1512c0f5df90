"""Bytes to events, in each of the forms that are understood."""
