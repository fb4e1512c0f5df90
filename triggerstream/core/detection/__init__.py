"""The program that detects: events in, firings out."""
