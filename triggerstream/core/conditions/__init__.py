"""Tests of one event, a profile or a moment: from values to closures."""
