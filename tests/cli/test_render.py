"""`render`: what a sender would send, of an event, of a test, or of nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

MAIL = """\
trigger: mail
when: {event: seen, where: {event_data.what: {exists: true}}}
if: {profile.city: {not_equals: Rome}}
then:
  - log: {}
  - email: {template: hello, word: Dear}
  - webhook: {endpoint: crm, template: note}
"""
TEST = """\
- test: nothing comes of it
  events: []
  expect: []

- test: is greeted
  events:
    - {at: 0m, customer: c1, event: identify, data: {name: Ada}}
    - {at: 1m, customer: c1, event: seen, data: {what: Lamp & Co}}
  expect: []
"""
EVENT = {"customer_id": "c7", "event_type": "seen", "event_data": {"what": "Pot"}}
PARTS = {
    "hello/subject.liquid": "For   {{ profile.name | default: 'you' }}",
    "hello/text.liquid": "{{ action.word }} {{ customer.id }}:\n{{ event.event_data.what }}\n",
    "hello/html.liquid": "<b>{{ event.event_data.what }}</b>\n",
    "note/text.liquid": "{{ profile.name }} saw {{ event.event_data.what }}",
}


@pytest.fixture(name="mails")
def _mails(tmp_path: Path) -> Path:
    directory = tmp_path / "triggers"
    for name, text in PARTS.items():
        path = directory / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (directory / "mail.yaml").write_text(MAIL)
    return directory


@pytest.fixture(name="event")
def _event(tmp_path: Path) -> Path:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(EVENT))
    return path


def test_all_messages_of_the_first_test_that_fires_it_are_shown(run: Run, mails: Path) -> None:
    (mails / "mail.test.yaml").write_text(TEST)

    ran = run("render", "mail", "--triggers", mails)

    assert (ran.code, ran.err) == (0, f"of {mails / 'mail.test.yaml'}:5: is greeted\n")
    assert (
        ran.out
        == """\
── the e-mail of mail (action 2, template hello)
Subject: For Ada

Text:
Dear c1:
Lamp & Co

HTML:
<b>Lamp &amp; Co</b>

── the webhook of mail (action 3, template note)

Text:
Ada saw Lamp & Co
"""
    )


def test_an_event_and_a_profile_may_be_given(
    run: Run, mails: Path, event: Path, tmp_path: Path
) -> None:
    (tmp_path / "profile.json").write_text('{"name": "Bo"}')

    for profile in ('{"name": "Bo"}', tmp_path / "profile.json"):
        ran = run(
            *("render", "mail", "--triggers", mails, "--event", event),
            *("--profile", profile, "--json", "--action", 2),
        )

        assert (ran.code, ran.err) == (0, "")
        assert json.loads(ran.out) == [
            {
                "trigger": "mail",
                "customer_id": "c7",
                "action": 2,
                "channel": "email",
                "template": "hello",
                "subject": "For Bo",
                "text": "Dear c7:\nPot\n",
                "html": "<b>Pot</b>\n",
            }
        ]


def test_a_profile_may_stand_beside_a_test(run: Run, mails: Path) -> None:
    (mails / "mail.test.yaml").write_text(TEST)

    ran = run("render", "mail", "--triggers", mails, "--profile", '{"name": "Bo"}')

    assert "Subject: For Bo\n" in ran.out
    assert "Lamp & Co" in ran.out


def test_what_cannot_be_rendered_is_told_and_the_rest_is_shown(
    run: Run, mails: Path, event: Path
) -> None:
    ran = run("render", "mail", "--triggers", mails, "--event", event)

    assert ran.code == 1
    assert "Subject: For you\n" in ran.out
    assert ran.err == (
        f"the webhook of mail cannot be rendered: {mails}/templates/note/text.liquid:1:4: "
        "profile.name is undefined: give it a default, or ask for it in 'if'\n"
    )


def test_without_an_event_or_a_test_what_is_missing_is_listed(run: Run, mails: Path) -> None:
    ran = run("render", "mail", "--triggers", mails)

    assert ran.code == 1
    assert ran.err.splitlines()[:5] == [
        "of an empty event: no test fires mail; give --event",
        f"{mails}/templates/hello/text.liquid:2:4: event.event_data.what: must be there",
        f"{mails}/templates/hello/html.liquid:1:7: event.event_data.what: must be there",
        f"{mails}/templates/note/text.liquid:1:4: profile.name: must be there",
        f"{mails}/templates/note/text.liquid:1:27: event.event_data.what: must be there",
    ]
    assert "cannot be rendered" in ran.err


def test_what_needs_nothing_is_shown_of_an_empty_event(run: Run, mails: Path) -> None:
    for name in PARTS:
        (mails / "templates" / name).write_text("{{ event.event_type }}")

    ran = run("render", "mail", "--triggers", mails)

    assert ran.code == 0
    assert "Subject: seen\n" in ran.out


def test_an_event_that_would_not_fire_it_is_rendered_and_said_to_be_one(
    run: Run, mails: Path, event: Path
) -> None:
    event.write_text(json.dumps(EVENT | {"event_type": "heard"}))

    profile = '{"city": "Rome", "name": "Bo"}'
    ran = run("render", "mail", "--triggers", mails, "--event", event, "--profile", profile)

    assert ran.code == 0
    assert ran.err.splitlines() == [
        "note: mail matches seen; found 'heard'",
        'note: mail would not fire: profile.city not_equals "Rome"; found "Rome"',
    ]


def test_html_is_written_as_it_is_sent(run: Run, mails: Path, event: Path, tmp_path: Path) -> None:
    event.write_text(json.dumps(EVENT | {"event_data": {"what": "\x1b[31m\u202e"}}))
    page = tmp_path / "page.html"

    ran = run(
        *("render", "mail", "--triggers", mails, "--event", event),
        *("--action", 2, "--html", page),
    )

    assert page.read_text() == "<b>\x1b[31m\u202e</b>\n"
    assert "<b>\\x1b[31m\\u202e</b>\n" in ran.out
    assert "\x1b" not in ran.out


def test_the_directory_is_triggers_here_or_else_this_one(
    run: Run, mails: Path, event: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (mails.parent, mails):
        monkeypatch.chdir(place)

        assert run("render", "mail", "--event", event, "--action", 2).code == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("mial",), "required is the id of a trigger (mail); found 'mial': did you mean 'mail'?"),
        (("mail", "--action", 1), "required is an action with a template (2, 3); found 1"),
        (("mail", "--profile", "{"), "--profile: required is a JSON object; found"),
        (("mail", "--profile", "none.json"), "--profile: required is a file that can be read"),
        (("mail", "--event", "none.json"), "--event: required is a file that can be read"),
        (("mail", "--action", 3, "--html", "x"), "one message with an HTML part; found 0"),
    ],
)
def test_what_cannot_be_meant_is_an_error_of_usage(
    run: Run, mails: Path, event: Path, arguments: tuple[object, ...], problem: str
) -> None:
    given = () if "--event" in arguments else ("--event", event)
    ran = run("render", *arguments, "--triggers", mails, *given)

    assert ran.code == 2
    assert problem in ran.err


def test_what_is_no_event_is_an_error_of_usage(run: Run, mails: Path, event: Path) -> None:
    event.write_text("{}")

    ran = run("render", "mail", "--triggers", mails, "--event", event)

    assert ran.code == 2
    assert "--event: required is one event as JSON; found in" in ran.err
