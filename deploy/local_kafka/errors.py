"""What can be wrong with a local Kafka; whoever started it reads the message and acts."""

from __future__ import annotations


class LocalKafkaError(Exception):
    """The local Kafka could not be fetched, started or reached."""
