"""Bad input for each route, and what it is answered: the table of docs/ingest.md, and its test."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tests.ingest.harness import SEEN, SERVER, WEB
from triggerstream.ingest.routes import ROUTES, Route

BOMB = gzip.compress(b" " * (8 << 20))
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class Bad(msgspec.Struct, frozen=True):
    """A request that is not taken, or not whole.

    Attributes:
        what: In words.
        letters: The reasons of the dead letters that it leaves.
        says: What the answer's body holds, in any case; for people, too.
    """

    what: str
    path: str
    status: int
    says: str
    letters: tuple[str, ...] = ()
    body: bytes = json.dumps(SEEN).encode()
    media: str | None = JSON
    key: str | None = SERVER
    headers: Mapping[str, str] = {}
    method: str = "POST"


def _whole(route: Route) -> Iterator[Bad]:
    """Yield what every route with a key and a body says no to."""
    path, media = route.path, route.takes[0]
    key: str | None = SERVER
    if route.auth == "query":
        path, key = f"{path}?k={WEB}", None

    def bad(what: str, status: int, says: str, **changed: Any) -> Bad:
        given: dict[str, Any] = {"path": path, "media": media, "key": key, **changed}
        return Bad(what=what, status=status, says=says, **given)

    without = route.path if route.auth == "query" else path
    yield bad("no key", 401, "a key that is in force", path=without, key=None)
    wrong: dict[str, Any] = {"key": "tsk_nobody"}
    if route.auth == "query":
        wrong = {"path": f"{route.path}?k=tsk_nobody"}
    yield bad("an unknown key", 401, "a key that is in force", **wrong)
    if route.auth == "query":
        yield bad("a server key", 403, "a browser key", path=f"{route.path}?k={SERVER}")
    origin = {"Origin": "https://other.example"}
    yield bad("another page", 403, "a page that the key", headers=origin)
    yield bad("another media type", 415, "Content-Type: one of", media=FORM)
    latin = f"{media}; charset=latin-1"
    yield bad("another charset", 415, "Content-Type: UTF-8", media=latin)
    packed = {"Content-Encoding": "br"}
    yield bad("another encoding", 415, "Content-Encoding: gzip or none", headers=packed)
    yield bad("1 MiB and a byte", 413, "at most 1048576 bytes", body=b" " * ((1 << 20) + 1))
    unpacked = {"Content-Encoding": "gzip"}
    yield bad("a gzip of 8 MiB", 413, "at most 1048576 bytes", body=BOMB, headers=unpacked)
    yield bad(
        "no gzip, but said to be", 400, "bad_encoding", letters=("bad_encoding",), headers=unpacked
    )
    yield bad(
        *("half a gzip", 400, "ends early"),
        letters=("bad_encoding",),
        body=gzip.compress(b'{"customer_id": "ada"}')[:-9],
        headers=unpacked,
    )
    yield bad("no bytes", 400, "empty", letters=("empty",), body=b"")
    yield bad("no JSON", 400, "bad_json", letters=("bad_json",), body=b'{"customer_id": ')
    yield bad("no UTF-8", 400, "bad_utf8", letters=("bad_utf8",), body=b'{"customer_id": "\xff"}')
    deep = b'{"customer_id": "ada", "event_type": "seen", "event_data": {"a": ' + b"[" * 300
    deep += b"]" * 300 + b"}}"
    if route.door in {"events", "beacon"}:
        yield bad("JSON 302 levels deep", 400, "too_deep", letters=("too_deep",), body=deep)
    yield bad("a text", 400, "wrong_type", letters=("wrong_type",), body=b'"a text"')
    yield bad("an empty object", 400, "missing_field", letters=("missing_field",), body=b"{}")
    named = {"Idempotency-Key": "k" * 201}
    yield bad("a name of 201 characters", 400, "of 1 to 200 characters", headers=named)
    yield bad("GET", 405, "Method Not Allowed", method="GET")


def _events() -> Iterator[Bad]:
    path = "/v1/events"

    def bad(what: str, status: int, says: str, event: Any, *letters: str, **changed: Any) -> Bad:
        return Bad(what, path, status, says, letters, body=json.dumps(event).encode(), **changed)

    yield bad("an empty array", 400, "empty", [], "empty")
    yield bad("501 events", 413, "at most 500 events", [SEEN] * 501)
    yield Bad(
        *("501 lines", path, 413, "at most 500 events"),
        body=(json.dumps(SEEN).encode() + b"\n") * 501,
        media="application/x-ndjson",
    )
    yield Bad(
        *("no lines", path, 400, "empty", ("empty",)), body=b"\n\n", media="application/x-ndjson"
    )
    large = {**SEEN, "event_data": {"text": "x" * 262_144}}
    yield bad("an event over 256 KiB", 413, "too_large", large, "too_large")
    yield bad("that and a good one", 200, "too_large", [large, SEEN], "too_large")
    yield bad(
        "an id of 257 characters", 413, "too_large", {**SEEN, "event_id": "x" * 257}, "too_large"
    )
    yield bad("no customer", 400, "customer_id", {"event_type": "seen"}, "missing_field")
    yield bad("no type", 400, "event_type", {"customer_id": "ada"}, "missing_field")
    yield bad(
        *("seconds as the time", 400, "reads as seconds"),
        {**SEEN, "timestamp": 1772359200},
        "bad_timestamp",
    )
    yield bad(
        *("a time in 2101", 400, "timestamp_out_of_range"),
        {**SEEN, "timestamp": "2101-01-01T00:00:00Z"},
        "timestamp_out_of_range",
    )
    for kind in ("message_sent", "segment_change", "$set"):
        yield bad(f"the type {kind}", 403, "not reserved", {**SEEN, "event_type": kind})
    yield bad(
        "a type that is not the key's", 403, "one of the types", {**SEEN, "event_type": "x"},
        key="tsk_slow",
    )  # fmt: skip
    known = {**SEEN, "customer_id": "ada"}
    yield bad(
        "a customer by a browser key", 400, "user token", known, "forbidden_customer", key=WEB
    )
    attributes = {f"ce-{each}": "x" for each in ("id", "source", "type", "subject")}
    yield bad(
        "a CloudEvent of version 2", 400, "CloudEvents 1.0", {}, "wrong_type",
        headers={**attributes, "ce-specversion": "2.0"},
    )  # fmt: skip
    yield bad(
        "a CloudEvent whose data are text", 400, "JSON", {}, "wrong_type",
        headers={**attributes, "ce-specversion": "1.0"}, media="text/plain",
    )  # fmt: skip


def _others() -> Iterator[Bad]:
    yield Bad(*("an empty batch", "/v1/batch", 400, "empty", ("empty",)), body=b'{"batch": []}')
    yield Bad(
        *("501 calls", "/v1/batch", 413, "at most 500 events"),
        body=json.dumps({"batch": [{"type": "page", "userId": "a"}] * 501}).encode(),
    )
    yield Bad(
        *("no event", "/v1/track", 400, "event of a Segment call", ("missing_field",)),
        body=b'{"userId": "ada"}',
    )
    yield Bad(*("nobody", "/v1/page", 400, "userId or anonymousId", ("missing_field",)), body=b"{}")
    yield Bad(
        *("a truth as the user", "/trigger", 400, "wrong_type", ("wrong_type",)),
        body=b'{"event": "seen", "userId": true}',
    )
    pixel = "/v1/p.gif"
    get: dict[str, Any] = {"method": "GET", "media": None, "key": None}
    yield Bad("no key", f"{pixel}?e=seen&a=7", 401, "a key that is in force", **get)
    yield Bad("a server key", f"{pixel}?k={SERVER}&e=seen&a=7", 403, "a browser key", **get)
    path = f"{pixel}?k={WEB}"
    yield Bad("nobody", f"{path}&e=seen", 400, "customer_id", ("missing_field",), **get)
    yield Bad("an empty id", f"{path}&e=seen&a=", 400, "customer_id", ("missing_field",), **get)
    yield Bad("no type", f"{path}&a=7", 400, "event_type", ("missing_field",), **get)
    yield Bad("data that are no JSON", f"{path}&e=seen&a=7&d=x", 400, "d: ", ("bad_json",), **get)
    yield Bad(
        "data that are a list",
        f"{path}&e=seen&a=7&d=[1]",
        400,
        "event_data",
        ("wrong_type",),
        **get,
    )
    yield Bad("POST", path, 405, "Method Not Allowed", key=None)
    yield Bad("nothing there", "/v1/nothing", 404, "Not Found")


CASES = (
    *(bad for route in ROUTES if route.takes for bad in _whole(route)),
    *_events(),
    *_others(),
)


def table() -> str:
    """Return the cases as a table for the page: what all routes with a body share once."""
    shared = {bad.what for bad in _whole(ROUTES[0])}
    lines = ["| route | what came | status | what is said | dead letter |", "|---|---|---|---|---|"]
    for bad in CASES:
        path = bad.path.partition("?")[0]
        if bad.what in shared and path not in {"/v1/events", "/v1/p.gif"}:
            continue
        where = "any with a body" if path == "/v1/events" and bad.what in shared else f"`{path}`"
        letter = ", ".join(f"`{reason}`" for reason in bad.letters) or "none"
        lines.append(f"| {where} | {bad.what} | {bad.status} | {bad.says} | {letter} |")
    return "\n".join(lines)
