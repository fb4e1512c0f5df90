"""Rows of the catalogue that some lines of YAML show and no other test does, file to firing."""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path

import pytest

from triggerstream.authoring.fixtures.fixture import BASE, Result
from triggerstream.authoring.fixtures.parse import parse_fixtures
from triggerstream.authoring.fixtures.run import run_fixture
from triggerstream.core.durations import UNITS
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.core.timestamps import parse_moment
from triggerstream.replay.driver import replay_lines

SHOP = Path(__file__).parents[2] / "examples" / "shop"


def fires(trigger: str, *events: str, until: str | None = None) -> list[str]:
    """Return when *trigger* fires: see `played`."""
    result = played(trigger, *events, until=until)
    return [
        written(each.at - BASE) for each in result.got if each.trigger == "t" and not each.reason
    ]


def played(trigger: str, *events: str, until: str | None = None) -> Result:
    """Return what comes of a customer of these events, each ``time type more``.

    *more* is what else a fixture may say of an event, such as ``data: {total: 5}``.
    """
    lines = ["- test: t", "  expect: []", "  events:"]
    for event in events:
        at, kind, *more = event.split(" ", 2)
        lines.append(f"    - {{{', '.join([f'at: {at}, customer: c, event: {kind}', *more])}}}")
    if until:
        lines.append(f"  until: {until}")
    (fixture,) = parse_fixtures("t.test.yaml", "\n".join(lines))

    result = run_fixture(fixture, load_ruleset({"t.yaml": f"trigger: t\n{trigger}"}))

    assert result.problems == ()
    return result


def written(ms: int) -> str:
    """Return a time as these tests write it: in days and less."""
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        number, ms = divmod(ms, UNITS[unit])
        parts += [f"{number}{unit}"] if number else []
    return "".join(parts) or "0m"


@pytest.mark.covers("A6")
def test_a_purchase_that_a_page_claims_is_ignored() -> None:
    by_server = "when: {event: purchase, where: {source: {in_list: [server]}}}"

    assert fires(by_server, "0m purchase source: web", "1m purchase source: server") == ["1m"]
    assert fires(by_server, "0m purchase") == []


@pytest.mark.covers("A8")
def test_events_of_several_sources_make_one_sequence() -> None:
    help_ = "when: {sequence: [{event: ticket_opened}, {event: order_placed}, {event: page_view}]}"

    assert fires(
        help_,
        "0m ticket_opened source: helpdesk",
        "1m order_placed source: till",
        "2m page_view source: web",
    ) == ["2m"]


VIEWED_IN_CART_NOT_BOUGHT = """
when:
  all:
    - event: product_view
    - sequence:
        - event: cart_added
        - absent: purchase_completed
          for: 24h
  within: 3d
"""


@pytest.mark.covers("B14")
@pytest.mark.parametrize(
    ("events", "fired"),
    [
        (["0m product_view", "1h cart_added"], ["1d1h"]),
        (["0m product_view", "1h cart_added", "1d59m59s999ms purchase_completed"], []),
        (["0m product_view", "1h cart_added", "1d1h purchase_completed"], ["1d1h"]),
        (["0m product_view"], []),
        (["0m cart_added"], []),
        (["0m cart_added", "2d product_view"], ["2d"]),
    ],
)
def test_viewed_and_in_the_cart_and_not_bought(events: list[str], fired: list[str]) -> None:
    assert fires(VIEWED_IN_CART_NOT_BOUGHT, *events, until="4d") == fired


@pytest.mark.covers("B15")
@pytest.mark.parametrize(("at", "fired"), [("1d23h59m59s999ms", True), ("2d", False)])
def test_an_action_of_48_hours_ago_is_not_one_within_48_hours(at: str, fired: bool) -> None:
    seen = "when: {sequence: [{event: seen}, {event: opened}], within: 48h}"

    assert fires(seen, "0m seen", f"{at} opened") == ([at] if fired else [])


