"""What is derived of a customer's events: named values, and what holds of them."""
