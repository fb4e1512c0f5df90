"""What a template reads, and whether it has thought of what may be missing."""

from __future__ import annotations

import pytest
from liquid.exceptions import LiquidError

from tests.channels.harness import action, firing
from triggerstream.channels.templates import TemplateError, Templates
from triggerstream.channels.templates.variables import Variable, variables_of


def read(source: str) -> list[tuple[str, bool]]:
    return [(each.path, each.guarded) for each in variables_of("text", source)]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("{{ profile.a }}", [("profile.a", False)]),
        ("{{ profile['a b'].c }}", [("profile.a b.c", False)]),
        ("{{ profile.a | default: 'x' | upcase }}", [("profile.a", True)]),
        ("{{ profile.a | upcase | default: 'x' }}", [("profile.a", False)]),
        (
            "{{ profile.a | default: profile.b }}",
            [("profile.a", True), ("profile.b", False)],
        ),
        ("{{ 'x' | append: profile.a }}", [("profile.a", False)]),
        (
            "{{ firing.at | in_zone: profile.timezone | date: '%H' }}",
            [("firing.at", False), ("profile.timezone", True)],
        ),
        (
            "{% if profile.a %}{{ profile.a }}{% else %}{{ profile.a }}{% endif %}",
            [("profile.a", True), ("profile.a", True), ("profile.a", False)],
        ),
        (
            "{% if profile.a and profile.b %}{{ profile.a }}{{ profile.b }}{% endif %}",
            [("profile.a", True), ("profile.b", True), ("profile.a", True), ("profile.b", True)],
        ),
        (
            "{% if profile.a or profile.b %}{{ profile.a }}{% endif %}",
            [("profile.a", True), ("profile.b", True), ("profile.a", False)],
        ),
        (
            "{% if profile.a %}{{ profile.a.b }}{% endif %}",
            [("profile.a", True), ("profile.a.b", False)],
        ),
        (
            "{% if profile.a == 'x' %}{{ profile.a }}{% endif %}",
            [("profile.a", True), ("profile.a", True)],
        ),
        (
            "{% if profile.a == nil %}{{ profile.a }}{% endif %}",
            [("profile.a", True), ("profile.a", False)],
        ),
        (
            "{% if profile.a != nil %}{{ profile.a }}{% endif %}",
            [("profile.a", True), ("profile.a", True)],
        ),
        (
            "{% if profile.a != 'x' %}{{ profile.a }}{% endif %}",
            [("profile.a", True), ("profile.a", False)],
        ),
        (
            "{% if profile.b %}{% elsif profile.a %}{{ profile.a }}{{ profile.b }}{% endif %}",
            [("profile.b", True), ("profile.a", True), ("profile.a", True), ("profile.b", False)],
        ),
        (
            "{% unless profile.a %}{{ profile.a }}{% else %}{{ profile.a }}{% endunless %}",
            [("profile.a", True), ("profile.a", False), ("profile.a", True)],
        ),
        (
            "{% case profile.a %}{% when profile.b %}{{ profile.c }}{% endcase %}",
            [("profile.a", True), ("profile.b", True), ("profile.c", False)],
        ),
        (
            "{% for i in event.event_data.items %}{{ i.name }}{{ forloop.index }}{% endfor %}",
            [("event.event_data.items", False), ("event.event_data.items[].name", False)],
        ),
        (
            "{% for i in (1..3) %}{{ i }}{% else %}{{ profile.a }}{% endfor %}",
            [("profile.a", False)],
        ),
        (
            "{% tablerow i in events[0].event_data.items %}{{ i }}{% endtablerow %}",
            [("events[0].event_data.items", False), ("events[0].event_data.items[]", False)],
        ),
        (
            "{% assign a = profile.a %}{{ a }}{{ a.b }}",
            [("profile.a", True), ("profile.a", False), ("profile.a.b", False)],
        ),
        (
            "{% assign a = profile.a | default: 'x' %}{{ a }}",
            [("profile.a", True)],
        ),
        (
            "{% capture profile %}{{ profile.a }}{% endcapture %}{{ profile }}",
            [("profile.a", False)],
        ),
        ("{{ event[profile.a] }}", [("event[*]", False), ("profile.a", False)]),
        ("{% cycle profile.a, 'x' %}", [("profile.a", False)]),
        ("{% echo profile.a %}", [("profile.a", False)]),
        ("{{ nothing.known }}{{ 1 }}text", []),
        ("", []),
    ],
)
def test_what_is_read_is_listed_in_order(source: str, found: list[tuple[str, bool]]) -> None:
    assert read(source) == found


def fails(source: str) -> bool:
    try:
        Templates({"t": {"text": f"{source}."}}).render("t", firing({}), action())
    except TemplateError as error:
        return "is undefined" in str(error)
    return False


