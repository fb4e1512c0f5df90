"""Logs and decisions as one line of text each, and the two implementations that are compared.

A story is a list of events ``type@seconds``, each optionally followed by

    =n      the number ``event_data.n``
    /k      the text ``event_data.k``; k+l is a list of two
    ~c      the customer (default ``c``)
    ^s      ``received_at``, in seconds
    #id     the event id (default: its number in the story, from 0)

Decisions are written ``events@seconds`` with the events' ids and, behind a slash, the instance;
or ``reason@seconds`` for a suppressed match; of a derived event, the type is told. Edges of
segments are ``+segment@seconds`` and ``-segment@seconds``. Seconds count from `START`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ruamel.yaml import YAML

from tests.reference.evaluator import evaluate
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.replay.driver import replay_lines
from triggerstream.replay.partition import MAX_GAP

Json = dict[str, Any]
Decide = Callable[..., list[Json]]

START = 1_767_225_600_000
"""2026-01-01T00:00:00Z, a Thursday."""

_EVENT = re.compile(
    r"(?P<type>\w+)@(?P<at>-?[\d.]+)"
    r"(?:=(?P<n>-?[\d.]+)|/(?P<k>[\w+]+)|~(?P<customer>\w+)|\^(?P<received>[\d.]+)|#(?P<id>\w+))*"
)


def ms(seconds: float | str) -> int:
    return START + round(float(seconds) * 1000)


def log(story: str) -> list[Json]:
    """Return the events of *story*, in its order."""
    return [_event(number, text) for number, text in enumerate(story.split())]


def _event(number: int, text: str) -> Json:
    found = _EVENT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    event: Json = {
        "event_id": found["id"] or str(number),
        "customer_id": found["customer"] or "c",
        "event_type": found["type"],
        "timestamp": ms(found["at"]),
        "event_data": {},
    }
    if found["n"]:
        event["event_data"]["n"] = json.loads(found["n"])
    if found["k"]:
        first, *others = found["k"].split("+")
        event["event_data"]["k"] = [first, *others] if others else first
    if found["received"]:
        event["received_at"] = ms(found["received"])
    return event


def identify(at: float, **attributes: Any) -> Json:
    return {
        "event_id": f"identify{at}",
        "customer_id": "c",
        "event_type": "identify",
        "timestamp": ms(at),
        "event_data": attributes,
    }


def attribute(name: str, said: str) -> Json:
    return {"attribute": name, **yaml(said)}


def segment(name: str, said: str) -> Json:
    return {"segment": name, **yaml(said)}


def trigger(when: str, id_: str = "t", **rest: Any) -> Json:
    return {"trigger": id_, "when": yaml(when), **{key.rstrip("_"): v for key, v in rest.items()}}


def tell(decisions: list[Json]) -> str:
    """Return *decisions* as one line of text."""
    return " ".join(map(_decision, decisions))


def _decision(line: Json) -> str:
    at = datetime.fromisoformat(line["at"]).timestamp() - START / 1000
    if line["kind"] == "segment":
        return f"{'+' if line['change'] == 'entered' else '-'}{line['segment']}@{at:.6g}"
    if line["kind"] == "suppressed":
        return f"{line['reason']}@{at:.6g}"
    instance = "" if line["instance"] is None else f"/{line['instance']}"
    events = ",".join(id_.split("@")[0] for id_ in line["events"])
    return f"{events}@{at:.6g}{instance}"


def yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def by_engine(
    triggers: list[Json],
    events: list[Json],
    *,
    until: int | None = None,
    policy: Json | None = None,
    max_gap: int = MAX_GAP,
    published: Json | None = None,
) -> list[Json]:
    """The product: what `replay` prints; of what is in force, where more is allowed than where it
    is written."""
    files = {"t.yaml": "\n---\n".join(map(json.dumps, triggers))}
    if policy:
        files["policy.yaml"] = json.dumps(policy)
    if published:
        files[".values.json"] = json.dumps(published)
    lines = [json.dumps(event).encode() for event in events]
    ruleset = load_ruleset(files, version=1)
    decisions = replay_lines(ruleset, lines, until=until, max_gap=max_gap)
    return [json.loads(json.dumps(line)) for line in decisions]


DECIDE: Mapping[str, Decide] = {"reference": evaluate, "engine": by_engine}
