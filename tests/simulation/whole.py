"""Schedules of a worker and a sender whose triggers say all that the language can say."""

from __future__ import annotations

from functools import cache
from random import Random

import orjson

from tests.e2e import everything
from tests.simulation import shop
from tests.simulation.pair import PairSchedule
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset


@cache
def ruleset(version: int) -> Ruleset:
    """Return the ruleset of *version*, 1 to 4: each changes what is derived."""
    files = {**everything.files(), **shop.TEMPLATE}
    if version == 2:
        files = {name: text.replace("at_least: 3", "at_least: 2") for name, text in files.items()}
    elif version == 3:
        files = {name: text for name, text in files.items() if "segment: busy" not in text}
    elif version == 4:
        files = {name: text.replace("20m", "10m").replace("5d", "6d")
                 for name, text in files.items()}  # fmt: skip
    return load_ruleset(files, version=version)


def event(random: Random, number: int, now: int) -> tuple[str, bytes]:
    """Return (customer, body) of something that a customer does; the log says when, mostly."""
    customer = random.choice(shop.CUSTOMERS)
    said = everything.event(random, number, customer, now)
    del said["received_at"]
    if random.random() < 0.6:
        del said["timestamp"]
    return customer, orjson.dumps(said)


class WholeSchedule(PairSchedule):
    """What the language derives, under the same faults."""

    kind = "whole"
    ruleset = staticmethod(ruleset)
    event = staticmethod(event)
