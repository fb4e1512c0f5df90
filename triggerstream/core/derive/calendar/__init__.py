"""The calendar of a customer: their zone, and the days that they wait for."""
