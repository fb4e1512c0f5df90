"""What docs/events.md says of its examples is what is read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from triggerstream.core.events.decode import decode_event
from triggerstream.core.records.record import Rejected
from triggerstream.core.timestamps import format_moment, parse_moment

PAGE = Path(__file__).parents[3] / "docs/events.md"
BLOCK = re.compile(r"^```(\w+(?: \w+)?)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
FIELDS = (
    *("customer_id", "event_type", "event_id", "timestamp", "source", "event_data"),
    *("session_id", "device_info", "location_data", "metadata"),
)
TEN = parse_moment("2026-03-01T10:00:00Z")


def examples() -> list[tuple[str, str, str, str]]:
    """Return (body, headers, kind of what follows, what follows) of each example."""
    found: list[tuple[str, str, str, str]] = []
    body = headers = ""
    for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "json":
            body = text
        elif kind == "text headers":
            headers = text
        else:
            found.append((body, headers, kind, text))
            body = headers = ""
    return found


def read(body: str, headers: str) -> str | dict[str, Any]:
    pairs = [
        (name, text.encode())
        for name, text in (line.split(": ") for line in headers.split("\n") if line)
    ]
    try:
        event = decode_event(
            body.encode(), fallback_id="events/0/7", fallback_timestamp=TEN, headers=pairs
        )
    except Rejected as rejected:
        return str(rejected)
    said = {name: getattr(event, name) for name in FIELDS}
    said["timestamp"] = format_moment(event.timestamp)
    return {name: value for name, value in said.items() if value is not None}


def test_the_page_has_examples_of_both_kinds() -> None:
    kinds = [kind for _, _, kind, _ in examples()]

    assert kinds.count("json reads") >= 8
    assert kinds.count("text refused") >= 5


@pytest.mark.parametrize(("body", "headers", "kind", "expected"), examples())
def test_an_example_is_read_as_the_page_says(
    body: str, headers: str, kind: str, expected: str
) -> None:
    assert body

    found = read(body, headers)

    assert found == (json.loads(expected) if kind == "json reads" else expected)
