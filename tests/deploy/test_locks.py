"""The pinned versions: whole, hashed, and from no index in particular."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = (ROOT / "requirements.lock", ROOT / "deploy" / "requirements.lock")


def pinned(lock: Path) -> dict[str, str]:
    """Return the requirements of *lock* with what follows them, by name."""
    entries = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip())
    return {entry.partition("==")[0]: entry for entry in entries}


@pytest.mark.parametrize("lock", LOCKS, ids=["everything", "image"])
def test_every_version_has_its_hashes(lock: Path) -> None:
    entries = pinned(lock)

    assert len(entries) > 20
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries.values())


@pytest.mark.parametrize("lock", LOCKS, ids=["everything", "image"])
def test_no_index_is_named(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")

    assert "://" not in text
    assert not re.search(r"^--(?!hash)", text, flags=re.MULTILINE)


def test_the_image_runs_the_versions_that_were_tested() -> None:
    everything, image = (pinned(lock) for lock in LOCKS)

    assert image.keys() < everything.keys()
    assert {name: everything[name] for name in image} == image
