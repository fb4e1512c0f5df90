"""Holding out: a fixed share of customers is left alone, so that the difference can be measured."""

from __future__ import annotations

from hashlib import sha256

BUCKETS = 10_000


def bucket(trigger: str, customer_id: str) -> int:
    """Return the customer's bucket under *trigger*, in ``[0, BUCKETS)``: always the same one."""
    digest = sha256(f"{trigger}\0{customer_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % BUCKETS


def is_held_out(trigger: str, customer_id: str, share: float) -> bool:
    """Return whether *trigger* leaves this customer alone; *share* is in [0, 1)."""
    return bucket(trigger, customer_id) < round(share * BUCKETS)
