"""The tables of docs/ingest.md, made of the code: ``python -m tests.ingest.tables``."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.ingest import bad_input
from triggerstream.ingest.limits import Limits
from triggerstream.ingest.routes import REASONS, ROUTES

PAGE = Path(__file__).parents[2] / "docs" / "ingest.md"
_LIMITS = {
    "body": "bytes of a request, when inflated",
    "event": "bytes of an event",
    "events": "events in a request",
    "waiting": "bytes that wait for the log, of all keys",
    "share": "bytes that wait for the log, of one key",
    "silence": "seconds that an append may stay unanswered",
    "unanswered": "events of beacons and pixels that wait",
    "letters": "dead letters of a key in a second",
    "behind": "events in `up` that are not decided yet, beyond which each key is slowed down",
    "slowed": "events of one key in a second then",
    "connections": "connections; who comes then is answered 503",
    "headers": "seconds for a request's head to come",
    "reading": "seconds for its body",
    "idle": "seconds between two requests of a connection",
    "finishing": "seconds to finish when told to stop",
}


def tables() -> dict[str, str]:
    """Return each table by its name on the page."""
    return {
        "routes": _routes(),
        "limits": _limits(),
        "statuses": _statuses(),
        "bad input": bad_input.table(),
    }


def made(page: str) -> str:
    """Return *page* with its tables as they are made."""
    for name, table in tables().items():
        mark, end = f"<!-- table {name} -->\n", "<!-- end -->"
        if page.count(mark) != 1:
            raise LookupError(f"docs/ingest.md: one table {name!r} is required")
        before, _, rest = page.partition(mark)
        _, _, behind = rest.partition(end)
        page = f"{before}{mark}{table}\n{end}{behind}"
    return page


def _routes() -> str:
    lines = ["| | | key | body |", "|---|---|---|---|"]
    where = {"header": "`Authorization`", "query": "`?k=`", "none": "none"}
    for route in ROUTES:
        takes = ", ".join(f"`{media}`" for media in route.takes)
        cells = (f"`{route.method} {route.path}`", route.about, where[route.auth], takes)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _limits() -> str:
    lines = ["| | |", "|---|---|"]
    for name, value in msgspec.structs.asdict(Limits()).items():
        lines.append(f"| {value:,.10g} | {_LIMITS[name]} |")
    return "\n".join(lines)


def _statuses() -> str:
    lines = ["| status | |", "|---|---|"]
    lines += [f"| {status} | {text} |" for status, text in sorted(REASONS.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(made(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
