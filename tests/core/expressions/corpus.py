"""The cases that Google's own evaluator of CEL has answered: ``corpus.jsonl.gz``.

A line is an array: the text, the number of the data, and the answer: one of `ERROR`, a value, or
``{"number": "nan"}`` for what JSON has not. The first line says what made it, the second has the
data. `make_corpus.py` makes it again.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from math import inf, isfinite, nan
from pathlib import Path
from typing import Any

from triggerstream.core.conditions.expressions import ROOTS
from triggerstream.core.events.event import Event
from triggerstream.core.expressions.compile import compile_value
from triggerstream.core.expressions.parser import parse
from triggerstream.core.expressions.tokens import tokenize
from triggerstream.core.expressions.values import ExpressionError

FILE = Path(__file__).with_name("corpus.jsonl.gz")
ERROR = {"error": True}
_ODD = {"nan": nan, "inf": inf, "-inf": -inf}


def cases() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield text, data and answer of each case."""
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        next(lines)
        data = json.loads(next(lines))
        for line in lines:
            text, number, answer = json.loads(line)
            yield text, data[number], answer


def head() -> dict[str, Any]:
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        found: dict[str, Any] = json.loads(next(lines))
        return found


def write(head: dict[str, Any], data: list[Any], answered: list[tuple[str, int, Any]]) -> None:
    # Google's evaluator has the fields of an object in no order.
    lines = [json.dumps(each, sort_keys=True) for each in (head, data, *answered)]
    text = "".join(f"{line}\n" for line in lines)
    FILE.write_bytes(gzip.compress(text.encode(), mtime=0))


def answer_of(text: str, data: dict[str, Any]) -> Any:
    """Return what ours answers: `ERROR`, or a value as the file has it."""
    tree = parse(tokenize(text, _refuse))
    event = Event(customer_id="c", event_type="t", event_id="e", timestamp=0, event_data=data)
    try:
        return as_answer(compile_value(tree, text, ROOTS)(event, {}))
    except ExpressionError:
        return ERROR


def as_answer(value: Any) -> Any:
    """Return *value* in the way of the file: all numbers are doubles."""
    if isinstance(value, list):
        return [as_answer(each) for each in value]
    if isinstance(value, dict):
        return {key: as_answer(each) for key, each in value.items()}
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    value = float(value)
    return value if isfinite(value) else {"number": repr(value)}


def _refuse(at: int, message: str) -> None:
    raise AssertionError(f"{at}: {message}")
