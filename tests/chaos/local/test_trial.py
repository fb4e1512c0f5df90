"""What a trial in one directory looks for, it must be able to find."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from tests.chaos.local import system
from tests.chaos.local.installation import Installation
from tests.chaos.local.sent import Sent
from tests.chaos.local.stage import LocalStage
from tests.chaos.local.trial import LocalTrial
from tests.chaos.stage import TRIGGERS, Shop
from tests.chaos.trial import Line
from tests.e2e.sinks import Sinks
from triggerstream.core.records.record import Produce

MORNING, EVENING, MORROW = (f"2026-03-0{moment}:00:00.000Z" for moment in ("1T08", "1T20", "2T08"))


def end(action_id: str, channel: str, outcome: str = "sent", at: str = MORNING) -> dict[str, Any]:
    return {
        "action_id": action_id,
        "channel": channel,
        "outcome": outcome,
        "customer_id": "c1",
        "reserved_at": at,
    }


MAIL, HOOK = end("m", "email"), end("h", "webhook")
LOST, FAILED = end("m", "email", "unknown"), end("m", "email", "failed")
SECOND = end("n", "email", at=EVENING)


def sent(*ends: Mapping[str, Any], mails: str = "m", hooks: str = "h") -> Sent:
    sinks = Sinks()
    sinks.mails = [f"<{each}@example.com>" for each in mails]
    sinks.webhooks = list(hooks)
    actions = [{"action_id": each} for each in {"m", "h"} | {end["action_id"] for end in ends}]
    return Sent([{"actions": actions}], ends, sinks)


def test_what_is_sent_once_and_ends_once_is_not_wrong() -> None:
    assert sent(MAIL, HOOK, HOOK, hooks="hh").wrong == []


@pytest.mark.parametrize(
    ("ends", "mails", "hooks", "told"),
    [
        pytest.param([MAIL, HOOK], "mm", "h", "the mail m came 2 times", id="a mail came twice"),
        pytest.param([MAIL], "m", "h", "h has no end", id="an action has no end"),
        pytest.param([MAIL, HOOK, LOST], "m", "h", "m has two ends", id="an action has two ends"),
        pytest.param([MAIL, HOOK], "", "h", "m is sent, and never came", id="it never came"),
        pytest.param([FAILED, HOOK], "m", "h", "m is failed, and came", id="it came all the same"),
        pytest.param(
            [MAIL, end("h", "webhook", "unknown")], "m", "h",
            "h: a webhook is called again, and ended as unknown", id="a webhook is given up",
        ),
        pytest.param([MAIL, HOOK, SECOND], "mn", "h", "c1: over the cap", id="two in a day"),
    ],
)  # fmt: skip
def test_what_must_not_be_is_found(
    ends: list[Mapping[str, Any]], mails: str, hooks: str, told: str
) -> None:
    assert sent(*ends, mails=mails, hooks=hooks).wrong == [told]


def test_a_mail_a_day_later_is_within_the_cap() -> None:
    assert sent(MAIL, HOOK, end("n", "email", at=MORROW), mails="mn").wrong == []


def test_an_end_of_what_nobody_asked_for_is_found() -> None:
    sinks = Sinks()
    assert Sent([], [end("m", "log")], sinks).wrong == ["m: an end of nothing"]


def test_unknown_ends_are_counted_with_those_that_came() -> None:
    found = sent(end("m", "email", "unknown"), HOOK, end("n", "email", "unknown", MORROW))

    assert (found.wrong, found.unknown, found.came) == ([], 2, 1)


class FakeInstallation:
    """Acknowledges everything, and keeps what it is told to."""

    def __init__(self) -> None:
        self.kept: list[Produce] = []
        self.forgets: set[bytes] = set()

    async def append(self, records: list[Produce]) -> None:
        self.kept += [each for each in records if each.value not in self.forgets]

    async def read(self, _: str) -> list[Produce]:
        return self.kept


@pytest.mark.parametrize(
    ("forgets", "told"), [(set(), []), ({b"2"}, ["1 acknowledged events are not in the log"])]
)
async def test_what_was_acknowledged_and_is_not_in_the_log_is_found(
    tmp_path: Path, forgets: set[bytes], told: list[str]
) -> None:
    installation = FakeInstallation()
    installation.forgets = forgets
    stage = LocalStage(tmp_path, Random(1), Shop())
    trial = LocalTrial(stage, cast("Installation", installation), [], sinks=Sinks())
    await trial.produce([Line(b"c", b"1"), Line(b"c", b"2")])
    await installation.append([Produce("events", 0, b"c", b"1")])  # said again

    await trial._look_for_losses()

    assert trial.broken == told


async def test_a_process_that_outlives_its_parent_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.chaos.local.trial.ENDS_WITHIN", 0.0)
    installation = Installation(tmp_path, TRIGGERS)
    installation.left_behind = [
        each for each in system.children(os.getppid()) if each.number == os.getpid()
    ]
    stage = LocalStage(tmp_path, Random(1), Shop())
    trial = LocalTrial(stage, installation, [], sinks=Sinks())

    await trial._look_for_the_forgotten()

    assert trial.broken == ["1 processes outlive their parent"]
