"""The world on Kafka."""
