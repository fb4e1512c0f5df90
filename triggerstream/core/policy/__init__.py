"""The contact policy: one question a file, and the ledger that they ask."""
