"""The program that sends: actions in, deliveries out."""
