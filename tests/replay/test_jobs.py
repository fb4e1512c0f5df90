"""Real processes: the same output, and an end whenever one of them ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from triggerstream import errors
from triggerstream.core.decisions import TriggerFailed
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.replay import jobs as module
from triggerstream.replay.driver import Replay
from triggerstream.replay.jobs import Jobs, check_jobs, jobs_for
from triggerstream.replay.shard import Shard

START = 1_767_225_600_000
SECOND = 1000
CART = """
trigger: cart
when: {sequence: [{event: add}, {absent: buy, for: 1m}]}
limits: {cooldown: 5m}
---
trigger: often
when: {count: add, at_least: 3, within: 10m}
"""


@pytest.fixture(name="ruleset", scope="module")
def _ruleset() -> Ruleset:
    return load_ruleset({"cart.yaml": CART})


@pytest.fixture(name="log")
def _log(tmp_path: Path) -> Path:
    """600 events of nine customers, ten seconds apart three by three, and some that are none."""
    lines = []
    for number in range(600):
        event = {
            "customer_id": f"c{number % 9}",
            "event_type": "buy" if number % 5 == 0 else "add",
            "timestamp": START + number // 3 * 10 * SECOND,
        }
        lines.append(json.dumps(event).encode())
        if number % 100 == 50:
            lines += [b"nonsense", b""]
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(lines))
    return file


class Heard:
    """What was told on the side."""

    def __init__(self) -> None:
        self.rejected: list[tuple[int, str, str]] = []
        self.failed: list[TriggerFailed] = []

    def on_reject(self, *found: Any) -> None:
        self.rejected.append(found)


def start(
    ruleset: Ruleset, log: Path, number: int, heard: Heard | None = None, **rest: Any
) -> Jobs:
    heard = heard or Heard()
    return Jobs(
        ruleset,
        str(log),
        number,
        on_reject=heard.on_reject,
        on_error=heard.failed.append,
        **rest,
    )


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("batch", [7, 2048])
def test_several_processes_tell_what_one_tells(
    ruleset: Ruleset, log: Path, number: int, batch: int
) -> None:
    one, many = Heard(), Heard()
    until = START + 3_600_000
    replay = Replay(ruleset, on_reject=one.on_reject)
    decisions = [*replay.decisions(log.read_bytes().split(b"\n")), *replay.run_until(until)]

    with start(ruleset, log, number, many, until=until, batch=batch) as jobs:
        printed = b"".join(jobs.printed()).splitlines()

    assert [json.loads(line) for line in printed] == decisions
    assert len(decisions) > 100
    assert many.rejected == one.rejected
    assert len(one.rejected) == 6
    assert jobs.statuses == replay.statuses
    assert jobs.read == log.stat().st_size


def test_a_log_that_ends_with_a_chunk_ends(ruleset: Ruleset, tmp_path: Path) -> None:
    event = b'{"customer_id": "c", "event_type": "add", "timestamp": 1767225600000}\n'
    log = tmp_path / "events.jsonl"
    log.write_bytes(event * 12)

    with start(ruleset, log, 2, batch=3) as jobs:
        list(jobs.printed())

    assert jobs.statuses == {"applied": 12}


def test_an_empty_log_ends(ruleset: Ruleset, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()

    with start(ruleset, tmp_path / "empty.jsonl", 2) as jobs:
        assert b"".join(jobs.printed()) == b""


class TestAnEnd:
    def test_a_process_that_is_killed_ends_the_replay(self, ruleset: Ruleset, log: Path) -> None:
        with start(ruleset, log, 2, batch=5) as jobs:
            printed = jobs.printed()
            next(printed)
            os.kill(jobs.pids[1], signal.SIGKILL)

            with pytest.raises(
                errors.UnreachableError, match="process 2 of 2 has ended by SIGKILL"
            ):
                list(printed)

    @pytest.mark.parametrize(
        ("error", "raised"),
        [
            pytest.param(errors.DecisionError("too much"), errors.DecisionError, id="known"),
            pytest.param(ZeroDivisionError("too much"), RuntimeError, id="a defect"),
        ],
    )
    def test_what_is_raised_in_a_process_is_raised_here(
        self,
        ruleset: Ruleset,
        log: Path,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
        raised: type[Exception],
    ) -> None:
        decide = Shard.decide

        def fail(self: Shard, *arguments: Any) -> Any:
            if self.number == 1:
                raise error
            return decide(self, *arguments)

        monkeypatch.setattr(Shard, "decide", fail)

        with start(ruleset, log, 3) as jobs, pytest.raises(raised, match="too much"):
            list(jobs.printed())

    def test_a_file_that_cannot_be_read_is_an_error_of_usage(
        self, ruleset: Ruleset, tmp_path: Path
    ) -> None:
        log = tmp_path / "events.jsonl.gz"
        log.write_bytes(b"not compressed")

        with (
            start(ruleset, log, 2) as jobs,
            pytest.raises(errors.UsageError, match="a whole gzip file"),
        ):
            list(jobs.printed())

    def test_a_file_that_another_process_sees_otherwise_is_an_error_of_usage(
        self, ruleset: Ruleset, log: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        survey = Shard.survey
        monkeypatch.setattr(Shard, "survey", lambda self, lines: survey(self, [*lines, b"{}"]))

        with (
            start(ruleset, log, 2) as jobs,
            pytest.raises(errors.UsageError, match="nobody writes to meanwhile"),
        ):
            list(jobs.printed())

    def test_who_stops_listening_leaves_no_process_behind(
        self, ruleset: Ruleset, log: Path
    ) -> None:
        with start(ruleset, log, 2, batch=5) as jobs:
            next(jobs.printed())
            pids = jobs.pids

        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    def test_the_processes_end_with_the_one_that_started_them(self, log: Path) -> None:
        code = f"""
