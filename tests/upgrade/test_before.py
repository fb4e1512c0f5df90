"""A worker of the commit before state format 4 is killed, and one of the present code goes on.

The earlier code comes out of the repository's history: without it these tests are skipped, and fail
where ``CI`` is set. `test_golden` goes on from what it has stored wherever it is run.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.upgrade import before, half
from tests.upgrade.before import CONSTRUCTS, SHOP, STORIES, Story
from triggerstream.core.keyed import header
from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.keyed.restore import Restore
from triggerstream.stream.rocksdb.store import RocksStore
from triggerstream.stream.rocksdb.stores import Stores

pytestmark = pytest.mark.long

KILLED = [
    (SHOP, 2_500),
    (SHOP, 15_853),
    (SHOP, 27_916),
    (CONSTRUCTS, 1_000),
    (CONSTRUCTS, 2_345),
    (CONSTRUCTS, 3_900),
]
"""Before which line; no checkpoint is there."""
LATER = 4
"""The first format that the earlier code does not know."""


@pytest.fixture(name="code", scope="module")
def _code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout of the earlier package."""
    try:
        return before.check_out(tmp_path_factory.mktemp("before"))
    except before.NoHistoryError as error:
        if os.environ.get("CI"):
            pytest.fail(f"not run with the code of before: {error}")
        pytest.skip(f"not run with the code of before: {error}")


class Killed:
    """A worker of *code* that has decided *story* as far as line *stop*, and was killed."""

    def __init__(self, code: Path, story: Story, stop: int, directory: Path) -> None:
        self.directory = directory
        before.run_half(code, story, stop, directory).check_returncode()
        self.changelog = before.read_changelog(directory)
        self.decided = (directory / "decided").read_bytes().splitlines(keepends=True)
        self.repeated = (directory / "repeated").read_bytes().splitlines(keepends=True)


@pytest.fixture(
    name="case", scope="module", params=KILLED, ids=lambda case: f"{case[0].name}-{case[1]}"
)
def _case(request: pytest.FixtureRequest) -> tuple[Story, int]:
    case: tuple[Story, int] = request.param
    return case


@pytest.fixture(name="killed", scope="module")
def _killed(
    code: Path, case: tuple[Story, int], tmp_path_factory: pytest.TempPathFactory
) -> Killed:
    return Killed(code, *case, tmp_path_factory.mktemp("killed"))


def local(killed: Killed, to: Path) -> Path:
    """The store as it lies on the disk."""
    return Path(shutil.copytree(killed.directory / "detect", to / "detect")).parent


def go_on(story: Story, data: Path, changelog: half.Changelog) -> list[bytes]:
    """Open the store in *data*, restore what it lacks of *changelog*, decide the rest of *story*;
    return the decisions."""
    stores = Stores(data, "detect")
    store = stores.open(0)
    _restore(store, changelog)
    second = half.Half(store, half.read_triggers(story.triggers), list(changelog))
    lines = half.read_log(story.log)
    second.apply(lines, len(lines))
    second.run_until(story.end)
    second.checkpoint()
    stores.close(0)
    return second.decided


def _restore(store: RocksStore, changelog: half.Changelog) -> None:
    contained = store.changelog_offset()
    restore = Restore(store)
    entries = [(offset, *entry) for offset, entry in enumerate(changelog)]
    restore.apply(entries[0 if contained is None else contained + 1 :])
    restore.finish(len(entries))


def check(killed: Killed, story: Story, rest: list[bytes]) -> None:
    """Check that *rest* repeats what the killed worker had decided without storing it, and that
    with all before it is what one replay decides."""
    lines = half.read_log(story.log)
    whole = before.replayed(half.read_triggers(story.triggers), lines, story.end)
    assert killed.decided + rest == whole
    assert killed.repeated == rest[: len(killed.repeated)]
    assert killed.decided
    assert killed.repeated


def test_the_present_code_goes_on_with_the_local_store(
    killed: Killed, case: tuple[Story, int], tmp_path: Path
) -> None:
    story, _ = case

    rest = go_on(story, local(killed, tmp_path), killed.changelog)

    check(killed, story, rest)


@pytest.mark.covers("C13")
def test_the_present_code_restores_from_the_changelog(
    killed: Killed, case: tuple[Story, int], tmp_path: Path
) -> None:
    story, _ = case

    rest = go_on(story, tmp_path, killed.changelog)

    check(killed, story, rest)


def test_the_present_code_brings_an_older_store_up_to_date(
    code: Path, killed: Killed, case: tuple[Story, int], tmp_path: Path
) -> None:
    story, stop = case
    older = Killed(code, story, stop // 2 + half.CHECKPOINT // 2, tmp_path / "older")
    assert older.changelog == killed.changelog[: len(older.changelog)]

    rest = go_on(story, local(older, tmp_path), killed.changelog)

    check(killed, story, rest)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_the_golden_states_are_what_the_code_of_before_stores(
    code: Path, story: Story, tmp_path: Path
) -> None:
    stored = before.stored_before(code, story, tmp_path)

    assert stored == gzip.decompress(story.states.read_bytes())


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_the_code_of_before_replays_alike(code: Path, story: Story) -> None:
    replay = ["-m", "triggerstream", "replay", "--triggers", str(story.triggers), str(story.log)]

    done = subprocess.run(
        [sys.executable, *replay],
        env={**os.environ, "PYTHONPATH": str(code)},
        cwd=code,
        capture_output=True,
        check=True,
    )

    lines = half.read_log(story.log)
    expected = before.replayed(half.read_triggers(story.triggers), lines, None)
    assert done.stdout == b"".join(expected)


def test_the_code_of_before_stops_at_a_state_of_a_later_format(code: Path, tmp_path: Path) -> None:
    lines = half.read_log(SHOP.log)
    customer = orjson.loads(lines[1])["customer_id"].encode()
    stores = Stores(tmp_path, "detect")
    stores.open(0).write(
        {customer: header.pack(LATER, 0, NEVER, 0) + b"\x90"},
        partition_record=PartitionRecord(offset=0, ruleset=1).encode(),
        changelog_offset=1,
    )
    stores.close(0)

    done = before.run_half(code, SHOP, 10, tmp_path)

    assert done.returncode != 0
    found = f"customer '{customer.decode()}': formats up to 3 are known; found {LATER}"
    assert done.stderr.rstrip().endswith(f"StateFormatError: {found}")
