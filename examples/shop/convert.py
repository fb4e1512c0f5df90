"""Makes ``events.jsonl.gz`` from the data set that Retentioneering ships.

    python examples/shop/convert.py ecom.csv.gz

The output depends on the input alone: the same rows give the same lines. The README beside this
file tells what becomes of each column.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).with_name("events.jsonl.gz")

_NAMES = ("Alex", "Jo", "Kim", "Robin", "Sam")
_ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "Asia/Tokyo")
_CONSENTING_PERCENT = 85

Row = Mapping[str, str]
Event = dict[str, Any]


def convert(rows: Iterable[Row]) -> list[Event]:
    """Return the events of *rows*, sorted by time; rows of one moment keep their order."""
    numbered = sorted(enumerate(rows, start=1), key=lambda entry: entry[1]["timestamp"])
    return list(_with_introductions(numbered))


def _with_introductions(numbered: Iterable[tuple[int, Row]]) -> Iterator[Event]:
    """Yield an ``identify`` before each customer's first event."""
    met: set[str] = set()
    for number, row in numbered:
        customer = row["user_id"]
        if customer not in met:
            met.add(customer)
            yield _event(row, f"identify-{customer}", "identify", _contact(customer))
        described = {
            "platform": row["platform"],
            "channel": row["acquisition_channel"],
            "cohort": row["user_cohort"],
            "lifecycle": row["user_lifecycle"],
        }
        session = {"session_id": row["session_id"]}
        yield _event(row, f"row-{number:05d}", row["event"], described) | session


def _event(row: Row, event_id: str, event_type: str, event_data: Event) -> Event:
    return {
        "event_id": event_id,
        "customer_id": row["user_id"],
        "event_type": event_type,
        "timestamp": row["timestamp"].replace(" ", "T") + "Z",
        "source": "shop",
        "event_data": event_data,
    }


def _contact(customer: str) -> Event:
    """Return made-up contact data, a function of the customer's id."""
    drawn = int.from_bytes(blake2b(customer.encode(), digest_size=8).digest())
    drawn, percent = divmod(drawn, 100)
    drawn, name = divmod(drawn, len(_NAMES))
    return {
        "email": f"{customer}@example.com",
        "first_name": _NAMES[name],
        "timezone": _ZONES[drawn % len(_ZONES)],
        "email_consent": percent < _CONSENTING_PERCENT,
    }


def write(events: Iterable[Event], path: Path) -> None:
    """Write *events* as gzipped JSON Lines, without a time of writing."""
    with (
        path.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed,
    ):
        for event in events:
            packed.write(json.dumps(event, separators=(",", ":")).encode() + b"\n")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python examples/shop/convert.py ecom.csv.gz\n")
        return 2
    with gzip.open(arguments[0], "rb") as packed:
        events = convert(csv.DictReader(io.TextIOWrapper(packed, encoding="utf-8", newline="")))
    write(events, OUTPUT)
    sys.stderr.write(f"{OUTPUT}: {len(events):,} events\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
