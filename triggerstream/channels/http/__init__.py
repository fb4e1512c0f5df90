"""What goes out over HTTP: webhooks, where they may go, and what the answers mean."""
