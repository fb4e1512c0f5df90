"""Triggers that say everything that can be said, and customers who give them cause.

`CONSTRUCTS` is the list: a document for each construct, under the words that it shows. `missing`
names what the reader knows and no document says, so that a new word of the language must come in
here, and with it into the comparisons of live and replayed decisions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from textwrap import dedent
from typing import Any, Final

import orjson

from triggerstream.core.conditions.operators import OPERATORS
from triggerstream.core.parsing.conditions import conditions
from triggerstream.core.parsing.documents import attributes, definitions, segments, triggers
from triggerstream.core.parsing.patterns import behavior, changes, happenings, patterns, scores
from triggerstream.core.timestamps import format_moment, parse_moment

POLICY: Final = """
# Days pass in seconds here. What a crash repeats must still be within an action's life, as it is
# where a day is a day.
expiry: 365d
timezone: Europe/Berlin
activity: [view, cart, bought, ping]
purchase: {events: bought, value: event_data.total}
"""

CONSTRUCTS: Final[dict[str, str]] = {
    # ── patterns ────────────────────────────────────────────────────────────────────────────
    "pattern event, happening event, key where, key trigger, key when, key name, key type, "
    "key priority, key mode, key then": """
        trigger: an-event
        name: An event
        type: lifecycle
        priority: high
        mode: live
        when: {event: [cart, bought], where: {event_data.total: {greater_than: 50}}}
        then: [{log: {message: hello}}]
    """,
    "key mode shadow": """
        trigger: in-shadow
        mode: shadow
        when: {event: cart}
    """,
    "key debounce": """
        trigger: after-a-burst
        when: {event: view, debounce: 20m}
    """,
    "pattern count, key at_least, key within": """
        trigger: many-views
        when: {count: view, at_least: 3, within: 2d}
    """,
    "key more_than, key sum": """
        trigger: spends
        when: {count: bought, sum: event_data.total, more_than: 120, within: 20d}
    """,
    "key average": """
        trigger: dear-carts
        when: {count: cart, average: event_data.total, at_least: 60, within: 10d}
    """,
    "key distinct, key per": """
        trigger: looks-around
        when: {count: view, distinct: event_data.product, at_least: 3, within: 4d, per: session_id}
    """,
    "key at_most": """
        trigger: few-pings
        when: {count: ping, at_most: 2, within: 3d}
    """,
    "key exactly": """
        trigger: two-pings
        when: {count: ping, exactly: 2, within: 5d}
    """,
    "pattern sequence, step event, step absent, key for, key restart, key until": """
        trigger: cart-left
        when:
          sequence:
            - event: cart
            - absent: bought
              for: 6h
          restart: on_repeat
          per: event_data.cart
        until: [bought, {left: window-shoppers}]
        then: [{log: {}}]
    """,
    "key after, key before, key times": """
        trigger: comes-back
        when:
          sequence:
            - event: view
              times: 2
            - absent: bought
            - event: cart
              after: 10m
              before: 4d
          within: 9d
    """,
    "key strict": """
        trigger: straight-on
        when: {sequence: [{event: view}, {event: cart}], strict: true, within: 3d}
    """,
    "pattern trend, key below, key recent, key baseline, key min": """
        trigger: falls-asleep
        when: {trend: [view, ping], below: 0.6, recent: 4d, baseline: 8d, min: 4}
    """,
    "key above": """
        trigger: wakes-up
        when: {trend: [view], above: 1.4, recent: 4d, baseline: 8d, min: 2}
    """,
    "pattern all": """
        trigger: both
        when: {all: [{event: cart}, {count: view, at_least: 2, within: 2d}], within: 3d}
    """,
    "pattern any": """
        trigger: either
        when: {any: [{count: ping, at_least: 4, within: 9d}, {fired: both}]}
    """,
    "pattern use, document pattern": """
        pattern: views-then-cart
        when: {sequence: [{event: view}, {event: cart}], within: 2d}
        ---
        trigger: used
        when: {use: views-then-cart}
    """,
    "pattern behavior, behavior engagement_decline": """
        trigger: declines
        when: {behavior: engagement_decline, recent: 4d, baseline: 12d, min: 4}
    """,
    "behavior purchase_frequency": """
        trigger: buys-often
        when: {behavior: purchase_frequency, recent: 10d, baseline: 20d, min: 1}
    """,
    "behavior browsing_intensity": """
        trigger: browses
        when: {behavior: browsing_intensity, at_least: 2, within: 2d}
    """,
    "behavior content_interest, key by, key of": """
        trigger: interested
        when:
          behavior: content_interest
          by: event_data.product
          of: event_data.total
          at_least: 40
          within: 9d
    """,
    "pattern score, key back, key up_to, key stale": """
        trigger: at-risk
        when: {score: churn, above: 0.5, back: 0.4, up_to: 0.8, stale: 20d}
    """,
    "key down_to": """
        trigger: cools
        when:
          score: churn
          below: 0.4
          back: 0.5
          down_to: 0.1
          where: {event_data.version: {equals: 2}}
    """,
    # ── happenings ──────────────────────────────────────────────────────────────────────────
    "happening fired": """
        trigger: left-again
        when: {count: {fired: cart-left}, at_least: 2, within: 30d}
    """,
    "happening entered": """
        trigger: enters
        when: {entered: window-shoppers}
    """,
    "happening left": """
        trigger: leaves
        when:
          sequence: [{entered: window-shoppers}, {left: window-shoppers}, {event: view}]
          within: 60d
    """,
    "happening changed, key changed, key up": """
        trigger: tier-up
        when: {changed: profile.tier, up: [bronze, silver, gold]}
    """,
    "key down": """
        trigger: tier-down
        when: {changed: profile.tier, down: [bronze, silver, gold]}
    """,
    "key from, key to, key on": """
        trigger: to-mobile
        when:
          changed: device_info.type
          on: [view, cart]
          from: desktop
          to: [mobile, tablet]
          within: 9d
    """,
    "happening session": """
        trigger: goes-without-buying
        when: {sequence: [{event: cart}, {absent: bought}, {session: ended}], within: 1d}
        ---
        trigger: long-visits
        when: {session: ended, where: {event_data.types.view: {greater_than_or_equal: 2}}}
        ---
        trigger: on-a-visit
        when: {event: bought}
        if: {profile.session.depth: {greater_than: 1}}
    """,
    "happening date": """
        trigger: birthday
        when: {date: profile.birthday, at: "09:00"}
        ---
        trigger: monthly
        when: {date: profile.cohort_day, every: month, before: 2d, at: "23:30"}
        ---
        trigger: since-the-first
        when: {date: profile.first_at, every: once, after: 30d}
        ---
        attribute: first_at
        first: at
        on: [view, cart, bought]
    """,
    "behavior repeat_visits": """
        trigger: visits-often
        when: {behavior: repeat_visits, at_least: 4, within: 3d}
    """,
    # ── attributes ──────────────────────────────────────────────────────────────────────────
    "document attribute, attribute count, key start": """
        attribute: orders
        count: bought
        start: profile.old_orders
        ---
        attribute: views_in_time
        count: view
        distinct: event_data.product
        within: 6d
    """,
    "attribute sum, key minus": """
        attribute: spent
        sum: event_data.total
        on: bought
        minus: returned
    """,
    "attribute first, key as": """
        attribute: cohort
        first: at
        on: [view, cart, bought]
        as: month
    """,
    "attribute last": """
        attribute: last_product
        last: event_data.product
        on: view
        within: 15d
    """,
    "attribute top": """
        attribute: favourite
        top: event_data.product
        on: [view, cart]
    """,
    "attribute points, key half_life": """
        attribute: keen
        points: {view: 0.1, bought: 0.3, returned: -0.2}
        half_life: 5d
    """,
    "attribute case, key case": """
        attribute: stage
        case:
          - {if: {profile.orders: {equals: 0}}, then: new}
          - {if: {since_last: {event: bought, less_than: 9d}}, then: active}
          - {then: lapsed}
        ---
        trigger: next-stage
        when: {changed: profile.stage, to: [active, lapsed]}
    """,
    "attribute expr": """
        attribute: worth
        expr: "profile.spent + 10.0 * profile.orders"
        ---
        segment: worthy
        is: {profile.worth: {greater_than: 260}}
    """,
    "document value, by profile and by segment": """
        value: enough
        by: profile.tier
        gold: 2
        silver: 3
        default: 4
        ---
        trigger: by-tier
        when: {count: ping, within: 4d, at_least: {value: enough}}
        ---
        trigger: by-segment
        when: {count: cart, within: 2d, at_least: {by: segment, keen-shoppers: 2, default: 3}}
    """,
    "changed attribute": """
        trigger: new-favourite
        when: {changed: profile.favourite}
    """,
    # ── segments ────────────────────────────────────────────────────────────────────────────
    "document segment, segment segment, segment is, segment leave, segment existing": """
        segment: window-shoppers
        is: {count: view, at_least: 3, within: 10d}
        leave: {profile.orders: {greater_than_or_equal: 6}}
        existing: silent
    """,
    "segments that fall in silence": """
        segment: busy
        is: {count: [view, cart], at_least: 2, within: 4d}
        existing: tell
    """,
    "segment list": """
        segment: pilot
        list: true
    """,
    "segments of segments": """
        segment: keen-shoppers
        is: {all: [{segment: window-shoppers}, {profile.keen: {greater_than: 0.55}}]}
    """,
    "segments that rise in silence": """
        segment: quiet
        is: {since_last: {event: view, at_least: 5d}}
    """,
    # ── conditions ──────────────────────────────────────────────────────────────────────────
    "document condition, condition use, condition all, condition any, condition not, key if": """
        condition: known
        is: {any: [{profile.tier: {exists: true}}, {not: {segment: pilot}}]}
        ---
        trigger: asks
        when: {event: ping}
        if: {all: [{use: known}, {profile.spent: {less_than: 500}}]}
    """,
    "condition segment": """
        trigger: members
        when: {event: cart}
        if: {segment: [window-shoppers, pilot]}
    """,
    "condition since_last": """
        trigger: not-lately
        when: {event: view}
        if: {since_last: {event: bought, at_least: 4d}}
    """,
    "condition count": """
        trigger: at-most
        when: {event: view}
        if: {count: {fired: at-most}, at_most: 2, within: 7d}
    """,
    "condition expr": """
        trigger: expressed
        when: {event: cart}
        if: {expr: 'event_data.total > 20.0 && (profile.orders >= 1.0 || !has(profile.tier))'}
    """,
    "condition time_of_day, condition day_of_week, condition date_range": """
        trigger: by-the-calendar
        when: {event: view}
        if:
          any:
            - {time_of_day: {from: "22:00", to: "06:00", zone: customer}}
            - {day_of_week: {in: [sat, sun], zone: customer}}
            - {date_range: {from: "03-20", to: "04-10"}}
    """,
    "operator equals, operator not_equals, operator in_list, operator not_in_list": """
        trigger: kinds
        when:
          event: view
          where:
            any:
              - {event_data.product: {equals: p1}}
              - {event_data.total: {equals: 30, not_equals: 40}}
              - {event_data.product: {in_list: [p3, p4]}}
              - all:
                  - {event_data.product: {not_in_list: [p1, p2, p3, p4]}}
                  - {session_id: {exists: false}}
    """,
    "operator contains, operator not_contains, operator exists, operator starts_with, "
    "operator matches, operator between": """
        trigger: texts
        when:
          event: view
          where:
            any:
              - {event_data.product: {contains: "P1", starts_with: p}}
              - {event_data.product: {matches: "^p[45]$"}, event_data.total: {between: [10, 50]}}
              - all: [{event_data.product: {not_contains: p}}, {event_data.product: {exists: true}}]
    """,
    "operator greater_than, operator less_than, operator greater_than_or_equal, "
    "operator less_than_or_equal": """
        trigger: numbers
        when: {event: cart}
        if:
          all:
            - {event_data.total: {greater_than: 10, less_than_or_equal: 90}}
            - any: [{profile.spent: {less_than: 200}}, {profile.orders: {greater_than_or_equal: 2}}]
    """,
    "key limits, key cooldown, key max_per_customer, key holdout": """
        trigger: limited
        when: {event: view}
        limits: {cooldown: 2d, max_per_customer: 9, holdout: 20%}
        then: [{log: {}}]
    """,
}
"""Documents by the words that they show."""

KNOWN: Final[dict[str, set[str]]] = {
    "pattern": {*patterns.KEYS, patterns.SCORE},
    "step": set(patterns.STEP_KEYS),
    "happening": set(happenings.HEADS),
    "behavior": set(behavior.KEYS),
    "attribute": set(attributes.HEADS),
    "segment": {*segments.KEYS},
    "condition": {
        *conditions.COMBINATIONS, *conditions.ASKED, *conditions.CALENDAR, conditions.USE,
        conditions.EXPRESSION,
    },
    "operator": set(OPERATORS),
    "document": {definitions.ATTRIBUTE, definitions.SEGMENT, *definitions.KEYS},
    "key": {
        *triggers.KEYS, *triggers.LIMIT_KEYS, *changes.KEYS, *scores.KEYS,
        *(key for keys in patterns.KEYS.values() for key in keys),
        *(key for keys in patterns.STEP_KEYS.values() for key in keys),
        *(key for keys in attributes.KEYS.values() for key in keys),
    },
}  # fmt: skip
"""What the reader knows, by the kind of word."""


def missing() -> list[str]:
    """Return the words that the reader knows and no construct shows: it names them, and has each
    in its text."""
    shown = {
        word
        for words, text in CONSTRUCTS.items()
        for word in words.split(", ")
        if word.split(" ")[-1] in text
    }
    # A key that is a head as well is shown there.
    heads = {word.split(" ")[1] for word in shown if " " in word}
    return sorted(
        f"{kind} {word}"
        for kind, words in KNOWN.items()
        for word in words
        if f"{kind} {word}" not in shown and not (kind == "key" and word in heads)
    )


def files() -> dict[str, str]:
    """Return all of it as the files of a directory, text by path."""
    constructs = {f"{n:02}.yaml": dedent(text) for n, text in enumerate(CONSTRUCTS.values())}
    return {"policy.yaml": POLICY, **constructs}


def write(directory: Path) -> Path:
    """Write all of it as a directory of triggers, and return that."""
    directory.mkdir()
    for path, text in files().items():
        (directory / path).write_text(text)
    return directory


# ── customers ───────────────────────────────────────────────────────────────────────────────

START: Final = parse_moment("2024-01-05T00:00:00Z")
CUSTOMERS: Final = 24
EVENTS: Final = 6000
MINUTE: Final = 60_000
_KINDS: Final = [
    *["view"] * 10, *["cart"] * 4, *["bought"] * 3, *["ping"] * 3, *["product_view"] * 2,
    "identify", "score", "score", "segment_change", "returned",
]  # fmt: skip


def events() -> Iterator[bytes]:
    """Yield what they do in half a year, as lines in the order of arrival, always the same ones.

    Some are busy for a while and silent for weeks; some events come late, as an upload or twice.
    """
    random = Random("everything")
    now, made = START, list[dict[str, Any]]()
    awake: list[int] = []
    for number in range(EVENTS):
        if number % 40 == 0:
            awake = random.sample(range(CUSTOMERS), 6)
        now += random.choice([0, MINUTE, 5 * MINUTE, 30 * MINUTE, 90 * MINUTE])
        customer = f"every-{random.choice(awake):02}"
        theirs = [event for event in made[-200:] if event["customer_id"] == customer]
        if theirs and random.random() < 0.02:
            said = random.choice(theirs) | {"received_at": format_moment(now)}
        else:
            said = event(random, number, customer, now)
        made.append(said)
        yield orjson.dumps(said)


def event(random: Random, number: int, customer: str, now: int) -> dict[str, Any]:
    """Return what *customer* does about *now*, in the form of an event."""
    kind = random.choice(_KINDS)
    late = random.choice([0] * 16 + [5_000, 9 * MINUTE, 600 * MINUTE])
    said: dict[str, Any] = {
        "event_id": f"g{number:05}",
        "customer_id": customer,
        "event_type": kind,
        "timestamp": format_moment(now - late),
        "received_at": format_moment(now),
        "source": "generated",
        "event_data": _data(random, kind),
        "device_info": {"type": random.choice(["desktop", "desktop", "mobile", "tablet"])},
    }
    if random.random() < 0.7:
        said["session_id"] = f"s{random.randrange(3)}"
    return said


def _data(random: Random, kind: str) -> dict[str, Any]:
    match kind:
        case "identify":
            tier = random.choice(["bronze", "silver", "gold", None])
            said = {"tier": tier, "old_orders": random.randrange(3)}
            zone = random.choice(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe"])
            day = f"1990-0{random.randrange(1, 7)}-{random.randrange(10, 29)}"
            return said | {"timezone": zone, "birthday": day, "cohort_day": day[5:]}
        case "score":
            score = {"model": "churn", "version": random.choice([1, 2])}
            return score | {"score": round(random.random(), 2)}
        case "segment_change":
            return {"segment": "pilot", "in": random.random() < 0.6}
        case _:
            data = {"product": f"p{random.randrange(1, 7)}", "total": random.randrange(5, 100)}
            return data | {"cart": f"k{random.randrange(3)}"}


def beside(shop: list[bytes]) -> list[bytes]:
    """Return the shop's events and those of `events` as one log, by arrival."""
    lines = [*shop, *events()]
    return sorted(lines, key=_arrival)


def _arrival(line: bytes) -> int:
    event = orjson.loads(line)
    return parse_moment(event.get("received_at") or event["timestamp"])
