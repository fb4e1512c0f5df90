"""What the peers are measured by is fair: the same triggers, and the same firings required."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from benchmarks.load import triggers
from benchmarks.peers import report
from benchmarks.peers.__main__ import CONTESTS
from benchmarks.peers.contest import OURS, Cost, difference
from benchmarks.peers.detection import Data, Detection, Event, Firing, State, decode, next_due
from benchmarks.peers.installed import HERE, versions
from benchmarks.peers.running import END, End
from benchmarks.peers.sample import Sample, build_sample
from benchmarks.peers.specs import SEQUENCES, sequences, write_specs

NOW = 1_767_225_600_000
MINUTE = 60_000
HOUR = 60 * MINUTE
LINES = {
    "event": "e\tevent\t990\t0\ta",
    "count": f"c\tcount\t3\t{HOUR}\ta",
    "sequence": f"s\tsequence\t0\t{30 * MINUTE}\ta\tb\tc",
    "absence": f"w\tabsence\t0\t{HOUR}\ta\tb",
}


class Customer:
    """One customer under one trigger, as a peer has it: its state goes through JSON each time."""

    def __init__(self, directory: Path, kind: str, end: str = "") -> None:
        path = directory / "triggers.tsv"
        path.write_text(LINES[kind] + "\n", encoding="utf-8")
        self._detection = Detection(str(path), end)
        self.state: State = {}
        self.fired: list[tuple[str, int]] = []

    def does(self, event_type: str, at: int, amount: int = 0) -> bool:
        out: list[Firing] = []
        event = Event(f"{event_type}@{at}", "c1", event_type, NOW + at, Data(amount))
        changed = self._detection(self.state, event, out)
        self.state = json.loads(json.dumps(self.state))
        self.fired += [(event_id, time - NOW) for _, _, event_id, time in out]
        return changed


@pytest.fixture(scope="module")
def sample() -> Sample:
    return build_sample(triggers(100), until=NOW)


def test_the_python_peers_find_what_triggerstream_finds(tmp_path: Path, sample: Sample) -> None:
    write_specs(triggers(100), tmp_path / "triggers.tsv")
    detection = Detection(str(tmp_path / "triggers.tsv"))
    states: dict[str, State] = {}
    out: list[Firing] = []

    for _, value in sample.records:
        event = decode(value)
        detection(states.setdefault(event.customer_id, {}), event, out)

    assert difference(out, sample.expected) == ""


def test_the_sample_makes_each_kind_of_trigger_fire_often(tmp_path: Path, sample: Sample) -> None:
    write_specs(triggers(100), tmp_path / "triggers.tsv")
    lines = (tmp_path / "triggers.tsv").read_text().splitlines()
    kinds = {name: kind for name, kind, *_ in (line.split("\t") for line in lines)}

    fired = [kinds[each[0]] for each in sample.expected]

    assert {kind: fired.count(kind) >= 50 for kind in LINES} == dict.fromkeys(LINES, True)


def test_the_peers_get_each_trigger_of_the_load(tmp_path: Path) -> None:
    write_specs(triggers(100), tmp_path / "triggers.tsv")
    kinds = [line.split("\t")[1] for line in (tmp_path / "triggers.tsv").read_text().splitlines()]

    assert {kind: kinds.count(kind) for kind in LINES} == {
        "event": 20,
        "count": 40,
        "sequence": 20,
        "absence": 20,
    }


def test_a_pattern_that_the_peers_do_not_have_is_refused(tmp_path: Path) -> None:
    with_gap = sequences().replace("{event: type_01}", "{event: type_01, after: 1m}")
    summed = "trigger: x\nwhen: {count: a, more_than: 3}\nthen:\n  - log: {}\n"

    for refused in (with_gap, summed):
        with pytest.raises(ValueError, match="a pattern that the peers have is required"):
            write_specs(refused, tmp_path / "triggers.tsv")


def test_the_sequences_are_ten_of_three_steps_within_half_an_hour(tmp_path: Path) -> None:
    write_specs(sequences(), tmp_path / "triggers.tsv")
    lines = [line.split("\t") for line in (tmp_path / "triggers.tsv").read_text().splitlines()]

    assert len(lines) == SEQUENCES
    assert {(kind, window, len(types)) for _, kind, _, window, *types in lines} == {
        ("sequence", str(30 * MINUTE), 3)
    }


@pytest.mark.parametrize(("amount", "fires"), [(990, False), (991, True)])
def test_an_event_fires_above_its_amount(tmp_path: Path, amount: int, fires: bool) -> None:
    customer = Customer(tmp_path, "event")

    assert not customer.does("a", 0, amount)
    assert bool(customer.fired) is fires


@pytest.mark.parametrize(("third", "fires"), [(HOUR - 1, True), (HOUR, False)])
def test_a_count_holds_what_is_younger_than_its_window(
    tmp_path: Path, third: int, fires: bool
) -> None:
    customer = Customer(tmp_path, "count")

    for at in (0, 1, third):
        customer.does("a", at)

    assert customer.fired == ([(f"a@{third}", third)] if fires else [])


def test_a_count_that_fired_counts_from_zero(tmp_path: Path) -> None:
    customer = Customer(tmp_path, "count")

    for at in range(8):
        customer.does("a", at)

    assert [at for _, at in customer.fired] == [2, 5]


@pytest.mark.parametrize(("last", "fires"), [(30 * MINUTE - 1, True), (30 * MINUTE, False)])
def test_a_sequence_ends_before_its_window_does(tmp_path: Path, last: int, fires: bool) -> None:
    customer = Customer(tmp_path, "sequence")

    for event_type, at in (("a", 0), ("b", 1), ("c", last)):
        customer.does(event_type, at)

    assert bool(customer.fired) is fires


def test_a_sequence_takes_the_newest_start(tmp_path: Path) -> None:
    customer = Customer(tmp_path, "sequence")

    for event_type, at in (("a", 0), ("b", 1), ("a", 20), ("b", 21), ("c", 40)):
        customer.does(event_type, at * MINUTE)

    assert [at for _, at in customer.fired] == [40 * MINUTE]


@pytest.mark.parametrize(("cancelled", "fires"), [(HOUR - 1, False), (HOUR, True)])
def test_an_absence_is_cancelled_before_it_is_due_only(
    tmp_path: Path, cancelled: int, fires: bool
) -> None:
    customer = Customer(tmp_path, "absence")

    customer.does("a", 0)
    customer.does("a", 5)
    assert next_due(customer.state) == NOW + HOUR
    customer.does("b", cancelled)

    assert customer.fired == ([("a@0", HOUR)] if fires else [])
    assert next_due(customer.state) is None


def test_what_changes_nothing_is_not_written(tmp_path: Path) -> None:
    customer = Customer(tmp_path, "absence")

    assert not customer.does("b", 0)
    assert customer.does("a", 1)
    assert not customer.does("a", 2)
    assert not customer.does("other", 3)


def test_the_end_of_a_load_is_told_once_for_each_partition(tmp_path: Path) -> None:
    marks = End(firings=None).marks()  # type: ignore[arg-type]  # it is not read here
    customer = Customer(tmp_path, "count", END)

    for _, value in marks:
        customer.does(decode(value).event_type, 0)

    assert len(customer.fired) == len(marks) == 8


def test_missing_unknown_and_doubled_firings_are_told() -> None:
    one, two = ("t", "c", "e1", 1), ("t", "c", "e2", 2)

    assert difference([one, two], {two, one}) == ""
    assert "1 are missing" in difference([one], {one, two})
    assert "1 are too many" in difference([one, two], {one})
    assert "found 2, 1 of them different" in difference([one, one], {one})


def test_the_figures_come_out_as_one_object() -> None:
    found = {
        OURS: [Cost(20.0), Cost(10.0), Cost(30.0)],
        "peer": [Cost(60.0, 100.0), Cost(50.0, 90.0), Cost(60.0, 200.0)],
    }

    told = json.loads(report.as_json(found, "peer 1", 7))

    assert (told["versions"], told["firings_compared"]) == ("peer 1", 7)
    assert told["measured"]["peer"] == {
        "us": 60.0,
        "us_range": [50.0, 60.0],
        "events_per_second": 16_667,
        "ratio": 3.0,
        "ratio_range": [2.0, 5.0],
        "warm_up_us": 100.0,
    }


def test_the_table_fits_a_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    costs = {peer.name: [Cost(1234.5, 1234.5)] for each in CONTESTS.values() for peer in each.peers}
    report.show({OURS: [Cost(25.0)], **costs}, "peer 1")

    lines = io.StringIO(capsys.readouterr().out).readlines()
    assert max(len(line.rstrip("\n")) for line in lines) <= 80
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize("contest", CONTESTS)
def test_each_contest_names_its_versions(contest: str) -> None:
    for each in CONTESTS[contest].installed:
        assert any(character.isdigit() for character in versions(each))


@pytest.mark.parametrize("name", ["quix", "bytewax"])
def test_what_a_peer_is_installed_from_is_pinned(name: str) -> None:
    lines = (HERE / f"requirements-{name}.txt").read_text().split()

    assert all("==" in line for line in lines)
