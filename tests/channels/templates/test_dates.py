"""Times in mails: read as UTC, printed in UTC or in a zone, and the same on every machine."""

from __future__ import annotations

import locale
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.channels.harness import action, firing
from triggerstream.channels.templates import TemplateError, Templates, check_template
from triggerstream.channels.templates.dates import form_problem, print_time, read_time

TEN = 1_772_359_200
"""2026-03-01T10:00:00Z in epoch seconds, a Sunday."""


@pytest.fixture(
    name="machine", params=["UTC", "America/New_York", "Pacific/Kiritimati"], autouse=True
)
def _machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Live in a zone of the machine's, which nothing may depend on."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def render(
    source: str, profile: dict[str, Any] | None = None, *, customer_zone: str = "UTC", **data: Any
) -> str | None:
    event = {"event_id": "e1", "timestamp": "2026-03-01T10:00:00.000Z", "event_data": data}
    fired = replace(firing(profile or {}), event=msgspec.Raw(msgspec.json.encode(event)))
    templates = Templates({"t": {"text": source}}, customer_zone=customer_zone)
    return templates.render("t", fired, action()).text


def printed(value: Any, form: str = "%Y-%m-%d %H:%M:%S.%L") -> str | None:
    text = render(f"{{{{ event.event_data.at | date: '{form}' }}}}|", at=value)
    return text and text[:-1]


@pytest.mark.parametrize(
    "at",
    [
        TEN,
        float(TEN),
        str(TEN),
        "2026-03-01T10:00:00Z",
        "2026-03-01T10:00:00.000000Z",
        "2026-03-01T10:00:00",
        "2026-03-01T12:00:00+02:00",
        "2026-02-28T23:30:00-10:30",
        " 2026-03-01T10:00:00Z ",
    ],
)
def test_a_time_is_read_as_utc_and_printed_in_utc(at: Any) -> None:
    assert printed(at) == "2026-03-01 10:00:00.000"


def test_a_date_is_its_midnight() -> None:
    assert printed("2026-03-01") == "2026-03-01 00:00:00.000"


def test_parts_of_a_second_are_kept() -> None:
    assert printed(TEN + 0.25) == "2026-03-01 10:00:00.250"
    assert printed("2026-03-01T10:00:00.999Z") == "2026-03-01 10:00:00.999"


NO_TIMES = ["tomorrow", "10:00", "March 1", "2026-03", "", True, [], {}, -1, 10**12, 10**400]
NO_TIMES += ["9" * 20]


@pytest.mark.parametrize("at", NO_TIMES)
def test_nothing_of_a_time_is_guessed(at: Any) -> None:
    with pytest.raises(TemplateError, match="line 1: a time is an RFC 3339 time"):
        printed(at)


@pytest.mark.parametrize("word", ["now", "today"])
def test_no_clock_is_read(word: str) -> None:
    for source in (f"{{{{ '{word}' | date: '%Y' }}}}", f"{{{{ {word} | date: '%Y' }}}}"):
        ((line, _, problem),) = check_template("t", "text", source)
        assert (line, "the moment of the firing is firing.at" in problem) == (1, True)
        with pytest.raises(TemplateError):
            render(source)
    assert render("{{ firing.at | date: '%Y' }}") == "2026"


def test_null_is_printed_as_nothing_and_what_is_missing_not_at_all() -> None:
    assert printed(None) == ""
    assert render("{{ event.event_data.at | in_zone: 'UTC' | date: '%Y' }}.", at=None) == "."
    with pytest.raises(TemplateError, match=r"event_data\.gone is undefined"):
        render("{{ event.event_data.gone | date: '%Y' }}")
    with pytest.raises(TemplateError, match=r"event_data\.gone is undefined"):
        render("{{ event.event_data.gone | in_zone: 'UTC' }}")


# ── zones ───────────────────────────────────────────────────────────────────────────────────

LOCAL = "{{ event.event_data.at | in_zone: profile.timezone | date: '%Y-%m-%d %H:%M %Z %:z' }}"


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Berlin", "2026-03-01 11:00 CET +01:00"),
        ("America/New_York", "2026-03-01 05:00 EST -05:00"),
        ("Pacific/Kiritimati", "2026-03-02 00:00 +14 +14:00"),
        ("Asia/Kolkata", "2026-03-01 15:30 IST +05:30"),
        ("UTC", "2026-03-01 10:00 UTC +00:00"),
    ],
)
def test_a_customer_reads_the_time_of_their_own_clock(zone: str, text: str) -> None:
    assert render(LOCAL, {"timezone": zone}, at=TEN) == text


@pytest.mark.parametrize("profile", [{}, {"timezone": None}, {"timezone": "Mars/Base"},
                                     {"timezone": ""}, {"timezone": 1}, {"timezone": "../UTC"},
                                     {"timezone": "europe/berlin"}])  # fmt: skip
def test_where_a_customer_has_no_zone_it_is_the_policys(profile: dict[str, Any]) -> None:
    assert render(LOCAL, profile, at=TEN) == "2026-03-01 10:00 UTC +00:00"
    assert render(LOCAL, profile, customer_zone="Asia/Tokyo", at=TEN) == (
        "2026-03-01 19:00 JST +09:00"
    )


def test_a_zone_of_the_policy_that_is_none_is_utc() -> None:
    assert render(LOCAL, customer_zone="Mars/Base", at=TEN) == "2026-03-01 10:00 UTC +00:00"


