"""What the health server answers: a status, what kind of content it is, and the content."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

Answer = tuple[HTTPStatus, str, bytes]
"""Status, content type, body."""


def as_json(status: HTTPStatus, body: Any) -> Answer:
    return status, "application/json", msgspec.json.encode(body) + b"\n"


def refusal(status: HTTPStatus, error: str) -> Answer:
    """Return an answer that says what is wrong."""
    return as_json(status, {"error": error})
