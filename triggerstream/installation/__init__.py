"""What commands ask of an installation, which is a Kafka or a local directory."""
