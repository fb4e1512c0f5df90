"""Reading conditions: what is asked of an event, of a customer and of the calendar."""