@pytest.mark.covers("B16")
def test_a_cart_counts_only_after_its_category_was_looked_at() -> None:
    after = """
when:
  sequence:
    - event: product_view
      where: {event_data.category: {in_list: [cups, pots]}}
    - event: cart_added
    - absent: purchase_completed
      for: 1h
"""

    def left(category: str) -> list[str]:
        view = f"0m product_view data: {{category: {category}}}"
        return fires(after, view, "1m cart_added", until="3h")

    assert left("cups") == ["1h1m"]
    assert left("chairs") == []
    assert fires(after, "0m cart_added", "1m product_view data: {category: cups}", until="3h") == []


@pytest.mark.covers("C1")
@pytest.mark.parametrize(
    ("days", "fired"),
    [
        (["0m", "1d", "2d"], []),
        (["0m", "1d", "2d", "6d23h59m59s999ms"], ["6d23h59m59s999ms"]),
        (["0m", "1d", "2d", "7d"], []),
        (["0m", "1d", "2d", "3d", "4d"], ["3d"]),
        (["0m", "1d", "2d", "3d", "4d", "5d", "6d"], ["3d"]),
        (["0m", "1d", "2d", "3d", "4d", "5d", "6d", "7d"], ["3d", "7d"]),
    ],
)
def test_more_than_three_in_a_week_is_four_and_then_four_again(
    days: list[str], fired: list[str]
) -> None:
    more = "when: {count: cart_abandonment, more_than: 3, within: 7d}"

    assert fires(more, *(f"{day} cart_abandonment" for day in days)) == fired


@pytest.mark.covers("C4")
@pytest.mark.parametrize(("at", "fired"), [("29d23h59m59s999ms", True), ("30d", False)])
def test_two_purchases_in_thirty_days_roll_by_the_time_of_the_events(at: str, fired: bool) -> None:
    twice = "when: {count: purchase, at_least: 2, within: 30d}"

    assert fires(twice, "0m purchase", f"{at} purchase") == ([at] if fired else [])
    # An upload: what counts is when they happened, not that they arrived together.
    assert fires(twice, f"0m purchase received: {at}", f"{at} purchase received: {at}") == (
        [at] if fired else []
    )


@pytest.mark.covers("C5")
@pytest.mark.parametrize(("at", "fired"), [("23h59m59s999ms", True), ("1d", False)])
@pytest.mark.parametrize(
    "when",
    [
        "{count: [a, b], at_least: 2}",
        "{sequence: [{event: a}, {event: b}]}",
        "{all: [{event: a}, {event: b}]}",
    ],
    ids=["count", "sequence", "all"],
)
def test_a_window_that_is_not_given_is_a_day(when: str, at: str, fired: bool) -> None:
    assert fires(f"when: {when}", "0m a", f"{at} b") == ([at] if fired else [])


@pytest.mark.covers("C19")
def test_ten_clicks_in_a_second_are_one() -> None:
    once = "when: {event: click, debounce: 1s}"
    burst = [f"{n}ms click" for n in range(0, 1000, 100)]

    assert fires(once, *burst, until="1m") == ["1s900ms"]
    assert fires(once, *burst, "1s899ms click", until="1m") == ["2s899ms"]
    assert fires(once, *burst, "1s900ms click", until="1m") == ["1s900ms", "2s900ms"]


@pytest.mark.covers("C21")
def test_pages_are_told_by_a_part_of_their_address() -> None:
    funnel = """
when:
  sequence:
    - event: page_view
      where: {event_data.url: {starts_with: /category/}}
    - event: page_view
      where: {event_data.url: {matches: "^/product/[^/]+$"}}
    - event: page_view
      where: {event_data.url: {contains: shipping}}
"""

    def browse(*urls: str) -> list[str]:
        return fires(funnel, *(f"{n}m page_view data: {{url: {u}}}" for n, u in enumerate(urls, 1)))

    assert browse("/category/cups", "/", "/product/cup", "/help/shipping-costs") == ["4m"]
    assert browse("/category/cups", "/product/cup/reviews", "/help/shipping-costs") == []
    assert browse("/product/cup", "/category/cups", "/help/shipping-costs") == []


