"""Chaos on a real Kafka: each fault again and again under load, and what came of it compared.

``python -m tests.chaos`` (``make chaos``) runs every row of `catalogue` and prints a table; the
rows with a short form run in the test suite too (`conftest`).
"""