GUARDED = [
    "{{ profile.a | default: 'x' }}",
    "{% if profile.a %}{{ profile.a }}{% endif %}",
    "{% if profile.a and true %}{{ profile.a }}{% endif %}",
    "{% if profile.a == 'x' %}{{ profile.a }}{% endif %}",
    "{% if profile.a != nil %}{{ profile.a }}{% endif %}",
    "{% if profile.a contains 'x' %}{% endif %}",
    "{% if profile.a > 1 %}{% endif %}",
    "{% if 1 <= profile.a %}{% endif %}",
    "{% unless profile.a %}{% else %}{{ profile.a }}{% endunless %}",
    "{% if false %}{% elsif profile.a %}{{ profile.a }}{% endif %}",
    "{% case profile.a %}{% when 'x' %}{% endcase %}",
    "{% case 'x' %}{% when profile.a %}{% endcase %}",
    "{{ firing.at | in_zone: profile.a | date: '%H' }}",
    "{% assign b = profile.a %}{{ b | default: 'x' }}",
    "{% if profile.a %}{% for i in profile.a %}{{ i }}{% endfor %}{% endif %}",
    "{% if profile.a.b %}{{ profile.a }}{% endif %}",
    "{% if profile.a.size > 0 %}{% for i in profile.a %}{{ i }}{% endfor %}{% endif %}",
    "{% if profile.a[0] %}{{ profile.a | join: ' ' }}{% endif %}",
    "{% if profile.a contains 'x' %}{{ profile.a }}{% endif %}",
    "{% if profile.a > 1 %}{{ profile.a }}{% endif %}",
    "{% if 1 >= profile.a %}{{ profile.a }}{% endif %}",
    "{% if profile.a <= '' %}{{ profile.a }}{% endif %}",
    "{% if profile.a == 'x' or profile.a == 'y' %}{{ profile.a }}{% endif %}",
]
UNGUARDED = [
    "{{ profile.a }}",
    "{{ profile.a | upcase | default: 'x' }}",
    "{{ profile.a | plus: 1 }}",
    "{{ 1 | plus: profile.a }}",
    "{{ 1 | round: profile.a }}",
    "{{ 'x' | append: profile.a }}",
    "{{ 'x' | truncate: profile.a }}",
    "{{ profile.a | size }}",
    "{{ profile.a | date: '%H' }}",
    "{{ firing.at | date: profile.a }}",
    "{{ profile.a | in_zone: 'UTC' }}",
    "{{ profile.a | first | default: 'x' }}",
    "{{ '' | default: profile.a }}",
    "{{ firing.events | concat: profile.a | size }}",
    "{{ profile.a | concat: firing.events | size }}",
    "{{ firing.events | where: profile.a | size }}",
    "{{ profile.a | url_encode }}",
    "{% for i in profile.a %}{% endfor %}",
    "{% for i in (1..3) limit: profile.a %}{% endfor %}",
    "{% tablerow i in profile.a %}{% endtablerow %}",
    "{% assign b = profile.a %}{{ b }}",
    "{% assign b = profile.a | upcase %}",
    "{% capture b %}{{ profile.a }}{% endcapture %}",
    "{% cycle profile.a, 'x' %}",
    "{% echo profile.a %}",
    "{% unless profile.a %}{{ profile.a }}{% endunless %}",
    "{% if profile.a == 'x' or true %}{{ profile.a }}{% endif %}",
    "{% if profile.a != 'x' and true %}{{ profile.a }}{% endif %}",
    "{% unless profile.a > 1 %}{{ profile.a }}{% endunless %}",
]


@pytest.mark.parametrize("source", GUARDED)
def test_what_is_guarded_is_rendered_where_it_is_missing(source: str) -> None:
    assert all(guarded for path, guarded in read(source) if path == "profile.a")
    assert not fails(source)


@pytest.mark.parametrize("source", UNGUARDED)
def test_what_is_not_guarded_fails_where_it_is_missing(source: str) -> None:
    assert ("profile.a", False) in read(source)
    assert fails(source)


def test_a_variable_has_its_place() -> None:
    assert variables_of("html", "a\n {{ profile.x }}") == [Variable("profile.x", 2, 5, False)]


@pytest.mark.parametrize(
    ("path", "can_be_missing"),
    [
        ("event", False),
        ("event.timestamp", False),
        ("event.session_id", False),
        ("event.event_data", False),
        ("event.event_data.total", True),
        ("event[*]", True),
        ("events", False),
        ("events[0]", True),
        ("events[0].event_id", True),
        ("profile", False),
        ("profile.name", True),
        ("firing.instance", False),
        ("customer.id", False),
        ("trigger.name", False),
        ("action.id", False),
        ("action.options", False),
        ("action.options.discount", True),
        ("action.discount", True),
    ],
)
def test_what_customers_and_events_may_lack(path: str, can_be_missing: bool) -> None:
    assert Variable(path, 1, 1, False).can_be_missing is can_be_missing


def test_what_is_no_template_reads_nothing() -> None:
    with pytest.raises(LiquidError):
        variables_of("text", "{{ profile.")
