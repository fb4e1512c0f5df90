"""The code before state format 4, out of the repository's history, and what it has stored.

``python -m tests.upgrade.before`` made ``constructs/events.jsonl.gz`` and ``golden/``: the states
of all customers behind the first `GOLDEN` lines of each log, as the code of `COMMIT` stored them.
`test_before` makes them again and compares, so that they stay what that code wrote.

That code runs in the present environment. When it does not any more, since a library has changed,
`test_before` has had its day: ``golden/`` stays.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.upgrade import half
from tests.upgrade.log import make_log
from triggerstream.core.keyed.partition_record import PARTITION_KEY
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.replay.driver import Replay

COMMIT = "42782a20c19dff3cd97a80761f99f4388853c819"
"""The last commit whose states are of format 3."""
HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class Story(NamedTuple):
    """Triggers and a log.

    Attributes:
        golden: How many lines are decided before the states in ``golden/``, a multiple of
            `half.CHECKPOINT`.
        end: Until when the log is silent, in epoch milliseconds: no wait is left.
    """

    name: str
    triggers: Path
    log: Path
    golden: int
    end: int

    @property
    def states(self) -> Path:
        return HERE / "golden" / f"{self.name}.gz"


SHOP = Story(
    "shop",
    ROOT / "examples" / "shop" / "triggers",
    ROOT / "examples" / "shop" / "events.jsonl.gz",
    8 * half.CHECKPOINT,
    1_735_689_600_000,
)
CONSTRUCTS = Story(
    "constructs",
    HERE / "constructs" / "triggers",
    HERE / "constructs" / "events.jsonl.gz",
    2 * half.CHECKPOINT,
    1_769_904_000_000,
)
STORIES = (SHOP, CONSTRUCTS)


class NoHistoryError(Exception):
    """The commit is not in the repository, or there is none."""


def check_out(into: Path) -> Path:
    """Put the package as it was into *into*, and return that.

    Raises:
        NoHistoryError: It cannot be had.
    """
    top = _git(ROOT, "rev-parse", "--show-toplevel").decode().strip()
    with tarfile.open(fileobj=BytesIO(_git(Path(top), "archive", COMMIT, "triggerstream"))) as old:
        old.extractall(into, filter="data")
    return into


def _git(where: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=where, capture_output=True, check=True)
    except FileNotFoundError as error:
        raise NoHistoryError("required is git") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise NoHistoryError(
            f"required is commit {COMMIT} in the history of this checkout (git fetch --unshallow); "
            f"found: {said}"
        ) from error
    return done.stdout


def run_half(
    code: Path, story: Story, stop: int, directory: Path
) -> subprocess.CompletedProcess[str]:
    """Let the *code* of a checkout decide *story* before line *stop*; see `half`."""
    arguments = map(str, (half.__file__, story.triggers, story.log, stop, directory))
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(code)},
        cwd=code,
        capture_output=True,
        text=True,
        check=False,
    )


def replayed(ruleset: Ruleset, lines: list[bytes], until: int | None) -> list[bytes]:
    """Return what `replay` prints for *lines*, in one piece and by the present code, as lines."""
    return b"".join(Replay(ruleset).printed(lines, until=until)).splitlines(keepends=True)


def read_changelog(directory: Path) -> half.Changelog:
    return msgspec.msgpack.decode((directory / "changelog").read_bytes(), type=half.Changelog)


# ── golden states ───────────────────────────────────────────────────────────────────────────


def pack(changelog: half.Changelog) -> bytes:
    """Return the last word of *changelog* on everybody, in order of their keys."""
    return msgspec.msgpack.encode(sorted(dict(changelog).items()))


def golden(story: Story) -> tuple[dict[bytes, bytes], bytes]:
    """Return the states by customer, and the partition record."""
    stored = gzip.decompress(story.states.read_bytes())
    latest = dict(msgspec.msgpack.decode(stored, type=half.Changelog))
    record = latest.pop(PARTITION_KEY)
    return {key[1:]: value for key, value in latest.items()}, record


def stored_before(code: Path, story: Story, directory: Path) -> bytes:
    """Return what ``golden/`` has of *story*, unpacked, as *code* stores it now."""
    # The checkpoint comes with the line behind it.
    run_half(code, story, story.golden + 1, directory).check_returncode()
    return pack(read_changelog(directory))


def main() -> None:
    CONSTRUCTS.log.write_bytes(gzip.compress(make_log(CONSTRUCTS.golden), mtime=0))
    with tempfile.TemporaryDirectory() as scratch:
        code = check_out(Path(scratch, "code"))
        for story in STORIES:
            states = stored_before(code, story, Path(scratch, story.name))
            story.states.write_bytes(gzip.compress(states, mtime=0))
            sys.stdout.write(f"{story.states.relative_to(ROOT)}: {len(states)} bytes, unpacked\n")


if __name__ == "__main__":
    main()
