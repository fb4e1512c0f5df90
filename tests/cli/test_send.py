"""``send``, as far as it goes without a broker: its words, its files, and what it refuses."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.conftest import Ran, Run
from triggerstream.cli.events import TOLD, Events, event_of_words, summary
from triggerstream.core.records.record import ARRIVAL
from triggerstream.errors import UsageError
from triggerstream.replay.formats import Found

NOW = 1_772_359_200_000
NOTHING: dict[str, Any] = {"data": None, "event_id": None, "at": None, "source": None}


def said(*pairs: str, **more: Any) -> dict[str, Any]:
    """Return the event that the words say."""
    value = event_of_words("ada", "add_to_cart", pairs, now=NOW, **(NOTHING | more))
    event: dict[str, Any] = orjson.loads(value)
    return event


# ── one event in words ──────────────────────────────────────────────────────────────────────


def test_a_customer_and_what_they_did_are_an_event() -> None:
    assert said() == {"customer_id": "ada", "event_type": "add_to_cart"}


def test_options_say_the_rest_of_it() -> None:
    assert said(event_id="e1", at="2026-03-01T11:00:00+01:00", source="web") == {
        "customer_id": "ada",
        "event_type": "add_to_cart",
        "event_id": "e1",
        "timestamp": "2026-03-01T10:00:00.000Z",
        "source": "web",
    }


def test_it_may_have_happened_a_while_ago() -> None:
    assert said(at="10m")["timestamp"] == "2026-03-01T09:50:00.000Z"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("99.9", 99.9),
        ("-5", -5),
        ("true", True),
        ("null", None),
        ("007", "007"),
        ("10.000,00", "10.000,00"),
        ("", ""),
        ("a=b", "a=b"),
        ('"5"', "5"),
        ('["a", 1]', ["a", 1]),
        ('{"b": null}', {"b": None}),
        ("NaN", "NaN"),
        ("x" * 300, "x" * 300),
    ],
)
def test_a_value_is_what_it_reads_as(text: str, value: object) -> None:
    assert said(f"key={text}")["event_data"] == {"key": value}


def test_keys_may_go_into_depth_and_add_to_the_data() -> None:
    event = said("cart.id=k1", "cart.total=5", "n=1", data='{"items": [{"sku": "a"}]}')

    assert event["event_data"] == {
        "items": [{"sku": "a"}],
        "cart": {"id": "k1", "total": 5},
        "n": 1,
    }


@pytest.mark.parametrize(
    ("pairs", "more", "message"),
    [
        (("total",), {}, "required is KEY=VALUE, such as total=99.9 or cart.id=k1; found 'total'"),
        (("=5",), {}, "found '=5'"),
        (("a..b=5",), {}, "found 'a..b=5'"),
        (("a=1", "a=2"), {}, "a: required is a field that nothing else fills"),
        (("a=1", "a.b=2"), {}, "a.b: required is a field that nothing else fills"),
        (("a=1",), {"data": '{"a": 2}'}, "a: required is a field that nothing else fills"),
        (("a={b}",), {}, "a: required is JSON, since it begins with {; "),
        ((), {"data": "[1]"}, "--data: required is a JSON object; "),
        ((), {"data": "{" + '"a": ' + "[" * 10_000}, "--data: required is a JSON object; "),
        ((), {"at": "yesterday"}, "--at: required is a moment with its offset from UTC"),
        ((), {"at": "2026-03-01T10:00:00"}, "--at: required is a moment with its offset"),
    ],
)
def test_words_that_say_nothing_clear_are_refused(
    pairs: tuple[str, ...], more: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        said(*pairs, **more)

    assert message in str(error.value)


# ── events of a file ────────────────────────────────────────────────────────────────────────


def events(*values: bytes, is_played: bool = False) -> Events:
    found = (Found(line, value) for line, value in enumerate(values, 1))
    return Events(found, "log", is_played=is_played, clock=lambda: NOW / 1000)


def test_what_is_no_event_is_told_with_its_line_and_the_rest_is_taken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    read = events(b"nonsense", b'{"customer_id": "c", "event_type": "A"}', b'{"event_type": "A"}')

    assert [each.event.customer_id for each in read] == ["c"]
    assert read.refused == Counter(bad_json=1, missing_field=1)
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("log:1: bad_json: a JSON object; ")
    assert last == "log:3: missing_field: customer_id: a text; found nothing"


@pytest.mark.parametrize("count", [TOLD, TOLD + 1])
def test_the_same_complaint_is_told_some_times_and_counted_then(
    count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    read = events(*[b"nonsense"] * count, b'{"event_type": "A"}')
    assert list(read) == []

    read.tell_the_rest()

    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if ": bad_json: " in line]) == TOLD
    assert lines[TOLD].startswith(f"log:{count + 1}: missing_field")
    assert lines[TOLD + 1 :] == ["log: and 1 more: bad_json"] * (count - TOLD)


@pytest.mark.parametrize(
    ("more", "arrival"),
    [
        ('"timestamp": 7', 7),
        ('"timestamp": 7, "received_at": 9', 9),
        ('"source": "x"', NOW),
    ],
    ids=["when it happened", "when it was received", "now, where it does not say"],
)
def test_where_time_is_data_an_event_arrives_when_it_says(more: str, arrival: int) -> None:
    value = f'{{"customer_id": "c", "event_type": "A", {more}}}'.encode()

    [played], [live] = events(value, is_played=True), events(value)

    assert played.record.headers == ((ARRIVAL, b"%d" % arrival),)
    assert live.record.headers == ()


@pytest.mark.parametrize(
    ("sent", "refused", "text"),
    [
        (0, 0, "sent 0 events"),
        (1, 0, "sent 1 event of 1 customer, all acknowledged (there)"),
        (31_706, 0, "sent 31,706 events of 600 customers, all acknowledged (there)"),
        (0, 2, "sent 0 events; 2 refused"),
        (2, 1_352, "sent 2 events of 600 customers, all acknowledged (there); 1,352 refused"),
    ],
)
def test_what_was_done_is_one_line(sent: int, refused: int, text: str) -> None:
    customers = 1 if sent == 1 else 600

    place = "there" if sent else ""
    assert summary(sent, customers, Counter(bad_json=refused), place) == text


# ── the command ─────────────────────────────────────────────────────────────────────────────


def judged(run: Run, *arguments: object) -> Ran:
    return run("send", *arguments, "--dry-run", "--json")


def test_one_event_is_judged_and_shown(run: Run) -> None:
    ran = judged(run, "ada", "seen", "n=1", "--source", "web")

    assert (ran.code, ran.err) == (0, "1 event would be sent\n")
    assert orjson.loads(ran.out) == {
        "customer_id": "ada",
        "event_type": "seen",
        "source": "web",
        "event_data": {"n": 1},
    }


def test_one_event_that_no_worker_would_take_is_refused_in_its_words(run: Run) -> None:
    ran = judged(run, "a" * 257, "seen")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "too_large: customer_id: at most 256 characters; found 257\n"
        "0 events would be sent; 1 would be refused\n"
    )


def test_a_file_is_judged_whole(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "events.json"
    log.write_bytes(gzip.compress(b'[{"customer_id": "c", "event_type": "A"},\n {}]'))

    ran = judged(run, log)

    assert ran.code == 1
    assert orjson.loads(ran.out)["customer_id"] == "c"
    assert ran.err == (
        f"{log}:2: missing_field: customer_id: a text; found nothing\n"
        "1 event would be sent; 1 would be refused\n"
    )


def test_csv_is_read_as_the_options_say(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "orders.csv"
    log.write_text("who,a=b,price\nada,x,5\n")

    ran = judged(
        run,
        *(log, "--map", "who=customer_id", "--map", "a=b=event_data.c", "--map", "price="),
        *("--type", "order", "--source", "till"),
    )

    assert (ran.code, ran.err) == (0, "1 event would be sent\n")
    assert orjson.loads(ran.out) == {
        "customer_id": "ada",
        "event_data": {"c": "x"},
        "event_type": "order",
        "source": "till",
    }


def test_events_may_come_from_stdin(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, b'{"customer_id": "c", "event_type": "A"}\n{}\n')
    os.close(writing)
    monkeypatch.setattr("triggerstream.cli.events.STDIN", reading)

    ran = judged(run, "-")

    assert ran.code == 1
    assert orjson.loads(ran.out)["customer_id"] == "c"
    assert ran.err.startswith("stdin:2: missing_field: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("nobody",),
            (
                "nobody: required is a file of events, - for stdin, or a customer and what they "
                "did: CUSTOMER TYPE [KEY=VALUE ...]; found neither"
            ),
        ),
        (("-", "--id", "e1"), "--id: required is CUSTOMER and TYPE beside it; found one word"),
        (("-", "--at", "1m"), "--at: required is CUSTOMER and TYPE beside it"),
        (("-", "--data", "{}"), "--data: required is CUSTOMER and TYPE beside it"),
        (("a", "b", "--map", "x=y"), "--map: required is a FILE of CSV beside it; found none"),
        (("a", "b", "--type", "x"), "--type: required is a FILE of CSV beside it; found none"),
        (("-", "--map", "x"), "--map: required is COLUMN=PATH, such as who=customer_id; found 'x'"),
        (("a", "b", "--for", "soon"), "--for: required is a positive whole number and a unit"),
    ],
)
def test_words_that_do_not_go_together_are_refused(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    ran = judged(run, *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"triggerstream: {message}")
