"""Attributes of one customer, as a trigger's firing shows them."""

from __future__ import annotations

from typing import Any

from tests.core.detection.customers import Customer, ruleset_of
from triggerstream.core.derive.view import view

START = 1_767_225_600_000
"""2026-01-01T00:00:00Z, a Thursday."""
HOUR = 3_600_000
DAY = 24 * HOUR


def customer_with(attributes: str, policy: str = "") -> Customer:
    """Return a customer under a ruleset of *attributes* alone."""
    return Customer(ruleset_of(attributes, policy))


def value_of(customer: Customer, name: str, at: int | None = None) -> Any:
    """Return the value of the attribute *name*, at *at* or at the customer's last event."""
    attribute = customer.ruleset.attributes[name]
    return view(customer.state, [attribute], customer.state.last if at is None else at)[name]
