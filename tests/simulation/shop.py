"""A small shop: its rulesets by version, and what its customers do."""

from __future__ import annotations

from functools import cache
from random import Random
from textwrap import dedent
from typing import Any

import orjson

from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset

CUSTOMERS = ("ada", "bob", "cy")

POLICY = """
    caps:
      - {channel: email, limit: 1, window: 20m, on_cap: defer}
      - {limit: 6, window: 24h}
    consent: {email: opt_out, webhook: none, log: none}
    expiry: 2d
"""

VIEWS = """
    trigger: views
    name: Many views
    when: {count: view, at_least: 2, within: 1h}
    limits: {cooldown: 1m}
    then:
      - email: {template: hello}
"""

CART = """
    trigger: cart
    name: Cart abandoned
    priority: high
    when:
      sequence:
        - event: cart
        - absent: purchase
          for: 10m
      restart: on_repeat
    then:
      - email: {template: hello}
      - webhook: {endpoint: crm}
        after: 20m
    until: purchase
"""

BOUGHT = """
    trigger: bought
    name: Thanks
    type: transactional
    priority: critical
    when: {event: purchase}
    then:
      - email: {template: hello}
      - log: {message: bought}
"""

COMPARES = """
    trigger: compares
    name: Views after a cart
    when:
      sequence:
        - event: cart
        - event: view
      within: 30m
    limits: {cooldown: 1m}
    then:
      - webhook: {endpoint: crm}
      - email: {template: hello}
        after: 30m
"""

REGULAR = """
    segment: regular
    is: {count: view, at_least: 3, within: 20m}
"""

HEARS = """
    trigger: hears
    name: A regular leaves
    when: {left: regular}
    then:
      - log: {message: left}
"""

SEEN = """
    segment: seen
    is: {count: [view, cart], at_least: 1, within: 2h}
    existing: tell
"""

VERSIONS = {
    1: (VIEWS, CART, BOUGHT, COMPARES, REGULAR, HEARS),
    2: (
        VIEWS.replace("at_least: 2", "at_least: 3"),
        CART,
        BOUGHT,
        COMPARES,
        REGULAR.replace("at_least: 3", "at_least: 2"),
        HEARS,
        SEEN,
    ),
    3: (VIEWS, CART.replace("10m", "5m"), BOUGHT, SEEN),
    4: (VIEWS, CART, BOUGHT, COMPARES.replace("view", "[view, cart]", 1)),
}

TEMPLATE = {
    "templates/hello/subject.liquid": "Hello",
    "templates/hello/text.liquid": "Hello {{ customer.id }}",
}


@cache
def ruleset(version: int) -> Ruleset:
    """Return the ruleset of *version*, 1 to 4."""
    triggers = {f"{n}.yaml": dedent(text) for n, text in enumerate(VERSIONS[version])}
    return load_ruleset({"policy.yaml": dedent(POLICY), **TEMPLATE, **triggers}, version=version)


def event(random: Random, number: int, now: int) -> tuple[str, bytes]:
    """Return (customer, body) of something that a customer does, mostly just now."""
    customer = random.choice(CUSTOMERS)
    kind = random.choice(["view", "view", "view", "cart", "cart", "purchase", "identify"])
    body: dict[str, Any] = {
        "event_id": f"e{number}", "customer_id": customer, "event_type": kind,
    }  # fmt: skip
    when = random.random()
    if when < 0.1:
        body["timestamp"] = now - random.choice([500, 5_000, 15_000, 900_000])
    elif when < 0.12:
        body["timestamp"] = now + 86_400_000
    if kind == "identify":
        body["event_data"] = {"email_consent": random.random() < 0.8}
    return customer, orjson.dumps(body)
