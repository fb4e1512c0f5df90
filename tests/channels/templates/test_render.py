"""Templates: what is found when they are loaded, and what they cannot do when they are rendered."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.channels.harness import ACTION, action, firing
from triggerstream.channels.base import Content
from triggerstream.channels.templates import TemplateError, Templates, check_template


def render(profile: dict[str, Any] | None = None, **parts: str) -> Content:
    return Templates({"t": parts}).render("t", firing(profile), action())


def test_all_parts_are_filled_in() -> None:
    content = render(
        {"name": "Ada"},
        subject="{{ profile.name }}, your cart",
        text="{{ event.event_data.total }} for {{ customer.id }} by {{ trigger.id }}",
        html="<b>{{ firing.at }}</b> {{ action.id | size }}",
    )

    assert content.subject == "Ada, your cart"
    assert content.text == "99.9 for c1 by cart"
    assert content.html == "<b>2026-03-01T12:00:00.000Z</b> 32"


@pytest.mark.covers("G9")
def test_values_are_escaped_in_html_only() -> None:
    content = render({"name": "<script>&"}, text="{{ profile.name }}", html="{{ profile.name }}")

    assert content.text == "<script>&"
    assert content.html == "&lt;script&gt;&amp;"


@pytest.mark.covers("G9")
def test_a_value_is_never_a_template() -> None:
    assert render({"name": "{{ customer.id }}"}, text="{{ profile.name }}").text == (
        "{{ customer.id }}"
    )


def test_a_subject_is_one_line_whatever_it_is_made_of() -> None:
    content = render(
        {"name": "Ada\r\nBcc: all@mail.example"}, subject=" {{ profile.name }}\n", text="x"
    )

    assert content.subject == "Ada Bcc: all@mail.example"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ profile.name | default: 'Valued Customer' }}", "Valued Customer"),
        ("{% if profile.name %}a{% else %}b{% endif %}", "b"),
        ("{{ event.session_id }}.", "."),
        ("{% for item in event.event_data.items %}{{ item }}{% endfor %}", "ab"),
    ],
)
def test_what_may_be_missing_is_asked_for(source: str, text: str) -> None:
    assert render({}, text=source).text == text


@pytest.mark.covers("G9")
@pytest.mark.parametrize("source", ["{{ profile.name }}", "{{ event.event_data.nothing }}"])
def test_what_is_missing_is_not_printed(source: str) -> None:
    with pytest.raises(TemplateError, match=r"template t/text: .* is undefined"):
        render({}, text=source)


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in (1..1000000) %}{% for b in (1..1000000) %}x{% endfor %}{% endfor %}",
        "{% assign s = 'xxxxxxxxxx' %}" + "{% assign s = s | append: s %}" * 30 + "{{ s }}",
    ],
)
def test_no_template_runs_away(source: str) -> None:
    with pytest.raises(TemplateError, match="limit"):
        render(text=source)


def test_a_filter_that_trips_over_a_value_is_the_failure_of_the_template() -> None:
    profile: dict[str, Any] = {"number": [{}]}
    for source in ("{{ profile.number | times: 2 }}", "{{ profile.number | date: '%Y' }}"):
        try:
            render(profile, text=source)
        except TemplateError as error:
            assert "template t/text" in str(error)  # noqa: PT017 - either way is sound


def test_a_template_without_a_body_or_without_a_name_cannot_be_rendered() -> None:
    with pytest.raises(TemplateError, match="a text or an html part is required"):
        render(subject="x")
    with pytest.raises(TemplateError, match="'gone': the ruleset has none of this name"):
        Templates({}).render("gone", firing(), action())


def test_a_firing_without_an_event_has_empty_fields() -> None:
    fired = replace(firing(), event=msgspec.Raw(b"null"))

    assert (
        Templates({"t": {"text": "{{ event.event_type }}."}}).render("t", fired, action()).text
        == "."
    )


# ── what is there ───────────────────────────────────────────────────────────────────────────

SETTINGS: dict[str, Any] = {"discount": "10%", "valid": {"hours": 24}, "id": "theirs"}


def of_two_events(source: str) -> str | None:
    acting = replace(action(), options=SETTINGS)
    fired = replace(firing({"name": "Ada"}), events=("e0", "e1"), instance="k1")
    templates = Templates({"t": {"text": source}}, names={"cart": "Cart, left"})
    return templates.render("t", fired, acting).text


@pytest.mark.covers("G8")
@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ events | size }} {{ events[0].event_id }} {{ events[1].event_id }}", "2 e0 e1"),
        ("{{ events.last.event_data.total }} {{ event.event_data.total }}", "99.9 99.9"),
        ("{{ events[1].event_data.items | join }}", "a b"),
        ("{{ events[0].event_data.items | default: 'not kept' }}", "not kept"),
        ("{% for e in events %}{{ e.event_id }}{% endfor %}", "e0e1"),
        ("{{ event.event_id }} {{ event.event_type }}", "e1 cart_added"),
        ("{{ firing.events | join: ',' }} {{ firing.instance }}", "e0,e1 k1"),
        ("{{ firing.id }}", "f" * 32),
        ("{{ trigger.id }} {{ trigger.name }} {{ trigger.type }}", "cart Cart, left behavioral"),
        ("{{ trigger.priority }} {{ customer.id }}", "medium c1"),
        ("{{ profile.name }}", "Ada"),
        ("{{ action.discount }} {{ action.valid.hours }}", "10% 24"),
        ("{{ action.options.discount }} {{ action.options.id }}", "10% theirs"),
        ("{{ action.id }} {{ action.channel }} {{ action.template }}", f"{ACTION} email cart"),
    ],
)
def test_what_a_template_sees(source: str, text: str) -> None:
    assert of_two_events(source) == text
    assert check_template("t", "text", source) == []


@pytest.mark.parametrize(
    "source",
    [
        "{{ events[0].event_data.items }}",
        "{{ events[0].event_type }}",
        "{{ events[2].event_id }}",
        "{{ action.nothing }}",
        "{{ action.options.nothing }}",
    ],
)
def test_what_is_not_known_of_an_earlier_event_is_missing(source: str) -> None:
    with pytest.raises(TemplateError, match=r"line 1: .*(is undefined|out of range)"):
        of_two_events(source)


def test_a_trigger_without_a_name_goes_by_its_id() -> None:
    assert render(text="{{ trigger.name }}").text == "cart"


@pytest.mark.parametrize(
    "digits",
    ["89014103211118510720", "18446744073709551616", "9007199254740993", "-9223372036854775809",
     "1" * 300],
)  # fmt: skip
def test_whole_numbers_keep_their_digits(digits: str) -> None:
    event = msgspec.Raw(b'{"event_id":"e1","event_data":{"iccid":%s}}' % digits.encode())
    parts = {
        "subject": "{{ event.event_data.iccid }}",
        "text": "{{ event.event_data.iccid | plus: 0 }}{{ event.event_data.iccid | minus: 1 }}",
        "html": "<a href='/?i={{ event.event_data.iccid | url_encode }}'>{{ profile.n }}</a>",
    }

    fired = replace(firing({"n": int(digits)}), event=event)
    content = Templates({"t": parts}).render("t", fired, action())

    assert content.subject == digits
    assert content.text == digits + str(int(digits) - 1)
    assert content.html == f"<a href='/?i={digits}'>{digits}</a>"


def test_a_value_that_a_filter_cannot_take_has_its_place() -> None:
    with pytest.raises(TemplateError, match=r"^template t/text: line 2: round: this value cannot"):
        render({"n": "1e999"}, text="x\n{{ profile.n | round }}")


# ── at load ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        pytest.param("a\n{% if %}", (2, 4, "missing expression"), id="syntax"),
        pytest.param("a\nb{% for x in y %}", (2, 18, "expected tag endfor"), id="not closed"),
        pytest.param("{% include 'x' %}", (1, 4, "unexpected tag 'include'"), id="no includes"),
        pytest.param("{{ 1 | upcas }}", (1, 8, "did you mean 'upcase'?"), id="filter"),
        pytest.param(
            "\n  {{ evnt.total }}", (2, 6, "found 'evnt' (did you mean 'event'?)"), id="root"
        ),
        pytest.param(
            "{{ event.evnt_data.x }}",
            (1, 4, "found 'evnt_data' (did you mean 'event_data'?)"),
            id="field",
        ),
        pytest.param("{{ firing.profile }}", (1, 4, "firing has the fields id, at"), id="no such"),
        pytest.param(
            "{{ events[0].event_dat.x }}",
            (1, 4, "found 'event_dat' (did you mean 'event_data'?)"),
            id="field of one of the events",
        ),
    ],
)
def test_mistakes_are_found_at_load_with_their_place(
    source: str, problem: tuple[int, int, str]
) -> None:
    (found,) = check_template("t", "text", source)

    assert found[:2] == problem[:2]
    assert problem[2] in found[2]


@pytest.mark.parametrize(
    "source",
    [
        "{{ profile.anything.at_all }}",
        "{{ event.event_data.anything | default: 'x' | upcase }}",
        "{% assign x = event.event_data.items | first %}{{ x.name }}",
        "{% for item in event.event_data.items %}{{ forloop.index }}{{ item.name }}{% endfor %}",
        "{{ event[profile.field] }}",
        "plain",
        "",
    ],
)
def test_what_only_customers_know_is_no_mistake(source: str) -> None:
    assert check_template("t", "html", source) == []


def test_all_problems_are_told_in_order() -> None:
    found = check_template("t", "text", "{{ b.x }} {{ a.x | nope }}\n{{ event.nope }}")

    assert [(line, column) for line, column, _ in found] == [(1, 4), (1, 14), (1, 20), (2, 4)]


def test_there_are_three_parts() -> None:
    ((_, _, text),) = check_template("t", "body", "x")

    assert text == "template 't': a part is one of subject, text, html; found 'body'"


@given(st.text(alphabet="{}%| .'abcdeventprofil\n", max_size=40))
def test_checking_never_raises(source: str) -> None:
    for line, column, text in check_template("t", "text", source):
        assert line >= 1
        assert column >= 1
        assert text


def test_an_event_that_cannot_be_read_fails_its_template_and_nothing_else() -> None:
    fired = replace(firing(), event=msgspec.Raw(b'{"customer_id": "c1", "unknown": 1e999}'))

    with pytest.raises(TemplateError, match="the event: JSON that can be read; found"):
        Templates({"t": {"text": "hello"}}).render("t", fired, action())
