"""What a door's check of an event by its schema costs, beside reading the event at all.

Claims: checking an event of a usual shape costs about a microsecond where it fits, less than
reading it; five where it is rejected; a flag, which writes it anew, less than that. Where the
ruleset asks nothing, a door spends a tenth of a microsecond at most.

    python benchmarks/schemas.py

Process CPU time, the least of interleaved repeats in one run. Only ratios travel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import process_time_ns

from triggerstream.core.events.decode import decode_event
from triggerstream.core.events.event import Event
from triggerstream.core.model import SchemaRules, TypeRule
from triggerstream.core.records.record import Rejected
from triggerstream.core.schemas.admit import admit
from triggerstream.core.schemas.schemas import Schemas

CALLS = 20_000
REPEATS = 15

ITEM = b'{"sku":"A-17","name":"Kettle","price":39.9,"quantity":2}'
FITS = (
    b'{"event_id":"e-00001","customer_id":"c-00042","event_type":"purchase_completed",'
    b'"timestamp":"2026-03-01T10:00:00Z","source":"server","event_data":{"order_id":"o-1",'
    b'"total":79.8,"currency":"EUR","coupon":null,"items":[' + ITEM + b"," + ITEM + b"]}}"
)
WRONG = FITS.replace(b'"total":79.8', b'"total":"79.8"')

SCHEMA = {
    "type": "object",
    "required": ["order_id", "total", "currency"],
    "properties": {
        "order_id": {"type": "string", "minLength": 1, "maxLength": 64},
        "total": {"type": "number", "minimum": 0},
        "currency": {"enum": ["EUR", "USD", "GBP"]},
        "coupon": {"type": ["string", "null"]},
        "items": {
            "type": "array",
            "maxItems": 200,
            "items": {
                "type": "object",
                "required": ["sku"],
                "properties": {
                    "sku": {"type": "string", "pattern": "^[A-Z]-[0-9]+$"},
                    "price": {"type": "number"},
                    "quantity": {"type": "integer", "minimum": 1},
                },
            },
        },
    },
}


def rules(on_invalid: str) -> Schemas:
    rule = TypeRule(on_invalid, sources=("server", "till"))
    name = "purchase_completed"
    return Schemas(SchemaRules(types={name: rule}, schemas={name: SCHEMA}), ())


def event(value: bytes) -> Event:
    return decode_event(value, fallback_id="-", fallback_timestamp=0)


def let_in(found: Event, schemas: Schemas | None) -> object:
    try:
        return admit(found, schemas)
    except Rejected as rejected:
        return rejected


def cost(call: Callable[[], object]) -> int:
    """Return the nanoseconds of `CALLS` calls."""
    started = process_time_ns()
    for _ in range(CALLS):
        call()
    return process_time_ns() - started


def main() -> None:
    reject, flag = rules("reject"), rules("flag")
    fits, wrong = event(FITS), event(WRONG)
    check = partial(reject.check, fits.event_type, fits.source, fits.event_data)
    contenders: dict[str, Callable[[], object]] = {
        "nothing asked": partial(let_in, fits, None),
        "check alone, fits": check,
        "let in, fits": partial(let_in, fits, reject),
        "let in, rejected": partial(let_in, wrong, reject),
        "let in, flagged": partial(let_in, wrong, flag),
        "decoding it": partial(event, FITS),
    }
    empty = min(cost(lambda: None) for _ in range(REPEATS))
    spent: dict[str, list[int]] = {name: [] for name in contenders}
    for _ in range(REPEATS):
        for name, call in contenders.items():
            spent[name].append(cost(call) - empty)
    for name, each in spent.items():
        least, middle, most = (
            value / CALLS / 1000 for value in (min(each), sorted(each)[REPEATS // 2], max(each))
        )
        print(f"{name:20} {least:6.2f} µs (median {middle:.2f}, at most {most:.2f})")


if __name__ == "__main__":
    main()
