"""The store on disk; the only folder that knows RocksDB."""
