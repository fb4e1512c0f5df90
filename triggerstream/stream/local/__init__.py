"""The world on one machine: a log in SQLite, behind `stream.ports`."""
