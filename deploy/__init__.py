"""How triggerstream is run: a local Kafka, the image, what Prometheus watches."""
