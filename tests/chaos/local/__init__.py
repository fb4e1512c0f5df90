"""The world of one directory: the same rows on what ``triggerstream up`` runs, without Kafka."""
