"""Stores without a changelog: each write is durable, and damage is the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stream.rocksdb.test_store import damage, put, state
from triggerstream.errors import StoreError
from triggerstream.processes.supervisor import STAYS_DOWN
from triggerstream.stream.rocksdb.stores import MAX_AGE_S, Stores

_WRITE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from triggerstream.stream.rocksdb.stores import Stores
store = Stores(Path(sys.argv[1]), "detect", logged=sys.argv[2] == "logged").open(0)
for number in range(20):
    store.write({}, partition_record=b"%d" % number, changelog_offset=number)
os.kill(os.getpid(), signal.SIGKILL)
"""


def write_and_die(directory: Path, kind: str) -> None:
    died = subprocess.run(
        [sys.executable, "-c", _WRITE_AND_DIE, directory, kind],
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert died.returncode == -signal.SIGKILL


@pytest.fixture(name="written")
def _written(tmp_path: Path) -> Iterator[Path]:
    """The directory of a closed store with a thousand customers."""
    stores = Stores(tmp_path, "detect", logged=True)
    put(stores.open(0), {b"%04d" % n: state(n, body=b"x" * 100) for n in range(1000)}, at=9)
    stores.close(0)
    yield tmp_path / "detect" / "0"
    assert not list(tmp_path.glob("detect/0.damaged-*"))


def test_a_killed_process_loses_nothing_that_was_written(tmp_path: Path) -> None:
    write_and_die(tmp_path, "logged")

    stores = Stores(tmp_path, "detect", logged=True)

    assert stores.open(0).partition_record() == b"19"
    assert stores.open(0).changelog_offset() == 19
    stores.close_others()


def test_only_where_there_is_no_changelog_a_write_is_forced_to_the_disk(tmp_path: Path) -> None:
    """What a loss of power would show; a kill does not."""
    for logged in (True, False):
        stores = Stores(tmp_path / str(logged), "detect", logged=logged)
        writing = stores.open(0)._writing
        stores.close_others()

        found: list[object] = [writing.sync, writing.disable_wal]
        assert found == [logged, not logged]


def test_with_a_changelog_it_loses_what_was_in_memory(tmp_path: Path) -> None:
    """So the test above shows what it says."""
    write_and_die(tmp_path, "unlogged")

    stores = Stores(tmp_path, "detect")

    assert stores.open(0).changelog_offset() is None
    stores.close_others()


def test_damage_met_while_reading_is_told_at_every_start(written: Path, tmp_path: Path) -> None:
    damage(written)
    stores = Stores(tmp_path, "detect", logged=True)
    store = stores.open(0)
    with pytest.raises(StoreError, match="Corruption"):
        [store.get(b"%04d" % n) for n in range(1000)]
    stores.close(0)

    for _ in range(2):
        with pytest.raises(StoreError, match=r"detect/0 is damaged: .* from a backup"):
            Stores(tmp_path, "detect", logged=True).open(0)


@pytest.mark.parametrize("what", ["CURRENT", "MANIFEST*", "*.sst"])
def test_a_store_with_a_file_missing_is_not_begun_anew(
    written: Path, tmp_path: Path, what: str
) -> None:
    next(written.glob(what)).unlink()

    with pytest.raises(StoreError, match=r"detect/0 is damaged: .* from a backup"):
        Stores(tmp_path, "detect", logged=True).open(0)


def test_a_damaged_store_is_one_that_no_supervisor_opens_again(
    written: Path, tmp_path: Path
) -> None:
    (written / "CURRENT").unlink()

    with pytest.raises(StoreError) as refused:
        Stores(tmp_path, "detect", logged=True).open(0)

    assert refused.value.exit_code in STAYS_DOWN
    assert StoreError.exit_code not in STAYS_DOWN


def test_damage_within_the_log_is_not_taken_for_its_end(tmp_path: Path) -> None:
    write_and_die(tmp_path, "logged")
    log = max((tmp_path / "detect" / "0").glob("*.log"), key=lambda file: file.stat().st_size)
    content = bytearray(log.read_bytes())
    content[content.index(b"mrecord", len(content) // 2)] ^= 0xFF
    log.write_bytes(content)

    with pytest.raises(StoreError, match=r"detect/0 is damaged: .* from a backup"):
        Stores(tmp_path, "detect", logged=True).open(0)


def test_a_torn_end_of_the_log_is_what_was_never_acknowledged(tmp_path: Path) -> None:
    write_and_die(tmp_path, "logged")
    log = max((tmp_path / "detect" / "0").glob("*.log"), key=lambda file: file.stat().st_size)
    log.write_bytes(log.read_bytes()[:-3])

    stores = Stores(tmp_path, "detect", logged=True)

    assert stores.open(0).changelog_offset() == 18
    stores.close_others()


def test_a_store_may_have_been_offline_for_long(written: Path, tmp_path: Path) -> None:
    newest = max(file.stat().st_mtime for file in written.iterdir())
    late = Stores(tmp_path, "detect", now=lambda: newest + MAX_AGE_S + 1, logged=True)

    assert late.open(0).changelog_offset() == 9
    late.close_others()