import os, signal
from tests.replay.test_jobs import CART, load_ruleset, start
jobs = start(load_ruleset({{"cart.yaml": CART}}), {str(log)!r}, 3, batch=5)
next(jobs.printed())
print(*jobs.pids, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
        # stdout is theirs too: it ends when the last of them has ended.
        ran = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False)

        assert ran.returncode == -signal.SIGKILL
        assert len(ran.stdout.split()) == 3


class TestHowMany:
    def test_all_cores_for_what_is_worth_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "most_jobs", lambda: 6)
        log = tmp_path / "events.jsonl"
        log.write_bytes(b" " * module.WORTH)
        assert jobs_for(str(log)) == 6

        log.write_bytes(b" " * (module.WORTH - 1))
        assert jobs_for(str(log)) == 1

    @pytest.mark.parametrize(("cores", "jobs"), [(2, 1), (3, 3)])
    def test_two_cores_gain_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, jobs: int
    ) -> None:
        monkeypatch.setattr(module, "most_jobs", lambda: cores)
        log = tmp_path / "events.jsonl"
        log.write_bytes(b" " * module.WORTH)

        assert jobs_for(str(log)) == jobs

    def test_a_compressed_log_is_worth_it_sooner(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "most_jobs", lambda: 6)
        log = tmp_path / "events.jsonl.gz"
        log.write_bytes(b" " * (module.WORTH // 8))

        assert jobs_for(str(log)) == 6

    def test_one_for_what_can_be_read_only_once(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")

        assert jobs_for("-") == 1
        assert jobs_for(str(tmp_path / "pipe")) == 1
        assert jobs_for(str(tmp_path / "none")) == 1

    @pytest.mark.parametrize("make", [lambda _: "-", lambda path: str(path / "none")])
    def test_more_are_refused_there(self, tmp_path: Path, make: Callable[[Path], str]) -> None:
        check_jobs(make(tmp_path), 1)

        with pytest.raises(errors.UsageError, match="--jobs: required is a file"):
            check_jobs(make(tmp_path), 2)

    def test_more_than_a_byte_can_name_are_refused(self, log: Path) -> None:
        check_jobs(str(log), 250)

        with pytest.raises(errors.UsageError, match="at most 250; found 251"):
            check_jobs(str(log), 251)
