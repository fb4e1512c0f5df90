"""A real-time behavioural trigger engine on Kafka."""

__version__ = "0.1.0"