INTENT = """
when: {event: offer_shown}
if: {profile.intent: {equals: intent-buy}}
---
attribute: intent
last: event_data.trigger
on: {fired: [intent-buy, intent-compare]}
within: 7d
---
trigger: intent-buy
when: {sequence: [{event: product_view}, {event: shipping_viewed}], within: 1h}
---
trigger: intent-compare
when: {count: product_view, at_least: 3, within: 1h}
"""


@pytest.mark.covers("D9")
@pytest.mark.parametrize(
    ("events", "shown"),
    [
        (["0m product_view", "1m shipping_viewed", "2m offer_shown"], True),
        (["0m shipping_viewed", "1m product_view", "2m offer_shown"], False),
        (["0m product_view", "1m shipping_viewed", "7d59s999ms offer_shown"], True),
        (["0m product_view", "1m shipping_viewed", "7d1m offer_shown"], False),
        (
            [
                "0m product_view",
                "1m shipping_viewed",
                "2m product_view",
                "3m product_view",
                "4m offer_shown",
            ],
            False,
        ),
    ],
)
def test_an_intent_is_what_the_newest_pattern_said_within_a_week(
    events: list[str], shown: bool
) -> None:
    assert fires(INTENT, *events) == ([events[-1].split()[0]] if shown else [])


@pytest.mark.covers("D10", "D11")
@pytest.mark.parametrize(
    ("when", "events", "fired"),
    [
        pytest.param("{event: exit_intent}", ["0m exit_intent"], ["0m"], id="about to leave"),
        pytest.param(
            "{event: scroll_depth, where: {event_data.percent: {greater_than_or_equal: 75}}}",
            ["0m scroll_depth data: {percent: 74}", "1m scroll_depth data: {percent: 75}"],
            ["1m"],
            id="scrolled",
        ),
        pytest.param(
            "{sequence: [{event: form_touched}, {absent: form_submitted, for: 15m}], "
            "restart: on_repeat, per: event_data.form}",
            [
                "0m form_touched data: {form: f, field: name}",
                "0m form_touched data: {form: g, field: name}",
                "5m form_touched data: {form: f, field: phone}",
                "14m form_submitted data: {form: g}",
            ],
            ["20m"],
            id="a form left",
        ),
        pytest.param(
            "{count: video_progress, sum: event_data.seconds, at_least: 60, within: 1h, "
            "per: event_data.video}",
            [
                "0m video_progress data: {video: v, seconds: 30}",
                "1m video_progress data: {video: w, seconds: 59}",
                "2m video_progress data: {video: v, seconds: 30}",
            ],
            ["2m"],
            id="a video watched",
        ),
        pytest.param(
            "{count: hesitation, at_least: 3, within: 5m, per: event_data.element}",
            [f"{n}m hesitation data: {{element: pay, seconds: 4}}" for n in (0, 1, 2)],
            ["2m"],
            id="hesitated",
        ),
        pytest.param(
            "{sequence: [{event: banner_seen}, {absent: banner_clicked, for: 10m}], "
            "per: event_data.banner}",
            [
                "0m banner_seen data: {banner: a}",
                "0m banner_seen data: {banner: b}",
                "1m banner_clicked data: {banner: a}",
            ],
            ["10m"],
            id="a banner passed over",
        ),
    ],
)
def test_small_events_of_a_page_are_events_like_any(
    when: str, events: list[str], fired: list[str]
) -> None:
    assert fires(f"when: {when}", *events, until="1h") == fired


@pytest.mark.covers("G17")
def test_what_happened_elsewhere_is_answered_here() -> None:
    answer = "when: {event: [post_liked, store_visited]}\nthen: [{log: {message: thanks}}]"

    assert fires(answer, "0m post_liked source: social", "1m store_visited source: till") == [
        "0m",
        "1m",
    ]


