"""Dead letters as they are shown."""

from __future__ import annotations

from triggerstream.cli.output import escaped


def printable(value: bytes | None, limit: int) -> str:
    """Return *value* as text that cannot steer a terminal, cut after *limit* bytes."""
    if value is None:
        return "(null)"
    shown = escaped(value[:limit].decode(errors="backslashreplace"))
    return shown if len(value) <= limit else f"{shown}… ({len(value)} bytes)"
