"""What an earlier commit has stored, the present code goes on with; and decides as if it had begun.

- `half`: a stretch of a log through one partition, on RocksDB, by whatever code is imported.
- `before`: the earlier commit, out of the repository's history; and how `golden/` was made of it.
- `constructs/`: triggers with every construct there is, and a log that leaves all of them open.
"""