@pytest.mark.covers("I12")
def test_a_purchase_counts_by_its_value_and_its_category() -> None:
    dear = """
when:
  event: purchase_completed
  where:
    event_data.total: {greater_than: 100}
    event_data.category: {in_list: [cups, pots]}
"""

    assert fires(
        dear,
        "0m purchase_completed data: {total: 100, category: cups}",
        "1m purchase_completed data: {total: 100.01, category: cups}",
        "2m purchase_completed data: {total: 500, category: chairs}",
    ) == ["1m"]


@pytest.mark.covers("L1", "L2", "L4")
def test_a_firing_by_a_score_says_which_model_said_what_and_how_surely() -> None:
    sure = """
when: {score: churn, above: 0.7}
if: {event_data.cause.event_data.confidence: {greater_than: 0.8}}
"""

    def score(at: str, value: float, confidence: float) -> str:
        said = f"model: churn, version: v7, score: {value}, confidence: {confidence}"
        return f"{at} score data: {{{said}}}"

    unsure = score("0m", 0.9, 0.5)
    result = played(sure, unsure, score("1m", 0.1, 0.9), score("2m", 0.75, 0.81))

    (firing,) = result.fired
    assert written(firing.at - BASE) == "2m"
    assert json.loads(bytes(firing.event))["event_data"]["cause"]["event_data"] == {
        "model": "churn",
        "version": "v7",
        "score": 0.75,
        "confidence": 0.81,
    }


WEEK = UNITS["w"]

AT_LEAST_THREE_IN_SEVEN_DAYS = """
WITH moments AS (
    SELECT customer, at FROM events UNION SELECT customer, at + :week FROM events
)
SELECT moments.customer, moments.at, count(events.at) >= 3
FROM moments LEFT JOIN events
    ON events.customer = moments.customer
    AND events.at > moments.at - :week AND events.at <= moments.at
GROUP BY moments.customer, moments.at
ORDER BY moments.customer, moments.at
"""


def by_sql(added: list[tuple[str, int]]) -> list[tuple[str, int, bool]]:
    """Return who has three in a week: at every event, and at every end of a window."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE events (customer, at)")
    database.executemany("INSERT INTO events VALUES (?, ?)", added)
    rows = database.execute(AT_LEAST_THREE_IN_SEVEN_DAYS, {"week": WEEK}).fetchall()
    database.close()
    return [(customer, at, bool(holds)) for customer, at, holds in rows]


THREE = """
segment: three
is: {count: add_to_cart, at_least: 3, within: 7d}
---
trigger: t
when: {count: add_to_cart, at_least: 3, within: 7d}
"""


@pytest.mark.covers("C3", "C24", "I2")
def test_the_shops_customers_are_those_that_sql_finds_at_every_event_and_every_end() -> None:
    """The trigger fires first when SQL first finds a customer; the segment agrees throughout."""
    with gzip.open(SHOP / "events.jsonl.gz") as log:
        lines = log.read().splitlines()
    events = [json.loads(line) for line in lines]
    added = [
        (event["customer_id"], parse_moment(event["timestamp"]))
        for event in events
        if event["event_type"] == "add_to_cart"
    ]
    end = max(at for _, at in added) + 2 * WEEK
    first: dict[str, int] = {}
    edges: dict[str, list[tuple[int, bool]]] = {}
    for line in replay_lines(load_ruleset({"t.yaml": THREE}), lines, until=end):
        at = parse_moment(line["at"])
        if line["kind"] == "firing":
            first.setdefault(line["customer_id"], at)
        else:
            edges.setdefault(line["customer_id"], []).append((at, line["change"] == "entered"))

    def is_member(customer: str, at: int) -> bool:
        return ([False] + [is_in for when, is_in in edges.get(customer, []) if when <= at])[-1]

    found = by_sql(added)

    assert [(who, at, is_member(who, at)) for who, at, _ in found] == found
    assert first == {who: at for who, at, holds in reversed(found) if holds}
    assert len(first) > 30
    for turns in edges.values():
        assert [is_in for _, is_in in turns] == [True, False] * (len(turns) // 2)
    assert any(len(turns) > 2 for turns in edges.values())
