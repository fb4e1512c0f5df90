"""Moving an installation from one machine to Kafka."""
