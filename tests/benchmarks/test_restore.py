"""The changelogs that restores are measured on are a worker's, and the figures are medians."""

from __future__ import annotations

import io
import json

import pytest

from benchmarks import failover, restore
from benchmarks.load import PARTITIONS
from benchmarks.states import BEFORE, customer, decided_states, place
from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.state import codec

UNTIL = 1_767_225_600_000


def test_states_are_a_workers_own_of_about_500_bytes() -> None:
    states = decided_states(UNTIL)

    assert 450 <= sum(map(len, states)) / len(states) <= 600
    assert len(set(states)) == len(states)
    assert sum(bool(codec.load("c", value).times) for value in states) > 0.8 * len(states)
    assert {header.unpack(value)[3] for value in states} == {BEFORE}
    waking = sum(header.unpack(value)[2] != NEVER for value in states)
    assert 0.2 < waking / len(states) < 0.8


def test_customers_are_spread_over_all_partitions() -> None:
    counts = [0] * PARTITIONS
    for number in range(8_000):
        counts[place(customer(number))] += 1

    assert min(counts) > 800


RESTORED = {
    restore.FRESH: [restore.Figure(8.0, 3.0), restore.Figure(9.0, 3.0), restore.Figure(12.0, 4.0)],
    restore.AGAIN: [restore.Figure(13.0, 4.0)],
    restore.FLOOR: [restore.Figure(3.0, 1.0)],
}


def test_the_json_of_restores_has_the_medians() -> None:
    assert json.loads(restore.as_json(RESTORED)) == {
        "restore_us": 9.0,
        "known_us": 13.0,
        "read_us": 3.0,
        "states_per_second": 111_111,
    }


def test_the_table_of_restores_fits_a_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    restore.show(RESTORED)

    lines = io.StringIO(capsys.readouterr().out).readlines()
    assert len(lines) == 1 + len(RESTORED)
    assert max(map(len, lines)) <= 80


def a_failover(restore_s: float) -> failover.Failover:
    steps = dict(zip(failover.STEPS, (6.0, 0.5, restore_s, 0.5), strict=True))
    last = sum(steps.values())
    return failover.Failover(30.0, steps, last - 0.1, last, last, int(restore_s * 10_000))


def test_the_json_of_failovers_has_the_medians_by_standbys() -> None:
    found = {0: [a_failover(2.0), a_failover(3.0), a_failover(9.0)], 1: [a_failover(0.25)]}

    told = json.loads(failover.as_json(found))

    assert (told["0"]["last"], told["0"]["restore"], told["0"]["restored"]) == (10.0, 3.0, 30_000)
    assert (told["1"]["last"], told["1"]["first"]) == (7.25, 7.15)


def test_the_table_of_failovers_fits_a_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    failover.show({0: [a_failover(20.0)], 1: [a_failover(0.25)]})

    lines = io.StringIO(capsys.readouterr().out).readlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert "27.0" in lines[1]


def test_what_the_survivor_logged_becomes_the_steps() -> None:
    steps = failover._steps(100.0, [106.0, 106.5, 108.5, 108.6], 109.0)

    assert steps == {"unnoticed": 6.0, "join": 0.5, "restore": 2.0, "begin": 0.5}
