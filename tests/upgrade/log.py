"""The log of `constructs/`: customers who do everything, with all that a log may have."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson

START = 1_767_225_600_000
MINUTE = 60_000
LINES = 4000
PACE = [0, 0, MINUTE // 2, MINUTE, 2 * MINUTE, 4 * MINUTE]
CUSTOMERS = [*"bcdefghijklm", "Ä", "busy", *["crowd"] * 3]
TYPES = [*"aaaaabbbbbcccdde", "p", "identify"]
NUMBERS: list[Any] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 2.5, "3", "x", None]


def make_log(cut: int) -> bytes:
    """Return four days of events as lines, always the same ones.

    About line *cut* one customer is busy, and has more events in an hour than are remembered for
    being new. Behind it many events come again, or late.
    """
    random = Random("42782a2")
    now, made = START, list[dict[str, Any]]()
    about = range(cut - 300, cut + 100)
    for number in range(LINES):
        is_busy = number in about and random.random() < 0.8
        now += random.choice(PACE[:3] if number in about else PACE)
        customer = "busy" if is_busy else random.choice(CUSTOMERS)
        theirs = [event for event in made[-900:] if event["customer_id"] == customer]
        is_behind = number in range(cut, cut + 100)
        if theirs and random.random() < (0.3 if is_behind else 0.05):
            # Once more, as it was or with a new stamp.
            again = random.choice([{}, {"timestamp": now}])
            made.append(random.choice(theirs) | again)
            continue
        kind = random.choice(TYPES)
        keys = 90 if customer == "crowd" else 6
        data: dict[str, Any] = {"n": random.choice(NUMBERS), "k": f"k{random.randrange(keys)}"}
        if kind == "identify":
            data = {"tier": random.choice(["gold", "gold", "blue"]), "visits": random.randrange(9)}
        is_late = random.random() < (0.5 if is_behind else 0.06)
        late = random.choice([10_000, 40_000, 60 * MINUTE]) if is_late else 0
        event = {
            "event_id": f"e{number:04}",
            "customer_id": customer,
            "event_type": kind,
            "timestamp": now - late,
            "event_data": data,
        }
        if random.random() < 0.1:
            event["source"] = "web"
        made.append(event)
    return b"".join(orjson.dumps(event) + b"\n" for event in made)