@pytest.mark.parametrize(
    ("at", "text"),
    [
        # Clocks go forward at 01:00Z: 02:00 to 02:59 do not exist.
        ("2026-03-29T00:59:59Z", "2026-03-29 01:59 CET +01:00"),
        ("2026-03-29T01:00:00Z", "2026-03-29 03:00 CEST +02:00"),
        # They go back at 01:00Z: 02:00 to 02:59 exist twice.
        ("2026-10-25T00:30:00Z", "2026-10-25 02:30 CEST +02:00"),
        ("2026-10-25T00:59:59Z", "2026-10-25 02:59 CEST +02:00"),
        ("2026-10-25T01:00:00Z", "2026-10-25 02:00 CET +01:00"),
        ("2026-10-25T01:30:00Z", "2026-10-25 02:30 CET +01:00"),
    ],
)
def test_an_instant_has_one_local_time_where_clocks_change(at: str, text: str) -> None:
    assert render(LOCAL, {"timezone": "Europe/Berlin"}, at=at) == text


def test_a_zone_is_kept_until_another_one_is_given() -> None:
    source = (
        "{% assign t = event.event_data.at | in_zone: 'Asia/Tokyo' %}"
        "{{ t | date: '%H' }} {{ t | in_zone: 'Europe/Berlin' | date: '%H' }} "
        "{{ event.event_data.at | date: '%H' }} {{ t }}"
    )

    assert render(source, at=TEN) == "19 11 10 2026-03-01 19:00:00+09:00"


def test_zones_and_forms_that_an_author_misspells_are_found_at_load() -> None:
    source = (
        "{{ event.timestamp | in_zone: 'Europe/Berln' | date: '%Q' }}\n"
        "{{ firing.at | date }}{{ firing.at | date: '%Y' }}{{ firing.at | in_zone: profile.tz }}"
    )

    found = check_template("t", "text", source)

    assert [(line, column) for line, column, _ in found] == [(1, 22), (1, 48), (2, 16)]
    assert "found 'Europe/Berln' (did you mean 'Europe/Berlin'?)" in found[0][2]
    assert "found '%Q'" in found[1][2]
    assert "date: a form such as '%Y-%m-%d'; found none" in found[2][2]


# ── printing ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%A, %-d %B %Y", "Sunday, 1 March 2026"),
        ("%a %b %e %l:%M %p %P", "Sun Mar  1 10:00 AM am"),
        ("%y %C %G %g %V %j %u %w %s", "26 20 2026 26 09 060 7 0 1772359200"),
        ("%D|%F|%T|%R|%r", "03/01/26|2026-03-01|10:00:00|10:00|10:00:00 AM"),
        ("%x|%X|%v", "03/01/26|10:00:00| 1-MAR-2026"),
        ("%c", "Sun Mar  1 10:00:00 2026"),
        ("%z %:z %Z", "+0000 +00:00 UTC"),
        ("%^A %^b %_d %_H %-m %0e %-j", "SUNDAY MAR  1 10 3 01 60"),
        ("100%% %n%t.", "100% \n\t."),
        ("%I %k %f %h", "10 10 000000 Mar"),
        ("no directive", "no directive"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_form_is_made_of_directives(form: str, text: str) -> None:
    assert printed(TEN, form) == text


@pytest.mark.parametrize("form", ["%", "%Q", "%E", "%Oy", "%:H", "%10Y", "%é", "%Y %", "%-"])
def test_a_directive_that_does_not_exist_is_an_error(form: str) -> None:
    with pytest.raises(TemplateError, match="date: one of the directives"):
        printed(TEN, form)


@pytest.mark.parametrize("hour", range(24))
def test_the_hours_of_the_clock_with_two_halves(hour: int) -> None:
    moment = datetime(2026, 3, 1, hour, tzinfo=UTC)

    assert print_time(moment, "%I %p") == f"{moment:%I %p}"


@given(st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_directives_mean_what_they_mean_in_python(moment: datetime) -> None:
    locale.setlocale(locale.LC_TIME, "C")
    for name in "YyGmVUWjdeuwHIMSfAaBbpzZDFTc%":
        assert print_time(moment, f"%{name}") == moment.strftime(f"%{name}"), name


@given(st.text(alphabet="%-_0^:YmdHQz é1", max_size=12))
def test_a_form_is_printed_or_refused(form: str) -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)

    assert (form_problem(form) is None) == (printing(moment, form) is not None)


def printing(moment: datetime, form: str) -> str | None:
    try:
        return print_time(moment, form)
    except Exception as error:  # noqa: BLE001 - of what kind is the point
        assert type(error).__name__ == "FilterArgumentError"  # noqa: PT017
        return None


@given(st.one_of(st.text(max_size=30), st.integers(), st.floats(), st.none(), st.booleans()))
def test_reading_a_time_gives_one_or_refuses(value: object) -> None:
    try:
        moment = read_time(value)
    except Exception as error:  # noqa: BLE001 - of what kind is the point
        assert type(error).__name__ == "FilterArgumentError"  # noqa: PT017
    else:
        assert moment.utcoffset() == timedelta(0)


def test_the_bounds_of_what_is_a_time() -> None:
    assert printed(0, "%F") == "1970-01-01"
    assert printed("9998-12-31T23:59:59.999Z", "%F") == "9998-12-31"
    for beyond in (-0.001, "1969-12-31T23:59:59Z", "9999-01-01T00:00:00Z"):
        with pytest.raises(TemplateError, match="a time is"):
            printed(beyond)
