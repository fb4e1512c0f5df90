"""The edge to Faust, Kafka and RocksDB."""
